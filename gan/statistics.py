"""Features -> mean and covariance, chunk by chunk: the sufficient statistics of a Fréchet distance."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ganbench.gan.types import BadInput, Statistics

ROWS = 1_000         # rows per tile


@dataclass(frozen=True)
class Moments:
    """Sums over n feature vectors of length d, which can be merged; float64."""

    n: int
    mean: np.ndarray     # (d,)
    spread: np.ndarray   # (d, d), sum over the rows of (x - mean)(x - mean)^T; not normalised

    def statistics(self) -> Statistics:
        if self.n < 2:
            raise BadInput("too-few-images", f"A covariance needs at least 2 feature vectors, got {self.n}.")
        return Statistics(self.mean, self.spread / (self.n - 1), self.n)


def check_features(features: np.ndarray, first: int = 0) -> None:
    """Refuse what is not an (n, d) array of finite numbers; `first` is the number of row 0, for the message."""
    if len(features.shape) != 2:
        raise BadInput("not-features",
                       f"Features are expected as (n, d), one row per image; found the shape {features.shape}.")
    finite = np.ones(len(features), bool)
    for start in range(0, len(features), ROWS):         # a tile at a time, to save memory
        finite[start : start + ROWS] = np.isfinite(features[start : start + ROWS]).all(axis=1)
    if not finite.all():
        bad = np.flatnonzero(~finite)
        span = f"{len(features):,}" if first == 0 else f"{len(features):,} (from row {first:,} on)"
        raise BadInput("features-not-finite",
                       f"{len(bad):,} of {span} feature vectors hold NaN or infinity, first in row {first + bad[0]:,}.")


def moments(features: np.ndarray) -> Moments:
    """(n, d) float32 -> Moments, in float64.  Needs one float64 copy: give large sets to `accumulate` in chunks."""
    check_features(features)
    if len(features) == 0:
        return Moments(0, np.zeros(features.shape[1]), np.zeros((features.shape[1], features.shape[1])))
    centred = features.astype(np.float64)
    mean = centred.mean(axis=0)
    centred -= mean
    return Moments(len(features), mean, centred.T @ centred)


def merge(a: Moments, b: Moments) -> Moments:
    """Combine two parts.  Chan, Golub & LeVeque 1983, "Algorithms for computing the sample variance"."""
    if a.mean.shape != b.mean.shape:
        raise BadInput("unequal-features",
                       f"Features of length {len(a.mean)} cannot be merged with features of length {len(b.mean)}.")
    if a.n == 0 or b.n == 0:
        return b if a.n == 0 else a
    n, shift = a.n + b.n, b.mean - a.mean                       # (d,)
    spread = a.spread + b.spread + np.outer(shift, shift) * (a.n * b.n / n)
    return Moments(n, a.mean + shift * (b.n / n), spread)


def accumulate(chunks: Iterable[np.ndarray]) -> Moments:
    """Moments of all rows of all chunks, each (rows, d) float32; memory is one chunk and three (d, d) arrays."""
    total: Moments | None = None
    for chunk in chunks:
        check_features(chunk, first=total.n if total else 0)
        part = moments(chunk)
        total = merge(total, part) if total else part
    if total is None:
        raise BadInput("no-features", "Moments need at least one chunk of features, got none.")
    return total
