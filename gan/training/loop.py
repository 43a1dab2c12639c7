"""One training loop for each of the two things that are trained: a GAN, and the judge.

Both yield events instead of printing, and both can be killed: everything random is a function of
(seed, step), and `Checkpoint` replaces one file atomically.
"""

from __future__ import annotations

import copy
import math
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from gan.training import ema
from gan.training.losses import discriminator_loss, non_saturating_loss
from gan.types import BadInput


@dataclass(frozen=True)
class Step:
    """What a training step tells: losses by name, and seconds of training so far."""

    step: int
    losses: dict[str, float]
    seconds: float


@dataclass(frozen=True)
class Schedule:
    """How long and how fast."""

    steps: int
    batch: int = 64
    rate: float = 2e-4
    betas: tuple[float, float] = (0.5, 0.999)
    ema: float = 0.999
    seed: int = 0
    keep_every: int = 250  # steps between checkpoints


def random_at(seed: int, step: int) -> torch.Generator:
    """The source of all that is random in one step."""
    return torch.Generator().manual_seed(seed * 1_000_003 + step)


def rows_at(n: int, schedule: Schedule, step: int) -> Tensor:
    """Which of n images one step sees, (batch,) int64; every epoch is a fresh permutation."""
    if n < schedule.batch:
        raise BadInput(f"Training in batches of {schedule.batch} needs at least as many images, got {n}.")
    epoch, position = divmod(step, n // schedule.batch)
    order = torch.randperm(n, generator=random_at(schedule.seed + 1, epoch))
    return order[position * schedule.batch : (position + 1) * schedule.batch]


def to_float(images: Tensor) -> Tensor:
    """NCHW uint8 -> NCHW float in [-1, 1]."""
    return images.float().div(127.5).sub(1)


def train_gan(
    generator: nn.Module, discriminator: nn.Module, z_dim: int, images: Tensor, schedule: Schedule, folder: Path
) -> Iterator[Step]:
    """Train on uint8 NCHW images; resumes from `folder`/state.pt, which holds generator and ema.

    Non-saturating loss, one discriminator step per generator step (Goodfellow et al. 2014).
    """
    average = copy.deepcopy(generator).requires_grad_(False)
    adam = {
        "generator_adam": torch.optim.Adam(generator.parameters(), schedule.rate, schedule.betas),
        "discriminator_adam": torch.optim.Adam(discriminator.parameters(), schedule.rate, schedule.betas),
    }
    parts = {"generator": generator, "discriminator": discriminator, "ema": average, **adam}
    done, seconds = resume(folder, parts)
    for step in range(done, schedule.steps):
        start = time.perf_counter()
        real = to_float(images[rows_at(len(images), schedule, step)]).contiguous(memory_format=torch.channels_last)
        z = torch.randn(len(real), z_dim, generator=random_at(schedule.seed, step))
        fake = generator(z)
        losses = {
            "discriminator": descend(
                adam["discriminator_adam"],
                discriminator_loss(discriminator(real), discriminator(fake.detach())),
            ),
            "generator": descend(adam["generator_adam"], non_saturating_loss(discriminator(fake))),
        }
        ema.update(average, generator, step, schedule.ema)
        seconds += time.perf_counter() - start
        check_finite(losses, step)
        if (step + 1) % schedule.keep_every == 0 or step + 1 == schedule.steps:
            keep(folder, parts, step + 1, seconds)
        yield Step(step + 1, losses, seconds)


def train_classifier(
    classifier: nn.Module, images: Tensor, labels: Tensor, schedule: Schedule, folder: Path
) -> Iterator[Step]:
    """Cross-entropy with smoothed labels, random horizontal flips, AdamW on a one-cycle schedule.

    `images`: uint8 NCHW; `labels`: (n,) int64.  Resumes from `folder`/state.pt.
    """
    adam = torch.optim.AdamW(classifier.parameters(), schedule.rate, weight_decay=1e-2)
    rate = torch.optim.lr_scheduler.OneCycleLR(adam, schedule.rate, schedule.steps)
    parts = {"classifier": classifier, "adam": adam, "rate": rate}
    done, seconds = resume(folder, parts)
    for step in range(done, schedule.steps):
        start = time.perf_counter()
        rows = rows_at(len(images), schedule, step)
        batch = to_float(images[rows])
        flip = torch.rand(len(batch), generator=random_at(schedule.seed, step)) < 0.5
        batch = torch.where(flip[:, None, None, None], batch.flip(3), batch)
        loss = nn.functional.cross_entropy(classifier(batch), labels[rows], label_smoothing=0.1)
        losses = {"cross_entropy": descend(adam, loss)}
        rate.step()
        seconds += time.perf_counter() - start
        check_finite(losses, step)
        if (step + 1) % schedule.keep_every == 0 or step + 1 == schedule.steps:
            keep(folder, parts, step + 1, seconds)
        yield Step(step + 1, losses, seconds)


def descend(optimiser: torch.optim.Optimizer, loss: Tensor) -> float:
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    optimiser.step()
    return loss.item()


def check_finite(losses: dict[str, float], step: int) -> None:
    """Before the state is kept, so that the last kept one is sound."""
    if not all(map(math.isfinite, losses.values())):
        raise FloatingPointError(f"Training diverged at step {step}: {losses}.")


def keep(folder: Path, parts: dict[str, Any], step: int, seconds: float) -> None:
    """Write the whole state beside the old one, then take its place."""
    folder.mkdir(parents=True, exist_ok=True)
    state = {name: part.state_dict() for name, part in parts.items()}
    temporary = folder / f"state.pt.{os.getpid()}"
    torch.save({**state, "step": step, "seconds": seconds}, temporary)
    temporary.replace(folder / "state.pt")


def resume(folder: Path, parts: dict[str, Any]) -> tuple[int, float]:
    """Load the last kept state into the parts: -> steps done, seconds spent."""
    if not (folder / "state.pt").exists():
        return 0, 0.0
    state = torch.load(folder / "state.pt", weights_only=True, map_location="cpu")
    for name, part in parts.items():
        part.load_state_dict(state[name])
    return state["step"], state["seconds"]
