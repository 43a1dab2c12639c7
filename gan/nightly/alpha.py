"""How false alarms are limited: one alpha for all models, metrics and nights of a period.

A period is a number of nights with something new to observe.  In it a healthy suite raises any false alarm with a
probability of at most alpha; it is divided by two rules, in proportion to the streams (a metric of a model under a
protocol) that each rule watches.

*Fresh draws.*  Where the margin is given and model and baseline can be drawn again, a suspicion decides nothing, and
costs nothing: what decides are images that were drawn after it arose.  The k-th suspicion of a period is tested at
level alpha / (k (k + 1)); these add up to alpha, however many models, metrics and nights there are.

*Every night.*  Otherwise the night's own number has to decide.  Two fifths are spent on single nights, in equal parts
over nights and streams, two fifths on CUSUMs, in equal parts over streams, and one fifth on the error of baselines that
cannot be drawn again, which all their nights share.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from ganbench.gan.nightly.sequential import Array, cusum_limit

NIGHTS, CUSUMS, BASELINES = 0.4, 0.4, 0.2   # of what is spent every night


@dataclass(frozen=True)
class Spending:
    """The rules for a number of streams."""

    alpha: float = 0.05
    nights: int = 30
    fresh: int = 1          # streams that fresh draws decide about
    nightly: int = 0        # streams that every night's number decides about

    @cached_property
    def of_fresh(self) -> float:
        return self.alpha * self.fresh / max(self.fresh + self.nightly, 1)

    @cached_property
    def of_nightly(self) -> float:
        return self.alpha - self.of_fresh

    def level(self, k: ArrayLike) -> Array:
        """Of the k-th suspicion of a period, k = 1, 2, ..."""
        order = np.asarray(k, float)
        return self.of_fresh / (order * (order + 1))

    def left(self, opened: int) -> float:
        """What the suspicions so far have left of the period's alpha."""
        return self.of_fresh / (opened + 1)

    @cached_property
    def night(self) -> float:
        """The z that one stream's number of one night has to exceed."""
        if not self.nightly:
            return np.inf
        return float(-ndtri(NIGHTS * self.of_nightly / (self.nights * self.nightly)))

    @cached_property
    def lasting(self) -> float:
        """The value that one stream's CUSUM has to exceed."""
        return cusum_limit(CUSUMS * self.of_nightly / self.nightly, self.nights) if self.nightly else np.inf

    @cached_property
    def baseline(self) -> float:
        """How many standard errors a baseline's own error may reach."""
        return float(-ndtri(BASELINES * self.of_nightly / self.nightly)) if self.nightly else 0.0
