"""Realism of single images beside real ones: the largest radius / distance over the balls of real images.

The radius is the distance to the third nearest other real image; balls above the median radius are left out; 1 or more
lies inside a ball (Kynkäänniemi et al. 2019, arXiv:1904.06991, equation 3).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ganbench.gan.metrics.neighbours import OF_COPIES, REALISM, nearest

ROWS = 500          # of features at a time
FEW = 4             # real images whose distance is computed exactly


def realism_of(features: np.ndarray, real: np.ndarray) -> np.ndarray:
    """(n, d) and (m, d) float32, m at least 4 -> (n,): see the module."""
    return realism_in_balls(features, real, nearest(real, REALISM).distances[:, -1])


def realism_in_balls(features: np.ndarray, real: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """The same with known radii (m,); at most 1e6, which a copy of a real image has."""
    small = np.flatnonzero((radii > 0) & (radii <= np.median(radii)))
    if not len(small):
        return np.zeros(len(features))                      # copies of very few images
    found = np.zeros(len(features))
    for i, best in candidates(features, real[small], radii[small]):
        apart = np.linalg.norm(features[i].astype(np.float64) - real[small[best]], axis=1)
        reach = radii[small[best]]
        found[i] = np.maximum(found[i], reach / np.maximum(apart, reach / OF_COPIES))
    return found


def candidates(x: np.ndarray, y: np.ndarray, radii: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(rows of x, for each a row of y): the few with the largest radius / distance, where rounding decides nothing."""
    centre = y.mean(axis=0, dtype=np.float64)
    right = y - centre
    lengths = (right**2).sum(1)
    for first in range(0, len(x), ROWS):
        left = x[first : first + ROWS] - centre
        squares = ((left**2).sum(1)[:, None] + lengths - 2 * left @ right.T).clip(1e-12)
        ratios, few = radii**2 / squares, min(FEW, len(y))
        for best in np.argpartition(-ratios, few - 1, axis=1)[:, :few].T:
            yield np.arange(first, first + len(left)), best
