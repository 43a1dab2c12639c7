"""The parameters, bytes, network evaluations, seconds and memory of a model: measured, one thread, in this process."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ganbench.gan.drawing import MICRO_BATCH, draw
from ganbench.gan.generators.base import Generator
from ganbench.gan.threads import single_threaded
from ganbench.gan.types import ModelSpec

ROUNDS, SECONDS = 5, 10.0       # micro-batches that are timed, and the time limit
PEAK = Path("/proc/self/clear_refs")


@dataclass(frozen=True)
class Cost:
    """The cost of one model; None where there is none, as for images on disk, or where it is unknown."""

    parameters: int | None = None
    bytes: int | None = None                    # size of the weights file
    evaluations: float | None = None            # network evaluations per image: `evaluations`
    images_per_second: float | None = None      # one thread of a CPU, or one GPU; drawing and quantising
    peak_memory: int | None = None              # bytes beyond those of a process that has the libraries loaded
    measured_on: str = ""                       # the processor, or the GPU
    cores: int = 0                              # of the machine, of which one thread is measured; 0: a GPU


@torch.inference_mode()
def measured(load: Callable[[], tuple[Any, Generator]], spec: ModelSpec, device: str) -> Cost:
    """`load` returns the model and its fastest form, of which micro-batches are drawn."""
    size = MICRO_BATCH[torch.device(device).type]
    memory = Memory(device)
    with single_threaded():
        generator, fast = load()
        draw(fast, spec, 0, 0, size, device)
        seconds = timed(fast, spec, size, device)
        peak = memory.beyond()
        return Cost(
            parameters=sum(p.numel() for p in generator.parameters()), bytes=bytes_of(spec),
            evaluations=evaluations(generator, spec, device), images_per_second=size / seconds,
            peak_memory=peak, **machine(device),
        )


def timed(generator: Generator, spec: ModelSpec, size: int, device: str) -> float:
    """The median of the seconds of a few micro-batches."""
    found: list[float] = []
    while len(found) < ROUNDS and sum(found) < SECONDS:
        begun = time.perf_counter()
        first = size * (1 + len(found))
        draw(generator, spec, 0, first, first + size, device)
        found.append(time.perf_counter() - begun)
    return statistics.median(found)


def evaluations(generator: Any, spec: ModelSpec, device: str) -> float:
    """How often each parameter is used to generate one image, averaged over the parameters that are used: 1 for a GAN,
    the steps of a diffusion model (twice that with guidance), about the number of tokens of an autoregressive
    transformer."""
    calls: Counter[nn.Module] = Counter()

    def count(module: nn.Module, *_: Any) -> None:
        calls[module] += 1

    handles = [module.register_forward_hook(count) for module in generator.modules() if own_parameters(module)]
    try:
        draw(generator, spec, 0, 0, 1, device)          # one micro-batch
    finally:
        for handle in handles:
            handle.remove()
    weights = {module: own_parameters(module) for module in calls}
    return sum(weights[module] * times for module, times in calls.items()) / max(1, sum(weights.values())) or 1.0


def own_parameters(module: nn.Module) -> int:
    """A module's own parameters, without those of its submodules."""
    return sum(p.numel() for p in module.parameters(recurse=False))


def bytes_of(spec: ModelSpec) -> int | None:
    """The size of the weights file, or of all files of the weights folder."""
    path = Path(spec.weights)
    if path.is_file():
        return path.stat().st_size
    files = [file for file in path.rglob("*") if file.is_file()] if spec.weights and path.is_dir() else []
    return sum(file.stat().st_size for file in files) or None


class Memory:
    """The peak memory of this process, or of torch on a GPU, minus the memory at the start."""

    def __init__(self, device: str):
        self.gpu = torch.device(device).type == "cuda"
        if not self.gpu and PEAK.exists():
            PEAK.write_text("5", encoding="utf-8")                        # resets the peak: proc(5), clear_refs
        self.before = torch.cuda.memory_allocated() if self.gpu else resident("VmRSS")

    def beyond(self) -> int | None:
        """None where Linux's files are missing."""
        peak = torch.cuda.max_memory_allocated() if self.gpu else resident("VmHWM")
        return None if peak is None or self.before is None else max(0, peak - self.before)


def resident(field: str) -> int | None:
    """Bytes of a line of /proc/self/status."""
    status = Path("/proc/self/status")
    lines = status.read_text(encoding="utf-8").splitlines() if status.exists() else []
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:")), None)


@cache
def machine(device: str = "cpu") -> dict[str, Any]:
    """The processor as Linux names it and its cores, or the GPU: fields of a `Cost`."""
    if torch.device(device).type == "cuda":
        return {"measured_on": torch.cuda.get_device_name(device)}
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return {"measured_on": names[0] if names else platform.processor(), "cores": os.cpu_count() or 1}
