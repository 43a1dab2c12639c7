"""The resizing rules.  Resizing is the largest source of disagreement between tools: arXiv:2104.11222."""

from __future__ import annotations

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor


def tf1_bilinear(images: Tensor, size: int) -> Tensor:
    """NCHW uint8 or float 0..255 -> (N, C, size, size) float32 0..255, as TensorFlow 1 resized for the 2015 graph.

    `tf.image.resize_bilinear(align_corners=False)`: source = target * in / out in float32, without
    the half-pixel shift, so that the picture moves up and left
    (tensorflow/core/kernels/image/resize_bilinear_op.cc with the legacy scaler).
    """
    height, width = images.shape[-2:]
    rows = tf1_weights(height, size).to(images.device)               # (size, height)
    columns = tf1_weights(width, size).to(images.device)             # (size, width)
    # Across first, then down: the order of TensorFlow's kernel.
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


def clean(images: Tensor, size: int) -> Tensor:
    """NCHW uint8 or float 0..255 -> (N, C, size, size) float32 0..255, not rounded again.

    Bicubic with a = -0.5 that widens its support when it shrinks, as Pillow does in mode "F" and
    clean-fid after it (Parmar 2022, arXiv:2104.11222).
    """
    resized = F.interpolate(images.float(), (size, size), mode="bicubic", antialias=True, align_corners=False)
    return resized.clamp(0, 255)


def area(images: Tensor, size: int) -> Tensor:
    """NCHW uint8 or float 0..255 -> (N, C, size, size) float32 0..255: each pixel the mean of its area."""
    return F.interpolate(images.float(), (size, size), mode="area")
