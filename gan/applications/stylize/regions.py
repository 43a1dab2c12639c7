"""Where style is looked at: on the object in front of a background of one colour, or everywhere.

How much of an image is background is no style of the object, but counts in statistics of the whole image.  Spatial
control (Gatys et al. 2017, arXiv:1611.07865, section 4) takes statistics within a guide, a mask that is resampled to
the size of each map, and eroded there, since features at an outline see both sides of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d, interpolate

REGIONS = ("object", "whole")
TOLERANCE = 8               # levels of 255, within which a colour is the background's
UNIFORM = 0.9               # share of the border's pixels that have its colour
GAP = 0.01                  # of the image: enclosed areas up to this size in the background's colour are the object's
FEWEST = 0.01               # of the image: less is no object


def object_in(pixels: np.ndarray) -> np.ndarray | None:
    """(C, H, W) uint8 -> (H, W) bool, what differs from the border's colour; None where the border has no one colour,
    or nothing differs from it."""
    rows = [pixels[:, 0], pixels[:, -1], pixels[:, :, 0], pixels[:, :, -1]]
    border = np.concatenate(rows, 1).astype(np.int16)                                  # (C, 2 (H + W))
    colour = np.median(border, 1)
    if (np.abs(border - colour[:, None]).max(0) <= TOLERANCE).mean() < UNIFORM:
        return None
    inside = np.abs(pixels.astype(np.int16) - colour[:, None, None]).max(0) > TOLERANCE
    areas, _ = ndimage.label(~inside)
    inside |= (np.bincount(areas.ravel()) <= GAP * inside.size)[areas] & ~inside
    return inside if inside.mean() >= FEWEST else None


@dataclass(frozen=True, eq=False)
class Guide:
    """Where the statistics of content and of style are taken: (1, 1, H, W) float, 1 on the object."""

    content: Tensor
    style: Tensor


def guide_of(content: np.ndarray, style: np.ndarray, region: str, device: str = "cpu") -> Guide | None:
    """Of two images (C, H, W) uint8; None: everywhere, as asked or since one of them has no object."""
    found = [object_in(pixels) for pixels in (content, style)] if region == REGIONS[0] else [None]
    masks = [torch.from_numpy(inside).float()[None, None].to(device) for inside in found if inside is not None]
    return Guide(*masks) if len(masks) == 2 else None


def within(mask: Tensor, maps: Tensor) -> Tensor:
    """A mask (n, 1, H, W) -> weights (n, 1, h, w) of the places of maps (n, C, h, w), of which half covered ones count
    nothing and covered ones 1; where an object is too thin for that, as far as it covers them."""
    size = maps.shape[2], maps.shape[3]
    shrunk = size[0] <= mask.shape[2] and size[1] <= mask.shape[3]
    share = adaptive_avg_pool2d(mask, size) if shrunk else interpolate(mask, size, mode="bilinear")
    eroded = (2 * share - 1).clamp_min(0)
    return torch.where(eroded.sum((2, 3), keepdim=True) >= 1, eroded, share)
