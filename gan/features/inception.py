"""The 2015 Inception network of FID, IS and sFID, with the parameter names of pytorch-fid's file.

The graph is Google's `inception-2015-12-05.tgz` (Szegedy 2015, arXiv:1512.00567), which differs
from torchvision's Inception v3: average pools do not count the padding, the last block pools by
maximum, and there are 1008 classes.  https://github.com/mseitzer/pytorch-fid says where.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganbench.gan.checkpoints import find_weights
from ganbench.gan.features import resize
from ganbench.gan.features.network import Network, NetworkExtractor, build

FILE = "pt_inception-2015-12-05-6726825d.pth"
SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
URL = f"https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/{FILE}"
SIZE = 299
MICRO_BATCH = 10                 # images per CPU second at 5, 10, 20: 17.3, 17.9, 17.9 (ONNX Runtime)


def make(network: Network, weights: Path | None, cache: Path, device: str, backend: str) -> NetworkExtractor:
    """`network` is TF1, SPATIAL or CLEAN; weights given, cached, or downloaded and checked."""
    path = find_weights("The FID network (Inception 2015)", FILE, SHA256, URL, weights, cache)
    return build(network, path, device, backend)


def prepare(images: Tensor, rule: Callable[[Tensor, int], Tensor]) -> Tensor:
    """RGB NCHW uint8 -> (N, 3, 299, 299) float32 in [-1, 1)."""
    return (rule(images, SIZE) - 128) / 128


class Conv(nn.Module):
    """Convolution, batch normalisation, ReLU; keeps the size ("same") unless `valid` or strided."""

    def __init__(self, before: int, after: int, kernel: int | tuple[int, int], stride: int = 1, valid: bool = False):
        super().__init__()
        height, width = (kernel, kernel) if isinstance(kernel, int) else kernel
        margin = (0, 0) if valid or stride > 1 else (height // 2, width // 2)
        self.conv = nn.Conv2d(before, after, (height, width), stride, margin, bias=False)
        self.bn = nn.BatchNorm2d(after, eps=1e-3)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(self.bn(self.conv(x)))


def average_pool() -> nn.Module:
    return nn.AvgPool2d(3, 1, 1, count_include_pad=False)


class Mixed5(nn.Module):
    """35x35: 1x1, 5x5, two 3x3, pool."""

    def __init__(self, before: int, pooled: int):
        super().__init__()
        self.branch1x1 = Conv(before, 64, 1)
        self.branch5x5_1 = Conv(before, 48, 1)
        self.branch5x5_2 = Conv(48, 64, 5)
        self.branch3x3dbl_1 = Conv(before, 64, 1)
        self.branch3x3dbl_2 = Conv(64, 96, 3)
        self.branch3x3dbl_3 = Conv(96, 96, 3)
        self.pool = average_pool()
        self.branch_pool = Conv(before, pooled, 1)

    def forward(self, x: Tensor) -> Tensor:
        double = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return torch.cat([self.branch1x1(x), self.branch5x5_2(self.branch5x5_1(x)), double,
                          self.branch_pool(self.pool(x))], 1)


class Mixed6a(nn.Module):
    """35x35 -> 17x17."""

    def __init__(self, before: int):
        super().__init__()
        self.branch3x3 = Conv(before, 384, 3, stride=2)
        self.branch3x3dbl_1 = Conv(before, 64, 1)
        self.branch3x3dbl_2 = Conv(64, 96, 3)
        self.branch3x3dbl_3 = Conv(96, 96, 3, stride=2)
        self.pool = nn.MaxPool2d(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        double = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return torch.cat([self.branch3x3(x), double, self.pool(x)], 1)


class Mixed6(nn.Module):
    """17x17: 1x1, one and two factorised 7x7 with `inner` channels, pool."""

    def __init__(self, inner: int):
        super().__init__()
        self.branch1x1 = Conv(768, 192, 1)
        self.branch7x7_1 = Conv(768, inner, 1)
        self.branch7x7_2 = Conv(inner, inner, (1, 7))
        self.branch7x7_3 = Conv(inner, 192, (7, 1))
        self.branch7x7dbl_1 = Conv(768, inner, 1)
        self.branch7x7dbl_2 = Conv(inner, inner, (7, 1))
        self.branch7x7dbl_3 = Conv(inner, inner, (1, 7))
        self.branch7x7dbl_4 = Conv(inner, inner, (7, 1))
        self.branch7x7dbl_5 = Conv(inner, 192, (1, 7))
        self.pool = average_pool()
        self.branch_pool = Conv(768, 192, 1)

    def forward(self, x: Tensor) -> Tensor:
        single = self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x)))
        double = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(x)))
        double = self.branch7x7dbl_5(self.branch7x7dbl_4(double))
        return torch.cat([self.branch1x1(x), single, double, self.branch_pool(self.pool(x))], 1)


class Mixed7a(nn.Module):
    """17x17 -> 8x8."""

    def __init__(self) -> None:
        super().__init__()
        self.branch3x3_1 = Conv(768, 192, 1)
        self.branch3x3_2 = Conv(192, 320, 3, stride=2)
        self.branch7x7x3_1 = Conv(768, 192, 1)
        self.branch7x7x3_2 = Conv(192, 192, (1, 7))
        self.branch7x7x3_3 = Conv(192, 192, (7, 1))
        self.branch7x7x3_4 = Conv(192, 192, 3, stride=2)
        self.pool = nn.MaxPool2d(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        seven = self.branch7x7x3_4(self.branch7x7x3_3(self.branch7x7x3_2(self.branch7x7x3_1(x))))
        return torch.cat([self.branch3x3_2(self.branch3x3_1(x)), seven, self.pool(x)], 1)


class Mixed7(nn.Module):
    """8x8: the 3x3 convolutions end in a fork of 1x3 and 3x1."""

    def __init__(self, before: int, pool: nn.Module):
        super().__init__()
        self.branch1x1 = Conv(before, 320, 1)
        self.branch3x3_1 = Conv(before, 384, 1)
        self.branch3x3_2a = Conv(384, 384, (1, 3))
        self.branch3x3_2b = Conv(384, 384, (3, 1))
        self.branch3x3dbl_1 = Conv(before, 448, 1)
        self.branch3x3dbl_2 = Conv(448, 384, 3)
        self.branch3x3dbl_3a = Conv(384, 384, (1, 3))
        self.branch3x3dbl_3b = Conv(384, 384, (3, 1))
        self.pool = pool
        self.branch_pool = Conv(before, 192, 1)

    def forward(self, x: Tensor) -> Tensor:
        single = self.branch3x3_1(x)
        double = self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        return torch.cat([self.branch1x1(x), self.branch3x3_2a(single), self.branch3x3_2b(single),
                          self.branch3x3dbl_3a(double), self.branch3x3dbl_3b(double),
                          self.branch_pool(self.pool(x))], 1)


class Inception(nn.Module):
    """(n, 3, 299, 299) float in [-1, 1) -> pool3 features (n, 2048), logits (n, 1008) without the bias."""

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = Conv(3, 32, 3, stride=2)
        self.Conv2d_2a_3x3 = Conv(32, 32, 3, valid=True)
        self.Conv2d_2b_3x3 = Conv(32, 64, 3)
        self.pool1 = nn.MaxPool2d(3, 2)
        self.Conv2d_3b_1x1 = Conv(64, 80, 1)
        self.Conv2d_4a_3x3 = Conv(80, 192, 3, valid=True)
        self.pool2 = nn.MaxPool2d(3, 2)
        self.Mixed_5b = Mixed5(192, pooled=32)
        self.Mixed_5c = Mixed5(256, pooled=64)
        self.Mixed_5d = Mixed5(288, pooled=64)
        self.Mixed_6a = Mixed6a(288)
        self.Mixed_6b = Mixed6(inner=128)
        self.Mixed_6c = Mixed6(inner=160)
        self.Mixed_6d = Mixed6(inner=160)
        self.Mixed_6e = Mixed6(inner=192)
        self.Mixed_7a = Mixed7a()
        self.Mixed_7b = Mixed7(1280, average_pool())
        self.Mixed_7c = Mixed7(2048, nn.MaxPool2d(3, 1, 1))
        self.pool3 = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.fc = nn.Linear(2048, 1008)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        return self.head(self.body(images))

    def body(self, images: Tensor) -> Tensor:
        """Up to Mixed_6d: (n, 768, 17, 17)."""
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(images)))
        x = self.pool1(x)                                                       # (n, 64, 73, 73)
        x = self.pool2(self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(x)))               # (n, 192, 35, 35)
        x = self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(x)))
        x = self.Mixed_6c(self.Mixed_6b(self.Mixed_6a(x)))
        return self.Mixed_6d(x)

    def head(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """From Mixed_6d on: features, logits."""
        x = self.Mixed_6e(x)                                                    # (n, 768, 17, 17)
        features = self.pool3(self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(x))))   # (n, 2048)
        # The original Inception Score leaves out the bias of the last layer.
        return features, F.linear(features, self.fc.weight)


class SpatialInception(Inception):
    """The same, and beside it (n, 2023): the first 7 channels of Mixed_6d at each of 17x17 places, for sFID.

    Nash 2021, arXiv:2103.03841; which channels, and that they come last, from `evaluations/evaluator.py` of
    https://github.com/openai/guided-diffusion, where they are called mixed_6/conv.
    """

    def __init__(self) -> None:
        super().__init__()
        self.flat = nn.Flatten()

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        x = self.body(images)
        first = torch.narrow(x, 1, 0, 7)                                        # of branch1x1, behind its ReLU
        return (*self.head(x), self.flat(torch.permute(first, (0, 2, 3, 1))))


TF1 = Network(                                        # the convention `fidelity`
    "inception", Inception, partial(prepare, rule=resize.tf1_bilinear),
    {"resize": "TF1 bilinear to 299", "normalise": "(x-128)/128", "layer": "pool3, logits without bias"},
    input=(3, SIZE, SIZE), d=2048, n_logits=1008, micro_batch=MICRO_BATCH)
SPATIAL = replace(                                    # the convention `adm`
    TF1, name="inception_spatial", module=SpatialInception, views={"spatial": 17 * 17 * 7},
    rules={**TF1.rules, "spatial": "Mixed_6d, first 7 channels, channels last"})
CLEAN = replace(
    TF1, name="inception_clean", prepare=partial(prepare, rule=resize.clean),
    rules={**TF1.rules, "resize": "bicubic antialias to 299, clamped, not rounded"})
