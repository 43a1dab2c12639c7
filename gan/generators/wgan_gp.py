"""WGAN-GP (Gulrajani et al. 2017, arXiv:1704.00028): the residual generator and critic of its appendix F.

The generator's blocks normalise over the batch and double the size; the critic's halve it and normalise nothing, since
its penalty is about single images.  With `widths` (128, 128, 128, 128) and `patch` 1 the generator is the paper's for
CIFAR-10.

What differs: by default stages are narrower where there are more pixels, and images come in patches (pixel shuffle);
the critic halves as often as the generator doubles, then has one more block instead of two.  Classes choose the scale
and shift of normalisation (Dumoulin et al. 2017, arXiv:1610.07629) and a vector whose product with the critic's
features is added (Miyato & Koyama 2018, arXiv:1802.05637), where the paper has a classifier.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, pixel_shuffle, pixel_unshuffle

from ganbench.gan.generators.base import PlainLatent, Space, latents, rows_of_classes

START = 4                                                   # pixels along a side of the first stage
WIDTHS = (128, 64, 32)


class WGANGP(nn.Module, PlainLatent):
    """z (n, z_dim) -> images (n, channels, resolution, resolution) in [-1, 1].

    `widths` of the stages 4x4, 8x8, ...; resolution = 4 * 2^(stages - 1) * patch.
    """

    output_range = (-1.0, 1.0)
    mixes_classes = True

    def __init__(self, z_dim: int = 128, widths: Sequence[int] = WIDTHS, channels: int = 1, patch: int = 2,
                 n_classes: int = 0):
        super().__init__()
        self.z_dim, self.patch, self.n_classes, self.spaces = z_dim, patch, n_classes, {"z": Space((z_dim,))}
        self.start = nn.Linear(z_dim, widths[0] * START**2)
        self.blocks = nn.ModuleList(Up(a, b, n_classes) for a, b in pairwise(widths))
        self.norm = Norm(widths[-1], n_classes)
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
        x = self.start(z).unflatten(1, (-1, START, START)).contiguous(memory_format=torch.channels_last)
        for block in self.blocks:
            x = block(x, labels)
        return torch.tanh(pixel_shuffle(self.image(self.norm(x, labels).relu()), self.patch))


class Critic(nn.Module):
    """Images (n, channels, h, w) in [-1, 1] -> scores (n,)."""

    def __init__(self, widths: Sequence[int] = WIDTHS, channels: int = 1, patch: int = 2, n_classes: int = 0):
        super().__init__()
        self.patch = patch
        self.image = nn.Conv2d(channels * patch**2, widths[-1], 3, padding=1)
        downwards = [*pairwise(reversed(widths)), (widths[0], widths[0])]
        self.blocks = nn.ModuleList(Down(a, b, halve=k < len(widths) - 1) for k, (a, b) in enumerate(downwards))
        self.score = nn.Linear(widths[0], 1, bias=False)
        self.classes = nn.Embedding(n_classes, widths[0]) if n_classes else None
        self.to(memory_format=torch.channels_last)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        patches = pixel_unshuffle(images, self.patch).contiguous(memory_format=torch.channels_last)
        x = self.image(patches)
        for block in self.blocks:
            x = block(x)
        features = x.relu().mean((2, 3))
        scores = self.score(features)[:, 0]
        return scores if self.classes is None else scores + (features * self.classes(labels)).sum(1)


class Up(nn.Module):
    """Twice the size: nearest pixels, two 3x3 convolutions after normalisation, a 1x1 convolution beside them."""

    def __init__(self, before: int, after: int, n_classes: int):
        super().__init__()
        self.norm1, self.conv1 = Norm(before, n_classes), nn.Conv2d(before, after, 3, padding=1)
        self.norm2, self.conv2 = Norm(after, n_classes), nn.Conv2d(after, after, 3, padding=1)
        self.beside = nn.Conv2d(before, after, 1)

    def forward(self, x: Tensor, labels: Tensor | None) -> Tensor:
        inner = self.conv1(interpolate(self.norm1(x, labels).relu(), scale_factor=2))
        return interpolate(self.beside(x), scale_factor=2) + self.conv2(self.norm2(inner, labels).relu())


class Down(nn.Module):
    """Two 3x3 convolutions, a 1x1 convolution beside them, and half the size by averages."""

    def __init__(self, before: int, after: int, halve: bool):
        super().__init__()
        self.size = 2 if halve else 1
        self.conv1, self.conv2 = nn.Conv2d(before, before, 3, padding=1), nn.Conv2d(before, after, 3, padding=1)
        self.beside = nn.Conv2d(before, after, 1)

    def forward(self, x: Tensor) -> Tensor:
        inner = self.conv2(self.conv1(x.relu()).relu())
        return self.beside(avg_pool2d(x, self.size)) + avg_pool2d(inner, self.size)


class Norm(nn.Module):
    """Batch normalisation whose scale and shift depend on the class, if there are any."""

    def __init__(self, width: int, n_classes: int):
        super().__init__()
        self.batch = nn.BatchNorm2d(width, affine=False)
        self.scale = nn.Parameter(torch.ones(max(n_classes, 1), width, 1, 1))
        self.shift = nn.Parameter(torch.zeros(max(n_classes, 1), width, 1, 1))

    def forward(self, x: Tensor, labels: Tensor | None) -> Tensor:
        scale, shift = (self.scale, self.shift) if labels is None else (
            rows_of_classes(self.scale, labels), rows_of_classes(self.shift, labels))
        return self.batch(x) * scale + shift


@torch.no_grad()
def initialise(network: nn.Module, generator: torch.Generator) -> None:
    """He's gains before ReLU, 1 for 1x1 convolutions and linear layers; biases 0; classes begin alike."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            rectified = isinstance(module, nn.Conv2d) and module.kernel_size != (1, 1)
            fan_in = module.weight[0].numel()
            module.weight.normal_(0, math.sqrt((2 if rectified else 1) / fan_in), generator=generator)
            if module.bias is not None:
                module.bias.zero_()
        elif isinstance(module, nn.Embedding):
            module.weight.zero_()


def arguments_of(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """The arguments that a checkpoint's shapes imply; empty when they are not a WGAN-GP generator's."""
    if not {"start.weight", "image.weight", "norm.scale", "blocks.0.conv1.weight"} <= state.keys():
        return {}
    blocks = {int(key.split(".")[1]) for key in state if key.startswith("blocks.")}
    after = [state[f"blocks.{k}.conv1.weight"].shape[0] for k in sorted(blocks)]
    classes, patches = state["norm.scale"].shape[0], state["image.weight"].shape[0]
    channels = 3 if patches % 3 == 0 else 1
    return {
        "z_dim": state["start.weight"].shape[1], "widths": [state["blocks.0.conv1.weight"].shape[1], *after],
        "channels": channels, "patch": math.isqrt(patches // channels), "n_classes": classes if classes > 1 else 0,
    }
