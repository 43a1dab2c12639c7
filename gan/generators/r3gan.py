"""R3GAN (Huang et al. 2025, arXiv:2501.05441), small: a plain residual network without normalisation.

As in the paper's section 4: a 4x4 basis that is learned and scaled channel by channel by the latent; bottleneck blocks
of a 1x1, a grouped 3x3 and a 1x1 convolution with leaky ReLU, weights initialised as in Fixup (Zhang et al. 2019,
arXiv:1901.09321); bilinear resampling between stages; a discriminator that mirrors the generator.

What differs: images come out of tanh, and in patches (pixel shuffle), which leaves out the stages of the largest
size and most of the cost; they are made and read by 3x3 convolutions, which join the patches; the 1x1 convolutions that
change the width stand where there are fewer pixels, on either side of the resampling, with which they commute.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, leaky_relu, pixel_shuffle, pixel_unshuffle

from ganbench.gan.generators.base import PlainLatent, Space, latents, rows_of_classes

START = 4                                                   # pixels along a side of the first stage
SLOPE = 0.2
WIDTHS = (384, 128, 64)


class R3GAN(nn.Module, PlainLatent):
    """z (n, z_dim) -> images (n, channels, resolution, resolution) in [-1, 1].

    `widths` of the stages 4x4, 8x8, ...; resolution = 4 * 2^(stages - 1) * patch.
    """

    output_range = (-1.0, 1.0)
    mixes_classes = True

    def __init__(self, z_dim: int = 64, widths: Sequence[int] = WIDTHS, blocks: int = 1, group: int = 16,
                 channels: int = 1, patch: int = 2, n_classes: int = 0):
        super().__init__()
        self.z_dim, self.patch, self.n_classes, self.spaces = z_dim, patch, n_classes, {"z": Space((z_dim,))}
        self.classes = nn.Embedding(n_classes, z_dim) if n_classes else None
        self.latent = nn.Linear(z_dim * (2 if n_classes else 1), widths[0])
        self.basis = nn.Parameter(torch.randn(widths[0], START, START))
        self.stages = nn.ModuleList(stage(width, blocks, group) for width in widths)
        self.changes = nn.ModuleList(nn.Conv2d(a, b, 1, bias=False) for a, b in pairwise(widths))
        self.image = nn.Conv2d(widths[-1], channels * patch**2, 3, padding=1)
        self.to(memory_format=torch.channels_last)

    def draws(self, indices: Sequence[int], seed: int) -> Tensor:
        """(n, z_dim) float32."""
        return latents(indices, seed, (self.z_dim,))

    def training_draws(self, n: int, random: torch.Generator) -> Tensor:
        """(n, z_dim) float32 for one step of training, from one source for all."""
        return torch.randn(n, self.z_dim, generator=random)

    def sample(self, draws: Tensor, labels: Tensor | None = None) -> Tensor:
        return self(draws, labels)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        if self.classes is not None:
            z = torch.cat([z, rows_of_classes(self.classes.weight, labels)], 1)
        x = self.basis * self.latent(z)[:, :, None, None]
        x = self.stages[0](x.contiguous(memory_format=torch.channels_last))
        for change, blocks in zip(self.changes, self.stages[1:], strict=True):
            x = blocks(interpolate(change(x), scale_factor=2, mode="bilinear"))
        return torch.tanh(pixel_shuffle(self.image(x), self.patch))


class Discriminator(nn.Module):
    """Images (n, channels, h, w) in [-1, 1] -> logits (n,); the mirror of R3GAN.

    With classes, the features' product with a vector of the class is added (Miyato & Koyama 2018, arXiv:1802.05637).
    """

    def __init__(self, widths: Sequence[int] = WIDTHS, blocks: int = 1, group: int = 16, channels: int = 1,
                 patch: int = 2, n_classes: int = 0):
        super().__init__()
        self.patch = patch
        self.image = nn.Conv2d(channels * patch**2, widths[-1], 3, padding=1)
        self.stages = nn.ModuleList(stage(width, blocks, group) for width in reversed(widths))
        self.changes = nn.ModuleList(nn.Conv2d(b, a, 1, bias=False) for a, b in reversed(list(pairwise(widths))))
        self.basis = nn.Parameter(torch.randn(widths[0], START, START))
        self.logit = nn.Linear(widths[0], 1, bias=False)
        self.classes = nn.Embedding(n_classes, widths[0]) if n_classes else None
        self.to(memory_format=torch.channels_last)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        patches = pixel_unshuffle(images, self.patch).contiguous(memory_format=torch.channels_last)
        x = self.stages[0](self.image(patches))
        for change, blocks in zip(self.changes, self.stages[1:], strict=True):
            x = blocks(change(avg_pool2d(x, 2)))
        features = (x * self.basis).sum((2, 3))
        logits = self.logit(features)[:, 0]
        if self.classes is not None:
            logits = logits + (features * self.classes(labels)).mean(1) * math.sqrt(features.shape[1])
        return logits


class Block(nn.Module):
    """x + a 1x1, a grouped 3x3 and a 1x1 convolution."""

    def __init__(self, width: int, group: int):
        super().__init__()
        self.first = nn.Conv2d(width, width, 1)
        self.grouped = nn.Conv2d(width, width, 3, padding=1, groups=width // group)
        self.last = nn.Conv2d(width, width, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.last(leaky_relu(self.grouped(leaky_relu(self.first(x), SLOPE)), SLOPE))


def stage(width: int, blocks: int, group: int) -> nn.Sequential:
    return nn.Sequential(*(Block(width, group) for _ in range(blocks)))


@torch.no_grad()
def initialise(network: nn.Module, generator: torch.Generator) -> None:
    """He's gains; in blocks times L^(-1/4) for L blocks, the last layer 0 (Fixup with three layers a block)."""
    gain = math.sqrt(2 / (1 + SLOPE**2))
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.weight.normal_(0, module.weight[0].numel() ** -0.5, generator=generator)
            if module.bias is not None:
                module.bias.zero_()
        elif isinstance(module, nn.Embedding):
            module.weight.normal_(generator=generator)
    blocks = [module for module in network.modules() if isinstance(module, Block)]
    for block in blocks:
        for layer in (block.first, block.grouped):
            layer.weight.mul_(gain * len(blocks) ** -0.25)
        block.last.weight.zero_()
    if isinstance(network, R3GAN):
        network.basis.normal_(generator=generator)
    elif isinstance(network, Discriminator):
        network.basis.normal_(0, 1 / START, generator=generator)


def arguments_of(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """The arguments that a checkpoint's shapes imply; empty when they are not an R3GAN's."""
    if not {"basis", "latent.weight", "image.weight"} <= state.keys():
        return {}
    widths = [state[f"stages.{k}.0.first.weight"].shape[0] for k in range(count(state, "stages.", 1))]
    classes, patches = state.get("classes.weight"), state["image.weight"].shape[0]
    channels = 3 if patches % 3 == 0 else 1
    return {
        "z_dim": state["latent.weight"].shape[1] // (1 if classes is None else 2), "widths": widths,
        "blocks": count(state, "stages.0.", 2), "group": state["stages.0.0.grouped.weight"].shape[1],
        "channels": channels, "patch": math.isqrt(patches // channels),
        "n_classes": 0 if classes is None else len(classes),
    }


def count(state: Mapping[str, Tensor], prefix: str, place: int) -> int:
    """How many numbers stand at that place of the dotted keys that begin so."""
    return len({key.split(".")[place] for key in state if key.startswith(prefix)})
