"""Smoothing over all points, and the choice of those that a picture shows."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from scipy.signal import lfilter

MOST = 3_000        # points of a curve in a picture


def smoothed(values: np.ndarray, weight: float = 0.9) -> np.ndarray:
    """The debiased exponential moving average of TensorBoard: (n,) float64 -> (n,) float64.

    s_k = (1 - w) sum_{i <= k} w^(k - i) x_i / (1 - w^k) over the finite values; NaN and infinity stand where they are
    and do not enter the average.  A value depends on those before it only.
    """
    if not 0 <= weight < 1:
        raise ValueError(f"The weight of smoothing lies in [0, 1), got {weight}.")
    found, finite = np.array(values, np.float64), np.isfinite(values)
    inside = found[finite]
    if weight and len(inside):
        # About the first value: a constant stays that constant, and large levels keep their digits.
        average = lfilter([1 - weight], [1, -weight], inside - inside[0])
        found[finite] = inside[0] + average / -np.expm1(np.arange(1, len(inside) + 1) * np.log(weight))
    return found


def thinned(values: np.ndarray, most: int = MOST) -> np.ndarray:
    """Rows to draw, at most `most`, (m,) int64: of each bucket the lowest, the highest and the first that is not
    finite; and the first and the last row."""
    n = len(values)
    if n <= most:
        return np.arange(n)
    edges = np.linspace(0, n, (most - 2) // 3 + 1).astype(np.int64)
    rows = [0, n - 1]
    for first, last in pairwise(edges.tolist()):
        part = values[first:last]
        finite = np.isfinite(part)
        if finite.any():
            rows += [first + int(np.argmin(np.where(finite, part, np.inf))),
                     first + int(np.argmax(np.where(finite, part, -np.inf)))]
        if not finite.all():
            rows.append(first + int(np.argmin(finite)))
    return np.unique(rows)
