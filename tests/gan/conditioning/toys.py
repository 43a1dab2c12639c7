"""A light square on a dark ground: its place is the class, left, middle or right.  Guide and judge are formulas."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from ganbench.gan.conditioning.classes import RealImages
from ganbench.gan.conditioning.classifiers import ImageClassifier
from ganbench.gan.conditioning.source import Source
from ganbench.gan.datasets.base import of_array
from ganbench.gan.generators.factory import WrappedLatent
from ganbench.gan.types import ModelSpec

SIDE = 16
NAMES = ("left", "middle", "right")
PLACES = 4.0, 8.0, 12.0
D = 6


def square(at: Tensor, size: Tensor, light: Tensor) -> Tensor:
    """(n,) each, in pixels and from 0 to 1 -> (n, 1, 16, 16) in [0, 1]."""
    axis = torch.arange(SIDE) + 0.5
    across = torch.sigmoid(4 * (size[:, None] - (axis - at[:, None]).abs()))
    down = torch.sigmoid(4 * (size[:, None] - (axis - 8).abs()))
    return (light[:, None, None] * down[:, :, None] * across[:, None, :])[:, None]


class Squares(nn.Module):
    """z (n, 6) -> images in [-1, 1]: z0 is the place, up to `last`, z1 the size, z2 the brightness; with `corner`, z3
    is the brightness of a corner, in which nothing is of real images."""

    z_dim = D

    def __init__(self, last: float = 13.0, corner: bool = False):
        super().__init__()
        self.last, self.corner = last, corner

    def forward(self, z: Tensor) -> Tensor:
        at = 3 + (self.last - 3) * torch.sigmoid(2 * z[:, 0])
        found = square(at, 2 + torch.sigmoid(z[:, 1]), 0.6 + 0.4 * torch.sigmoid(z[:, 2]))
        if self.corner:
            spot = torch.zeros(1, 1, SIDE, SIDE)
            spot[..., :2, -2:] = 1
            found = found + spot * torch.sigmoid(3 * (z[:, 3] - 1.5))[:, None, None, None]
        return 2 * found.clamp(0, 1) - 1


def source(seed: int = 0, **arguments: object) -> Source:
    spec = ModelSpec("toy", factory="m:c", latent="normal", latent_shape=(D,))
    return Source(WrappedLatent(Squares(**arguments), spec), spec, seed)


@dataclass(eq=False)
class Formula:
    """An extractor whose logits are a formula of pixels (n, 1, 16, 16) float 0..255; counts its calls."""

    name: str
    formula: Callable[[Tensor], Tensor]
    calls: int = 0
    d: int = 3
    weights: str = ""
    engine: dict[str, str] = field(default_factory=dict)
    micro_batch: int = 50

    @property
    def outputs(self) -> dict[str, int]:
        return {"features": 3, "logits": 3}

    @property
    def digest(self) -> str:
        return self.name

    def __call__(self, images: np.ndarray) -> dict[str, np.ndarray]:
        self.calls += 1
        logits = self.formula(torch.from_numpy(images).float()).numpy()
        return {"features": logits, "logits": logits}


def by_centre(pixels: Tensor) -> Tensor:
    """The guide: how near the centre of brightness is to each place."""
    columns = pixels.sum((1, 2)) + 1e-3
    centre = (columns * (torch.arange(SIDE) + 0.5)).sum(1) / columns.sum(1)
    return -2 * (centre[:, None] - torch.tensor(PLACES)) ** 2


def fooled(pixels: Tensor) -> Tensor:
    """Another guide, which takes a light corner for the class on the right."""
    found = by_centre(pixels[:, :, 3:])
    return found + torch.tensor([0.0, 0.0, 60.0]) * (pixels[:, 0, :2, -2:].mean((1, 2)) / 255)[:, None]


def by_edges(pixels: Tensor) -> Tensor:
    """The judge: how near the middle between the first and the last column of more than half the brightness is to each
    place; not of the upper rows."""
    columns = pixels[:, 0, 4:].sum(1)
    light = (columns > columns.amax(1, keepdim=True) / 2).float() * (torch.arange(SIDE) + 0.5)
    middle = (light.amax(1) + torch.where(light > 0, light, torch.tensor(99.0)).amin(1)) / 2
    return -((middle[:, None] - torch.tensor(PLACES)) ** 2)


def guide(formula: Callable[[Tensor], Tensor] = by_centre) -> ImageClassifier:
    return ImageClassifier("guide", Formula("guide", formula), slope=formula)


def judge() -> ImageClassifier:
    return ImageClassifier("judge", Formula("judge", by_edges))


def squares(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Real images (n, 1, 16, 16) uint8 and their classes (n,): places are uniform, the class is the nearest one."""
    random = torch.Generator().manual_seed(seed)
    at, size, light = (torch.rand(n, generator=random) for _ in range(3))
    place = 3 + 10 * at
    images = (255 * square(place, 2 + size, 0.6 + 0.4 * light)).round().to(torch.uint8)
    return images.numpy(), (place[:, None] - torch.tensor(PLACES)).abs().argmin(1).numpy()


def real(n: int = 600) -> RealImages:
    sets = [of_array(f"squares {k}", *squares(n, k), NAMES) for k in range(3)]
    return RealImages("squares", NAMES, *sets)
