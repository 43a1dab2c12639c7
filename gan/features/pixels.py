"""Pixels as features, without a network: for tests and toy data, and as the simplest baseline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ganbench.gan.features import resize
from ganbench.gan.features.base import Shape, check_images
from ganbench.gan.types import digest_of

LARGEST = 32


@dataclass(frozen=True)
class Pixels:
    """Values / 255, flattened channels first; images larger than 32 pixels are averaged down to 32x32.

    See `ganbench.gan.features.base.Extractor`.  Always on the CPU.
    """

    d: int
    digest: str
    engine: Mapping[str, Any]
    name: str = "pixels"
    weights: str = ""
    micro_batch: int = 50

    @property
    def outputs(self) -> dict[str, int]:
        return {"features": self.d}

    def __call__(self, images: np.ndarray) -> dict[str, np.ndarray]:
        check_images(images, self.micro_batch)
        return self.look(images)

    def unrounded(self, images: np.ndarray) -> dict[str, np.ndarray]:
        check_images(images, self.micro_batch, np.float32)
        return self.look(images)

    def look(self, images: np.ndarray) -> dict[str, np.ndarray]:
        if max(images.shape[2:]) <= LARGEST:
            values = images.astype(np.float32)
        else:
            values = resize.area(torch.tensor(images), LARGEST).numpy()
        return {"features": values.reshape(len(images), -1) / np.float32(255)}


def make(shape: Shape | None) -> Pixels:
    """`shape` of the images tells d; without it d is 0 and the features are as long as they turn out."""
    digest = digest_of({"extractor": "pixels", "resize": f"area to {LARGEST} if larger", "normalise": "x/255"})
    engine = {"backend": "torch", "version": str(torch.__version__), "dtype": "float32", "device": "cpu",
              "threads": 1, "micro_batch": Pixels.micro_batch}
    return Pixels(length(shape) if shape else 0, digest, engine)


def length(shape: Shape) -> int:
    """Features per image of (channels, height, width)."""
    channels, height, width = shape
    return channels * (height * width if max(height, width) <= LARGEST else LARGEST**2)
