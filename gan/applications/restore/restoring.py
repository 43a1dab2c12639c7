"""Restorations of images by several methods; each is stored as soon as it is there."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch

from ganbench.gan.applications.restore.damage import Damage, known_of, measured, missing_in, operator_of
from ganbench.gan.applications.restore.methods import METHODS, Means, Task, budget_of, restored
from ganbench.gan.applications.restore.scores import Agreement, Likeness, agreement, likeness, spread
from ganbench.gan.datasets.base import ImageSet
from ganbench.gan.models.identity import identity
from ganbench.gan.models.openers import makers
from ganbench.gan.photos import photo
from ganbench.gan.sampling import version_of
from ganbench.gan.sources import source_digest
from ganbench.gan.store import Arrays, extend, rows_of, store_of
from ganbench.gan.types import BadInput, CompleteSpec, Workspace, digest_of

MOST_TRAINING = 10_000      # images among which the nearest is looked for

Tick = Callable[[int], object]      # steps just taken


@dataclass(frozen=True)
class Restoration:
    """What a method made of one image: n solutions, and what they are worth."""

    method: str
    images: np.ndarray                  # (n, C, H, W) uint8
    agreements: tuple[Agreement, ...]   # (n,)
    likenesses: tuple[Likeness, ...]    # (n,); () where the whole image is not known
    seconds: float                      # of processor time for one solution, when it was made

    @property
    def spread(self) -> np.ndarray:
        """(H, W) standard deviation of the solutions, in levels of 255."""
        return spread(self.images)

    @property
    def ignores(self) -> bool:
        """Whether it ignores what is known, in most of its solutions."""
        return bool(np.median([one.ignores for one in self.agreements]) > 0.5)


@dataclass(frozen=True)
class Damaged:
    """An image to restore, with what is known of it."""

    name: str
    task: Task
    truth: np.ndarray | None            # (C, H, W) uint8: the whole image, if the damage was simulated
    label: int | None = None

    @property
    def digest(self) -> str:
        """Of the measurement and of what is missing."""
        missing = np.packbits(missing_in(self.task.damage, self.task.shape))
        return hashlib.sha256(self.task.y.tobytes() + missing.tobytes()).hexdigest()


def simulated(damage: Damage, image: np.ndarray, name: str, seed: int, label: int | None = None) -> Damaged:
    """A whole image (C, H, W) uint8, damaged."""
    shape = (image.shape[0], image.shape[1], image.shape[2])
    operator = operator_of(damage, shape)
    y = measured(damage, operator, image, seed, hashlib.sha256(image.tobytes()).hexdigest())
    return Damaged(name, Task(damage, operator, y, shape), image, label)


def given(damage: Damage, image: np.ndarray, shape: tuple[int, int, int], name: str,
          label: int | None = None) -> Damaged:
    """A damaged image (C, h, w) uint8, of which the whole one is not known; its size must be what the damage leaves of
    the model's, since resizing would be another damage."""
    channels, height, width = shape
    operator = operator_of(damage, shape)
    wanted = (height // damage.factor, width // damage.factor)
    if image.shape[1:] != wanted:
        raise BadInput("wrong-size",
                       f"{name} has {image.shape[2]}x{image.shape[1]} pixels, expected {wanted[1]}x{wanted[0]}, what "
                       f"{damage.text} leaves of the model's {width}x{height}: a damaged image is not resized.")
    y = np.where(known_of(damage, shape, (channels, *wanted)), photo(image, (channels, *wanted)) / 255, 0)
    return Damaged(name, Task(damage, operator, y.astype(np.float32), shape), None, label)


def restore(
    image: Damaged, method: str, n: int, means: Means, spec: CompleteSpec, workspace: Workspace, seed: int = 0,
    tick: Tick = lambda steps: None,
) -> Restoration:
    """The first n solutions of a method, of which only those are computed that are not in the store; of methods that
    draw nothing there is one."""
    row, task = METHODS[method], image.task
    n, means = n if row.random else 1, replace(means, label=image.label)

    def compute(start: int, stop: int) -> Arrays:
        images, seconds = zip(*(timed(method, image, means, seed, k, tick) for k in range(start, stop)), strict=True)
        return {"images": np.stack(images), "seconds": np.array(seconds)}

    key = digest_of({
        "stage": "restoration", "method": method, "image": image.digest, "damage": task.damage.text, "seed": seed,
        "model": identity(spec) if row.needs in ("denoiser", "latents") else "",
        "training": digest(means.training) if row.needs == "training" else "",
        "space": means.space if row.needs == "latents" else "", "label": image.label, "engine": engine(workspace),
        "source": source_digest("restoration", *makers(spec, workspace))})
    shard = extend(store_of(workspace), "restorations", key, 0, n, compute, 1)
    tick(budget_of(method) * (n - shard.computed))
    rows = rows_of(shard)
    images = np.array(rows["images"])
    fits = tuple(agreement(one, task.y, task.operator, task.known, task.damage.noise) for one in images)
    alike = () if image.truth is None else tuple(likeness(one, image.truth, task.missing) for one in images)
    return Restoration(method, images, fits, alike, float(np.mean(rows["seconds"])))


def timed(method: str, image: Damaged, means: Means, seed: int, k: int, tick: Tick) -> tuple[np.ndarray, float]:
    done, start = 0, time.process_time()

    def watch(now: int, steps: int, *_: float) -> None:
        nonlocal done
        tick(max(0, now - done))
        done = max(done, now)

    found = restored(method, image.task, means, seed, k, image.digest, watch)
    tick(budget_of(method) - done)
    return found, time.process_time() - start


def digest(images: np.ndarray | None) -> str:
    return "" if images is None else hashlib.sha256(np.ascontiguousarray(images).data).hexdigest()


def engine(workspace: Workspace) -> dict[str, str | int]:
    return {"torch": torch.__version__, "deepinv": version_of("deepinv"), "threads": 1,
            "device": torch.device(workspace.device).type}


def training_images(data: ImageSet, shape: tuple[int, int, int]) -> np.ndarray:
    """The first of a set, (n, C, H, W) uint8, fitted to what the model draws."""
    found = data.read(range(min(data.n, MOST_TRAINING)))
    if found.shape[1:] == shape:
        return found
    return np.stack([photo(image, shape) for image in found])
