"""DCGAN (Radford, Metz & Chintala 2016, arXiv:1511.06434).

Layers and key names (`main.0.weight`, ...) are those of PyTorch's well-known tutorial, so that checkpoints derived from
it load without an adapter.  Variants differ in widths, kernels and strides, normalisation, biases, or use
nearest-neighbour upsampling: each is an argument, and most can be inferred from the shapes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from ganbench.gan.generators.base import PlainLatent, Space, latents

NORMS: dict[str, Callable[[int], nn.Module] | None] = {
    "batch": nn.BatchNorm2d, "instance": lambda width: nn.InstanceNorm2d(width, affine=True), "none": None,
}
OUTPUTS: dict[str, tuple[Callable[[], nn.Module], tuple[float, float]]] = {
    "tanh": (nn.Tanh, (-1.0, 1.0)), "sigmoid": (nn.Sigmoid, (0.0, 1.0)), "none": (nn.Identity, (-1.0, 1.0)),
}
UPSAMPLINGS = ("deconvolution", "nearest")
Layer = Sequence[int]                                       # kernel, stride, padding and, perhaps, output padding


class DCGAN(nn.Module, PlainLatent):
    """z (n, z_dim) -> images (n, channels, resolution, resolution) in [-1, 1], by transposed convolutions.

    Arguments beyond the tutorial's: `widths` between the layers, first to last, instead of multiples of `width`;
    `layers`, a (kernel, stride, padding[, output padding]) for each; `norm` batch, instance or none; the `slope` of
    ReLU below 0; `bias` of all layers; `upsampling` "nearest", where all but the first layer double the size and then
    convolve; `output` tanh, sigmoid (images in [0, 1]) or none.
    """

    n_classes = 0

    def __init__(
        self, z_dim: int = 100, width: int = 64, resolution: int = 64, channels: int = 3, latent: str = "normal",
        widths: Sequence[int] = (), layers: Sequence[Layer] = (), norm: str = "batch", slope: float = 0.0,
        bias: bool = False, upsampling: str = "deconvolution", output: str = "tanh",
    ):
        super().__init__()
        check_choice("norm", norm, NORMS)
        check_choice("output", output, OUTPUTS)
        check_choice("upsampling", upsampling, UPSAMPLINGS)
        self.z_dim, self.latent, self.spaces = z_dim, latent, {"z": Space((z_dim,), latent)}
        layers = layers or tutorial_layers(resolution, upsampling)
        check_sizes(layers, upsampling, resolution)
        widths = widths or [width * 2**k for k in reversed(range(len(layers) - 1))]     # 32 px: 4w 2w w
        if len(widths) != len(layers) - 1:
            raise ValueError(f"{len(layers)} layers have {len(layers) - 1} widths between them, got {len(widths)}")
        modules: list[nn.Module] = []
        make_norm = NORMS[norm]
        for k, ((before, after), layer) in enumerate(zip(pairwise([z_dim, *widths, channels]), layers, strict=True)):
            if k:
                modules += [make_norm(before)] if make_norm else []
                modules += [nn.LeakyReLU(slope, True) if slope else nn.ReLU(True)]
            modules += convolution(before, after, layer, bias, upsampling if k else "deconvolution")
        final, self.output_range = OUTPUTS[output]
        self.main = nn.Sequential(*modules, final())

    def draws(self, indices: Sequence[int], seed: int) -> Tensor:
        """(n, z_dim) float32."""
        return latents(indices, seed, (self.z_dim,), self.latent)

    def training_draws(self, n: int, random: torch.Generator) -> Tensor:
        """(n, z_dim) float32 for one step of training, from one source for all."""
        if self.latent == "uniform":
            return torch.rand(n, self.z_dim, generator=random) * 2 - 1
        return torch.randn(n, self.z_dim, generator=random)

    def sample(self, draws: Tensor, labels: Tensor | None = None) -> Tensor:
        return self(draws)

    def forward(self, z: Tensor) -> Tensor:
        return self.main(z.reshape(-1, self.z_dim, 1, 1))


def convolution(before: int, after: int, layer: Layer, bias: bool, upsampling: str) -> list[nn.Module]:
    kernel, stride, padding, *more = layer
    if upsampling == "nearest":
        return [nn.Upsample(scale_factor=2), nn.Conv2d(before, after, kernel, stride, padding, bias=bias)]
    return [nn.ConvTranspose2d(before, after, kernel, stride, padding, sum(more), bias=bias)]


def tutorial_layers(resolution: int, upsampling: str) -> Sequence[Layer]:
    """4x4, then twice the size until there are that many pixels."""
    doublings = max(resolution // 4, 1).bit_length() - 1
    return [(4, 1, 0)] + [(4, 2, 1) if upsampling == "deconvolution" else (3, 1, 1)] * doublings


def side_of(layers: Sequence[Layer], upsampling: str) -> int:
    """Pixels along a side after all layers."""
    side = 1
    for k, (kernel, stride, padding, *more) in enumerate(layers):
        if k and upsampling == "nearest":
            side = (2 * side + 2 * padding - kernel) // stride + 1
        else:
            side = (side - 1) * stride - 2 * padding + kernel + sum(more)
    return side


def check_sizes(layers: Sequence[Layer], upsampling: str, resolution: int) -> None:
    found = side_of(layers, upsampling)
    if found != resolution:
        raise ValueError(f"the layers {[list(layer) for layer in layers]} make {found} x {found} pixels, expected "
                         f"resolution = {resolution}")


def check_choice(name: str, value: str, known: Sequence[str] | Mapping[str, Any]) -> None:
    if value not in known:
        raise ValueError(f"{name} is {value!r}, expected one of {', '.join(known)}")


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
        elif isinstance(module, nn.BatchNorm2d | nn.InstanceNorm2d):
            nn.init.normal_(module.weight, 1.0, 0.02, generator=generator)
            nn.init.zeros_(module.bias)


def arguments_of(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """The arguments that a checkpoint's shapes imply; empty when they are not a DCGAN's.

    Strides cannot be inferred: layers after the first are assumed to double the size, or, with a kernel of 3, to make
    it 2 n - 1, as from 4 to 7 pixels.  Nor can the latents' distribution, slopes, the output activation, or
    normalisation without weights.
    """
    places = [int(key.split(".")[1]) for key, value in state.items() if is_kernel(key, value)]
    kernels = [state[f"main.{place}.weight"] for place in places]
    if len(kernels) < 3 or places[0] != 0 or places != sorted(places):
        return {}
    normed = "main.1.weight" in state
    nearest = places[1] == (4 if normed else 3)
    shapes = [kernels[0].shape, *((kernel.transpose(0, 1) if nearest else kernel).shape for kernel in kernels[1:])]
    if any(a[1] != b[0] for a, b in pairwise(shapes)):
        return {}
    layers = [guessed_layer(shape[2], first=k == 0, nearest=nearest) for k, shape in enumerate(shapes)]
    upsampling, widths = ("nearest" if nearest else "deconvolution"), [shape[0] for shape in shapes[1:]]
    resolution = side_of(layers, upsampling)
    found = {"z_dim": shapes[0][0], "width": widths[-1], "resolution": resolution, "channels": shapes[-1][1]}
    unusual = {
        "widths": widths != [widths[-1] * 2**k for k in reversed(range(len(widths)))] and widths,
        "layers": layers != tutorial_layers(resolution, upsampling) and [list(layer) for layer in layers],
        "norm": ("main.1.running_mean" not in state) and ("instance" if normed else "none"),
        "bias": "main.0.bias" in state,
        "upsampling": nearest and "nearest",
    }
    return found | {name: value for name, value in unusual.items() if value}


def is_kernel(key: str, value: Tensor) -> bool:
    return key.startswith("main.") and key.endswith(".weight") and key.count(".") == 2 and value.ndim == 4


def guessed_layer(kernel: int, first: bool, nearest: bool) -> Layer:
    if first:
        return (kernel, 1, 0)
    if nearest:
        return (kernel, 1, kernel // 2)
    padding = (kernel - 1) // 2
    return (kernel, 2, padding, 1) if kernel % 2 and kernel != 3 else (kernel, 2, padding)
