"""The one image convention: between functions images are uint8 NCHW."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def to_uint8(images: Tensor) -> Tensor:
    """Quantise generator output: NCHW float in [-1, 1] -> NCHW uint8 in [0, 255].

    `(x * 127.5 + 128).clip(0, 255)`, as StyleGAN2/3, EDM2 and DiT do.
    """
    return (images * 127.5 + 128).clip(0, 255).to(torch.uint8)


def pad_to(images: np.ndarray, size: int) -> np.ndarray:
    """Zero-pad the last two axes to (size, size), centred; the odd pixel goes right and below."""
    height, width = images.shape[-2:]
    top, left = (size - height) // 2, (size - width) // 2
    margins = [(0, 0)] * (images.ndim - 2) + [(top, size - height - top), (left, size - width - left)]
    return np.pad(images, margins)


def grid(images: np.ndarray, columns: int, gap: int = 2, background: int = 255) -> np.ndarray:
    """Lay NCHW uint8 images out in rows: -> (height, width, 3) uint8, `gap` pixels between them."""
    n, channels, height, width = images.shape
    rows = -(-n // columns)
    sheet = np.full((rows * (height + gap) + gap, columns * (width + gap) + gap, 3), background, np.uint8)
    for i, image in enumerate(images):
        top, left = gap + i // columns * (height + gap), gap + i % columns * (width + gap)
        sheet[top : top + height, left : left + width] = image[:3].transpose(1, 2, 0)
    return sheet
