"""Which of several methods restores better, on the same images: paired differences with a bootstrap interval."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ganbench.gan.philox import uniforms

DRAWS = 2_000
LEAST = 10              # images, below which no interval is given


@dataclass(frozen=True)
class Paired:
    """By how much the best method is better than another one, on n images: the mean, and its 95 % interval."""

    method: str
    against: str
    difference: float
    low: float
    high: float
    n: int

    @property
    def wins(self) -> bool:
        return self.low > 0


def paired(values: Mapping[str, np.ndarray], method: str, against: str, draws: int = DRAWS) -> Paired:
    """`values`: (n,) of each method, of the same images in the same order.  Images are drawn again, with what all
    methods made of them (Efron & Tibshirani 1993, chapter 13: percentiles)."""
    apart = np.asarray(values[method], np.float64) - values[against]
    n = len(apart)
    chosen = (uniforms(range(draws), 0, n, "bootstrap") * n).astype(np.int64)
    low, high = np.percentile(apart[chosen].mean(1), [2.5, 97.5])
    return Paired(method, against, float(apart.mean()), float(low), float(high), n)


def ranked(values: Mapping[str, np.ndarray]) -> list[Paired]:
    """The best method, by its mean, against every other one, the nearest first; empty for one method or few images."""
    if len(values) < 2 or len(next(iter(values.values()))) < LEAST:
        return []
    order = sorted(values, key=lambda name: -float(np.mean(values[name])))
    return [paired(values, order[0], other) for other in order[1:]]
