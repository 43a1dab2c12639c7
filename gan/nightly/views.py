"""A suite's history as rows and as a picture; terminals, pages and trackers only render them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

from ganbench.gan.nightly.history import Night, Point, Value, points
from ganbench.gan.nightly.sentences import signed
from ganbench.gan.numbers import decimals
from ganbench.gan.uncertainty import interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#5B5B5B", "#8C6D1F")   # Okabe & Ito 2008
PANELS = 3              # metrics in a picture
LEGEND = "bars: 95 % intervals; a red ring: worse than its baseline, confirmed"


@dataclass(frozen=True)
class Row:
    """A point of a history as texts."""

    night: str              # `12`, or `12 – 21`
    date: str
    model: str
    snapshot: str
    values: tuple[str, ...]         # `0.0121 ± 0.0004`, a metric each
    verdict: str
    changed: str            # `weights`, `10 nights unchanged`


def models_of(nights: Sequence[Night]) -> list[tuple[str, str]]:
    """(model, protocol) pairs, in the order in which they first appear."""
    return list(dict.fromkeys((one.entry, one.protocol) for night in nights for one in night.observations))


def metrics_of(nights: Sequence[Night], protocol: str) -> list[str]:
    """What the gate watches, the leading metric first."""
    there = [one for night in nights for one in night.observations if one.protocol == protocol]
    judged = {verdict.metric for night in nights for verdict in night.verdicts if verdict.protocol == protocol}
    names = list(dict.fromkeys(metric for one in there for metric, score in one.scores.items() if score.decides))
    return [name for name in names if name in judged] or names


def rows_of(nights: Sequence[Night], protocol: str, metrics: Sequence[str]) -> list[Row]:
    """Of all models under a protocol, model by model."""
    found = []
    for entry, other in models_of(nights):
        if other == protocol:
            found += [row_of(point, metrics) for point in points(nights, entry, protocol)]
    return found


def row_of(point: Point, metrics: Sequence[str]) -> Row:
    mine, same = point.observation, point.nights > 1
    number = f"{point.first.number} – {point.last.number}" if same else str(point.first.number)
    said = {row.said for row in point.last.verdicts
            if (row.entry, row.protocol, row.digest) == (mine.entry, mine.protocol, mine.digest)}
    order = ("worse", "open", "cannot tell", "not worse", "better", "baseline")
    worst = next((word for word in order if word in said), "")
    changed = [", ".join(point.changed)] * bool(point.changed) + [f"{point.nights} nights unchanged"] * same
    return Row(number, point.first.begun[:10], mine.entry, mine.snapshot,
               tuple(text_of(mine.scores.get(metric)) for metric in metrics), worst, "; ".join(changed))


def text_of(value: Value | None) -> str:
    """`0.0121 ± 0.0004`"""
    if value is None:
        return ""
    digits = decimals(value.se)
    return f"{value.value:.{digits}f} ± {value.se:.{digits}f}"


def gap_text(gap: float | None, se: float | None) -> str:
    return "" if gap is None or se is None else signed(gap, se)


# The picture

def picture(nights: Sequence[Night], protocol: str, title: str) -> bytes:
    """A PNG: a panel for each metric, a line for each model, with 95 % intervals, changes and regressions."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    metrics = metrics_of(nights, protocol)[:PANELS]
    figure = Figure(figsize=(9, 1 + 2.6 * len(metrics)), layout="constrained", dpi=110)
    canvas = FigureCanvasAgg(figure)
    panels = figure.subplots(len(metrics), 1, sharex=True, squeeze=False)[:, 0]
    figure.suptitle(f"{title} under {protocol}", fontsize=11, x=0.01, ha="left")
    entries = [entry for entry, other in models_of(nights) if other == protocol]
    for metric, panel in zip(metrics, panels, strict=True):
        for k, entry in enumerate(entries):
            line(panel, points(nights, entry, protocol), metric, COLOURS[k % len(COLOURS)], entry)
        marks(panel, nights, protocol, metric)
        name = short_of(nights, metric)
        panel.set_ylabel(f"{name}, {'lower' if lower_is_better(nights, metric) else 'higher'} is better")
        panel.grid(alpha=0.25, linewidth=0.5)
        for side in ("top", "right"):
            panel.spines[side].set_visible(False)
    panels[-1].set_xlabel("night", loc="left")
    panels[-1].xaxis.get_major_locator().set_params(integer=True)
    handles, names = panels[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower left", ncols=4, fontsize=8, frameon=False)
    figure.supxlabel(LEGEND, fontsize=8, x=0.99, ha="right")
    canvas.print_png(file := BytesIO())
    return file.getvalue()


def line(panel: Axes, mine: Sequence[Point], metric: str, colour: str, name: str) -> None:
    """Values with intervals at the nights on which they were measured, and a line while they stood unchanged."""
    shown = [point for point in mine if metric in point.observation.scores]
    nights = [point.first.number for point in shown]
    values = [point.observation.scores[metric].value for point in shown]
    reach = [interval(point.observation.scores[metric].estimate)[1] - value
             for point, value in zip(shown, values, strict=True)]
    panel.errorbar(nights, values, reach, fmt="o", ms=4, lw=1, capsize=2, color=colour, label=name)
    xs = [x for point in shown for x in (point.first.number, point.last.number)]
    panel.plot(xs, [value for value in values for _ in range(2)], lw=1, color=colour, alpha=0.6)
    for point, value in zip(shown, values, strict=True):
        if point.nights > 2:
            panel.annotate(f"{point.nights} nights unchanged", ((point.first.number + point.last.number) / 2, value),
                           textcoords="offset points", xytext=(0, 5), ha="center", fontsize=7, color=colour)


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
