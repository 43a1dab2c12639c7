"""The generator protocol: all randomness in `draws`, a pure function in `sample`."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor


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


@runtime_checkable
class FiniteModel(Generator, Protocol):
    """A generator of images that are there already."""

    n: int

    def labels(self, draws: Tensor) -> Tensor | None:
        """The classes of these images, (n,) int64, where they are known."""
        ...


def image_seed(seed: int, index: int, name: str = "z") -> int:
    """The seed of one draw of one image: 63 bits of blake2b over "seed/index/name"."""
    text = f"{seed}/{index}/{name}".encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big") >> 1


def latents(indices: Sequence[int], seed: int, shape: tuple[int, ...], law: str = "normal") -> Tensor:
    """One latent per image, (n, *shape) float32: normal N(0, I) or uniform U(-1, 1).

    Drawn on the CPU so that every device sees the same.
    """
    random = torch.Generator()
    rows = []
    for index in indices:
        random.manual_seed(image_seed(seed, index))
        rows.append(
            torch.randn(shape, generator=random) if law == "normal" else torch.rand(shape, generator=random) * 2 - 1
        )
    return torch.stack(rows)
