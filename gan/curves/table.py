"""The table that every log is read into: runs, each with its metrics' values by step.

A metric is named as `ganbench.gan.curves.names` does; a name that it does not know stays as the log has it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ganbench.gan.curves.names import is_score
from ganbench.gan.types import Caveat

UNSORTED = 0.1      # share of steps that go back from which on the log is in no order, rather than often resumed


@dataclass(frozen=True)
class Series:
    """One metric of one run, by increasing step; NaN and infinity are values like others."""

    step: np.ndarray        # (n,) int64, no step twice
    seconds: np.ndarray     # (n,) float64, since the run's first point; NaN where the log has no times
    value: np.ndarray       # (n,) float64

    def __len__(self) -> int:
        return len(self.step)


@dataclass(frozen=True)
class Run:
    """A training: its series by canonical name, and the steps from which it was resumed."""

    name: str
    source: str                                             # what kind of log it was read from: a name of READERS
    series: Mapping[str, Series]
    restarts: tuple[int, ...] = ()                          # first steps that were logged anew
    caveats: tuple[Caveat, ...] = ()                        # what of the log could not be read

    @property
    def points(self) -> int:
        return sum(map(len, self.series.values()))

    def is_measured(self, metric: str) -> bool:
        """Whether a metric is a measurement of images: a score, what has a standard error, or a standard error."""
        return is_score(metric) or f"{metric}.se" in self.series or metric.endswith(".se")


@dataclass(frozen=True)
class Table:
    """All points of several runs, one row each; columns of equal length."""

    run: np.ndarray         # (n,) str
    metric: np.ndarray      # (n,) str
    step: np.ndarray        # (n,) int64
    seconds: np.ndarray     # (n,) float64
    value: np.ndarray       # (n,) float64

    def __len__(self) -> int:
        return len(self.step)


def table_of(runs: Sequence[Run]) -> Table:
    """The runs as rows: by run, by metric in alphabetical order, by step."""
    parts = [(run.name, name, run.series[name]) for run in runs for name in sorted(run.series)]
    lengths = [len(series) for *_, series in parts]
    return Table(
        np.repeat(np.array([run for run, *_ in parts], np.str_), lengths),
        np.repeat(np.array([name for _, name, _ in parts], np.str_), lengths),
        joined([series.step for *_, series in parts], np.int64),
        joined([series.seconds for *_, series in parts], np.float64),
        joined([series.value for *_, series in parts], np.float64),
    )


def joined(parts: Sequence[np.ndarray], kind: type) -> np.ndarray:
    return np.concatenate([np.empty(0, kind), *parts]).astype(kind)


@dataclass
class Points:
    """The points of one metric as a log has them: in its order, with steps that may repeat."""

    step: list[np.ndarray] = field(default_factory=list)
    time: list[np.ndarray] = field(default_factory=list)    # seconds, from whatever moment on
    value: list[np.ndarray] = field(default_factory=list)

    def add(self, step: np.ndarray, time: np.ndarray | None, value: np.ndarray) -> None:
        self.step.append(np.asarray(step, np.int64))
        self.time.append(np.full(len(step), np.nan) if time is None else np.asarray(time, np.float64))
        self.value.append(np.asarray(value, np.float64))


def run_of(name: str, source: str, metrics: Mapping[str, Points], caveats: Iterable[Caveat] = ()) -> Run:
    """Join what a log has of each metric: of a step that was logged twice the later value holds."""
    raw = {metric: tuple(map(np.concatenate, (points.step, points.time, points.value)))
           for metric, points in metrics.items() if points.step}
    starts = [time[np.isfinite(time)].min() for _, time, _ in raw.values() if np.isfinite(time).any()]
    begun = min(starts, default=0.0)
    series, restarts, said = {}, set[int](), list(caveats)
    for metric, (step, time, value) in raw.items():
        kept, again = last_written(step)
        if again is None:
            said.append(Caveat("unsorted steps", {"metric": metric}))
        else:
            restarts |= set(again)
        series[metric] = Series(step[kept], time[kept] - begun, value[kept])
    return Run(name, source, series, merged(restarts), tuple(said))


def last_written(step: np.ndarray) -> tuple[np.ndarray, list[int] | None]:
    """Rows that stand after all restarts, by step, and the steps where one began; None: the log is in no order.

    A restart is a step before the last one; all that was logged from that step on is overwritten, as TensorBoard does.
    """
    back = np.flatnonzero(np.diff(step) < 0) + 1
    if len(back) > UNSORTED * len(step) and len(back) > 1:
        order = np.argsort(step, kind="stable")
        return order[np.append(np.diff(step[order]) > 0, True)], None
    least = np.minimum.accumulate(step[::-1])[::-1]         # of this and all later steps
    kept = np.append(step[:-1] < least[1:], True) if len(step) else np.zeros(0, bool)
    return np.flatnonzero(kept), step[back].tolist()


def merged(restarts: set[int]) -> tuple[int, ...]:
    """Metrics that are logged at other steps see the same restart a little later: the first step of each hundredth."""
    found: list[int] = []
    for step in sorted(restarts):
        if not found or step > found[-1] * 1.01 + 1:
            found.append(step)
    return tuple(found)
