"""How other tools preprocess images: resizing, normalisation, and quantisation of a model's floats."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ganbench.gan.features import resize
from ganbench.gan.generators.base import Generator


def half_pixel(images: Tensor, size: int) -> Tensor:
    """NCHW uint8 -> (N, C, size, size) float32 0..255: bilinear between pixel centres, no antialiasing."""
    return F.interpolate(images.float(), (size, size), mode="bilinear", align_corners=False)


def half_pixel_antialiased(images: Tensor, size: int) -> Tensor:
    """Bilinear with antialiasing: the support is widened when shrinking."""
    return F.interpolate(images.float(), (size, size), mode="bilinear", align_corners=False, antialias=True)


RESIZES: dict[str, Callable[[Tensor, int], Tensor]] = {
    "TensorFlow 1 bilinear": resize.tf1_bilinear,
    "bilinear": half_pixel,
    "bilinear, antialiased": half_pixel_antialiased,
    "bicubic, antialiased": resize.clean,
}


@dataclass
class Truncating:
    """A generator whose images leave it as uint8(255 x), x in [0, 1]: as torchmetrics (normalize=True) makes them."""

    inner: Generator
    n_classes: int
    output_range: tuple[float, float]

    def draws(self, indices: Sequence[int], seed: int) -> Tensor:
        return self.inner.draws(indices, seed)

    def sample(self, draws: Tensor, labels: Tensor | None = None) -> Tensor:
        raw, (low, high) = self.inner.sample(draws, labels), self.output_range
        if raw.dtype == torch.uint8:
            return raw
        return ((raw - low) / (high - low) * 255).clip(0, 255).to(torch.uint8)


def prepared(images: Tensor, rule: Callable[[Tensor, int], Tensor], size: int, offset: float | None) -> Tensor:
    """RGB NCHW uint8 -> (N, 3, size, size) float32: (x - offset) / 128, or 2 x / 255 - 1 for None."""
    found = rule(images, size)
    return found / 127.5 - 1 if offset is None else (found - offset) / 128
