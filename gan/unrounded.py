"""A generator's images before they are rounded to 8 bits: for differences that are smaller than a grey level."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ganbench.gan.images import check_range, to_nchw
from ganbench.gan.preprocessing import METHODS, stepped, steps_in
from ganbench.gan.types import ModelSpec

LEVELS = 256
GREY = (0.299, 0.587, 0.114)                # of red, green and blue in Pillow's grey: ITU-R 601


def unrounded(raw: Tensor, spec: ModelSpec, first: int = 0) -> np.ndarray:
    """A model's output, in the layout and range that its spec declares -> (n, C, H, W) float32 in [0, 255].

    The float that `ganbench.gan.images.from_model` rounds, and then the spec's preprocessing without rounding.  Values
    outside the range are clipped, as they are there.  `first`: the number of the first image, for messages.
    """
    images = to_nchw(raw, spec).float()
    if raw.dtype != torch.uint8:
        check_range(images, spec.output_range, spec.name, first)
        low, high = spec.output_range
        images = (images - low) * (255 / (high - low))
    return preprocessed(images.clamp(0, 255).contiguous().numpy(), steps_in(spec), spec.name)


def is_rounded(raw: Tensor) -> bool:
    """Whether images, of any layout, are uint8, or floats that have no more than its 256 values."""
    return raw.dtype == torch.uint8 or (raw.numel() > 10 * LEVELS and len(raw.unique()) <= LEVELS)


def preprocessed(images: np.ndarray, steps: Sequence[str], name: str) -> np.ndarray:
    """`ganbench.gan.preprocessing.preprocessed` of NCHW float32 in [0, 255], within the rounding of its steps."""
    return stepped(images, steps, name, resized, coloured)


def resized(images: np.ndarray, rule: str) -> np.ndarray:
    """(n, C, H, W) -> (n, C, size, size); `rule`: `32:bicubic`.  Pillow resizes floats one channel at a time."""
    text, _, method = rule.partition(":")
    size = int(text)
    if images.shape[2:] == (size, size):
        return images
    channels = [Image.fromarray(one) for one in images.reshape(-1, *images.shape[2:])]
    found = np.stack([np.asarray(one.resize((size, size), METHODS[method])) for one in channels])
    return found.reshape(*images.shape[:2], size, size).clip(0, 255)


def coloured(images: np.ndarray, channels: int) -> np.ndarray:
    """Grey three times, or the grey of colours."""
    if images.shape[1] == channels:
        return images
    if channels == 3:
        return images.repeat(3, axis=1)
    return np.einsum("nchw,c->nhw", images, np.array(GREY, images.dtype))[:, None]
