"""Estimates -> intervals, differences and p-values, all by the normal approximation."""

from __future__ import annotations

import math
from statistics import NormalDist

from ganbench.gan.types import Estimate


def interval(estimate: Estimate, level: float = 0.95) -> tuple[float, float]:
    """(low, high) = value -+ z se; about the expected value at this number of images, given the reference."""
    if not 0 < level < 1:
        raise ValueError(f"A confidence level lies between 0 and 1, got {level}.")
    reach = NormalDist().inv_cdf(0.5 + level / 2) * estimate.se
    return estimate.value - reach, estimate.value + reach


def difference(a: Estimate, b: Estimate) -> Estimate:
    """a - b for independent draws: two models against one reference, which counts as given."""
    return Estimate(a.value - b.value, math.hypot(a.se, b.se))


def p_value(estimate: Estimate) -> float:
    """Two-sided probability of a value this far from 0 when the expected one is 0.  se = 0: 1 at 0, otherwise 0.

    Meant for a `difference`.  No distance to a finite reference is expected at 0, not even that of the same law:
    FD is biased upwards, and KID, unbiased over references too, is not so given one (its error leaves out the
    reference's own).  So a model is set against the floor, or another model, and never against 0.
    """
    if estimate.se == 0:
        return 1.0 if estimate.value == 0 else 0.0
    return math.erfc(abs(estimate.value) / estimate.se / math.sqrt(2))
