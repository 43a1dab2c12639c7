"""Suspicions: they arise from a night's numbers, and fresh draws confirm or dismiss them.

One object holds many streams at once, of shape (..., streams): a suite has one row of them, a simulation 10,000.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ganbench.gan.nightly.alpha import Spending
from ganbench.gan.nightly.sequential import EXPECTED, Array, cusum, log_evidence

SUDDEN = 3.0            # standard errors of one night that raise a suspicion
LASTING = 4.0           # and of the CUSUM
DISMISSED = -1.5        # log evidence at which a suspicion ends
FIELDS = ("sum", "level", "weighted", "information", "scale", "suspected", "worse")


@dataclass
class Suspicions:
    """The state of the streams that fresh draws decide about.  A large z, or difference, speaks for a regression."""

    spending: Spending
    opened: Array                       # (...,) suspicions of this period so far
    sum: Array                          # (..., streams), as all below: the CUSUM
    level: Array = field(init=False)            # of the open suspicion
    weighted: Array = field(init=False)         # sum of d / s^2 over its fresh draws
    information: Array = field(init=False)      # sum of 1 / s^2
    scale: Array = field(init=False)            # of differences, see `log_evidence`
    suspected: Array = field(init=False)
    worse: Array = field(init=False)            # confirmed

    def __post_init__(self) -> None:
        shape = self.sum.shape
        self.level, self.weighted, self.information = np.ones(shape), np.zeros(shape), np.zeros(shape)
        self.scale = np.ones(shape)
        self.suspected, self.worse = np.zeros(shape, bool), np.zeros(shape, bool)

    @classmethod
    def none(cls, spending: Spending, shape: tuple[int, ...]) -> Suspicions:
        return cls(spending, np.zeros(shape[:-1], int), np.zeros(shape))

    def observe(self, z: Array) -> None:
        """The numbers of a night; nan: nothing new.  The strongest suspicion comes first, and gets the most alpha."""
        new = ~np.isnan(z) & ~self.worse
        self.sum = cusum(self.sum, np.where(new, z, np.nan))
        self.suspected &= ~new | (self.sum > 0)
        strength = np.where(new & ~self.suspected, np.maximum(np.nan_to_num(z) / SUDDEN, self.sum / LASTING), 0)
        begun = strength > 1
        place = 1 + np.argsort(np.argsort(np.where(begun, -strength, np.inf), axis=-1), axis=-1)
        order = self.opened[..., None] + place
        self.level = np.where(begun, self.spending.level(order), self.level)
        self.opened = self.opened + begun.sum(-1)
        self.weighted = np.where(begun, 0, self.weighted)
        self.information = np.where(begun, 0, self.information)
        self.suspected |= begun

    def weigh(self, difference: Array, se: Array) -> None:
        """One more pair of fresh draws, of the model and of its baseline; nan: none."""
        there = self.suspected & ~np.isnan(difference)
        weight = np.where(there, np.nan_to_num(se, nan=1.0), 1.0) ** -2.0
        self.scale = np.where(there & (self.information == 0), EXPECTED / np.sqrt(weight), self.scale)
        self.weighted = np.where(there, self.weighted + np.nan_to_num(difference) * weight, self.weighted)
        self.information = np.where(there, self.information + weight, self.information)
        evidence = self.evidence
        found = there & (evidence >= -np.log(self.level))
        dismissed = there & ~found & (evidence < DISMISSED)
        self.worse |= found
        self.suspected &= ~found & ~dismissed
        self.sum = np.where(dismissed | found, 0, self.sum)

    @property
    def evidence(self) -> Array:
        """The logarithm of each open suspicion's e-process."""
        return log_evidence(self.weighted, self.information, self.scale)

    def forget(self, streams: Array) -> None:
        """Streams that recovered, or whose change was accepted, begin anew."""
        self.worse &= ~streams
        self.suspected &= ~streams
        self.sum = np.where(streams, 0, self.sum)

    # One row of streams as JSON, by name

    def as_rows(self, names: list[str]) -> dict[str, dict[str, Any]]:
        return {name: {one: getattr(self, one)[i].item() for one in FIELDS} for i, name in enumerate(names)}

    @classmethod
    def from_rows(cls, spending: Spending, names: list[str], rows: Mapping[str, Mapping[str, Any]],
                  opened: int) -> Suspicions:
        found = cls.none(spending, (len(names),))
        found.opened = np.asarray(opened)
        for i, name in enumerate(names):
            for one, value in rows.get(name, {}).items():
                getattr(found, one)[i] = value
        return found
