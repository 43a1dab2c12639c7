"""Rows of named numbers -> runs: which column is the step, which one the time, which ones are metrics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np

from ganbench.gan.curves.names import canonical, words_of
from ganbench.gan.curves.table import Points, Run, run_of
from ganbench.gan.types import BadInput, Caveat

# By `words_of`, the surest name first; the number: how many steps one unit is.
STEPS = {"step": 1, "global_step": 1, "trainer_global_step": 1, "train_global_step": 1, "iteration": 1,
         "iterations": 1, "iter": 1, "steps": 1, "it": 1, "n_iter": 1, "progress_kimg": 1_000, "kimg": 1_000,
         "cur_nimg": 1, "nimg": 1, "epoch": 1}
TIMES = ("seconds", "timestamp", "wall_time", "time", "runtime", "elapsed", "elapsed_time", "relative_time",
         "timing_total_sec", "relative_time_process", "relative_time_wall", "created_at")
RUNS = ("run", "run_name", "run_id", "trial")
KEYS, VALUES = ("metric", "tag", "key", "metric_name"), ("value", "metric_value")
MILLISECONDS = 1e11             # a time above this is no number of seconds since 1970
WORDS = {"nan": np.nan, "inf": np.inf, "infinity": np.inf, "-inf": -np.inf, "-infinity": -np.inf}


@dataclass(frozen=True)
class Column:
    """The cells of a column that are filled: which rows, (m,) int64, and what stands there, (m,) float64 or str."""

    rows: np.ndarray
    values: np.ndarray

    @property
    def numeric(self) -> bool:
        return self.values.dtype.kind in "fiub"


@dataclass
class Gathering:
    """Columns that grow row by row."""

    n: int = 0
    rows: dict[str, list[int]] = field(default_factory=dict)
    values: dict[str, list[Any]] = field(default_factory=dict)

    def add(self, record: Mapping[str, Any]) -> None:
        for name, value in flat(record):
            kind = type(value)
            if kind is float or kind is int:
                pass
            elif kind is str:
                value = WORDS.get(value.lower(), value)
            else:
                continue
            if name not in self.rows:
                self.rows[name], self.values[name] = [], []
            self.rows[name].append(self.n)
            self.values[name].append(value)
        self.n += 1

    def columns(self) -> dict[str, Column]:
        return {name: Column(np.array(self.rows[name], np.int64), as_array(values))
                for name, values in self.values.items()}


def flat(record: Mapping[str, Any], before: str = "") -> Iterable[tuple[str, Any]]:
    """`Loss/G` of {"Loss": {"G": ...}}; the mean of StyleGAN's {"num": ..., "mean": ..., "std": ...}."""
    for name, value in record.items():
        if not isinstance(value, dict):
            yield before + str(name), value
        elif "mean" in value and "num" in value:
            yield before + str(name), float("nan") if value["mean"] is None else value["mean"]
        else:
            yield from flat(value, f"{before}{name}/")


def as_array(values: list[Any]) -> np.ndarray:
    """float64, or str where a text is among them."""
    try:
        return np.array(values, np.float64)
    except (ValueError, OverflowError):
        return np.array([*map(str, values)], np.str_)


def runs_of(name: str, source: str, columns: Mapping[str, Column], n: int, caveats: Iterable[Caveat] = ()) -> list[Run]:
    """The runs of a table of n rows, wide or long; of one whose column `run` names several, one each."""
    named = {words_of(head): head for head in reversed(list(columns))}
    step_head = next((named[word] for word in STEPS if word in named and columns[named[word]].numeric), "")
    run_head = next((named[word] for word in RUNS if word in named and not columns[named[word]].numeric), "")
    said = list(caveats)
    if not step_head:
        said.append(Caveat("no steps"))
    step = steps_of(columns.get(step_head), n, STEPS.get(words_of(step_head), 1))
    time = times_of(columns, named, n)
    labels = spread(columns[run_head], n) if run_head else np.full(n, name)
    groups = {str(label): labels == label for label in np.unique(labels)} if run_head else {name: None}
    metrics = list(metrics_in(columns, named, name))
    return [run_of(label, source, points_of(metrics, step, time, inside), said) for label, inside in groups.items()]


def steps_of(column: Column | None, n: int, unit: int) -> np.ndarray:
    """(n,) int64: the step of every row, -1 where it has none; without a column 1, 2, 3, ..."""
    if column is None:
        return np.arange(1, n + 1)
    found = np.full(n, -1, np.int64)
    sound = np.isfinite(column.values.astype(np.float64))
    found[column.rows[sound]] = np.rint(column.values[sound].astype(np.float64) * unit).astype(np.int64)
    return found


def times_of(columns: Mapping[str, Column], named: Mapping[str, str], n: int) -> np.ndarray:
    """(n,) float64 seconds; NaN where a row has no time."""
    found = np.full(n, np.nan)
    head = next((named[word] for word in TIMES if word in named), "")
    if head:
        column = columns[head]
        values = column.values if column.numeric else moments(column.values)
        found[column.rows] = values / 1_000 if len(values) and np.nanmax(values) > MILLISECONDS else values
    return found


def moments(texts: np.ndarray) -> np.ndarray:
    """Seconds since 1970 of ISO 8601; NaN for another text."""
    return np.array([moment(text) for text in texts.tolist()])


def moment(text: str) -> float:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return np.nan
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def spread(column: Column, n: int) -> np.ndarray:
    """(n,) str: a column of texts, '' where it is empty."""
    found = np.full(n, "", column.values.dtype if column.values.dtype.kind == "U" else np.dtype("U64"))
    found[column.rows] = column.values
    return found


def metrics_in(columns: Mapping[str, Column], named: Mapping[str, str], name: str) -> Iterable[tuple[str, Column]]:
    """Every metric with its cells: of a long table by its column of names, of a wide one all columns of numbers."""
    key = next((named[word] for word in KEYS if word in named and not columns[named[word]].numeric), "")
    value = next((named[word] for word in VALUES if word in named and columns[named[word]].numeric), "")
    if key and value:
        cells, labels = columns[value], spread(columns[key], 1 + max(int(columns[key].rows[-1]),
                                                                     int(columns[value].rows[-1])))
        for label in np.unique(labels[cells.rows]):
            inside = labels[cells.rows] == label
            yield canonical(str(label)), Column(cells.rows[inside], cells.values[inside])
        return
    aside = {named[word] for word in (*STEPS, *TIMES, *RUNS) if word in named}
    for head, column in columns.items():
        if head not in aside and column.numeric and not head.endswith(("__MIN", "__MAX")):
            yield canonical(name if set(columns) - aside == {value} else head), column


def points_of(
    metrics: Iterable[tuple[str, Column]], step: np.ndarray, time: np.ndarray, inside: np.ndarray | None
) -> dict[str, Points]:
    found: dict[str, Points] = {}
    for name, column in metrics:
        kept = (step[column.rows] >= 0) & (True if inside is None else inside[column.rows])
        if kept.any():
            rows = column.rows[kept]
            found.setdefault(name, Points()).add(step[rows], time[rows], column.values[kept])
    return found


def damaged(path: object, where: str) -> BadInput:
    return BadInput("damaged-log", f"{path} is damaged: {where}.")
