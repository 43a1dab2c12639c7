"""Two ways to run a network on a batch of fixed shape: ONNX Runtime and eager torch, both in float32.

On one core (AVX-512, busy) ONNX Runtime is 1.6 times faster with the FID network, 2.3 times with EfficientNet-Lite0 and
1.6 times with a small DCGAN.  Both fold batch normalisation into convolutions; they agree to 1e-6.
"""

from __future__ import annotations

import copy
import importlib.util
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ganbench.gan.onnx_graph import to_onnx
from ganbench.gan.types import BadInput

Run = Callable[..., Sequence[np.ndarray]]                    # the network's inputs -> what it gives, float32
ONE_AT_A_TIME = threading.Lock()                             # cuDNN's switches belong to the process


def start(
    module: nn.Module, shape: tuple[int, ...], device: str, backend: str, eager: bool = False
) -> tuple[Run, dict[str, Any]]:
    """A function that runs `module` (in eval mode) on inputs of `shape`, and its description, for the keys of results.

    `backend`: onnxruntime, torch, or auto: ONNX Runtime on the CPU where it is installed, else torch.
    `eager`: the module is run by torch without tracing, since not every module can be traced.
    """
    backend = choose_eager(backend) if eager else choose(backend, device)
    if backend == "onnxruntime":
        run = start_onnx(module, [torch.zeros(shape)])
    elif eager:
        run = start_torch(module, device, torch.contiguous_format)
    else:
        run = start_torch(fold(module), device)
    engine = {"backend": backend, "version": version(backend), "torch": torch.__version__, "dtype": "float32",
              "device": device_class(device), "threads": 1, "micro_batch": shape[0]}
    return run, engine


def choose(backend: str, device: str) -> str:
    """onnxruntime or torch."""
    installed = all(importlib.util.find_spec(name) for name in ("onnx", "onnxruntime"))
    on_cpu = torch.device(device).type == "cpu"
    if backend == "auto":
        return "onnxruntime" if installed and on_cpu else "torch"
    if backend not in ("onnxruntime", "torch"):
        raise BadInput("unknown-choice", f"No backend {backend!r}. Known: auto, onnxruntime, torch.")
    if backend == "onnxruntime" and not on_cpu:
        raise BadInput("backend-does-not-fit",
                       f"The backend onnxruntime runs on the CPU only, not on {device}: choose torch.")
    if backend == "onnxruntime" and not installed:
        raise BadInput("missing-package",
                       "The backend onnxruntime is not installed: pip install onnx onnxruntime, or choose torch.")
    return backend


def choose_eager(backend: str) -> str:
    """torch, for a module that only torch can run."""
    if backend not in ("auto", "torch"):
        raise BadInput("backend-does-not-fit",
                       f"The backend {backend!r} cannot run this network: choose torch, or auto.")
    return "torch"


def version(backend: str) -> str:
    if backend == "torch":
        return str(torch.__version__)
    import onnxruntime

    return str(onnxruntime.__version__)


def device_class(device: str) -> str:
    """cpu, or which GPU: other GPUs round differently."""
    if torch.device(device).type == "cuda":
        return f"cuda: {torch.cuda.get_device_name(device)}"
    return torch.device(device).type


def fold(module: nn.Module) -> fx.GraphModule:
    """The traced network with each batch normalisation folded into the convolution before it."""
    traced = fx.symbolic_trace(copy.deepcopy(module))
    modules = dict(traced.named_modules())
    for node in list(traced.graph.nodes):
        norm, before = modules.get(str(node.target)), node.args[0] if node.args else None
        if not isinstance(norm, nn.BatchNorm2d) or not isinstance(before, fx.Node):
            continue
        conv = modules.get(str(before.target))
        if isinstance(conv, nn.Conv2d | nn.ConvTranspose2d) and len(before.users) == 1:
            folded = fuse_conv_bn_eval(conv, norm, transpose=isinstance(conv, nn.ConvTranspose2d))
            traced.set_submodule(str(before.target), folded)
            node.replace_all_uses_with(before)
            traced.graph.erase_node(node)
    traced.recompile()
    return traced


def start_torch(network: nn.Module, device: str, layout: torch.memory_format = torch.channels_last) -> Run:
    """Eager torch; on a GPU without TF32 and with deterministic algorithms."""
    network = network.to(device).to(memory_format=layout)

    def run(images: Tensor) -> Sequence[np.ndarray]:
        found = network(images.contiguous(memory_format=layout))
        return [array.cpu().numpy() for array in (found if isinstance(found, tuple) else (found,))]

    def run_strictly(images: Tensor) -> Sequence[np.ndarray]:
        with ONE_AT_A_TIME, torch.backends.cudnn.flags(
                enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
            return run(images)

    return run_strictly if torch.device(device).type == "cuda" else run


def start_onnx(function: Callable[..., Any], examples: Sequence[Tensor]) -> Run:
    """The function run by ONNX Runtime with one thread per caller, for inputs of the examples' shapes and types."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3                    # errors only: it writes to stderr
    session = onnxruntime.InferenceSession(to_onnx(function, examples), options, providers=["CPUExecutionProvider"])
    names = [given.name for given in session.get_inputs()]

    def run(*inputs: Tensor) -> Sequence[np.ndarray]:
        arrays = {name: given.contiguous().numpy() for name, given in zip(names, inputs, strict=True)}
        found: Sequence[np.ndarray] = session.run(None, arrays)
        return found

    return run
