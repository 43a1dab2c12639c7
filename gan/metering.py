"""The parameters, bytes, network evaluations, seconds and memory of a model: measured, one thread, in this process."""

from __future__ import annotations

import math
import os
import platform
import statistics
import time
from collections import Counter
from collections.abc import Callable, Sequence
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

ROUNDS, SECONDS = 7, 10.0       # turns that are timed, and the time limit of a model
TURN = 0.05                     # seconds that a turn lasts at least: whole micro-batches
PEAK = Path("/proc/self/clear_refs")


@dataclass(frozen=True)
class Cost:
    """The cost of one model; None where there is none, as for images on disk, or where it is unknown."""

    parameters: int | None = None
    bytes: int | None = None                    # size of the weights file
    evaluations: float | None = None            # network evaluations per image: `evaluations`
    images_per_second: float | None = None      # one thread of a CPU, or one GPU; drawing and quantising: the median
    peak_memory: int | None = None              # bytes beyond those of a process that has the libraries loaded
    measured_on: str = ""                       # the processor, or the GPU
    cores: int = 0                              # of the machine, of which one thread is measured; 0: a GPU
    images_per_second_low: float | None = None  # of the slowest turn
    images_per_second_high: float | None = None     # and of the fastest


@torch.inference_mode()
def measured(load: Callable[[], tuple[Any, Generator]], spec: ModelSpec, device: str) -> Cost:
    """All but the speed; `load` returns the model and its fastest form, of which a micro-batch is drawn."""
    size = MICRO_BATCH[torch.device(device).type]
    memory = Memory(device)
    with single_threaded():
        generator, fast = load()
        draw(fast, spec, 0, 0, size, device)
        peak = memory.beyond()
        return Cost(
            parameters=sum(p.numel() for p in generator.parameters()), bytes=bytes_of(spec),
            evaluations=evaluations(generator, spec, device), peak_memory=peak, **machine(device),
        )


def rates(models: Sequence[tuple[Generator, ModelSpec]], device: str) -> list[tuple[float, float, float]]:
    """Images per second of each model: median, slowest and fastest turn.

    The models take turns, and each round begins with another one: what slows the machine down for a while slows all of
    them down, and no model is always the first after a pause.
    """
    size = MICRO_BATCH[torch.device(device).type]
    with single_threaded(), torch.inference_mode():
        batches = []
        for model, spec in models:
            draw(model, spec, 0, 0, size, device)           # the first is slower
            batches.append(max(1, math.ceil(TURN / seconds_of(model, spec, size, device))))
        found: list[list[float]] = [[] for _ in models]
        for turn in range(ROUNDS):
            for k in range(len(models)):
                i = (turn + k) % len(models)
                if not found[i] or sum(found[i]) < SECONDS:
                    found[i].append(seconds_of(*models[i], size * batches[i], device))
    images = [size * count for count in batches]
    return [(n / statistics.median(seconds), n / max(seconds), n / min(seconds))
            for n, seconds in zip(images, found, strict=True)]


def seconds_of(model: Generator, spec: ModelSpec, n: int, device: str) -> float:
    """How long it takes to draw n images."""
    begun = time.perf_counter()
    draw(model, spec, 0, 0, n, device)
    return time.perf_counter() - begun


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
            PEAK.write_text("5", "utf-8")               # resets the peak: proc(5), clear_refs
        self.before = torch.cuda.memory_allocated() if self.gpu else resident("VmRSS")

    def beyond(self) -> int | None:
        """None where Linux's files are missing."""
        peak = torch.cuda.max_memory_allocated() if self.gpu else resident("VmHWM")
        return None if peak is None or self.before is None else max(0, peak - self.before)


def resident(field: str) -> int | None:
    """Bytes of a line of /proc/self/status."""
    status = Path("/proc/self/status")
    lines = status.read_text("utf-8").splitlines() if status.exists() else []
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:")), None)


@cache
def machine(device: str = "cpu") -> dict[str, Any]:
    """The processor as Linux names it and its cores, or the GPU: fields of a `Cost`."""
    if torch.device(device).type == "cuda":
        return {"measured_on": torch.cuda.get_device_name(device)}
    info = Path("/proc/cpuinfo")
    lines = info.read_text("utf-8").splitlines() if info.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return {"measured_on": names[0] if names else platform.processor(), "cores": os.cpu_count() or 1}
