"""How training images are changed at random at every step, by name: what people do without a generator."""

from __future__ import annotations

import torch
from torch import Tensor
from torchvision.transforms import RandAugment

from ganbench.gan.training.classifier import Change, flipped, moved

GROUPS = 4          # of a batch: RandAugment draws its operations once for all images that it gets
OPERATIONS, MAGNITUDE = 2, 9        # Cubuk et al. 2020, arXiv:1909.13719, and torchvision's defaults


def unchanged(images: Tensor, random: torch.Generator) -> Tensor:
    return images


def mirrored(images: Tensor, random: torch.Generator) -> Tensor:
    """Moved by up to two pixels, and a half of the images as in a mirror."""
    return moved(flipped(images, random), random)


def rand_augmented(images: Tensor, random: torch.Generator) -> Tensor:
    """RandAugment (arXiv:1909.13719) as torchvision has it, beside mirroring and moving; NCHW in [-1, 1]."""
    operations = RandAugment(OPERATIONS, MAGNITUDE)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(torch.randint(2**31, (1,), generator=random)))
        parts = [operations(part) for part in ((images + 1) * 127.5).round().to(torch.uint8).cpu().chunk(GROUPS)]
    return mirrored(torch.cat(parts).to(images.device).float().div(127.5).sub(1), random)


CHANGES: dict[str, Change] = {
    "nothing": unchanged, "shifts": moved, "flips and shifts": mirrored, "RandAugment": rand_augmented,
}
