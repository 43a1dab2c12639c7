"""StyleGAN2 (Karras et al. 2020, arXiv:1912.04958), small, written from the paper.

A mapping network turns z into w; w scales the channels of every convolution, whose outputs are normalised to unit
expected variance, computed from the weights (section 2.2: demodulation); images of all sizes are summed ("skip",
section 4.1).
Layers are equalised: weights N(0, 1) times He's constant (Karras et al. 2018, arXiv:1710.10196, section 4.1).

What differs: there is no path length regularisation; channels are scaled before and after the convolution instead of
the weights for each image, which is the same and faster on CPUs; images come out of tanh.  Classes enter as in
StyleGAN2-ADA (Karras et al. 2020, arXiv:2006.06676, appendix C): as a vector beside z, and by their product with the
discriminator's features.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, conv_transpose2d, leaky_relu, linear

from ganbench.gan.generators.base import Space, latents, rows_of_classes, space_of, unmoved

START = 4                                                   # pixels along a side of the first stage
WIDTHS = (128, 64, 32, 16)
FIR = (1.0, 3.0, 3.0, 1.0)                                  # against aliasing, wherever sizes change
NOISES = ("drawn", "none")


class StyleGAN2(nn.Module):
    """z and noise (n, z_dim + noises) -> images (n, channels, resolution, resolution) in [-1, 1].

    `widths` of the stages 4x4, 8x8, ...; `depth` of the mapping network.  `truncation` draws w towards its mean;
    `noise` = "none" disables the per-pixel noise; `mixing` is the share of training images with two styles.
    """

    output_range = (-1.0, 1.0)
    mixes_classes = True

    def __init__(
        self, z_dim: int = 64, w_dim: int = 64, widths: Sequence[int] = WIDTHS, depth: int = 4, channels: int = 1,
        n_classes: int = 0, truncation: float = 1.0, noise: str = "drawn", mixing: float = 0.9,
    ):
        super().__init__()
        if noise not in NOISES:
            raise ValueError(f"noise is {noise!r}, expected {' or '.join(NOISES)}")
        self.z_dim, self.n_classes = z_dim, n_classes
        self.truncation, self.noise, self.mixing = truncation, noise, mixing
        self.mapping = Mapper(z_dim, w_dim, depth, n_classes)
        self.start = nn.Parameter(torch.randn(widths[0], START, START))
        self.stages = nn.ModuleList(
            Stage(before, after, w_dim, channels, grows=k > 0)
            for k, (before, after) in enumerate(pairwise([widths[0], *widths]))
        )
        self.sizes = [START * 2**k for k in range(len(widths)) for _ in range(2 if k else 1)]   # of the convolutions
        self.to(memory_format=torch.channels_last)

    @property
    def noises(self) -> int:
        """How many numbers of noise an image takes: one for each pixel of each convolution."""
        return sum(size**2 for size in self.sizes)

    def draws(self, indices: Sequence[int], seed: int) -> Tensor:
        """(n, z_dim + noises) float32."""
        return latents(indices, seed, (self.z_dim + self.noises,))

    def training_draws(self, n: int, random: torch.Generator) -> Tensor:
        """(n, z_dim + noises + z_dim + 1): a second z and the number of the first style that is made of it."""
        normal = torch.randn(n, 2 * self.z_dim + self.noises, generator=random)
        mixed = torch.rand(n, 1, generator=random) < self.mixing
        first = torch.randint(1, 2 * len(self.stages), (n, 1), generator=random)
        return torch.cat([normal, torch.where(mixed, first, 2 * len(self.stages))], 1)

    def sample(self, draws: Tensor, labels: Tensor | None = None) -> Tensor:
        return self.decode(*self.split(draws), labels)

    @property
    def spaces(self) -> dict[str, Space]:
        """z; w, which the mapping network makes of it; and w+ with a w for each layer (arXiv:1904.03189)."""
        width = len(self.mapping.mean)
        return {"z": Space((self.z_dim,)), "w": Space((width,), "mapped"),
                "w+": Space((2 * len(self.stages), width), "mapped")}

    def split(self, draws: Tensor) -> tuple[Tensor, Tensor]:
        """z (n, z_dim), and the pixels' noise (n, noises)."""
        z, noise = draws.split([self.z_dim, self.noises], 1)
        return z, noise

    def join(self, latent: Tensor, noise: Tensor) -> Tensor:
        return torch.cat([latent, noise], 1)

    def decode(self, latent: Tensor, noise: Tensor, labels: Tensor | None = None, space: str | None = None) -> Tensor:
        return self.synthesise(self.to_space(latent, space_of(self.spaces, latent, space), "w+", labels), noise)

    def to_space(self, latent: Tensor, source: str, target: str, labels: Tensor | None = None) -> Tensor:
        """z -> w -> w+.  Truncation is applied on the way from z."""
        space_of(self.spaces, latent, source)
        if source == "z" and target in ("w", "w+"):
            latent, source = self.mapping.mean.lerp(self.mapping(latent, labels), self.truncation), "w"
        return self.styles(latent) if (source, target) == ("w", "w+") else unmoved(self.spaces, latent, source, target)

    def forward(self, draws: Tensor, labels: Tensor | None = None) -> Tensor:
        """Images of `training_draws`; in training mode it follows the mean of w."""
        z, noise, other, first = draws.split([self.z_dim, self.noises, self.z_dim, 1], 1)
        w = self.mapping(z, labels)
        if self.training:
            self.mapping.follow(w)
        late = torch.arange(2 * len(self.stages), device=w.device) >= first     # (n, styles)
        styles = torch.where(late[:, :, None], self.mapping(other, labels)[:, None], self.styles(w))
        return self.synthesise(styles, noise)

    def styles(self, w: Tensor) -> Tensor:
        """(n, w_dim) -> the same for all layers, (n, 2 stages, w_dim)."""
        return w[:, None].expand(-1, 2 * len(self.stages), -1)

    def synthesise(self, styles: Tensor, noise: Tensor) -> Tensor:
        """A stage has the styles of its convolutions; its image has the style of the next convolution."""
        parts = noise.split([size**2 for size in self.sizes], 1)
        noises = [part.unflatten(1, (1, size, size)) if self.noise == "drawn" else None
                  for part, size in zip(parts, self.sizes, strict=True)]
        x = self.start.expand(len(styles), -1, -1, -1).contiguous(memory_format=torch.channels_last)
        image = x.new_zeros(())
        for k, stage in enumerate(self.stages):
            first = max(0, 2 * k - 1)
            x, new = stage(x, styles[:, first:], noises[first:])
            image = upsample(image) + new if k else new
        return torch.tanh(image)


