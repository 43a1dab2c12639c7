"""The training loop.  It runs a `Task`: provides batches, saves the state, and yields events.

It can be killed at any moment and resumed: all random numbers are functions of (seed, step), and the state is replaced
atomically.
"""

from __future__ import annotations

import errno
import math
import os
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from ganbench.gan.files import atomic_write
from ganbench.gan.training import several
from ganbench.gan.types import BadInput, BadOutput

PARTS = 10  # snapshots of a training that is limited in time


@dataclass(frozen=True)
class Step:
    """The event of a training step: losses by name, and seconds of training so far."""

    step: int
    losses: dict[str, float]
    seconds: float
    due: bool = False  # a training that is limited in time owes a snapshot
    last: bool = False


@dataclass(frozen=True)
class Schedule:
    """How long and how fast: for so many steps or, if `seconds` is not 0, at most so many seconds of training."""

    steps: int
    batch: int = 64
    rate: float = 2e-4
    betas: tuple[float, float] = (0.5, 0.999)
    ema: float = 0.999
    seed: int = 0
    keep_every: int = 250  # steps between checkpoints
    seconds: float = 0.0

    def part_at(self, seconds: float) -> int:
        """Which of the PARTS of the time have passed: 0 to PARTS; 0 without a limit."""
        return min(int(seconds / self.seconds * PARTS), PARTS) if self.seconds else 0


@dataclass(frozen=True)
class Hardware:
    """What a training runs on.  The last bits of its weights depend on it."""

    device: str = "cpu"
    threads: int = 1  # of the CPU, in each process
    precision: str = "float32"  # or bfloat16: products of the forward passes, where a task says so
    processes: int = 1  # that share each batch, see `several`

    def mixed(self) -> AbstractContextManager[Any]:
        """Forward passes inside are of that precision."""
        if self.precision == "float32":
            return nullcontext()
        return torch.autocast(torch.device(self.device).type, torch.bfloat16)


PLAIN = Hardware()


@dataclass(frozen=True)
class Batch:
    """Images (n, C, H, W) uint8 and, of data with classes, labels (n,) int64."""

    images: Tensor
    labels: Tensor | None = None

    def __len__(self) -> int:
        return len(self.images)


class Task(Protocol):
    """Something that learns from batches."""

    batches: int  # that one step consumes

    @property
    def parts(self) -> Mapping[str, Any]:
        """All that has a state: networks, averages and optimisers by name."""
        ...

    def step(self, batches: Sequence[Batch], at: int, seed: int) -> dict[str, float]:
        """Learn once; -> losses by name.  What is random comes from `draws_at(seed, at)`."""
        ...


def fit(
    task: Task, data: Batch, schedule: Schedule, folder: Path, device: str = "cpu", kept: Collection[int] = ()
) -> Iterator[Step]:
    """Train a task on data; resumes from `folder`/state.pt, which holds the task's parts and is also written at the
    steps of `kept`."""
    several.check_batch(schedule.batch)
    done, seconds = resume(folder, task.parts)
    while done < schedule.steps and not 0 < schedule.seconds <= seconds:
        start, part = time.perf_counter(), schedule.part_at(seconds)
        batches = [batch_at(data, schedule, done * task.batches + k, device) for k in range(task.batches)]
        losses = task.step(batches, done, schedule.seed)
        losses, seconds = several.agreed(losses, seconds + time.perf_counter() - start)
        check_finite(losses, done)
        done += 1
        due = schedule.part_at(seconds) > part
        last = done == schedule.steps or schedule.part_at(seconds) == PARTS
        if done % schedule.keep_every == 0 or done in kept or due or last:
            keep(folder, task.parts, done, seconds, due)
        yield Step(done, losses, seconds, due, last)


def random_at(seed: int, step: int) -> torch.Generator:
    """The random generator of one step."""
    return torch.Generator().manual_seed(seed * 1_000_003 + step)


def batch_at(data: Batch, schedule: Schedule, position: int, device: str = "cpu") -> Batch:
    """The batch that stands at a position of the endless row of epochs."""
    rows = several.mine(rows_at(len(data), schedule, position))
    return Batch(data.images[rows].to(device), None if data.labels is None else data.labels[rows].to(device))


