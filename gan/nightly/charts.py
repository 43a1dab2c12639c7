"""Charts: streams whose nights have to decide themselves, because nothing can be drawn again or no margin is given.

Two kinds of numbers enter.  With a margin, z = (difference - margin) / standard error.  Without one, the model's own
benign snapshots say what a snapshot of it may be: z is that of a new one against those (`sequential.predicted`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ganbench.gan.nightly.alpha import Spending
from ganbench.gan.nightly.sequential import Array, cusum

BENIGN = 5          # the least number of benign snapshots that say what another one may be
FIELDS = ("sum", "worse")


@dataclass
class Charts:
    """The state of streams of shape (..., streams).  A large z speaks for a regression."""

    spending: Spending
    sum: Array                          # the CUSUM
    worse: Array = field(init=False)

    def __post_init__(self) -> None:
        self.worse = np.zeros(self.sum.shape, bool)

    @classmethod
    def none(cls, spending: Spending, shape: tuple[int, ...]) -> Charts:
        return cls(spending, np.zeros(shape))

    def observe(self, z: Array) -> Array:
        """The numbers of a night; nan: nothing new.  -> the streams that a second draw has to confirm."""
        new = ~np.isnan(z) & ~self.worse
        self.sum = cusum(self.sum, np.where(new, z, np.nan))
        return new & self.beyond(z)

    def beyond(self, z: Array) -> Array:
        return (np.nan_to_num(z) > self.spending.night) | (self.sum > self.spending.lasting)

    def confirm(self, streams: Array, z: Array) -> None:
        """`z`: of the same snapshots, from other images of them where they can be drawn, else the same as before.

        A lasting shift needs only to be on the same side in the second draw; a single night has to repeat itself.
        """
        lasting = (self.sum > self.spending.lasting) & (z > 0)
        self.worse |= streams & (lasting | (z > self.spending.night))
        self.sum = np.where(streams, 0, self.sum)

    def forget(self, streams: Array) -> None:
        """Streams that recovered, or whose change was accepted, begin anew."""
        self.worse &= ~streams
        self.sum = np.where(streams, 0, self.sum)

    # One row of streams as JSON, by name

    def as_rows(self, names: list[str]) -> dict[str, dict[str, Any]]:
        return {name: {one: getattr(self, one)[i].item() for one in FIELDS} for i, name in enumerate(names)}

    @classmethod
    def from_rows(cls, spending: Spending, names: list[str], rows: Mapping[str, Mapping[str, Any]]) -> Charts:
        found = cls.none(spending, (len(names),))
        for i, name in enumerate(names):
            for one, value in rows.get(name, {}).items():
                getattr(found, one)[i] = value
        return found
