"""Standard errors from leaving images out, one and two at a time.

T is a statistic of n images, T_(i) the same without image i, T_(ij) without i and j.  A *pull* is the jackknife
influence value of an image, (n - 1) (mean of T_(j) - T_(i)); an *interaction* of two images is
n T - (n - 1) (T_(i) + T_(j)) + (n - 2) T_(ij).  The jackknife's variance is the sum of pull^2 / n^2: its expectation is
never too small, whatever the distribution of the images (Efron & Stein 1981, Annals of Statistics 9, 586).
"""

from __future__ import annotations

import numpy as np

PAIRED = 100    # images whose pairs are used; the noise of 4,950 pairs is below that of the pulls


def pulls_of(without: np.ndarray) -> np.ndarray:
    """The leave-one-out values T_(i) (n,) -> pulls (n,)."""
    return (len(without) - 1) * (without.mean() - without)


def paired(n: int) -> slice:
    """At most PAIRED of n images, evenly spread, since images on disk may be sorted."""
    return slice(0, n, -(-n // PAIRED))


def less_pairs(variance: float, interactions: np.ndarray) -> float:
    """The jackknife's variance, reduced by part of what it counts twice; interactions (m, m), diagonal unused.

    The jackknife counts twice the variance that is due to pairs of images, estimated by the mean square of their
    interactions (Efron & Stein 1981); for two equal distributions this is the whole variance.  A quarter of that mean
    square is subtracted.  Half of it would make the variance unbiased if only single images and pairs contributed; but
    where triples contribute as well, as at n < 5 d, the mean square is too large, and small values of T come with too
    small errors.
    """
    return variance - variance * share_of_pairs(variance, interactions) / 4


def share_of_pairs(variance: float, interactions: np.ndarray) -> float:
    """The share of the jackknife's variance that is due to pairs: near 1 for equal distributions, near 0 far apart."""
    return min(float(np.mean(interactions[_apart(interactions)] ** 2)) / variance, 1.0) if variance > 0 else 1.0


def standard_error(variance: float, pulls: np.ndarray, interactions: np.ndarray) -> float:
    """The standard error: from the variance corrected for pairs, lengthened for skewness.

    The lengthening fades out where pairs make up all of the variance, as for equal distributions: there the remaining
    double count makes the error large enough.
    """
    error = float(np.sqrt(less_pairs(variance, interactions)))
    apart = 1 - share_of_pairs(variance, interactions) ** 2
    return error + apart * (longer_side(error, pulls, interactions) - error)


def longer_side(error: float, pulls: np.ndarray, interactions: np.ndarray) -> float:
    """A standard error lengthened for the skewness of T; pulls (n,), interactions (m, m) of `paired(n)`.

    A symmetric interval has too low coverage on the side to which T is skewed, since small values of T come with small
    errors.  There the error is longer by |2 a + c|, from the skewness a of the pulls and the curvature c of T along
    them (DiCiccio & Efron 1992, Biometrika 79, 231).
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