class Mapper(nn.Module):
    """z (n, z_dim) -> w (n, w_dim): normalised, with the class beside it, through `depth` slowly learning layers."""

    mean: Tensor

    def __init__(self, z_dim: int, w_dim: int, depth: int, n_classes: int):
        super().__init__()
        self.classes = nn.Embedding(n_classes, z_dim) if n_classes else None
        sides = [z_dim * (2 if n_classes else 1), *[w_dim] * depth]
        self.layers = nn.ModuleList(Linear(a, b, rate=0.01) for a, b in pairwise(sides))
        self.register_buffer("mean", torch.zeros(w_dim))

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        x = normalised(z)
        if self.classes is not None:
            x = torch.cat([x, normalised(rows_of_classes(self.classes.weight, labels))], 1)
        for layer in self.layers:
            x = active(layer(x))
        return x

    @torch.no_grad()
    def follow(self, w: Tensor) -> None:
        self.mean.lerp_(w.mean(0), 0.002)


class Stage(nn.Module):
    """Convolutions of one size, the first of which doubles it, and what they add to the image."""

    def __init__(self, before: int, after: int, w_dim: int, channels: int, grows: bool):
        super().__init__()
        first = [Styled(before, after, w_dim, grows=True)] if grows else []
        self.convolutions = nn.ModuleList([*first, Styled(after, after, w_dim)])
        self.image = ToImage(after, channels, w_dim)

    def forward(self, x: Tensor, styles: Tensor, noises: Sequence[Tensor | None]) -> tuple[Tensor, Tensor]:
        """x and the image, by the first of `styles` (n, k, w_dim) and `noises` (n, 1, h, w)."""
        for k, convolution in enumerate(self.convolutions):
            x = convolution(x, styles[:, k], noises[k])
        return x, self.image(x, styles[:, len(self.convolutions)])


