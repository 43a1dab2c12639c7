"""Brightness, contrast, colours: distributions of one number per image, generated against real."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import wasserstein_distance

from ganbench.gan.findings.pixels import ImageStatistics
from ganbench.gan.findings.rules import Test
from ganbench.gan.findings.spectrum import RealSet, weakest
from ganbench.gan.findings.stratification import Strata, gap, kolmogorov_smirnov
from ganbench.gan.types import Estimate, Finding

BINS = 30
# The least differences of means that are reported, and the least that are alerts; in the unit of each statistic.
LEAST = {
    "brightness": (2.0, 20.0), "contrast": (2.0, 20.0), "saturation": (2.0, 20.0), "red_green": (1.5, 15.0),
    "yellow_blue": (1.5, 15.0), "sharpness": (0.7, 3.0),
}
# The rules for a mean that is too low and too high.
CALLED = {
    "brightness": ("dark", "bright"), "contrast": ("flat", "harsh"), "saturation": ("pale", "vivid"),
    "red_green": ("cast", "cast"), "yellow_blue": ("cast", "cast"),
}
CASTS = {"red_green": ("green", "red"), "yellow_blue": ("blue", "yellow")}
DISTRIBUTION = 0.15     # least Wasserstein-1 distance that is reported, in standard deviations of the real images
HUE = 8.0               # the same for hues, in degrees
SHOWN = ("brightness", "contrast", "sharpness", "edges", "saturation", "red_green", "yellow_blue", "hue")


@dataclass(frozen=True)
class Appearance:
    """One statistic of images: `distance` is Wasserstein-1; `edges` and the shares per bin are the histograms."""

    name: str
    generated_mean: float
    real_mean: float
    difference: Estimate        # generated - real
    distance: float
    p: float                    # unadjusted; of the hypothesis of equal distributions at equal slice shares
    edges: list[float]
    generated: list[float]
    real: list[float]
    adjusted: Estimate          # the difference, with real images weighted to the generated slice shares


def appearance(generated: ImageStatistics, real: Sequence[RealSet]) -> list[Appearance]:
    return [_appearance(name, generated, real) for name in SHOWN if name in generated.values]


def _appearance(name: str, generated: ImageStatistics, real: Sequence[RealSet]) -> Appearance:
    x, y = (_present(one.values[name]) for one in (generated, real[0][0]))
    edges = np.linspace(*_range(x, y), BINS + 1)
    difference = Estimate(float(x.mean() - y.mean()), float(np.hypot(_error(x), _error(y))))
    value, se, p_mean = mean_test(name, generated, real)
    p = min(1.0, 2 * min(p_mean, distribution_p(name, generated, real)))
    return Appearance(name, float(x.mean()), float(y.mean()), difference, float(wasserstein_distance(x, y)), p,
                      edges.tolist(), _histogram(x, edges), _histogram(y, edges), Estimate(value, se))


def _present(x: np.ndarray) -> np.ndarray:
    """The finite values; a single 0 if there are none."""
    found = x[np.isfinite(x)]
    return found if len(found) else np.zeros(1)


def _range(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    low, high = min(x.min(), y.min()), max(x.max(), y.max())
    return (float(low), float(high)) if high > low else (float(low) - 0.5, float(low) + 0.5)


def _error(x: np.ndarray) -> float:
    return float(x.std(ddof=1) / np.sqrt(len(x))) if len(x) > 1 else 0.0


def _histogram(x: np.ndarray, edges: np.ndarray) -> list[float]:
    return (np.histogram(x, edges)[0] / len(x)).tolist()


def present_in_both(
    name: str, generated: ImageStatistics, real: ImageStatistics, strata: Strata
) -> tuple[np.ndarray, np.ndarray, Strata]:
    """The values of the images that have one, and those images' slices."""
    x, y = generated.values[name], real.values[name]
    mine, theirs = np.isfinite(x), np.isfinite(y)
    class_ratio = None if strata.class_ratio is None else strata.class_ratio[theirs]
    return x[mine], y[theirs], Strata(strata.generated[mine], strata.real[theirs], class_ratio)


def mean_test(name: str, generated: ImageStatistics, real: Sequence[RealSet]) -> tuple[float, float, float]:
    """The difference of means at equal slice shares, its error and p; the weakest evidence over the sets of real
    images."""
    return weakest([_mean_test(*present_in_both(name, generated, theirs, strata)) for theirs, strata in real])


