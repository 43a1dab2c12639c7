"""Learning curves as one self-contained HTML page in two languages: what was found, the charts, and the last values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ganbench.gan.curves.band import Band
from ganbench.gan.curves.diagnosis import Verdict
from ganbench.gan.curves.drawing import DASHES, Drawn, Panel, beyond, label_of, limits
from ganbench.gan.curves.sentences import advice, evidence, lost, unjudged
from ganbench.gan.curves.summary import Summary
from ganbench.gan.curves.table import Run
from ganbench.gan.numbers import english, french
from ganbench.gan.report.charts import Axis, powers, steps
from ganbench.gan.report.templates import render

WIDE, TALL, LEFT, RIGHT, TOP, BOTTOM = 460, 250, 46, 14, 10, 30
Pair = tuple[str, str]


@dataclass(frozen=True)
class Judged:
    """What is said of a run, each in both languages: what was found with its severity, evidence and advice."""

    name: str
    found: Sequence[tuple[str, Pair, Pair]]
    notes: Sequence[Pair]


@dataclass(frozen=True)
class Line:
    """A curve in pixels: pieces between values that are not finite, and marks (form, x, y) of what lies beyond."""

    label: str
    run: int
    colour: int
    dash: str
    raw: Sequence[str]
    smooth: Sequence[str]
    points: Sequence[tuple[float, float, float, float]]     # x, y, and the ends of the interval
    marks: Sequence[tuple[str, float, float]]


def page(
    runs: Sequence[Run], panels: Sequence[Panel], verdicts: Sequence[Sequence[Verdict]], rows: Sequence[Summary],
    title: str,
) -> str:
    """HTML with nothing outside it; the script shows values below the pointer and the language of the reader."""
    charts = [chart(panel, runs, k) for k, panel in enumerate(panels)]
    return render(
        "curves.html", title=title, runs=[run.name for run in runs], charts=charts,
        judged=[judged(run, found) for run, found in zip(runs, verdicts, strict=True)], rows=rows,
        scored=any(row.best is not None for row in rows),
        bands=any(panel.bands for panel in panels), points=sum(run.points for run in runs),
        data=[data_of(panel, runs) for panel in panels], shown=shown,
    )


def both_of(say: Any, *facts: Any) -> Pair:
    return say(*facts, "en"), say(*facts, "fr")


def judged(run: Run, verdicts: Sequence[Verdict]) -> Judged:
    found = [(row.severity, both_of(evidence, row), both_of(advice, row)) for row in verdicts if row.said == "found"]
    aside = [both_of(unjudged, list(verdicts), said) for said in ("not applicable", "not logged")]
    return Judged(run.name, found, [pair for pair in (*(both_of(lost, one) for one in run.caveats), *aside) if pair[0]])


def shown(value: float) -> Pair:
    """Four significant digits; NaN and infinity by name."""
    if not math.isfinite(value):
        return (str(value), str(value))
    digits = 0 if value == 0 else min(6, max(0, 3 - math.floor(math.log10(abs(value)))))
    return english(value, digits), french(value, digits)


# Charts

def chart(panel: Panel, runs: Sequence[Run], k: int) -> dict[str, Any]:
    """What the template draws: axes with their ticks, bands and curves in pixels."""
    low, high = limits(panel)
    ends = [int(step) for curve in panel.curves for step in (curve.step[0], curve.step[-1])]
    first, last = min(ends), max(max(ends), min(ends) + 1)
    across = Axis(first, last, LEFT, WIDE - RIGHT, ticks=steps(first, last, 5))
    ticks = powers(low, high) if panel.logarithmic else steps(low, high, 5)
    up = Axis(low, high, TALL - BOTTOM, TOP, panel.logarithmic, ticks)
    return {
        "identity": k, "title": panel.title, "wide": WIDE, "tall": TALL, "left": LEFT, "right": WIDE - RIGHT,
        "top": TOP, "bottom": TALL - BOTTOM,
        "across": [(across(tick), across.label(tick)) for tick in across.ticks],
        "up": [(up(tick), up.label(tick)) for tick in up.ticks],
        "bands": [outline(band, across, up) for band in panel.bands],
        "lines": [line(curve, panel, runs, across, up) for curve in panel.curves],
        "restarts": [across(step) for step in runs[0].restarts if first <= step <= last] if len(runs) == 1 else [],
    }


def outline(band: Band, across: Axis, up: Axis) -> str:
    """The points of a polygon around a band, cut to the chart."""
    inside = (band.step >= across.low) & (band.step <= across.high)
    edges = [*zip(band.step[inside], band.low[inside], strict=True),
             *reversed([*zip(band.step[inside], band.high[inside], strict=True)])]
    return " ".join(f"{across(float(x)):.1f},{cut(up, y):.1f}" for x, y in edges)


def line(curve: Drawn, panel: Panel, runs: Sequence[Run], across: Axis, up: Axis) -> Line:
    above, below, lost_at = beyond(curve, up.low, up.high)
    marks = [(form, across(float(x)), y) for form, places, y in
             (("up", above, TOP + 5.0), ("down", below, TALL - BOTTOM - 5.0), ("lost", lost_at, TOP + 14.0))
             for x in places]
    has_smooth = len(curve.smooth) > 0
    low, high = (curve.low, curve.high) if len(curve.low) else (curve.raw, curve.raw)
    points = [] if has_smooth else [
        (across(float(x)), cut(up, y), cut(up, bottom), cut(up, top))
        for x, y, bottom, top in zip(curve.step, curve.raw, low, high, strict=True) if math.isfinite(y)]
    return Line(label_of(curve, panel, runs), curve.run, curve.colour, DASHES[curve.part % len(DASHES)],
                pieces(curve.step, curve.raw, across, up), pieces(curve.step, curve.smooth, across, up), points, marks)


def cut(up: Axis, value: float) -> float:
    """Where a value stands, at the edge of the chart if it lies beyond."""
    return up(min(max(float(value), up.low), up.high))


def pieces(step: np.ndarray, values: np.ndarray, across: Axis, up: Axis) -> list[str]:
    """Points of polylines, cut to the chart; a value that is not finite ends one."""
    if not len(values):
        return []
    finite = np.isfinite(values)
    cuts = np.flatnonzero(np.diff(finite)) + 1
    found = []
    for rows in np.split(np.arange(len(values)), cuts):
        if finite[rows[0]]:
            ys = values[rows].clip(up.low, up.high)
            found.append(" ".join(f"{across(float(x)):.1f},{up(float(y)):.1f}"
                                  for x, y in zip(step[rows], ys, strict=True)))
    return found


def data_of(panel: Panel, runs: Sequence[Run]) -> dict[str, Any]:
    """For the page's script: what stands at a step, with six digits."""
    ends = [int(step) for curve in panel.curves for step in (curve.step[0], curve.step[-1])]
    return {"first": min(ends), "last": max(max(ends), min(ends) + 1), "curves": [
        {"label": label_of(curve, panel, runs), "run": curve.run, "step": curve.step.tolist(),
         "raw": rounded(curve.raw), "smooth": rounded(curve.smooth)} for curve in panel.curves]}


def rounded(values: np.ndarray) -> list[float | str]:
    """Six significant digits; NaN and infinity as texts, which JSON has no numbers for."""
    return [float(f"{value:.6g}") if math.isfinite(value) else str(value) for value in values.tolist()]
