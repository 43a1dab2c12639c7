"""Charts: axes, and what stands where on them; `templates/chart.svg` draws it.  `figures.py` has the report's charts.

Charts are narrow, so that their text is legible on a phone.  A model has the same colour and marker in all of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from ganbench.gan.numbers import english, french, significant

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#5B5B5B", "#8C6D1F")   # Okabe & Ito 2008
REAL = -1                       # in place of a model's number: the real images
WIDE, LEFT, RIGHT, TOP, BOTTOM = 360, 46, 14, 26, 44
EDGE = 14                       # margin of charts without a vertical axis
WIDEST_LOG = 20                 # from this ratio of the ends on, an axis that may be logarithmic is
ROOM = 0.05                     # of an axis, beyond its values
Pair = tuple[str, str]          # English, French


@dataclass(frozen=True)
class Point:
    x: float
    y: float
    low: float
    high: float


# Parts of a chart

@dataclass(frozen=True)
class Line:
    """`said`: the text on hovering."""

    x1: float
    x2: float
    y1: float
    y2: float
    kind: str = ""
    model: int | None = None
    said: Pair | None = None
    shape: str = "line"


@dataclass(frozen=True)
class Path:
    """Points joined by lines."""

    points: Sequence[tuple[float, float]]
    model: int | None = None
    kind: str = ""
    shape: str = "path"


@dataclass(frozen=True)
class Words:
    """A label in both languages; the page shows one of them."""

    x: float
    y: float
    text: Pair
    anchor: str = "start"
    kind: str = "quiet"
    shape: str = "words"


@dataclass(frozen=True)
class Mark:
    """A model's marker.  `said`: the text on hovering; `at` and `value`: the number's field in the document."""

    x: float
    y: float
    model: int
    said: Pair | None = None
    at: str = ""
    value: float | None = None
    small: bool = False
    shape: str = "mark"

    @property
    def form(self) -> int:
        """A circle, a square, a diamond or a triangle; -1: a ring, of real images."""
        return form_of(self.model)


def form_of(model: int) -> int:
    """Models whose colours repeat have another marker."""
    return model if model < 0 else (model + model // len(COLOURS)) % 4


Part = Line | Path | Words | Mark


@dataclass(frozen=True)
class Chart:
    """The title is for screen readers."""

    identity: str
    title: Pair
    tall: float
    parts: Sequence[Part]
    wide: int = WIDE


# Axes

@dataclass(frozen=True)
class Axis:
    """Values from low to high -> pixels from first to last."""

    low: float
    high: float
    first: float
    last: float
    logarithmic: bool = False
    ticks: Sequence[float] = field(default_factory=tuple)

    def __call__(self, value: float) -> float:
        low, high, value = (math.log10(end) if self.logarithmic else end for end in (self.low, self.high, value))
        return self.first + (value - low) / ((high - low) or 1.0) * (self.last - self.first)

    def label(self, value: float) -> Pair:
        digits = significant(value, 1) if self.logarithmic else least_digits(self.ticks)
        return english(value, digits), french(value, digits)


def axis(ends: Iterable[float], first: float, last: float, logarithmic: bool = False, most: int = 6) -> Axis:
    """An axis for these values, a little wider than they are; logarithmic, if it may be and they are far apart."""
    values = list(ends)
    low, high = min(values), max(values)
    if logarithmic and low > 0 and high / low >= WIDEST_LOG:
        low, high = low / 1.25, high * 1.25
        return Axis(low, high, first, last, True, powers(low, high))
    room = (high - low) * ROOM or abs(low) / 10 or 1.0
    low, high = low if low == 0 else low - room, high if high == 0 else high + room
    return Axis(low, high, first, last, False, steps(low, high, most))


def steps(low: float, high: float, most: int = 6) -> list[float]:
    """Axis ticks from low to high, spaced by 1, 2 or 5 times a power of ten."""
    raw = (high - low) / most or 1.0
    power = 10 ** math.floor(math.log10(raw))
    step = next(power * k for k in (1, 2, 5, 10) if power * k >= raw * (1 - 1e-9))
    first = math.ceil(low / step)
    return [k * step for k in range(first, math.floor(high / step) + 1)]


def powers(low: float, high: float) -> list[float]:
    """Ticks of a logarithmic axis: powers of ten, with their 2 and 5 times where these are few."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    found = [10.0**k for k in range(first, last + 1) if low <= 10.0**k <= high]
    if len(found) > 3:
        return found[:: -(-len(found) // 6)]
    every = sorted(step * 10.0**k for k in range(first, last + 1) for step in ((1, 2, 5) if len(found) < 2 else (1, 3)))
    return [value for value in every if low <= value <= high]


def least_digits(ticks: Sequence[float]) -> int:
    """The decimals that tell neighbouring ticks apart."""
    gap = min((after - before for before, after in pairwise(ticks)), default=0.0)
    return max(0, -math.floor(math.log10(gap) + 1e-9)) if gap > 0 else 6


def below(across: Axis, bottom: float, top: float, title: Pair) -> list[Part]:
    """A horizontal axis: grid lines, labels, and the title below them."""
    found: list[Part] = [Line(across.first, across.last, bottom, bottom, "axis")]
    for value in across.ticks:
        x = across(value)
        found += [Line(x, x, top, bottom, "grid"), Words(x, bottom + 16, across.label(value), "middle")]
    return [*found, Words(across.last, bottom + 34, title, "end")]


def beside(up: Axis, left: float, right: float, title: Pair) -> list[Part]:
    """A vertical axis: grid lines, labels, and the title above them."""
    found: list[Part] = []
    for value in up.ticks:
        y = up(value)
        found += [Line(left, right, y, y, "grid"), Words(left - 6, y + 4, up.label(value), "end")]
    return [*found, Words(4, 13, title)]


def cross(x: float, y: float, across: tuple[float, float], up: tuple[float, float], model: int) -> list[Part]:
    """Error bars in both directions; those without length are left out."""
    bars = [Line(across[0], across[1], y, y, "bar", model), Line(x, x, up[0], up[1], "bar", model)]
    return [bar for bar in bars if abs(bar.x1 - bar.x2) + abs(bar.y1 - bar.y2) > 0.5]


def spread(places: Sequence[float], least: float, most: float = math.inf) -> list[float]:
    """The positions moved apart, so that labels do not overlap, and not beyond `most`."""
    order = sorted(range(len(places)), key=lambda i: places[i])
    found = list(places)
    for before, after in pairwise(order):
        found[after] = max(found[after], found[before] + least)
    for k, i in enumerate(reversed(order)):
        found[i] = min(found[i], most - k * least)
    return found
