"""The interface of extractors: images uint8 NCHW -> features and other arrays, in a fixed micro-batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ganbench.gan.types import BadInput

Shape = tuple[int, int, int]                          # (channels, height, width) of one image


class Extractor(Protocol):
    """Images -> features.  Safe to call from several threads; each caller keeps to one torch thread."""

    @property
    def name(self) -> str:
        """A row of EXTRACTORS."""
    @property
    def d(self) -> int:
        """Length of a feature vector; 0: it depends on the images (`pixels` without a shape)."""
    @property
    def outputs(self) -> Mapping[str, int]:
        """Length per image of every output array, features first; logits only if it has them."""
    @property
    def weights(self) -> str:
        """sha256 of the file of weights; empty: there is none."""
    @property
    def digest(self) -> str:
        """sha256 over everything that defines the features: weights, resize rule, normalisation, layer."""
    @property
    def engine(self) -> Mapping[str, Any]:
        """Everything else that affects the bits: backend, version, dtype, device, threads, micro_batch."""
    @property
    def micro_batch(self) -> int:
        """Images per call, a divisor of 1000; fewer are padded, since convolutions round by batch size."""

    def __call__(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """NCHW uint8, 1 <= N <= micro_batch -> arrays (N, length) float32, by the names of `outputs`."""
        ...

    def unrounded(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """The same of NCHW float32 from 0 to 255, of which nothing is rounded to 8 bits on the way, in no resize
        either: for differences that are smaller than a grey level."""
        ...


class Make(Protocol):
    """Builds an extractor.  `weights`: a file of the user's; `cache`: where downloads lie."""

    def __call__(self, weights: Path | None, cache: Path, device: str = "cpu", *,
                 backend: str = "auto", shape: Shape | None = None) -> Extractor: ...


@dataclass(frozen=True)
class Row:
    """One row of EXTRACTORS."""

    make: Make
    d: int                                            # 0: it depends on the images
    logits: int
    what: str                                         # one line, for people
    weights: str                                      # where they come from, one line
    network: str                                      # FID is FID only with "inception-2015"
    paper: str
    views: Mapping[str, int] = field(default_factory=dict)      # further arrays and their lengths: other layers
    file: str = ""                                    # what a download is called in the cache; empty: there is none

    @property
    def outputs(self) -> dict[str, int]:
        """See `Extractor.outputs`."""
        return named(self.d, self.logits, self.views)


def named(d: int, logits: int, views: Mapping[str, int]) -> dict[str, int]:
    """Length per image by the name of an array, in the order in which networks give them."""
    return {"features": d} | ({"logits": logits} if logits else {}) | dict(views)


def check_images(images: np.ndarray, micro_batch: int, dtype: type = np.uint8) -> None:
    """Refuse whatever is not NCHW of this type with 1 or 3 channels and 1..micro_batch images."""
    if images.ndim != 4 or images.dtype != dtype:
        raise ValueError(
            f"Extractors take NCHW {np.dtype(dtype)} images here, got {images.dtype} of shape {images.shape}.")
    if not 1 <= len(images) <= micro_batch:
        raise ValueError(f"This extractor takes 1 to {micro_batch} images at a time, got {len(images)}.")
    if images.shape[1] not in (1, 3):
        raise BadInput("wrong-channels",
                       f"Images must be grey (1 channel) or RGB (3), but these have {images.shape[1]} channels.")


def padded(images: np.ndarray, size: int, channels: int) -> np.ndarray:
    """(n, 1 or channels, h, w) -> a new array (size, channels, h, w): grey repeated, black images at the end."""
    batch = np.zeros((size, channels, *images.shape[2:]), images.dtype)
    batch[: len(images)] = images
    return batch