class Styled(nn.Module):
    """A 3x3 convolution modulated by w, noise, a bias and leaky ReLU."""

    def __init__(self, before: int, after: int, w_dim: int, grows: bool = False):
        super().__init__()
        self.grows = grows
        self.affine = Linear(w_dim, before, bias=1.0)
        self.weight = nn.Parameter(torch.randn(after, before, 3, 3))
        self.strength = nn.Parameter(torch.zeros(()))
        self.bias = nn.Parameter(torch.zeros(after))

    def forward(self, x: Tensor, w: Tensor, noise: Tensor | None) -> Tensor:
        x = modulated(x, self.weight, self.affine(w), self.grows)
        if noise is not None:
            x = x + self.strength * noise
        return active(x + self.bias[:, None, None])


class ToImage(nn.Module):
    """A 1x1 convolution modulated, but not demodulated."""

    def __init__(self, before: int, channels: int, w_dim: int):
        super().__init__()
        self.affine = Linear(w_dim, before, bias=1.0)
        self.weight = nn.Parameter(torch.randn(channels, before, 1, 1))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        return conv2d(x * self.affine(w)[:, :, None, None], scaled(self.weight), self.bias)


class Discriminator(nn.Module):
    """Images (n, channels, h, w) -> logits (n,); residual blocks, and how much images of a group differ (section 2)."""

    def __init__(self, widths: Sequence[int] = WIDTHS, channels: int = 1, n_classes: int = 0, group: int = 4):
        super().__init__()
        self.group = group
        self.image = Convolution(channels, widths[-1], 1)
        self.blocks = nn.ModuleList(Residual(a, b) for a, b in pairwise(reversed(widths)))
        self.last = Convolution(widths[0] + 1, widths[0], 3)
        self.features = Linear(widths[0] * START**2, widths[0])
        self.logit = Linear(widths[0], 1)
        self.classes = nn.Embedding(n_classes, widths[0]) if n_classes else None
        self.to(memory_format=torch.channels_last)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        x = active(self.image(images.contiguous(memory_format=torch.channels_last)))
        for block in self.blocks:
            x = block(x)
        x = active(self.last(torch.cat([x, deviation(x, self.group)], 1)))
        features = active(self.features(x.flatten(1)))
        logits = self.logit(features)[:, 0]
        if self.classes is not None:
            logits = logits + (features * normalised(self.classes(labels))).sum(1) / math.sqrt(features.shape[1])
        return logits


