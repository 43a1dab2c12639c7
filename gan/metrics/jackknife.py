"""Standard errors from leaving images out, one and two at a time.

T is a number computed from n images, T_(i) the same without image i, T_(ij) without i and j; a *pull* is
(n - 1) (mean of T_(j) - T_(i)), by which T moves with the weight of image i, an *interaction* of two images
n T - (n - 1) (T_(i) + T_(j)) + (n - 2) T_(ij).  The jackknife's variance is the sum of pull^2 / n^2: on average never
too small, whatever the law of the images (Efron & Stein 1981, Annals of Statistics 9, 586).
"""

from __future__ import annotations

import numpy as np

PAIRED = 100    # images among which pairs are looked at; the noise of 4,950 pairs is below that of the pulls


def pulls_of(without: np.ndarray) -> np.ndarray:
    """The numbers without each image, T_(i) (n,) -> pulls (n,)."""
    return (len(without) - 1) * (without.mean() - without)


def paired(n: int) -> slice:
    """At most PAIRED of n images, evenly spread, since images on disk may be sorted."""
    return slice(0, n, -(-n // PAIRED))


def less_pairs(variance: float, interactions: np.ndarray) -> float:
    """The jackknife's variance less some of what it counts twice; interactions (m, m), diagonal unused.

    Twice is counted what comes from pairs of images, the mean square of their interactions (Efron & Stein 1981), and
    nothing else is left where two laws are equal.  A quarter of that mean square is taken off, half way to what is
    unbiased where images act by ones and twos.  All the way is too far: where they act by threes as well, as at
    n < 5 d, the mean square holds more than it should, and a T that came out small brings a small error.
    """
    return variance - variance * share_of_pairs(variance, interactions) / 4


def share_of_pairs(variance: float, interactions: np.ndarray) -> float:
    """How much of the jackknife's variance comes from pairs: near 1 where two laws are equal, near 0 far apart."""
    return min(float(np.mean(interactions[_apart(interactions)] ** 2)) / variance, 1.0) if variance > 0 else 1.0


def standard_error(variance: float, pulls: np.ndarray, interactions: np.ndarray) -> float:
    """From the jackknife's variance: less some of its pairs, and as long as the skewed side asks, unless pairs are all.

    Where they are, as between equal laws, what is left of their double count reaches far enough.
    """
    error = float(np.sqrt(less_pairs(variance, interactions)))
    apart = 1 - share_of_pairs(variance, interactions) ** 2
    return error + apart * (longer_side(error, pulls, interactions) - error)


def longer_side(error: float, pulls: np.ndarray, interactions: np.ndarray) -> float:
    """One standard error on the side to which T is skewed; pulls (n,), interactions (m, m) of `paired(n)`.

    An interval of equal sides misses on that side, where a small T brings a small error too.  One standard error is
    longer there by |2 a + c|, from the skewness a of the pulls and the curvature c of T along them (DiCiccio & Efron
    1992, Biometrika 79, 231).
    """
    square = float(pulls @ pulls)
    if square == 0:
        return error
    some = pulls[paired(len(pulls))]
    skewness = (pulls**3).sum() / (6 * square**1.5)
    curvature = np.mean((np.outer(some, some) * interactions)[_apart(interactions)]) * len(pulls) / (2 * square)
    return float(error + abs(2 * skewness * error + curvature))


def _apart(interactions: np.ndarray) -> np.ndarray:
    """Pairs of two images."""
    return ~np.eye(len(interactions), dtype=bool)
