"""A suite's history as a picture, which terminals, pages and trackers only show."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from io import BytesIO
from operator import itemgetter
from typing import TYPE_CHECKING

from ganbench.gan.nightly.history import Night, Point, points
from ganbench.gan.uncertainty import interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#5B5B5B", "#8C6D1F")   # Okabe & Ito 2008
MARKERS = "osD^"        # of the first eight models, the next eight, ...
SIDE = 0.8              # of a night's width, for several snapshots of one night
CURVE = 3               # least number of checkpoints in a learning curve
PANELS = 3              # metrics in a picture
SPACIOUS = 4            # models beside whose lines there is room for words
LEGEND = "bars: 95 % intervals; a red ring: worse than its baseline, confirmed"


def models_of(nights: Sequence[Night]) -> list[tuple[str, str]]:
    """(model, protocol) pairs, in the order in which they first appear."""
    return list(dict.fromkeys((one.entry, one.protocol) for night in nights for one in night.observations))


def protocols_of(nights: Sequence[Night]) -> list[str]:
    return list(dict.fromkeys(protocol for _, protocol in models_of(nights)))


def metrics_of(nights: Sequence[Night], protocol: str) -> list[str]:
    """What the gate watches, the leading metric first."""
    there = [one for night in nights for one in night.observations if one.protocol == protocol]
    judged = {verdict.metric for night in nights for verdict in night.verdicts if verdict.protocol == protocol}
    names = list(dict.fromkeys(metric for one in there for metric, score in one.scores.items() if score.decides))
    return [name for name in names if name in judged] or names


# The picture

def picture(nights: Sequence[Night], protocol: str, title: str) -> bytes:
    """A PNG: a panel for each metric, a line for each model, with 95 % intervals, changes and regressions; below them
    the learning curves of trainings, by the numbers in the names of their checkpoints."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    metrics = metrics_of(nights, protocol)[:PANELS]
    mine = {entry: points(nights, entry, protocol) for entry, other in models_of(nights) if other == protocol}
    curves = {entry: found for entry, one in mine.items() if len(found := by_step(one, metrics[0])) >= CURVE}
    number = len(metrics) + bool(curves)
    figure = Figure(figsize=(9, 1 + 2.6 * number), layout="constrained", dpi=110)
    canvas = FigureCanvasAgg(figure)
    panels = figure.subplots(number, 1, squeeze=False)[:, 0]
    figure.suptitle(f"{title} under {protocol}", fontsize=11, x=0.01, ha="left")
    colours = {entry: COLOURS[k % len(COLOURS)] for k, entry in enumerate(mine)}
    for metric, panel in zip(metrics, panels, strict=False):
        for k, (entry, one) in enumerate(mine.items()):
            line(panel, one, metric, colours[entry], MARKERS[k // len(COLOURS) % len(MARKERS)], entry)
            if len(mine) <= SPACIOUS:
                stillness(panel, one, metric, colours[entry])
        marks(panel, nights, protocol, metric)
        dress(panel, nights, metric, "night")
    for entry, steps in curves.items():
        values = [point.observation.scores[metrics[0]] for _, point in steps]
        reach = [1.96 * value.se for value in values]
        panels[-1].errorbar([step for step, _ in steps], [value.value for value in values], reach, fmt="o-", ms=3,
                            lw=1, capsize=2, color=colours[entry])
        dress(panels[-1], nights, metrics[0], "learning curves: number in the checkpoint's name")
    handles, names = panels[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower left", ncols=4, fontsize=8, frameon=False)
    figure.supxlabel(LEGEND, fontsize=8, x=0.99, ha="right")
    canvas.print_png(file := BytesIO())
    return file.getvalue()


def dress(panel: Axes, nights: Sequence[Night], metric: str, across: str) -> None:
    from matplotlib.ticker import MaxNLocator

    panel.set_xlabel(across, loc="left", fontsize=9)
    panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    better = "lower" if lower_is_better(nights, metric) else "higher"
    panel.set_ylabel(f"{short_of(nights, metric)}, {better} is better")
    panel.grid(alpha=0.25, linewidth=0.5)
    for side in ("top", "right"):
        panel.spines[side].set_visible(False)


def by_step(mine: Sequence[Point], metric: str) -> list[tuple[int, Point]]:
    """Snapshots that have the metric, by the last number in their names, if all have one of their own."""
    mine = [point for point in mine if metric in point.observation.scores]
    numbers = [re.findall(r"\d+", point.observation.snapshot) for point in mine]
    steps = [int(found[-1]) for found in numbers if found]
    return sorted(zip(steps, mine, strict=True), key=itemgetter(0)) if len(set(steps)) == len(mine) else []


def places(mine: Sequence[Point]) -> list[float]:
    """Where the points of a model stand: at their nights, side by side where one night measured several."""
    there = Counter(point.first.number for point in mine)
    seen: Counter[int] = Counter()
    found = []
    for point in mine:
        night = point.first.number
        seen[night] += 1
        found.append(night - SIDE * (1 - seen[night] / there[night]))
    return found


def line(panel: Axes, mine: Sequence[Point], metric: str, colour: str, marker: str, name: str) -> None:
    """Values with intervals at the nights on which they were measured, and a line while they stood unchanged."""
    shown = [point for point in mine if metric in point.observation.scores]
    nights = places(shown)
    values = [point.observation.scores[metric].value for point in shown]
    reach = [interval(point.observation.scores[metric].estimate)[1] - value
             for point, value in zip(shown, values, strict=True)]
    panel.errorbar(nights, values, reach, fmt=marker, ms=4, lw=1, capsize=2, color=colour, label=name)
    last = [point.last.number if point.nights > 1 else place for point, place in zip(shown, nights, strict=True)]
    xs = [x for pair in zip(nights, last, strict=True) for x in pair]
    panel.plot(xs, [value for value in values for _ in range(2)], lw=1, color=colour, alpha=0.6)


def stillness(panel: Axes, mine: Sequence[Point], metric: str, colour: str) -> None:
    """`10 nights unchanged`, above the line."""
    for point in mine:
        if point.nights > 2 and metric in point.observation.scores:
            middle = ((point.first.number + point.last.number) / 2, point.observation.scores[metric].value)
            panel.annotate(f"{point.nights} nights unchanged", middle, textcoords="offset points", xytext=(0, 5),
                           ha="center", fontsize=7, color=colour)


def marks(panel: Axes, nights: Sequence[Night], protocol: str, metric: str) -> None:
    """A ring around what the gate calls worse; lines where a change was accepted, the champion or toolchain changed."""
    for night in nights:
        for verdict in night.verdicts:
            if (verdict.protocol, verdict.metric, verdict.said) != (protocol, metric, "worse") or verdict.nights > 1:
                continue
            value = next(one.scores[metric].value for one in night.observations
                         if (one.entry, one.protocol) == (verdict.entry, protocol))
            panel.plot(night.number, value, "o", ms=11, mfc="none", mec="#B00020", mew=1.5)
        for event in night.events:
            if event["kind"] in ("accepted", "drift", "elected"):
                panel.axvline(night.number, lw=0.8, ls=":", color="#555555")
                panel.annotate(event["kind"], (night.number, 1), xycoords=("data", "axes fraction"), fontsize=7,
                               textcoords="offset points", xytext=(2, -8), color="#555555")


def lower_is_better(nights: Sequence[Night], metric: str) -> bool:
    return all(one.scores[metric].lower_is_better for night in nights for one in night.observations
               if metric in one.scores)


def short_of(nights: Sequence[Night], metric: str) -> str:
    return next((one.scores[metric].short or metric for night in nights for one in night.observations
                 if metric in one.scores), metric)
