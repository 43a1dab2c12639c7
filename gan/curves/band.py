"""The band in which a healthy run of the same recipe lies: the shipped loss history of the zoo."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ganbench.gan.curves.readers import read_file
from ganbench.gan.curves.smoothing import MOST
from ganbench.gan.curves.table import Series
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
    """metric -> the band of the recipe's shipped run."""
    if recipe not in recipes():
        raise BadInput("unknown-recipe",
                       f"No healthy run of a recipe {recipe!r} is shipped. Known: {', '.join(recipes())}.")
    (run,) = read_file(ZOO / f"{recipe}.csv")
    return {name: band(name, series) for name, series in run.series.items()}


def band(metric: str, series: Series) -> Band:
    """Quantiles of a window around every point, 5 % and 95 %."""
    n = len(series)
    reach = max(LEAST, round(WINDOW * n)) // 2
    rows = np.unique(np.linspace(0, n - 1, min(n, MOST // 10)).astype(np.int64))
    parts = [np.quantile(series.value[max(0, row - reach) : row + reach + 1], EDGES) for row in rows]
    low, high = np.array(parts).T
    return Band(metric, series.step[rows], low, high)
