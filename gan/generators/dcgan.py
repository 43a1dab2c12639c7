"""DCGAN (Radford, Metz & Chintala 2016, arXiv:1511.06434).

Layers and key names (`main.0.weight`, ...) are those of PyTorch's well-known tutorial, so that
checkpoints of that lineage load without an adapter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from gan.generators.base import latents


class DCGAN(nn.Module):
    """z (n, z_dim) -> images (n, channels, resolution, resolution) in [-1, 1], by transposed convolutions."""

    n_classes = 0
    output_range = (-1.0, 1.0)

    def __init__(
        self, z_dim: int = 100, width: int = 64, resolution: int = 64, channels: int = 3, latent: str = "normal"
    ):
        super().__init__()
        self.z_dim, self.latent = z_dim, latent
        widths = [width * resolution // 2**k for k in range(3, resolution.bit_length())]  # 32 px: 4w 2w w
        layers: list[nn.Module] = [nn.ConvTranspose2d(z_dim, widths[0], 4, 1, 0, bias=False)]
        for before, after in pairwise(widths):
            layers += [nn.BatchNorm2d(before), nn.ReLU(True), nn.ConvTranspose2d(before, after, 4, 2, 1, bias=False)]
        layers += [
            nn.BatchNorm2d(widths[-1]),
            nn.ReLU(True),
            nn.ConvTranspose2d(widths[-1], channels, 4, 2, 1, bias=False),
        ]
        self.main = nn.Sequential(*layers, nn.Tanh())

    def draws(self, indices: Sequence[int], seed: int) -> Tensor:
        """(n, z_dim) float32."""
        return latents(indices, seed, (self.z_dim,), self.latent)

    def sample(self, draws: Tensor, labels: Tensor | None = None) -> Tensor:
        return self(draws)

    def forward(self, z: Tensor) -> Tensor:
        return self.main(z.reshape(len(z), self.z_dim, 1, 1))


class Discriminator(nn.Module):
    """Images (n, channels, resolution, resolution) in [-1, 1] -> logits (n,); the mirror of DCGAN."""

    def __init__(self, width: int = 64, resolution: int = 64, channels: int = 3):
        super().__init__()
        widths = [width * 2**k for k in range(resolution.bit_length() - 3)]  # 32 px: w 2w 4w
        layers: list[nn.Module] = [nn.Conv2d(channels, width, 4, 2, 1, bias=False), nn.LeakyReLU(0.2, True)]
        for before, after in pairwise(widths):
            layers += [nn.Conv2d(before, after, 4, 2, 1, bias=False), nn.BatchNorm2d(after), nn.LeakyReLU(0.2, True)]
        self.main = nn.Sequential(*layers, nn.Conv2d(widths[-1], 1, 4, 1, 0, bias=False))

    def forward(self, images: Tensor) -> Tensor:
        return self.main(images).flatten()


def initialise(network: nn.Module, generator: torch.Generator) -> None:
    """Weights N(0, 0.02), normalisation N(1, 0.02) (section 4 of the paper)."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(module.weight, 0.0, 0.02, generator=generator)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, 0.02, generator=generator)
            nn.init.zeros_(module.bias)


def arguments_of(state: Mapping[str, Tensor]) -> dict[str, int]:
    """The arguments that a checkpoint's shapes imply; empty when they are not a DCGAN's."""
    kernels = [value for key, value in state.items() if key.startswith("main.") and value.ndim == 4]
    if len(kernels) < 3:
        return {}
    return {
        "z_dim": kernels[0].shape[0],
        "width": kernels[-1].shape[0],
        "resolution": 4 * 2 ** (len(kernels) - 1),
        "channels": kernels[-1].shape[1],
    }
