"""DiffAugment (Zhao et al. 2020, arXiv:2006.10738): what the critic sees is changed at random, differentiably.

Real and generated images go through the same kinds of changes, so that a critic cannot learn a few images by heart,
and the changes do not leak into what is generated.  A policy lists them: "color,translation,cutout".

Images are (n, C, H, W) float, about [-1, 1].  Places that an image was moved away from, or that were cut out, become 0,
the middle grey.  Every image has its own numbers, from an explicit generator.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Augmentation = Callable[[Tensor, torch.Generator], Tensor]


def augmentation(policy: str) -> Augmentation:
    """The changes of a policy, one after the other; none for ''."""
    names = [name for name in policy.split(",") if name]
    if unknown := [name for name in names if name not in POLICIES]:
        raise ValueError(f"No augmentation {unknown[0]!r}. Known: {', '.join(POLICIES)}.")
    changes = [change for name in names for change in POLICIES[name]]

    def augment(images: Tensor, random: torch.Generator) -> Tensor:
        for change in changes:
            images = change(images, random)
        return images

    return augment


def brightness(images: Tensor, random: torch.Generator) -> Tensor:
    """x + b, b in [-.5, .5)."""
    return images + (uniform(images, random) - 0.5)


def saturation(images: Tensor, random: torch.Generator) -> Tensor:
    """Colours are moved from (0) or away from (2) the mean of their pixel's channels; grey images stay as they are."""
    return scaled(images, images.mean(1, keepdim=True), 2 * uniform(images, random))


def contrast(images: Tensor, random: torch.Generator) -> Tensor:
    """Values are moved towards (.5) or away from (1.5) the mean of their image."""
    return scaled(images, images.mean((1, 2, 3), keepdim=True), uniform(images, random) + 0.5)


def translation(images: Tensor, random: torch.Generator) -> Tensor:
    """Moved by whole pixels, up to an eighth of a side each way."""
    (n, _, height, width), most = images.shape, 0.125
    down = integers(-int(height * most + 0.5), int(height * most + 0.5) + 1, n, random)
    right = integers(-int(width * most + 0.5), int(width * most + 0.5) + 1, n, random)
    return shift(height, down).to(images) @ images @ shift(width, right).to(images).mT


def cutout(images: Tensor, random: torch.Generator) -> Tensor:
    """A square of half the side vanishes; its middle lies anywhere in the image."""
    _, _, height, width = images.shape
    kept = 1 - inside(height, len(images), random)[:, None, :, None] * inside(width, len(images), random)[:, None, None]
    return images * kept.to(images)


POLICIES = {
    "color": (brightness, saturation, contrast),
    "translation": (translation,),
    "cutout": (cutout,),
}


def scaled(images: Tensor, about: Tensor, factor: Tensor) -> Tensor:
    return about + factor * (images - about)


def shift(side: int, by: Tensor) -> Tensor:
    """Matrices (n, 1, side, side) that move a column vector down by so many places, zeros following."""
    place = torch.arange(side)
    return (place[:, None] == place + by[:, None, None, None]).float()


def inside(side: int, n: int, random: torch.Generator) -> Tensor:
    """Which places along a side the hole covers, (n, side): 1 or 0."""
    hole = int(side * 0.5 + 0.5)
    first = integers(0, side + 1 - hole % 2, n, random)[:, None] - hole // 2
    place = torch.arange(side)
    return ((place >= first) & (place < first + hole)).float()


def uniform(images: Tensor, random: torch.Generator) -> Tensor:
    """One number in [0, 1) for each image, (n, 1, 1, 1)."""
    return torch.rand(len(images), 1, 1, 1, generator=random).to(images)


def integers(low: int, high: int, n: int, random: torch.Generator) -> Tensor:
    """n whole numbers in [low, high)."""
    return torch.randint(low, high, (n,), generator=random)
