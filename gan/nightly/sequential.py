"""Sequential statistics: evidence that may be looked at every night, and control charts.

Everything here works on arrays of any shape, so that one formula serves one suite and 10,000 simulated histories.  A
large z speaks for a regression; under "no regression" it has mean at most 0 and variance 1.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from scipy.special import log_ndtr, ndtr

Array = NDArray[Any]
ALLOWANCE = 0.5         # k: half of the step, in standard errors, that the CUSUM finds fastest
EXPECTED = 1.5          # the scale of true differences, in standard errors, that the e-process is built for
GRID = 200              # states of the Markov chain that stands for a CUSUM


def cusum(last: Array, z: Array, allowance: float = ALLOWANCE) -> Array:
    """S_t = max(0, S_{t-1} + z_t - k); a night without a number (nan) changes nothing.

    Page 1954, Biometrika 41, 100-115.
    """
    return np.where(np.isnan(z), last, np.maximum(0, last + z - allowance))


def log_evidence(weighted: ArrayLike, information: ArrayLike, scale: ArrayLike) -> Array:
    """The logarithm of an e-process against "every expected difference is at most 0".

    From independent differences d_i with standard errors s_i: weighted = sum d_i / s_i^2, information = sum 1 / s_i^2.
    It is the likelihood ratio, averaged over true differences from a half-normal distribution of the given scale (in
    units of d).  Whenever one stops, the probability that it ever reached log(1 / alpha) is at most alpha (Ville 1939).
    Robbins 1970, Annals of Mathematical Statistics 41, 1397-1409; one-sided as in Howard et al. 2021, arXiv:1810.08240.
    """
    s, v = np.asarray(weighted, float), np.asarray(information, float)
    precision = np.asarray(scale, float) ** -2.0
    both = precision + v
    return np.asarray(np.log(2) + np.log(precision / both) / 2 + s**2 / (2 * both) + log_ndtr(s / np.sqrt(both)))


def predicted(before: Array, there: Array, new: Array) -> Array:
    """z of a new value against those before it (last axis) that are there; nan for fewer than two.

    For independent values of one normal distribution, whatever its mean and variance, these are independent standard
    normal numbers: Quesenberry 1991, Journal of Quality Technology 23, 213-224 (case UU).
    """
    n = there.sum(-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        known = np.where(there, before, 0)
        mean = known.sum(-1) / n
        variance = (np.where(there, before - mean[..., None], 0) ** 2).sum(-1) / (n - 1)
        ratio = (new - mean) / np.sqrt(variance * (1 + 1 / n))
        return np.where(n >= 2, normal_of(ratio, n - 1), np.nan)


def normal_of(t: Array, freedom: Array) -> Array:
    """The standard normal quantile of the same probability as Student's t; finite however far out."""
    log_p = np.where(np.isnan(t), np.nan, stats.t.logcdf(-np.abs(t), np.maximum(freedom, 1)))
    return np.asarray(np.sign(t) * -quantile_of_log(log_p))


def quantile_of_log(log_p: Array) -> Array:
    """x with log Phi(x) = log p, for p <= 1/2."""
    from scipy.special import ndtri_exp

    return np.asarray(ndtri_exp(log_p))


@lru_cache
def cusum_limit(level: float, nights: int, allowance: float = ALLOWANCE) -> float:
    """The h that a CUSUM of independent standard normal numbers exceeds, in any period of so many nights, with at most
    this probability."""
    low, high = 0.5, 40.0
    while high - low > 1e-3:
        middle = (low + high) / 2
        first, both = (crossing(middle, n, allowance) for n in (nights, 2 * nights))
        low, high = (middle, high) if max(first, both - first) > level else (low, middle)
    return high


def crossing(h: float, nights: int, allowance: float = ALLOWANCE) -> float:
    """The probability that the CUSUM exceeds h within so many nights, by a Markov chain.

    Brook and Evans 1972, Biometrika 59, 539-549.
    """
    width = h / (GRID - 0.5)                    # state 0 is half as wide: it is where the sum rests
    centres = width * np.arange(GRID)
    above = centres + width / 2
    reached = ndtr(above[None, :] - centres[:, None] + allowance)
    steps = np.diff(reached, axis=1, prepend=0)
    chances = np.zeros(GRID)
    chances[0] = 1
    for _ in range(nights):
        chances = chances @ steps
    return float(1 - chances.sum())
