"""Estimates -> intervals, differences and p-values, all by the normal approximation; and intervals of shares."""

from __future__ import annotations

import math
from statistics import NormalDist

from ganbench.gan.types import Estimate


def interval(estimate: Estimate, level: float = 0.95) -> tuple[float, float]:
    """(low, high) = value -+ z se, for the expected value at this number of images, with the reference held fixed."""
    if not 0 < level < 1:
        raise ValueError(f"A confidence level lies between 0 and 1, got {level}.")
    reach = NormalDist().inv_cdf(0.5 + level / 2) * estimate.se
    return estimate.value - reach, estimate.value + reach


def difference(a: Estimate, b: Estimate) -> Estimate:
    """a - b for independent samples: two models against one reference, which is held fixed."""
    return Estimate(a.value - b.value, math.hypot(a.se, b.se))


def p_value(estimate: Estimate) -> float:
    """Two-sided p-value of the hypothesis that the expected value is 0.  se = 0: 1 at 0, otherwise 0.

    For use with a `difference`.  The expected distance to a finite reference is not 0, even for samples of the same
    distribution: FD is biased upwards, and KID is unbiased only over random references, whose sampling error is not in
    its standard error.  So compare a model with the floor or with another model, never with 0.
    """
    if estimate.se == 0:
        return 1.0 if estimate.value == 0 else 0.0
    return math.erfc(abs(estimate.value) / estimate.se / math.sqrt(2))


def wilson(share: float, n: int, z: float = 1.959964) -> tuple[float, float]:
    """95 % confidence interval of a share of n.  Wilson 1927, JASA 22, 209-212."""
    middle, reach = share + z**2 / (2 * n), z * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return max(0.0, (middle - reach) / (1 + z**2 / n)), min(1.0, (middle + reach) / (1 + z**2 / n))
