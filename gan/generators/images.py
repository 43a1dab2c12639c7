"""The finite generator: images on disk, from any program; real data are also drawn in this way."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from ganbench.gan.datasets.base import ImageSet
from ganbench.gan.images import to_float
from ganbench.gan.philox import words


class ImagesOnDisk:
    """n images without replacement: in file order, or in a random order that depends on the seed."""

    n_classes = 0
    output_range = (-1.0, 1.0)

    def __init__(self, images: ImageSet, shuffled: bool = False):
        self.images, self.shuffled, self.n = images, shuffled, images.n

    def draws(self, indices: Sequence[int], seed: int) -> Tensor:
        """Rows of the set, (n,) int64.  Indices beyond the end give the last image, so that the last micro-batch
        can be whole; whoever asks for images first compares their number with `n`."""
        rows = torch.tensor(list(indices), dtype=torch.int64).clamp(max=self.n - 1)
        return order(self.n, seed)[rows] if self.shuffled else rows

    def sample(self, draws: Tensor, labels: Tensor | None = None) -> Tensor:
        """NCHW float32 in [-1, 1] that quantises to exactly the bytes of the files."""
        return to_float(torch.from_numpy(self.images.read(draws.tolist())))

    def labels(self, draws: Tensor) -> Tensor | None:
        """The classes of these images, (n,) int64, if the set has classes."""
        return None if self.images.labels is None else torch.from_numpy(self.images.labels[draws.numpy()])


@lru_cache(maxsize=4)
def order(n: int, seed: int) -> Tensor:
    """A permutation of n rows, int64, by a number of 64 bits that each has: its first k are a random part, and the same
    ones for every larger k."""
    return torch.from_numpy(np.argsort(words(range(n), seed, 1, "order")[:, 0], kind="stable"))
