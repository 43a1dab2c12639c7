"""What learning curves show: rules that know the loss, each with its evidence.

Thresholds were chosen on the half of the runs in tests/gan/curves/cases.py that is named TUNING, and measured on the
other half; docs/curves.md has the table.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ganbench.gan.curves.names import family_of, is_score
from ganbench.gan.curves.smoothing import smoothed
from ganbench.gan.curves.table import Run, Series

# A loss, and below which loss of the discriminator (a median) it wins: with D(x) and 1 - D(G(z)) of 0.95 each the
# non-saturating loss is -2 log 0.95 = 0.10, and of 0.95 for a pair the relativistic one 0.05.  The Wasserstein loss
# estimates a distance: no value of it means that somebody wins.
WINS = {"non-saturating": 0.10, "hinge": 0.10, "relativistic": 0.05}
FAMILIES = (*WINS, "wasserstein", "denoising", "cross-entropy")
SURE, FOOLED = 0.95, 0.8        # D(x) and 1 - D(G(z)) of a discriminator that wins; D(G(z)) of one that loses
LATE = 0.2                      # share of the points at the end whose median counts
LONG = 0.1                      # share of the points during which a discriminator that wins does so without a break
LEAST = 16                      # points of a loss that is judged
GROWN = 8.0                     # times the usual size of the first third: divergence
CORRELATED, WIDE = 0.5, 0.15    # of an oscillation: autocorrelation one period later, spread against the size of a loss
PERIODS = 4                     # least number of them
COARSE = 1_000                  # points of a running median
BINS = 256                      # into which a loss is averaged to look for a period
CHECKPOINTS = 8                 # least number of evaluated ones for a plateau
IMPROVED = 0.03                 # of a score from the third to the last quarter of the run: no plateau
SETTLED = 0.005                 # of a loss's whole decrease, likewise
COVERED, FALLEN = 0.01, 0.25    # coverage or recall after a collapse, and against the best checkpoint before
VARIED = 0.1                    # Vendi score against that of real images
LOSSES = ("discriminator", "generator", "denoising", "cross_entropy")


@dataclass(frozen=True)
class Verdict:
    """What one rule says of a run.  `said`: found, clear, not applicable (to this loss), or not logged."""

    rule: str
    said: str
    severity: str = ""                                      # of what was found: alert, warning, info
    facts: Mapping[str, Any] = field(default_factory=dict)


Said = tuple[str, dict[str, Any]]
CLEAR: Said = ("clear", {})


def not_logged(*needed: str) -> Said:
    return "not logged", {"needed": list(needed)}


def diagnose(run: Run, loss: str = "") -> list[Verdict]:
    """The verdict of every rule, in the order of RULES.  `loss`: a row of FAMILIES; empty: as the curves look."""
    family = loss or loss_of(run)
    found = []
    for name, rule in RULES.items():
        said, facts = rule.judge(run, family)
        found.append(Verdict(name, said, rule.severity if said == "found" else "", facts))
    return found


def loss_of(run: Run) -> str:
    """The family of the loss: a critic's that is often negative is Wasserstein's, a generator's that is hinge's."""
    for metric, family in (("denoising", "denoising"), ("cross_entropy", "cross-entropy")):
        if metric in run.series and "generator" not in run.series:
            return family
    critic, generator = (often_negative(run.series.get(name)) for name in ("discriminator", "generator"))
    if "discriminator" not in run.series and "generator" not in run.series:
        return ""
    return "wasserstein" if critic else "hinge" if generator else "non-saturating"


def often_negative(series: Series | None) -> bool:
    return series is not None and bool((finite(series) < 0).mean() > 0.05) if series and len(series) else False


def finite(series: Series) -> np.ndarray:
    return series.value[np.isfinite(series.value)]


def late(series: Series | None) -> float:
    """The median of the last fifth of the finite values; NaN of too few."""
    values = finite(series) if series else np.empty(0)
    return float(np.median(values[-max(1, math.ceil(LATE * len(values))):])) if len(values) >= LEAST else math.nan


def usable(run: Run, *names: str) -> dict[str, Series]:
    """Those of the losses that have enough finite points."""
    return {name: run.series[name] for name in names if name in run.series and len(finite(run.series[name])) >= LEAST}


def since(series: Series, holds: np.ndarray) -> int:
    """The step from which on a condition holds until the end, (n,) bool."""
    broken = np.flatnonzero(~holds)
    return int(series.step[min(broken[-1] + 1, len(series) - 1)]) if len(broken) else int(series.step[0])


# Rules

def not_finite(run: Run, family: str) -> Said:
    """NaN or infinity in any curve but scores, which are left out where images cannot be measured.  Gradient norms of
    mixed precision may be infinite: the step is skipped then."""
    bad = {name: np.flatnonzero(~np.isfinite(series.value)) for name, series in run.series.items()
           if not name.startswith("gradient_norm") and not run.is_measured(name)}
    found = {name: rows for name, rows in bad.items() if len(rows)}
    if not found:
        return CLEAR
    name = min(found, key=lambda one: int(run.series[one].step[found[one][0]]))
    series = run.series[name]
    return "found", {"metric": name, "step": int(series.step[found[name][0]]), "count": len(found[name]),
                     "total": len(series)}


def diverged(run: Run, family: str) -> Said:
    """The size of a loss at the end against its 90 % quantile in the first third."""
    for name, series in usable(run, *LOSSES).items():
        size = np.abs(finite(series))
        before, now = float(np.quantile(size[: len(size) // 3], 0.9)), float(np.median(size[-len(size) // 10:]))
        if now > GROWN * before:
            even = smoothed(np.abs(series.value), 0.9)
            grown = ~(even <= GROWN * before)
            return "found", {"metric": name, "before": before, "now": now, "step": since(series, grown)}
    return CLEAR if usable(run, *LOSSES) else not_logged("discriminator", "generator")


def discriminator_wins(run: Run, family: str) -> Said:
    """During a tenth of the run, at its end or before: the generator learns nothing then.  By D(x) and D(G(z)) where
    they are logged, otherwise by the discriminator's loss; medians over the window."""
    if family not in WINS:
        return "not applicable", {}
    there = usable(run, "d_real", "d_fake", "discriminator")
    if {"d_real", "d_fake"} <= there.keys():
        surest = np.minimum(running(there["d_real"]), 1 - running(there["d_fake"]))
        at, won = int(np.argmax(surest)), surest > SURE
        facts = {"real": float(running(there["d_real"])[at]), "fake": float(running(there["d_fake"])[at])}
        return ("found", {**facts, **span(there["d_real"], won)}) if won.any() else CLEAR
    if "discriminator" not in there:
        return not_logged("discriminator")
    level = running(there["discriminator"])
    won = level < WINS[family]
    return ("found", {"loss": float(level.min()), "least": WINS[family], **span(there["discriminator"], won)}
            ) if won.any() else CLEAR


