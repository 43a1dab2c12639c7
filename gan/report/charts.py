"""Charts as SVG: points with error bars, and lines; colours that everybody can tell apart, and unlike marks.

They are narrow, so that a phone shows the whole of one in letters that can be read.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

from ganbench.gan.numbers import english, french, significant

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#5B5B5B", "#8C6D1F")   # Okabe & Ito 2008
WIDE, LEFT, RIGHT, TOP, BOTTOM = 400, 50, 122, 14, 38
ROW, EDGE = 34, 18              # of a row with its name above; around such rows


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


def rows_chart(identity: str, title: tuple[str, str], rows: Sequence[tuple[str, Point]], line: float | None,
               line_name: tuple[str, str]) -> str:
    """A row for each name: the name, and below it a mark at `x` between `low` and `high`; a dashed line, as for real
    images."""
    tall = TOP + ROW * len(rows) + BOTTOM
    ends = [end for _, point in rows for end in (point.low, point.high)] + ([] if line is None else [line])
    across = scale(min([*ends, 0.0]), max(ends), EDGE, WIDE - EDGE)
    parts = axis(across, min([*ends, 0.0]), max(ends), tall - BOTTOM, tall)
    if line is not None:
        x = across(line)
        parts.append(f'<line class="floor" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{tall - BOTTOM}"/>')
        anchor = "end" if x > WIDE / 2 else "start"
        parts.append(words(x, TOP - 4, line_name, anchor, "quiet"))
    for k, (name, point) in enumerate(rows):
        y = TOP + ROW * k + 25
        parts.append(f'<text class="name" x="{EDGE + 6}" y="{y - 9}">{escape(shortened(name, 48))}</text>')
        parts.append(f'<line class="bar" stroke="{COLOURS[k % 8]}" x1="{across(point.low):.1f}" '
                     f'x2="{across(point.high):.1f}" y1="{y}" y2="{y}"/>')
        parts.append(mark(k, across(point.x), y))
    return svg(identity, title, tall, parts)


def lines_chart(
    identity: str, title: tuple[str, str], series: Sequence[Series], axes: tuple[tuple[str, str], tuple[str, str]],
    logarithmic: bool = True, joined: bool = True, line: float | None = None,
) -> str:
    """Points with error bars over x, on a logarithmic axis if asked for, joined by lines, named at their ends."""
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
        parts.append(f'<line class="floor" x1="{LEFT}" x2="{WIDE - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
    ends = spread([up(row.points[-1].y) for row in series], 13)
    for k, row in enumerate(series):
        colour = COLOURS[k % 8]
        if joined:
            path = " ".join(f"{across(point.x):.1f},{up(point.y):.1f}" for point in row.points)
            parts.append(f'<polyline fill="none" stroke="{colour}" points="{path}"/>')
        for point in row.points:
            x = across(point.x)
            parts.append(f'<line stroke="{colour}" x1="{x:.1f}" x2="{x:.1f}" y1="{up(point.low):.1f}" '
                         f'y2="{up(point.high):.1f}"/>')
            parts.append(mark(k, x, up(point.y)))
        parts.append(f'<text x="{across(row.points[-1].x) + 8:.1f}" y="{ends[k] + 4:.1f}" fill="{colour}">'
                     f"{escape(shortened(row.name, 19))}</text>")
    parts.append(words(WIDE - RIGHT, tall - 8, axes[0], "end", "quiet"))
    parts.append(words(LEFT, TOP - 4, axes[1], "start", "quiet"))
    return svg(identity, title, tall, parts)


def svg(identity: str, title: tuple[str, str], tall: float, parts: Sequence[str]) -> str:
    """The picture with its title for those who hear it."""
    return (f'<svg viewBox="0 0 {WIDE} {tall:.0f}" role="img" aria-labelledby="{identity}" class="chart">'
            f'<title id="{identity}" data-en="{escape(title[0])}" data-fr="{escape(title[1])}">'
            f"{escape(title[0])}</title>"
            f"{''.join(parts)}</svg>")


def scale(low: float, high: float, first: float, last: float) -> Callable[[float], float]:
    width = (high - low) or 1.0
    return lambda value: first + (value - low) / width * (last - first)


def steps(low: float, high: float, most: int = 6) -> list[float]:
    """Round numbers from low to high: 1, 2 or 5 times a power of ten apart."""
    raw = (high - low) / most or 1.0
    power = 10 ** math.floor(math.log10(raw))
    step = next(power * k for k in (1, 2, 5, 10) if power * k >= raw)
    first = math.ceil(low / step)
    return [k * step for k in range(first, math.floor(high / step) + 1)]


def axis(across: Callable[[float], float], low: float, high: float, y: float, tall: float) -> list[str]:
    found = [f'<line class="axis" x1="{across(low):.1f}" x2="{across(high):.1f}" y1="{y}" y2="{y}"/>']
    values = steps(low, high)
    digits = max((significant(value, 2) for value in values if value), default=0)
    for value in values:
        x = across(value)
        found.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{y + 4}"/>')
        found.append(words(x, y + 16, (english(value, digits), french(value, digits)), "middle", "quiet"))
    return found


def grid(up: Callable[[float], float], low: float, high: float) -> list[str]:
    values = steps(low, high)
    digits = max((significant(value, 2) for value in values if value), default=0)
    return [
        part for value in values
        for part in (f'<line class="grid" x1="{LEFT}" x2="{WIDE - RIGHT}" y1="{up(value):.1f}" y2="{up(value):.1f}"/>',
                     words(LEFT - 8, up(value) + 4, (english(value, digits), french(value, digits)), "end", "quiet"))
    ]


def ticks(across: Callable[[float], float], values: Sequence[float], y: float) -> list[str]:
    """Names of the values themselves, those left out that would touch the one before."""
    found, last = [], -1e9
    for value in values:
        x = across(value)
        if x - last < 44:
            continue
        last = x
        digits = significant(value, 2) if value < 10 else 0
        found.append(words(x, y + 16, (english(value, digits), french(value, digits)), "middle", "quiet"))
    return found


def spread(places: Sequence[float], least: float) -> list[float]:
    """The same places moved apart, so that names do not lie on each other."""
    order = sorted(range(len(places)), key=lambda i: places[i])
    found = list(places)
    for before, after in pairwise(order):
        found[after] = max(found[after], found[before] + least)
    return found


def words(x: float, y: float, text: tuple[str, str], anchor: str, kind: str) -> str:
    """Both languages in one place; the page shows one."""
    if text[0] == text[1]:
        return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text[0])}</text>'
    return "".join(
        f'<text lang="{language}" class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(said)}</text>'
        for language, said in zip(("en", "fr"), text, strict=True)
    )


def mark(k: int, x: float, y: float) -> str:
    """A circle, a square, a diamond, a triangle, in turn."""
    colour = COLOURS[k % 8]
    shapes = (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>',
        f'<rect x="{x - 3.2:.1f}" y="{y - 3.2:.1f}" width="6.4" height="6.4" fill="{colour}"/>',
        f'<path d="M{x:.1f} {y - 4.6:.1f} l4.6 4.6 -4.6 4.6 -4.6 -4.6 z" fill="{colour}"/>',
        f'<path d="M{x:.1f} {y - 4.4:.1f} l4.4 7.6 h-8.8 z" fill="{colour}"/>',
    )
    return shapes[k % 4]


def shortened(name: str, most: int) -> str:
    return name if len(name) <= most else name[: most - 1] + "\N{HORIZONTAL ELLIPSIS}"
