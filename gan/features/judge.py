"""The judge: a small classifier of the reference data, trained once and shipped (`gan/zoo`).

It gives features (128) and logits (10) for `fd_judge` and `is_judge`; no model is trained on it
or chosen by it.
"""

from __future__ import annotations

from torch import Tensor, nn


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