def running(series: Series) -> np.ndarray:
    """(m,): the median of each window of a tenth of the finite values; of long series of its blocks' medians."""
    values = finite(series)
    if len(values) > COARSE:
        values = np.array([np.median(part) for part in np.array_split(values, COARSE)])
    return np.median(np.lib.stride_tricks.sliding_window_view(values, window(len(values))), axis=1)


def window(n: int) -> int:
    return max(LEAST // 2, round(LONG * n))


def span(series: Series, holds: np.ndarray) -> dict[str, int]:
    """The first and the last step of the windows for which a condition holds, (m,) bool."""
    step = series.step[np.isfinite(series.value)]
    blocks, rows = min(COARSE, len(step)), np.flatnonzero(holds)
    first, last = rows[0], rows[-1] + window(blocks) - 1
    return {"step": int(step[first * len(step) // blocks]), "until": int(step[last * len(step) // blocks])}


def generator_wins(run: Run, family: str) -> Said:
    """By D(G(z)) where it is logged, otherwise by the generator's loss, which is -log D(G(z)), -D(G(z)) or that of a
    pair that is judged the other way round."""
    if family not in WINS:
        return "not applicable", {}
    fake, loss = run.series.get("d_fake"), run.series.get("generator")
    if fake and not math.isnan(late(fake)):
        return ("found", {"fake": late(fake), "step": since(fake, smoothed(fake.value) > FOOLED)}
                ) if late(fake) > FOOLED else CLEAR
    if loss is None or math.isnan(late(loss)):
        return not_logged("generator")
    least = {"non-saturating": -math.log(FOOLED), "hinge": -1.0, "relativistic": -math.log(FOOLED)}[family]
    if late(loss) >= least:
        return CLEAR
    return "found", {"loss": late(loss), "least": least, "step": since(loss, ~(smoothed(loss.value) >= least))}


def oscillates(run: Run, family: str) -> Said:
    """A period in the last two thirds of a loss: the autocorrelation has a peak behind its first dip."""
    there = usable(run, *LOSSES)
    if not there:
        return not_logged("discriminator", "generator")
    for name, series in there.items():
        inside = np.isfinite(series.value)
        step, values = series.step[inside], series.value[inside]
        first = len(values) // 3
        lag, height, width = period_of(values[first:])
        if height > CORRELATED and width > WIDE:
            steps = lag * float(step[-1] - step[first]) / max(1, len(values) - first - 1)
            return "found", {"metric": name, "period": round(steps), "height": height, "width": width}
    return CLEAR


def period_of(values: np.ndarray) -> tuple[float, float, float]:
    """(n,) -> the period in points, the autocorrelation there, and the waves' spread against the size of the values."""
    bins = min(BINS, len(values))
    means = np.array([part.mean() for part in np.array_split(values, bins)])
    trend = np.polynomial.Polynomial.fit(np.arange(bins), means, 2)(np.arange(bins))
    waves = means - trend
    power = float(waves @ waves)
    if bins < 4 * PERIODS or power == 0:
        return 0.0, 0.0, 0.0
    lags = np.arange(1, bins // PERIODS + 1)
    heights = np.array([waves[lag:] @ waves[:-lag] / power * bins / (bins - lag) for lag in lags])
    dip = np.flatnonzero(heights < 0)
    if not len(dip):
        return 0.0, 0.0, 0.0
    best = dip[0] + int(np.argmax(heights[dip[0]:]))
    return float(lags[best] * len(values) / bins), float(heights[best]), float(waves.std() / np.abs(means).mean())


def plateau(run: Run, family: str) -> Said:
    """Scores of images that no longer improve; without images, the loss of a model that has no opponent."""
    scores = {name: series for name, series in run.series.items()
              if is_score(name) and family_of(name) in ("kid", "fid", "fd") and len(finite(series)) >= CHECKPOINTS}
    if scores:
        found = {name: settled(series, run.series.get(f"{name}.se")) for name, series in scores.items()}
        if not all(found.values()):
            return CLEAR
        name = next(iter(found))
        return "found", {"metric": name, **(found[name] or {})}
    alone = usable(run, "denoising", "cross_entropy")
    if not alone:
        return ("not applicable", {}) if usable(run, "discriminator", "generator") else not_logged("kid")
    for name, series in alone.items():
        values = finite(series)
        quarters = [part.mean() for part in np.array_split(values, 4)]
        drop = float(np.mean(values[: max(1, len(values) // 100)]) - quarters[3])
        if drop > 0 and quarters[2] - quarters[3] < SETTLED * drop:
            return "found", {"metric": name, "value": float(quarters[3]), "before": float(quarters[2]),
                             "step": arrival(series, quarters[3], drop)}
    return CLEAR


def settled(series: Series, se: Series | None) -> dict[str, Any] | None:
    """Whether the mean of the last quarter of steps is no better than that of the third one; the facts if so."""
    inside = np.isfinite(series.value)
    step, value = series.step[inside], series.value[inside]
    part = np.minimum(3, 4 * (step - step[0]) // max(1, step[-1] - step[0] + 1))
    third, last = value[part == 2], value[part == 3]
    if len(third) < 2 or len(last) < 2:
        return None
    own = float(np.nanmedian(se.value)) if se is not None and len(se) else 0.0
    spread = math.sqrt(sum(max(float(some.var(ddof=1)), own**2) / len(some) for some in (third, last)))
    better = float(third.mean() - last.mean())
    if better > max(2 * spread, IMPROVED * abs(float(third.mean()))) or value[0] - value.min() < 3 * spread:
        return None
    return {"value": float(last.mean()), "before": float(third.mean()), "step": int(step[int(np.argmin(value))])}


def arrival(series: Series, level: float, drop: float) -> int:
    """The step at which a loss first came within a hundredth of its decrease of the level at the end."""
    near = np.flatnonzero(smoothed(series.value, 0.99) < level + 0.01 * drop)
    return int(series.step[near[0]]) if len(near) else int(series.step[-1])


def restarted(run: Run, family: str) -> Said:
    """Steps that were logged twice: the later values hold."""
    return ("found", {"count": len(run.restarts), "step": run.restarts[-1]}) if run.restarts else CLEAR


def collapsed(run: Run, family: str) -> Said:
    """Only measurements of images tell: coverage, recall, or the Vendi score beside that of real images."""
    scores = {name: series for name, series in run.series.items()
              if is_score(name) and family_of(name) in ("coverage", "recall", "vendi") and len(finite(series))
              and not name.endswith((".real", ".floor"))}
    if not scores:
        return not_logged("coverage", "recall", "vendi")
    for name, series in scores.items():
        values = finite(series)
        last, best = float(values[-1]), float(values.max())
        real = next((finite(run.series[f"{name}{end}"]) for end in (".real", ".floor") if f"{name}{end}" in run.series),
                    np.empty(0))
        if family_of(name) == "vendi":
            low = last - 1 < VARIED * (float(real[-1]) - 1) if len(real) else False
        else:
            low = last < COVERED
        if low or last < FALLEN * best:
            return "found", {"metric": name, "value": last, "best": best, "step": int(series.step[-1])}
    return CLEAR


@dataclass(frozen=True)
class Rule:
    judge: Callable[[Run, str], Said]
    severity: str


RULES = {
    "not finite": Rule(not_finite, "alert"),
    "divergence": Rule(diverged, "alert"),
    "collapse": Rule(collapsed, "alert"),
    "discriminator wins": Rule(discriminator_wins, "warning"),
    "generator wins": Rule(generator_wins, "warning"),
    "oscillation": Rule(oscillates, "warning"),
    "plateau": Rule(plateau, "info"),
    "restart": Rule(restarted, "info"),
}