def _mean_test(x: np.ndarray, y: np.ndarray, strata: Strata) -> tuple[float, float, float]:
    if min(len(x), len(y)) < 2:
        return 0.0, 0.0, 1.0
    found = gap(x[:, None], y[:, None], strata)
    return float(found.value[0]), float(found.se[0]), float(found.p()[0])


def distribution_p(name: str, generated: ImageStatistics, real: Sequence[RealSet]) -> float:
    """The p-value of the hypothesis of equal distributions; the largest over the sets of real images."""
    found = [present_in_both(name, generated, theirs, strata) for theirs, strata in real]
    return max(kolmogorov_smirnov(*one) if min(len(one[0]), len(one[1])) > 1 else 1.0 for one in found)


def wasserstein(name: str, generated: ImageStatistics, real: Sequence[RealSet]) -> float:
    """The Wasserstein-1 distance at equal slice shares; the smallest over the sets of real images."""
    found = []
    for theirs, strata in real:
        x, y, own = present_in_both(name, generated, theirs, strata)
        found.append(wasserstein_distance(x, y, *own.weights()) if min(len(x), len(y)) > 1 else 0.0)
    return float(min(found))


def appearance_tests(generated: ImageStatistics, real: Sequence[RealSet], in_focus: bool) -> list[Test]:
    """`in_focus`: as sharp as real images, so that their brightest parts can be compared."""
    names = [name for name in CALLED if name in generated.values]
    means = [_brightness(generated, real, in_focus) if name == "brightness" else _mean(name, generated, real)
             for name in names]
    shifted = {test.finding.figure for test in means if test.enough and test.p < TELLING}
    shapes = [_distribution_test(name, generated, real) for name in (*names, "sharpness")
              if f"appearance:{name}" not in shifted and in_focus]
    return [*means, *shapes, *([_hue_test(generated, real)] if "hue" in generated.values else [])]


TELLING = 1e-4          # p-value of a mean below which its distribution is not tested as well


def _mean(name: str, generated: ImageStatistics, real: Sequence[RealSet]) -> Test:
    value, se, p = mean_test(name, generated, real)
    return _shift(name, generated, value, se, p)


def _shift(name: str, generated: ImageStatistics, value: float, se: float, p: float) -> Test:
    least, much = LEAST[name]
    facts = {"name": name, "difference": value, "se": se, "relative": value / max(_base(name, generated, value), 1e-9)}
    if name in CASTS:
        facts["colour"] = CASTS[name][value > 0]
    severity = "alert" if abs(value) >= much else "warning"
    return Test(Finding(severity, CALLED[name][value > 0], facts, p, f"appearance:{name}"), p, abs(value) >= least)


def _base(name: str, generated: ImageStatistics, value: float) -> float:
    """The mean of real images, weighted to the generated slice shares."""
    return float(np.nanmean(generated.values[name])) - value


def _brightness(generated: ImageStatistics, real: Sequence[RealSet], in_focus: bool) -> Test:
    """Test of the mean, and of the brightest and the darkest parts of images where they agree with it."""
    value, se, p = mean_test("brightness", generated, real)
    ends = [mean_test(name, generated, real) for name in ("white", "black")] if in_focus else []
    agreeing = [end for end in ends if np.sign(end[0]) == np.sign(value) and abs(end[0]) >= LEAST["brightness"][0]]
    return _shift("brightness", generated, value, se, min(1.0, 3 * min([p, *(end[2] for end in agreeing)])))


def _distribution_test(name: str, generated: ImageStatistics, real: Sequence[RealSet]) -> Test:
    """Test of the whole distribution, where the mean does not differ."""
    distance, p = wasserstein(name, generated, real), distribution_p(name, generated, real)
    spread = float(np.nanstd(real[0][0].values[name])) or 1.0
    ratio = float(np.nanstd(generated.values[name])) / spread
    facts = {"name": name, "distance": distance, "spread": ratio}
    finding = Finding("warning", "appearance_distribution", facts, p, f"appearance:{name}")
    return Test(finding, p, distance >= DISTRIBUTION * spread)


def _hue_test(generated: ImageStatistics, real: Sequence[RealSet]) -> Test:
    distance, p = wasserstein("hue", generated, real), distribution_p("hue", generated, real)
    return Test(Finding("warning", "hue", {"distance": distance}, p, "appearance:hue"), p, distance >= HUE)
