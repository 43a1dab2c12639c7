"""A few numbers of every curve: how many points, up to which step, the last and the best value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ganbench.gan.curves.names import family_of
from ganbench.gan.curves.smoothing import smoothed
from ganbench.gan.curves.table import Run

BETTER = {"kid": "lower", "fid": "lower", "fd": "lower", "coverage": "higher", "recall": "higher",
          "precision": "higher", "density": "higher", "vendi": "higher", "is": "higher"}
ALONE = ("denoising", "cross_entropy")      # losses without an opponent: lower is better


@dataclass(frozen=True)
class Summary:
    """One metric of one run.  `best`: of scores, and of losses without an opponent; in a game neither end is good."""

    run: str
    metric: str
    points: int
    step: int               # the last one
    last: float             # smoothed, except of measurements
    best: float | None
    best_step: int | None


def summaries(runs: Sequence[Run], weight: float = 0.9) -> list[Summary]:
    return [summary(run, name, weight) for run in runs for name in run.series if not name.endswith(".se")]


def summary(run: Run, name: str, weight: float) -> Summary:
    series = run.series[name]
    values = series.value if run.is_measured(name) else smoothed(series.value, weight)
    better = BETTER.get(family_of(name), "lower" if name in ALONE else "")
    known = np.flatnonzero(np.isfinite(values))
    row = None
    if better and len(known):
        row = known[int((np.argmin if better == "lower" else np.argmax)(values[known]))]
    return Summary(run.name, name, len(series), int(series.step[-1]), float(values[-1]),
                   None if row is None else float(values[row]), None if row is None else int(series.step[row]))
