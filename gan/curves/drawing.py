"""Which curves stand in which panel, with the points that are drawn; the PNG.  The page draws the same panels."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np

from ganbench.gan.curves.band import Band
from ganbench.gan.curves.names import family_of, is_score
from ganbench.gan.curves.smoothing import smoothed, thinned
from ganbench.gan.curves.table import Run, Series
from ganbench.gan.numbers import english, french

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#5B5B5B", "#8C6D1F")   # Okabe & Ito 2008
DASHES = ("", "5 3", "1.5 2.5", "8 3 1.5 3")                # of the second, third and fourth metric of a panel
OTHERS = 4          # panels of metrics that are not known by name
SCORES = ("kid", "fid", "fd")                               # one panel each; the first metric of each family
TITLES: Mapping[str, tuple[str, str]] = {
    "losses": ("Discriminator against generator", "Discriminateur contre générateur"),
    "loss": ("Loss", "Perte"),
    "probabilities": ("D(x) and D(G(z))", "D(x) et D(G(z))"),
    "logits": ("Logits of real and generated images", "Logits des images réelles et générées"),
    "penalty": ("Penalty", "Pénalité"),
    "gradients": ("Gradient norms", "Normes des gradients"),
}
PANELS: Sequence[tuple[str, tuple[str, ...]]] = (
    ("losses", ("discriminator", "generator")), ("loss", ("denoising", "cross_entropy")),
    ("probabilities", ("d_real", "d_fake")), ("logits", ("score_real", "score_fake")), ("penalty", ("penalty",)),
    ("gradients", ("gradient_norm", "gradient_norm.discriminator", "gradient_norm.generator")),
)


@dataclass(frozen=True)
class Drawn:
    """The points of a curve in a picture, at most 3,000; smoothed over all of them before."""

    run: int                # which one of the runs
    part: int               # which metric of the panel
    metric: str
    step: np.ndarray        # (m,) int64
    raw: np.ndarray         # (m,) float64, with NaN and infinity
    smooth: np.ndarray      # (m,) float64; empty where the curve has no smoothing, such as scores
    low: np.ndarray         # (m,) float64, ends of 95 % intervals; empty without standard errors
    high: np.ndarray
    colour: int
    total: int              # points of the log


@dataclass(frozen=True)
class Panel:
    """A chart: its title in both languages, its curves and the bands behind them."""

    title: tuple[str, str]
    curves: Sequence[Drawn]
    bands: Sequence[Band] = ()

    @property
    def logarithmic(self) -> bool:
        """Scores that fall by more than a factor of 20."""
        values = np.concatenate([curve.raw[np.isfinite(curve.raw)] for curve in self.curves])
        return is_score(self.metrics[0]) and len(values) > 1 and values.min() > 0 and values.max() > 20 * values.min()

    @property
    def metrics(self) -> list[str]:
        return list(dict.fromkeys(curve.metric for curve in self.curves))


def panels_of(runs: Sequence[Run], weight: float = 0.9, bands: Mapping[str, Band] | None = None) -> list[Panel]:
    """The panels for which a run has a metric: losses, probabilities, penalties, gradients, scores, and some others."""
    there = list(dict.fromkeys(name for run in runs for name in run.series))
    chosen = [(TITLES[key], [name for name in names if name in there]) for key, names in PANELS]
    for family in SCORES:
        names = [name for name in there if is_score(name) and family_of(name) == family]
        chosen += [((name, name), [name]) for name in names[:2]]
    known = {name for _, names in chosen for name in names}
    others = [name for name in there if name not in known and not is_score(name) and not name.endswith(".se")]
    chosen += [((name, name), [name]) for name in others[:OTHERS] if many(runs, name)]
    return [Panel(title, [drawn(run, k, name, part, len(runs) == 1, weight)
                          for part, name in enumerate(names) for k, run in enumerate(runs) if name in run.series],
                  [band for name, band in (bands or {}).items() if name in names])
            for title, names in chosen if names]


def many(runs: Sequence[Run], name: str) -> bool:
    """Whether a metric is a curve rather than a constant."""
    return any(name in run.series and len(run.series[name]) > 2 and np.ptp(np.nan_to_num(run.series[name].value)) > 0
               for run in runs)


def drawn(run: Run, k: int, name: str, part: int, alone: bool, weight: float) -> Drawn:
    """A curve's points.  One run: a colour for each metric; several: a colour for each run, dashes for metrics."""
    series, empty = run.series[name], np.empty(0)
    rows = thinned(series.value)
    smooth = empty if run.is_measured(name) else smoothed(series.value, weight)[rows]
    reach = 1.96 * errors(run, name, series)[rows] if f"{name}.se" in run.series else empty
    raw = series.value[rows]
    low, high = (raw - reach, raw + reach) if len(reach) else (empty, empty)
    return Drawn(k, part, name, series.step[rows], raw, smooth, low, high, (part if alone else k) % len(COLOURS),
                 len(series))


def errors(run: Run, name: str, series: Series) -> np.ndarray:
    """(n,): the standard error at every step of a score; 0 where it is not logged."""
    se = run.series[f"{name}.se"]
    at = np.searchsorted(se.step, series.step).clip(0, len(se) - 1)
    return np.where(se.step[at] == series.step, np.nan_to_num(se.value[at]), 0.0)


