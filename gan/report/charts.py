"""Charts: points with error bars, and lines, in colours safe for colour-blind readers and with distinct markers.

Positions are computed here; `templates/chart.svg` draws them.  Charts are narrow, so that they are legible on a phone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ganbench.gan.numbers import english, french, significant

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#5B5B5B", "#8C6D1F")   # Okabe & Ito 2008
WIDE, LEFT, RIGHT, TOP, BOTTOM = 400, 50, 122, 14, 38
ROW, EDGE = 34, 18              # height of a row with its name above; margin around the rows


@dataclass(frozen=True)
class Point:
    x: float
    y: float
    low: float
    high: float


@dataclass(frozen=True)
class Series:
    name: str
    points: Sequence[Point]


# Parts of a chart

@dataclass(frozen=True)
class Line:
    x1: float
    x2: float
    y1: float
    y2: float
    kind: str = ""
    colour: str = ""
    shape: str = "line"


@dataclass(frozen=True)
class Path:
    """Points joined by lines."""

    points: Sequence[tuple[float, float]]
    colour: str
    shape: str = "path"


@dataclass(frozen=True)
class Name:
    """A model's."""

    x: float
    y: float
    text: str
    colour: str = ""
    shape: str = "name"


@dataclass(frozen=True)
class Words:
    """A label in both languages; the page shows one of them."""

    x: float
    y: float
    text: tuple[str, str]
    anchor: str
    shape: str = "words"


@dataclass(frozen=True)
class Mark:
    """The marker: a circle, a square, a diamond or a triangle (0 to 3)."""

    x: float
    y: float
    form: int
    colour: str
    shape: str = "mark"


Part = Line | Path | Name | Words | Mark


@dataclass(frozen=True)
class Chart:
    """The title is for screen readers."""

    identity: str
    title: tuple[str, str]
    tall: float
    parts: Sequence[Part]
    wide: int = WIDE


def rows_chart(identity: str, title: tuple[str, str], rows: Sequence[tuple[str, Point]], line: float | None,
               line_name: tuple[str, str]) -> Chart:
    """A row for each name: the name, and below it a marker at `x` with an error bar from `low` to `high`; optionally a
    dashed vertical line, for example the floor."""
    tall = TOP + ROW * len(rows) + BOTTOM
    ends = [end for _, point in rows for end in (point.low, point.high)] + ([] if line is None else [line])
    across = scale(min([*ends, 0.0]), max(ends), EDGE, WIDE - EDGE)
    parts = axis(across, min([*ends, 0.0]), max(ends), tall - BOTTOM, tall)
    if line is not None:
        x = across(line)
        parts.append(Line(x, x, TOP, tall - BOTTOM, "floor"))
        parts.append(Words(x, TOP - 4, line_name, "end" if x > WIDE / 2 else "start"))
    for k, (name, point) in enumerate(rows):
        y = TOP + ROW * k + 25
        parts.append(Name(EDGE + 6, y - 9, shortened(name, 48)))
        parts.append(Line(across(point.low), across(point.high), y, y, "bar", COLOURS[k % 8]))
        parts.append(mark(k, across(point.x), y))
    return Chart(identity, title, tall, parts)


def lines_chart(
    identity: str, title: tuple[str, str], series: Sequence[Series], axes: tuple[tuple[str, str], tuple[str, str]],
    logarithmic: bool = True, joined: bool = True, line: float | None = None,
) -> Chart:
    """Points with error bars over x, joined by lines, with names at their ends; the axis may be logarithmic."""
    tall = 236
    points = [point for row in series for point in row.points]
    low, high = min(point.x for point in points), max(point.x for point in points)
    if low == high:
        low, high = low * 0.9, high * 1.1 or 1.0
    log = math.log10 if logarithmic and low > 0 else float
    plain = scale(log(low), log(high), LEFT, WIDE - RIGHT)
    up = scale(min(0.0, *(point.low for point in points)), max(point.high for point in points), tall - BOTTOM, TOP + 8)

    def across(x: float) -> float:
        return plain(log(x))

    parts = grid(up, min(0.0, *(point.low for point in points)), max(point.high for point in points))
    parts += ticks(across, sorted({point.x for point in points}), tall - BOTTOM)
    if line is not None:
        y = up(line)
        parts.append(Line(LEFT, WIDE - RIGHT, y, y, "floor"))
    ends = spread([up(row.points[-1].y) for row in series], 13)
    for k, row in enumerate(series):
        colour = COLOURS[k % 8]
        if joined:
            parts.append(Path([(across(point.x), up(point.y)) for point in row.points], colour))
        for point in row.points:
            x = across(point.x)
            parts.append(Line(x, x, up(point.low), up(point.high), colour=colour))
            parts.append(mark(k, x, up(point.y)))
        parts.append(Name(across(row.points[-1].x) + 8, ends[k] + 4, shortened(row.name, 19), colour))
    parts.append(Words(WIDE - RIGHT, tall - 8, axes[0], "end"))
    parts.append(Words(LEFT, TOP - 4, axes[1], "start"))
    return Chart(identity, title, tall, parts)


def scale(low: float, high: float, first: float, last: float) -> Callable[[float], float]:
    width = (high - low) or 1.0
    return lambda value: first + (value - low) / width * (last - first)


def steps(low: float, high: float, most: int = 6) -> list[float]:
    """Axis ticks from low to high, spaced by 1, 2 or 5 times a power of ten."""
    raw = (high - low) / most or 1.0
    power = 10 ** math.floor(math.log10(raw))
    step = next(power * k for k in (1, 2, 5, 10) if power * k >= raw)
    first = math.ceil(low / step)
    return [k * step for k in range(first, math.floor(high / step) + 1)]


def axis(across: Callable[[float], float], low: float, high: float, y: float, tall: float) -> list[Part]:
    found: list[Part] = [Line(across(low), across(high), y, y, "axis")]
    values = steps(low, high)
    digits = max((significant(value, 2) for value in values if value), default=0)
    for value in values:
        x = across(value)
        found.append(Line(x, x, TOP, y + 4, "grid"))
        found.append(Words(x, y + 16, (english(value, digits), french(value, digits)), "middle"))
    return found


def grid(up: Callable[[float], float], low: float, high: float) -> list[Part]:
    values = steps(low, high)
    digits = max((significant(value, 2) for value in values if value), default=0)
    return [
        part for value in values
        for part in (Line(LEFT, WIDE - RIGHT, up(value), up(value), "grid"),
                     Words(LEFT - 8, up(value) + 4, (english(value, digits), french(value, digits)), "end"))
    ]


def ticks(across: Callable[[float], float], values: Sequence[float], y: float) -> list[Part]:
    """Tick labels, without those that would overlap the one before."""
    found: list[Part] = []
    last = -1e9
    for value in values:
        x = across(value)
        if x - last < 44:
            continue
        last = x
        digits = significant(value, 2) if value < 10 else 0
        found.append(Words(x, y + 16, (english(value, digits), french(value, digits)), "middle"))
    return found


def spread(places: Sequence[float], least: float) -> list[float]:
    """The positions moved apart, so that labels do not overlap."""
    order = sorted(range(len(places)), key=lambda i: places[i])
    found = list(places)
    for before, after in pairwise(order):
        found[after] = max(found[after], found[before] + least)
    return found


def mark(k: int, x: float, y: float) -> Mark:
    return Mark(x, y, k % 4, COLOURS[k % 8])


def shortened(name: str, most: int) -> str:
    return name if len(name) <= most else name[: most - 1] + "\N{HORIZONTAL ELLIPSIS}"