def rows_at(n: int, schedule: Schedule, step: int) -> Tensor:
    """Which of n images one step sees, (batch,) int64; every epoch is a fresh permutation."""
    if n < schedule.batch:
        raise BadInput("too-few-images",
                       f"Training in batches of {schedule.batch} needs at least as many images, got {n}.")
    epoch, position = divmod(step, n // schedule.batch)
    order = torch.randperm(n, generator=random_at(schedule.seed + 1, epoch))
    return order[position * schedule.batch : (position + 1) * schedule.batch]


def to_float(images: Tensor) -> Tensor:
    """NCHW uint8 -> NCHW float in [-1, 1]."""
    return images.float().div(127.5).sub(1)


def learned(network: nn.Module) -> list[nn.Parameter]:
    """The weights that an optimiser changes: those that are not frozen."""
    return [weight for weight in network.parameters() if weight.requires_grad]


def descend(optimiser: torch.optim.Optimizer, loss: Tensor) -> float:
    """One step; -> the loss.  The gradients of weights that are not the optimiser's are not computed."""
    optimiser.zero_grad(set_to_none=True)
    weights = [weight for group in optimiser.param_groups for weight in group["params"]]
    loss.backward(inputs=weights)
    several.average(weight.grad for weight in weights)
    optimiser.step()
    return loss.item()


def check_finite(losses: dict[str, float], step: int) -> None:
    """Before the state is kept, so that the last kept one is sound."""
    if not all(map(math.isfinite, losses.values())):
        wrong = ", ".join(f"{name} is {value}" for name, value in losses.items() if not math.isfinite(value))
        raise BadOutput("training-diverged",
                        f"The training diverged at step {step + 1:,}: {wrong}; the state before it is kept. A smaller "
                        "rate may help ([schedule] of a recipe file).")


def keep(folder: Path, parts: Mapping[str, Any], step: int, seconds: float, due: bool = False) -> None:
    """Write the whole state beside the old one, then take its place."""
    several.average_statistics(parts)
    if several.is_first():
        write_state(folder, parts, step, seconds, due)
    several.wait()


def write_state(folder: Path, parts: Mapping[str, Any], step: int, seconds: float, due: bool) -> None:
    state = {name: part.state_dict() for name, part in parts.items()}
    atomic_write(folder / "state.pt", lambda path: save({**state, "step": step, "seconds": seconds, "due": due}, path))


def save(state: Mapping[str, Any], path: Path) -> None:
    """torch.save, whose own error on a full disk is about positions in a container."""
    try:
        torch.save(dict(state), path)
    except RuntimeError as error:
        if "PytorchStreamWriter" in str(error) or "unexpected pos" in str(error):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error
        raise


def resume(folder: Path, parts: Mapping[str, Any]) -> tuple[int, float]:
    """Load the last kept state into the parts: -> steps done, seconds spent."""
    path = folder / "state.pt"
    if not path.exists():
        return 0, 0.0
    state = read_state(path)
    if missing := parts.keys() - state.keys():
        raise another(path, f"it has no {min(missing)}")
    for name, part in parts.items():
        try:
            part.load_state_dict(state[name])
        except (KeyError, RuntimeError, ValueError) as error:
            raise another(path, f"its {name} has other shapes") from error
    return state["step"], state["seconds"]


def another(path: Path, why: str) -> BadInput:
    return BadInput("another-training", f"{path} is the state of another training ({why}): give another folder.")


def read_state(path: Path, **how: Any) -> dict[str, Any]:
    """What `keep` wrote."""
    try:
        state = torch.load(path, weights_only=True, map_location="cpu", **how)
        int(state["step"]), float(state["seconds"])
    except Exception as error:      # whatever a damaged file runs into
        raise BadInput("unreadable-weights",
                       f"{path} is damaged, or no state of a training: without it the training begins anew.") from error
    return dict(state)


def steps_done(folder: Path) -> int:
    """How many steps the kept state is of; 0 before the first one."""
    path = folder / "state.pt"
    return int(read_state(path, mmap=True)["step"]) if path.exists() else 0
