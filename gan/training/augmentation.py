"""DiffAugment (Zhao et al. 2020, arXiv:2006.10738): what the critic sees is changed at random, differentiably; and its
adaptive form (ADA: Karras et al. 2020, arXiv:2006.06676), where each change happens with a probability that follows
from how sure the critic is of its training images.

Real and generated images go through the same kinds of changes, so that a critic cannot learn a few images by heart,
and the changes do not leak into what is generated.  A policy lists them: "color,translation,cutout".

Images are (n, C, H, W) float, about [-1, 1].  Places that an image was moved away from, or that were cut out, become 0,
the middle grey.  Every image has its own numbers, from an explicit generator.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ganbench.gan.training.several import average, size

Augmentation = Callable[[Tensor, torch.Generator], Tensor]


def augmentation(policy: str) -> Augmentation:
    """The changes of a policy, one after the other; none for ''."""
    changes = changes_of(policy)

    def augment(images: Tensor, random: torch.Generator) -> Tensor:
        for change in changes:
            images = change(images, random)
        return images

    return augment


def changes_of(policy: str) -> list[Augmentation]:
    names = [name for name in policy.split(",") if name]
    if unknown := [name for name in names if name not in POLICIES]:
        raise ValueError(f"No augmentation {unknown[0]!r}. Known: {', '.join(POLICIES)}.")
    return [change for name in names for change in POLICIES[name]]


class Adaptive(nn.Module):
    """Each change of a policy happens to an image with probability p, which grows while the critic overfits.

    `follow` takes logits (n,) of a step: r = E sign(D(x)) (equation 1), where only differences of D mean something
    E sign(D(x) - E D(G(z))), is 1 for a critic that is sure of every training image.  p moves towards where r is
    `target`, from 0 to 1 in `images` images; it is at most `most`, beyond which changes leak into what is generated
    (section 2.2).
    """

    p: Tensor
    target, images, most = 0.6, 50_000, 0.8

    def __init__(self, policy: str):
        super().__init__()
        self.changes = changes_of(policy)
        self.register_buffer("p", torch.zeros(()))

    def forward(self, images: Tensor, random: torch.Generator) -> Tensor:
        for change in self.changes:
            chosen = uniform(images, random) < self.p.to(images)
            images = torch.where(chosen, change(images, random), images)
        return images

    @torch.no_grad()
    def follow(self, real: Tensor, fake: Tensor, relative: bool) -> None:
        sure = (real - fake.mean() if relative else real).sign().mean()
        average([sure])
        self.p.add_((sure - self.target).sign().to(self.p) * len(real) * size() / self.images).clamp_(0, self.most)


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
