"""The resizing rules.  Resizing is the largest source of disagreement between tools: arXiv:2104.11222."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

PILLOW_ONE = 2.0**22                                  # 1 in Pillow's fixed point: 32 bits less 8 for a pixel, less 2


def tf1_bilinear(images: Tensor, size: int) -> Tensor:
    """NCHW uint8 or float 0..255 -> (N, C, size, size) float32 0..255, as TensorFlow 1 resized for the 2015 graph.

    `tf.image.resize_bilinear(align_corners=False)`: source = target * in / out in float32, without
    the half-pixel shift, so that the picture moves up and left
    (tensorflow/core/kernels/image/resize_bilinear_op.cc with the legacy scaler).
    """
    return resized(images, size, tf1_weights)


def clean(images: Tensor, size: int) -> Tensor:
    """NCHW uint8 or float 0..255 -> (N, C, size, size) float32 0..255, not rounded again.

    Bicubic with a = -0.5 and antialiasing (wider support when shrinking), as Pillow in mode "F" and clean-fid (Parmar
    2022, arXiv:2104.11222).
    """
    return resized(images, size, pillow_weights).clamp(0, 255)


def pillow(images: Tensor, size: int) -> Tensor:
    """NCHW uint8 -> (N, C, size, size) float32 of whole numbers 0..255, as Pillow resizes 8-bit images by BICUBIC.

    The kernel of `clean` in fixed point: taps are rounded to 22 binary places, and each of the two passes to 8 bits
    (src/libImaging/Resample.c).  float64 holds such sums exactly, so no pixel differs.  Images of floats 0..255 are
    resized in floats, as Pillow does that too: it is `clean`.
    """
    if images.is_floating_point():
        return clean(images, size)
    height, width = images.shape[-2:]
    rows, columns = (fixed_point(before, size).to(images.device) for before in (height, width))      # (size, before)
    return eight_bits(rows @ eight_bits(images.double() @ columns.T)).float()


def eight_bits(sums: Tensor) -> Tensor:
    """Fixed point -> whole numbers 0..255."""
    return ((sums + PILLOW_ONE / 2) / PILLOW_ONE).floor().clamp(0, 255)


def torch_bicubic(images: Tensor, size: int) -> Tensor:
    """NCHW uint8 or float 0..255 -> (N, C, size, size) float32, which may pass 0 and 255 a little, as EDM2 resizes.

    torch's own antialiased bicubic: its taps are placed in float32 (see `pillow_weights`), nothing is clamped.
    """
    return F.interpolate(images.float(), (size, size), mode="bicubic", antialias=True)


def square(images: Tensor) -> Tensor:
    """The middle of NCHW images, as high as wide; the odd row or column more is cut off at the end."""
    height, width = images.shape[-2:]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return images[..., top : top + side, left : left + side]


def resized(images: Tensor, size: int, weights: Callable[[int, int], Tensor]) -> Tensor:
    """Both axes by matrices; across first, then down, as TensorFlow's kernel and Pillow do."""
    height, width = images.shape[-2:]
    rows, columns = (weights(before, size).to(images.device) for before in (height, width))    # (size, before)
    return rows @ (images.float() @ columns.T)


@lru_cache(maxsize=32)
def tf1_weights(before: int, after: int) -> Tensor:
    """One axis of `tf1_bilinear`: (after, before) float32, each row two neighbours that sum to 1."""
    scale = torch.tensor(before, dtype=torch.float32) / torch.tensor(after, dtype=torch.float32)
    source = torch.arange(after, dtype=torch.float32) * scale
    low = source.floor().long()
    high = (low + 1).clamp(max=before - 1)
    share = source - low
    target = torch.arange(after)
    weights = torch.zeros(after, before)
    weights.index_put_((target, low), 1 - share, accumulate=True)
    return weights.index_put_((target, high), share, accumulate=True)


@lru_cache(maxsize=32)
def pillow_weights(before: int, after: int) -> Tensor:
    """One axis of `clean`: (after, before) float32.

    torch's own antialiased bicubic places its taps in float32, which moves noise by up to 0.007 of 255.
    """
    return torch.from_numpy(pillow_taps(before, after)).float()


@lru_cache(maxsize=32)
def fixed_point(before: int, after: int) -> Tensor:
    """One axis of `pillow`: (after, before) whole numbers in float64."""
    taps = pillow_taps(before, after) * PILLOW_ONE
    return torch.from_numpy(np.trunc(taps + np.copysign(0.5, taps)))


def pillow_taps(before: int, after: int) -> np.ndarray:
    """(after, before) float64, each row the kernel around one new pixel (src/libImaging/Resample.c)."""
    scale = before / after
    widening = max(scale, 1.0)
    centre = (np.arange(after)[:, None] + 0.5) * scale                          # (after, 1)
    pixel = np.arange(before)                                                   # (before,)
    first, last = (np.trunc(centre + side * 2 * widening + 0.5) for side in (-1, 1))
    inside = (pixel >= first) & (pixel < last)
    weights = np.where(inside, bicubic((pixel - centre + 0.5) / widening), 0.0)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def bicubic(x: np.ndarray, a: float = -0.5) -> np.ndarray:
    """Keys 1981, IEEE Trans. ASSP 29, 1153 (equation 4)."""
    x = np.abs(x)
    near = ((a + 2) * x - (a + 3)) * x**2 + 1
    far = ((x - 5) * x + 8) * a * x - 4 * a
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))


def area(images: Tensor, size: int) -> Tensor:
    """NCHW uint8 or float 0..255 -> (N, C, size, size) float32 0..255: each pixel the mean of its area."""
    return F.interpolate(images.float(), (size, size), mode="area")
