"""Two ways to run a network on a batch of fixed shape: ONNX Runtime and eager torch, both in float32.

On one core (AVX-512, busy) ONNX Runtime is 1.6 times faster with the FID network and 2.3 times with
EfficientNet-Lite0.  Batch normalisation is folded into the convolutions for both; they agree to 1e-6.
"""

from __future__ import annotations

import copy
import importlib.util
import operator
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from gan.types import BadInput

Run = Callable[[Tensor], Sequence[np.ndarray]]               # network input -> features and what else it gives; float32
ONE_AT_A_TIME = threading.Lock()                             # cuDNN's switches belong to the process


def start(
    module: nn.Module, shape: tuple[int, ...], device: str, backend: str, eager: bool = False
) -> tuple[Run, dict[str, Any]]:
    """A way to run `module` (in eval mode) on inputs of `shape`, and what it is, for the keys of results.

    `backend`: onnxruntime, torch, or auto: ONNX Runtime on the CPU where it is installed, else torch.
    `eager`: the module is run as it is, by torch, since not every module can be traced.
    """
    backend = choose_eager(backend) if eager else choose(backend, device)
    if backend == "onnxruntime":
        run = start_onnx(fold(module), shape)
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
        raise BadInput(f"No backend {backend!r}. Known: auto, onnxruntime, torch.")
    if backend == "onnxruntime" and not on_cpu:
        raise BadInput(f"The backend onnxruntime runs on the CPU only, not on {device}: choose torch.")
    if backend == "onnxruntime" and not installed:
        raise BadInput("The backend onnxruntime is not installed: pip install onnx onnxruntime, or choose torch.")
    return backend


def choose_eager(backend: str) -> str:
    """torch, for a module that only torch can run."""
    if backend not in ("auto", "torch"):
        raise BadInput(f"The backend {backend!r} cannot run this network: choose torch, or auto.")
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
        if isinstance(conv, nn.Conv2d) and len(before.users) == 1:
            traced.set_submodule(str(before.target), fuse_conv_bn_eval(conv, norm))
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


def start_onnx(network: fx.GraphModule, shape: tuple[int, ...]) -> Run:
    """ONNX Runtime with one thread per caller."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3                    # errors only: it writes to stderr
    session = onnxruntime.InferenceSession(to_onnx(network, shape), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name

    def run(images: Tensor) -> Sequence[np.ndarray]:
        found: Sequence[np.ndarray] = session.run(None, {name: images.contiguous().numpy()})
        return found

    return run


def to_onnx(network: fx.GraphModule, shape: tuple[int, ...]) -> bytes:
    """The traced network as an ONNX model (opset 18) with one input of `shape`.

    Written node by node, since `torch.onnx.export` needs another package; https://onnx.ai/onnx/operators.
    """
    from onnx import TensorProto, helper, numpy_helper

    nodes, constants, inputs, outputs = [], [], [], []
    modules, parameters = dict(network.named_modules()), dict(network.named_parameters())
    for node in network.graph.nodes:
        names = [argument.name for argument in node.all_input_nodes]
        if node.op == "placeholder":
            inputs.append(helper.make_tensor_value_info(node.name, TensorProto.FLOAT, shape))
        elif node.op == "get_attr":
            constants.append(numpy_helper.from_array(array(parameters[node.target]), node.name))
        elif node.op == "output":
            outputs = names
        else:
            kind, extra, attributes = operation(node, modules.get(str(node.target)))
            for i, value in enumerate(extra):
                names.append(f"{node.name}.{i}")
                constants.append(numpy_helper.from_array(array(value), names[-1]))
            nodes.append(helper.make_node(kind, names, [node.name], **attributes))
    results = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
    graph = helper.make_graph(nodes, "features", inputs, results, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    return bytes(model.SerializeToString())


Operation = tuple[str, list[Any], dict[str, Any]]     # ONNX operator, constant inputs, attributes


def operation(node: fx.Node, module: nn.Module | None) -> Operation:
    """What one step of the traced network is called in ONNX."""
    match module:
        case nn.Conv2d():
            return convolution(module)
        case nn.MaxPool2d():
            return "MaxPool", [], window(module)
        case nn.AvgPool2d():
            return "AveragePool", [], window(module) | {"count_include_pad": int(module.count_include_pad)}
        case nn.AdaptiveAvgPool2d(output_size=1):
            return "GlobalAveragePool", [], {}
        case nn.Flatten(start_dim=1, end_dim=-1):
            return "Flatten", [], {}
        case nn.ReLU():
            return "Relu", [], {}
        case nn.ReLU6():
            return "Clip", [np.float32(0), np.float32(6)], {}
        case nn.ZeroPad2d():
            left, right, top, bottom = module.padding
            return "Pad", [np.array([0, 0, top, left, 0, 0, bottom, right])], {}
        case nn.Linear():
            return "Gemm", [module.weight, module.bias], {"transB": 1}
    if node.target is torch.cat:
        return "Concat", [], {"axis": node.args[1]}
    if node.target is operator.add:
        return "Add", [], {}
    if node.target is torch.narrow:
        given: Any = node.args
        _, axis, first, length = given
        return "Slice", [np.array([first]), np.array([first + length]), np.array([axis])], {}
    if node.target is torch.permute:
        return "Transpose", [], {"perm": node.args[1]}
    if node.target is F.linear:
        return "Gemm", [], {"transB": 1}
    raise NotImplementedError(f"No ONNX form is known for {module or node.target}.")


def convolution(module: nn.Conv2d) -> Operation:
    if isinstance(module.padding, str) or module.padding_mode != "zeros":
        raise NotImplementedError(f"No ONNX form is known for {module}.")
    bias = torch.zeros(module.out_channels) if module.bias is None else module.bias
    height, width = module.padding
    return "Conv", [module.weight, bias], {
        "kernel_shape": module.kernel_size, "strides": module.stride, "dilations": module.dilation,
        "pads": [height, width, height, width], "group": module.groups}


def window(module: nn.MaxPool2d | nn.AvgPool2d) -> dict[str, Any]:
    if module.ceil_mode:
        raise NotImplementedError(f"No ONNX form is known for {module}.")
    height, width = pair(module.padding)
    return {"kernel_shape": pair(module.kernel_size), "strides": pair(module.stride),
            "pads": [height, width, height, width]}


def pair(value: int | tuple[int, int]) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else value


def array(value: Any) -> np.ndarray:
    return value.detach().numpy() if isinstance(value, Tensor) else np.asarray(value)
