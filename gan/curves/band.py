"""The band in which healthy runs of the same recipe lie: those of the zoo, and others of the same kind, or a user's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ganbench.gan.curves.readers import read_file
from ganbench.gan.curves.smoothing import MOST
from ganbench.gan.curves.table import Run, Series
from ganbench.gan.types import BadInput

ZOO = Path(__file__).parents[1] / "zoo"
SICK = ("collapsed-fashion-mnist",)                         # negative controls are no example of health
WINDOW = 0.08                                               # of the run, whose quantiles are the band's edges
LEAST = 16                                                  # points of a window
EDGES = 0.05, 0.95


@dataclass(frozen=True)
class Band:
    """Of one metric: between which values it lies at a step."""

    metric: str
    step: np.ndarray        # (m,) int64
    low: np.ndarray         # (m,) float64
    high: np.ndarray        # (m,) float64


def recipes() -> list[str]:
    """The recipes whose healthy run is shipped with its losses."""
    names = (path.stem for path in sorted(ZOO.glob("*.csv")))
    return [name for name in names if not name.endswith("-quality") and name not in SICK]


def bands_of(recipe: str) -> Mapping[str, Band]:
    """metric -> the band of the recipe's shipped runs."""
    if recipe not in recipes():
        raise BadInput("unknown-recipe",
                       f"No healthy run of a recipe {recipe!r} is shipped. Known: {', '.join(recipes())}.")
    return bands_around(run for path in logs_of(recipe) for run in read_file(path))


def logs_of(recipe: str) -> list[Path]:
    """The zoo's own run, and others by the same recipe."""
    return [ZOO / f"{recipe}.csv", *sorted((ZOO / "healthy").glob(f"{recipe}-*.csv"))]


def bands_around(runs: Iterable[Run]) -> Mapping[str, Band]:
    """metric -> the band around all runs that have it."""
    found: dict[str, list[Band]] = {}
    for run in runs:
        for name, series in run.series.items():
            if np.isfinite(series.value).any():
                found.setdefault(name, []).append(band(name, series))
    return {name: around(bands) for name, bands in found.items()}


def band(metric: str, series: Series) -> Band:
    """Quantiles of a window around every point, 5 % and 95 %."""
    known = np.isfinite(series.value)
    step, value = series.step[known], series.value[known]
    n = len(step)
    reach = max(LEAST, round(WINDOW * n)) // 2
    rows = np.unique(np.linspace(0, n - 1, min(n, MOST // 10)).astype(np.int64))
    parts = [np.quantile(value[max(0, row - reach) : row + reach + 1], EDGES) for row in rows]
    low, high = np.array(parts).T
    return Band(metric, step[rows], low, high)


def around(bands: Sequence[Band]) -> Band:
    """The lowest and the highest edge at every step, of those bands that reach it."""
    if len(bands) == 1:
        return bands[0]
    step = np.unique(np.concatenate([one.step for one in bands]))
    low, high = np.full(len(step), np.inf), np.full(len(step), -np.inf)
    for one in bands:
        there = (step >= one.step[0]) & (step <= one.step[-1])
        low[there] = np.minimum(low[there], np.interp(step[there], one.step, one.low))
        high[there] = np.maximum(high[there], np.interp(step[there], one.step, one.high))
    return Band(bands[0].metric, step, low, high)