def limits(panel: Panel) -> tuple[float, float]:
    """The range of values: all of smoothed curves and scores, and of raw ones what lies within 0.5 to 99.5 %.  A few
    extremes beyond it are marked at the edge instead of flattening everything else."""
    found: list[float] = []
    for curve in panel.curves:
        raw = curve.raw[np.isfinite(curve.raw)]
        if len(raw):
            found += [*np.quantile(raw, (0.005, 0.995)).tolist()]
        for values in (curve.smooth, curve.low, curve.high):
            inside = values[np.isfinite(values)]
            found += [float(inside.min()), float(inside.max())] if len(inside) else []
    if not found:
        return 0.0, 1.0
    low, high = min(found), max(found)
    if panel.logarithmic:
        positive = np.concatenate([curve.raw[np.isfinite(curve.raw)] for curve in panel.curves])
        return max(low, float(positive.min()) / 3) / 1.2, high * 1.2
    room = 0.04 * (high - low) or max(1.0, abs(high)) * 0.1
    return low - room, high + room


def beyond(curve: Drawn, low: float, high: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Steps at which the raw curve lies above, lies below, and is not finite."""
    finite = np.isfinite(curve.raw)
    return curve.step[finite & (curve.raw > high)], curve.step[finite & (curve.raw < low)], curve.step[~finite]


# The picture

def picture(panels: Sequence[Panel], runs: Sequence[Run], title: str = "", language: str = "en") -> bytes:
    """A PNG: raw curves faint, smoothed ones in front, bands of healthy runs behind."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    across = 1 if len(panels) == 1 else 2
    down = math.ceil(len(panels) / across)
    figure = Figure(figsize=(6.2 * across, 0.9 + 2.7 * down), layout="constrained", dpi=110)
    canvas = FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=11, x=0.01, ha="left")
    places = figure.subplots(down, across, squeeze=False).ravel()
    for panel, axes in zip(panels, places, strict=False):
        draw(axes, panel, runs, language)
    for axes in places[len(panels):]:
        axes.set_visible(False)
    bands = any(panel.bands for panel in panels)
    figure.supxlabel(LEGEND[language == "fr"] + BANDS[language == "fr"] * bands, fontsize=8, x=0.99, ha="right")
    canvas.print_png(file := BytesIO())
    return file.getvalue()


LEGEND = ("faint: as logged; bold: smoothed; triangles: beyond the range; crosses: NaN or infinity",
          "pâle : valeurs brutes ; gras : lissées ; triangles : hors cadre ; croix : NaN ou infini")
BANDS = "; grey: healthy runs", " ; gris : entraînements sains"


def draw(axes: Axes, panel: Panel, runs: Sequence[Run], language: str) -> None:
    low, high = limits(panel)
    for band in panel.bands:
        axes.fill_between(band.step, band.low, band.high, color="#888888", alpha=0.18, linewidth=0)
    for curve in panel.curves:
        draw_curve(axes, curve, low, high, label_of(curve, panel, runs))
    for run in runs if len(runs) == 1 else ():
        for step in run.restarts:
            axes.axvline(step, lw=0.8, ls=":", color="#555555")
    if panel.logarithmic:
        axes.set_yscale("log")
    axes.set_ylim(low, high)
    ends = [step for curve in panel.curves for step in (curve.step[0], curve.step[-1])]
    axes.set_xlim(min(ends), max(max(ends), min(ends) + 1))
    axes.set_title(panel.title[language == "fr"], fontsize=10, loc="left")
    axes.set_xlabel("step" if language == "en" else "pas", loc="right", fontsize=8)
    axes.tick_params(labelsize=8)
    axes.locator_params("x", nbins=5, integer=True)
    axes.xaxis.set_major_formatter(lambda step, _: (english if language == "en" else french)(step, 0))
    if language == "fr" and not panel.logarithmic:
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:.6g}".replace(".", ",").replace("-", "\u2212"))
    axes.grid(alpha=0.25, linewidth=0.5)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    if len(panel.curves) > 1 or len(runs) > 1:
        axes.legend(fontsize=7.5, framealpha=0.75, edgecolor="none", loc="best")


def label_of(curve: Drawn, panel: Panel, runs: Sequence[Run]) -> str:
    """The metric, the run, or both, whichever tells curves apart."""
    parts = [runs[curve.run].name] * (len(runs) > 1) + [curve.metric] * (len(panel.metrics) > 1)
    return ", ".join(parts) or curve.metric


def draw_curve(axes: Axes, curve: Drawn, low: float, high: float, label: str) -> None:
    colour = COLOURS[curve.colour]
    dash = (0, tuple(map(float, DASHES[curve.part % 4].split()))) if DASHES[curve.part % 4] else "-"
    if len(curve.smooth):
        axes.plot(curve.step, curve.raw, lw=0.7, alpha=0.28, color=colour)
        axes.plot(curve.step, curve.smooth, lw=1.5, ls=dash, color=colour, label=label)
    else:
        axes.plot(curve.step, curve.raw, "o-", ms=3, lw=1.2, color=colour, label=label)
    if len(curve.low):
        axes.vlines(curve.step, curve.low, curve.high, lw=1, color=colour)
    above, below, lost = beyond(curve, low, high)
    edge = high - low
    axes.plot(above, np.full(len(above), high - 0.02 * edge), "^", ms=4, color=colour, alpha=0.7)
    axes.plot(below, np.full(len(below), low + 0.02 * edge), "v", ms=4, color=colour, alpha=0.7)
    axes.plot(lost, np.full(len(lost), high - 0.05 * edge), "x", ms=5, color=colour)
