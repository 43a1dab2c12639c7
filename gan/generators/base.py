"""The generator protocol: all randomness in `draws`, a pure function in `sample`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from ganbench.gan.philox import normals, uniforms, words


@runtime_checkable
class Generator(Protocol):
    """What every family offers.  Image i depends on (seed, i) alone: never on batch, shard or device."""

    n_classes: int  # 0: unconditional
    output_range: tuple[float, float]  # declared, never guessed per batch

    def draws(self, indices: Sequence[int], seed: int) -> Tensor:
        """All that is random about these images, one row each; made on the CPU."""
        ...

    def sample(self, draws: Tensor, labels: Tensor | None = None) -> Tensor:
        """Images, NCHW float in `output_range`; pure. `labels`: (n,) int64 if `n_classes` > 0."""
        ...


def latents(indices: Sequence[int], seed: int, shape: tuple[int, ...], law: str = "normal") -> Tensor:
    """One latent per image, (n, *shape) float32: normal N(0, I) or uniform U(-1, 1).

    Drawn on the CPU so that every device sees the same; `ganbench.gan.philox` says how.
    """
    count = math.prod(shape)
    found = normals(indices, seed, count) if law == "normal" else uniforms(indices, seed, count) * 2 - 1
    return torch.from_numpy(found.reshape(len(indices), *shape))


def seeds(indices: Sequence[int], seed: int, name: str = "z") -> Tensor:
    """A seed of 63 bits for each image, (n,) int64, for code that makes its own random numbers."""
    return torch.from_numpy((words(indices, seed, 1, name)[:, 0] >> 1).astype(np.int64))


def classes(indices: Sequence[int], seed: int, n_classes: int) -> Tensor:
    """A class for each image, (n,) int64, drawn evenly: 64 bits modulo `n_classes`."""
    return torch.from_numpy((words(indices, seed, 1, "label")[:, 0] % n_classes).astype(np.int64))


def seed_of(seed: int, name: str) -> int:
    """The seed of another run, 63 bits, for draws that repeat all of a model's own."""
    return int(seeds([0], seed, name))
