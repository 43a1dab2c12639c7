"""The judge: a small classifier of the reference data's classes, trained once and shipped (`gan/zoo`).

It computes features (128) and logits (10) for `fd_judge` and `is_judge`; no model was trained or selected with it.
"""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn

from ganbench.gan.features.network import Network, NetworkExtractor, build
from ganbench.gan.types import BadInput

SHIPPED = Path(__file__).parent.parent / "zoo" / "judge-fashion-mnist.safetensors"


def block(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(before, after, 3, 1, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU(True))


class Judge(nn.Module):
    """Images (n, 1, 32, 32) float in [-1, 1] -> logits (n, 10); a plain convolutional network."""

    def __init__(self, width: int = 32, features: int = 128, classes: int = 10):
        super().__init__()
        self.body = nn.Sequential(
            block(1, width), nn.MaxPool2d(2),
            block(width, 2 * width), block(2 * width, 2 * width), nn.MaxPool2d(2),
            block(2 * width, 4 * width), nn.MaxPool2d(2),
            block(4 * width, features), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        )
        self.head = nn.Linear(features, classes)

    def features(self, images: Tensor) -> Tensor:
        """(n, 128) float32: averages over the last feature map."""
        return self.body(images)

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.features(images))


class JudgeOutputs(Judge):
    """Images (n, 1, 32, 32) float in [-1, 1] -> features (n, 128), logits (n, 10)."""

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:     # type: ignore[override]
        features = self.features(images)
        return features, self.head(features)


def make(weights: Path | None, device: str, backend: str) -> NetworkExtractor:
    """Weights: the given file, else the ones that travel with the package."""
    if weights is None and not SHIPPED.is_file():
        raise BadInput("missing-weights", f"The judge's weights are missing: expected {SHIPPED}, or give a file.")
    return build(JUDGE, weights or SHIPPED, device, backend)


def prepare(images: Tensor) -> Tensor:
    """(n, 1, 32, 32) uint8 -> float32 in [-1, 1]."""
    return images.float() / 127.5 - 1


JUDGE = Network(
    "judge", JudgeOutputs, prepare,
    {"resize": "none", "normalise": "x/127.5-1", "layer": "pool, logits"},
    input=(1, 32, 32), d=128, n_logits=10, micro_batch=50, only=(1, 32, 32))