class Residual(nn.Module):
    """Half the size: two 3x3 convolutions and, beside them, a 1x1 convolution."""

    def __init__(self, before: int, after: int):
        super().__init__()
        self.first, self.second = Convolution(before, before, 3), Convolution(before, after, 3, stride=2)
        self.beside = Convolution(before, after, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        inner = active(self.second(filtered(active(self.first(x)), padding=2)))
        return (self.beside(filtered(x, padding=1, stride=2)) + inner) / math.sqrt(2)


class Linear(nn.Module):
    """An equalised linear layer, whose weights learn `rate` times as fast."""

    def __init__(self, before: int, after: int, bias: float = 0.0, rate: float = 1.0):
        super().__init__()
        self.rate = rate
        self.weight = nn.Parameter(torch.randn(after, before) / rate)
        self.bias = nn.Parameter(torch.full((after,), bias))

    def forward(self, x: Tensor) -> Tensor:
        return linear(x, scaled(self.weight) * self.rate, self.bias * self.rate)


class Convolution(nn.Module):
    """An equalised convolution.  With a stride its input is a pixel larger on every side: `filtered` does that."""

    def __init__(self, before: int, after: int, kernel: int, stride: int = 1, bias: bool = True):
        super().__init__()
        self.stride, self.padding = stride, kernel // 2 if stride == 1 else 0
        self.weight = nn.Parameter(torch.randn(after, before, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(after)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        return conv2d(x, scaled(self.weight), self.bias, self.stride, self.padding)


def modulated(x: Tensor, weight: Tensor, style: Tensor, grows: bool = False) -> Tensor:
    """Convolve each image with its own weights w'_oik = s_i w_oik / |s w_o|  (equations 1 and 3).

    x (n, i, h, w), weight (o, i, 3, 3), style (n, i): channels are scaled by s before, by the norm after.
    """
    weight = scaled(weight)
    norm = linear(style.square(), weight.square().sum((2, 3))).add(1e-8).rsqrt()         # (n, o)
    x = x * style[:, :, None, None]
    if grows:
        x = filtered(conv_transpose2d(x, weight.transpose(0, 1), stride=2), padding=1, gain=4)
    else:
        x = conv2d(x, weight, padding=1)
    return x * norm[:, :, None, None]


def scaled(weight: Tensor) -> Tensor:
    """Weights N(0, 1) become those of He's initialisation, but for the activation's gain."""
    return weight / math.sqrt(weight[0].numel())


def active(x: Tensor) -> Tensor:
    """Leaky ReLU that keeps the variance."""
    return leaky_relu(x, 0.2) * math.sqrt(2)


def normalised(z: Tensor) -> Tensor:
    """Every row on the sphere of radius sqrt(d)."""
    return z * z.square().mean(1, keepdim=True).add(1e-8).rsqrt()


def fir(x: Tensor, gain: float) -> Tensor:
    """The filter for each channel of x, (C, 1, 4, 4), summing to `gain`."""
    taps = torch.tensor(FIR, dtype=x.dtype, device=x.device)
    return (taps.outer(taps) * (gain / taps.sum() ** 2)).expand(x.shape[1], 1, -1, -1)


def filtered(x: Tensor, padding: int, stride: int = 1, gain: float = 1) -> Tensor:
    return conv2d(x, fir(x, gain), stride=stride, padding=padding, groups=x.shape[1])


def upsample(x: Tensor) -> Tensor:
    """(n, C, h, w) -> (n, C, 2h, 2w): zeros between the pixels, then the filter."""
    return conv_transpose2d(x, fir(x, 4), stride=2, padding=1, groups=x.shape[1])


def deviation(x: Tensor, group: int) -> Tensor:
    """Standard deviation within groups of images, averaged over all places: (n, 1, h, w).  Karras et al. 2018,
    section 3.  Members of a group stand n / group images apart."""
    n, _, height, width = x.shape
    group = math.gcd(n, group)
    spread = x.unflatten(0, (group, n // group)).var(0, correction=0).add(1e-8).sqrt()
    return spread.mean((1, 2, 3)).repeat(group)[:, None, None, None].expand(n, 1, height, width)


@torch.no_grad()
def initialise(network: nn.Module, generator: torch.Generator) -> None:
    """All weights N(0, 1), those of slow layers N(0, 1 / rate^2); biases and noise strengths as they are made."""
    for module in network.modules():
        if isinstance(module, Linear | Convolution | Styled | ToImage | nn.Embedding):
            module.weight.normal_(0, 1 / getattr(module, "rate", 1.0), generator=generator)
    if isinstance(network, StyleGAN2):
        network.start.normal_(generator=generator)


def arguments_of(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """The arguments that a checkpoint's shapes imply; empty when they are not a StyleGAN2's of this file."""
    if not {"mapping.mean", "start", "stages.0.image.weight"} <= state.keys():
        return {}
    stages = {int(key.split(".")[1]) for key in state if key.startswith("stages.")}
    layers = {key.split(".")[2] for key in state if key.startswith("mapping.layers.")}
    classes = state.get("mapping.classes.weight")
    return {
        "z_dim": state["mapping.layers.0.weight"].shape[1] // (1 if classes is None else 2),
        "w_dim": len(state["mapping.mean"]), "depth": len(layers), "channels": len(state["stages.0.image.weight"]),
        "widths": [state[f"stages.{k}.image.weight"].shape[1] for k in sorted(stages)],
        "n_classes": 0 if classes is None else len(classes),
    }
