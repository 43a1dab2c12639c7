"""Computing the features of images with an extractor."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ganbench.gan.features.base import Extractor


def extract(
    images: np.ndarray, extractor: Extractor, start: int = 0, tick: Callable[[int], object] = lambda n: None
) -> dict[str, np.ndarray]:
    """The extractor's arrays (n, length) of images[start:], NCHW uint8: features first, logits if it has them.

    Works in whole micro-batches that start at multiples of their size, so that every image has the same position in its
    batch, and the same bits, wherever a run begins.
    """
    size = extractor.micro_batch
    parts: dict[str, list[np.ndarray]] = {name: [] for name in extractor.outputs}
    for first in range(start // size * size, len(images), size):
        found = extractor(images[first : first + size])
        skip = max(0, start - first)
        for name, rows in parts.items():
            rows.append(found[name][skip:])
        tick(len(found["features"]) - skip)
    return {name: np.concatenate(rows) for name, rows in parts.items()}
