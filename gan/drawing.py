"""A generator draws images.  Image i depends on the model, the seed and i alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from ganbench.gan import images as image_rules
from ganbench.gan.generators.base import FiniteModel, Generator, classes
from ganbench.gan.shaping import shaped, steps_in
from ganbench.gan.types import ModelSpec

MICRO_BATCH = {"cpu": 20, "cuda": 250}  # fixed, because convolutions round differently at other sizes
Tick = Callable[[int], object]  # told how many rows have just been made


def silent(rows: int) -> None:
    """The listener of those who do not want to know."""


@torch.inference_mode()
def draw(
    generator: Generator, spec: ModelSpec, seed: int, start: int, stop: int, device: str = "cpu", tick: Tick = silent
) -> dict[str, np.ndarray]:
    """Images [start, stop): `images` (n, C, H, W) uint8, and `labels` (n,) int64 of a conditional model.

    Works in whole micro-batches from a multiple of their size on, so that an image has the same
    neighbours' places, and the same bits, wherever a run begins or ends.
    """
    size = MICRO_BATCH[torch.device(device).type]
    parts: list[np.ndarray] = []
    for first in range(start // size * size, stop, size):
        indices = range(first, first + size)
        raw = generator.sample(generator.draws(indices, seed).to(device), labels_of(generator, indices, seed, device))
        pixels = image_rules.from_model(raw.cpu(), spec, first).numpy()[max(0, start - first) : stop - first]
        parts.append(shaped(pixels, steps_in(spec), spec.name))
        tick(len(parts[-1]))
    drawn = {"images": np.concatenate(parts)}
    labels = labels_of(generator, range(start, stop), seed, "cpu")
    return drawn if labels is None else {**drawn, "labels": labels.numpy()}


def labels_of(generator: Generator, indices: range, seed: int, device: str) -> torch.Tensor | None:
    """One class per image, drawn evenly, or known of images on disk; (n,) int64, or None where there are none."""
    if isinstance(generator, FiniteModel):
        return generator.labels(generator.draws(indices, seed))
    if not generator.n_classes:
        return None
    return classes(indices, seed, generator.n_classes).to(device)
