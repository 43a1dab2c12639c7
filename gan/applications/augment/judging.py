"""What follows from the cells: differences with intervals, calibration, the exchange rate, and a verdict.

Arms are compared image by image and seed by seed.  The interval of a difference has two parts: between seeds (other
real images, other weights to begin with), by Student's t, and between test images, since all seeds share them.  Both
are added as independent errors: seeds and images are crossed, so the variance of the mean is s^2 / S + t^2 / n +
r^2 / (S n); the last part is in both of the estimates, so that intervals are a little too wide rather than too narrow.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np
from scipy.stats import t as student

BINS = 15                       # of the calibration error, as Guo et al. 2017 have it
HEADROOM = 2.0                  # points that the oracle must gain over the reference
LEVEL = 0.95
GRID = 200                      # numbers of real images that an exchange rate is looked for at


@dataclass(frozen=True, eq=False)
class Outcome:
    """What the classifiers of an arm say of the test images, seed by seed."""

    predicted: np.ndarray       # (S, n) int64
    confidence: np.ndarray      # (S, n) float32
    labels: np.ndarray          # (n,) int64: the truth
    validation: np.ndarray      # (S,) accuracy on the validation images, 0 to 1
    images: int                 # that a classifier has learnt from

    @property
    def correct(self) -> np.ndarray:
        """(S, n) float64: 0 or 1."""
        return (self.predicted == self.labels).astype(np.float64)

    @property
    def accuracy(self) -> Points:
        """Its interval ends at 0 and 100."""
        found = points(self.correct)
        return replace(found, low=max(0.0, found.low), high=min(100.0, found.high))

    def recalls(self, classes: int) -> np.ndarray:
        """(classes,) the share of each class's test images that is recognised, 0 to 1, over all seeds; NaN: it has
        none."""
        counts = np.bincount(self.labels, minlength=classes)
        hits = np.bincount(self.labels, weights=self.correct.mean(axis=0), minlength=classes)
        return np.divide(hits, counts, out=np.full(classes, np.nan), where=counts > 0)

    @property
    def calibration(self) -> float:
        """The mean over seeds of `calibration_error`."""
        return float(np.mean([calibration_error(*pair) for pair in zip(self.confidence, self.correct, strict=True)]))


@dataclass(frozen=True)
class Points:
    """A mean in percentage points with its 95 % interval, and the standard errors that it is made of."""

    value: float
    low: float
    high: float
    of_seeds: float
    of_images: float

    @property
    def reach(self) -> float:
        return (self.high - self.low) / 2

    @property
    def with_signs(self) -> str:
        """`+2.3 (+1.2 to +3.4)`"""
        return f"{self.value:+z.1f} ({self.low:+.1f} to {self.high:+.1f})"


def points(values: np.ndarray) -> Points:
    """Of (S, n) numbers of S at least 2 seeds and n test images; see the module."""
    seeds, images = values.shape
    of_seeds = 100 * float(values.mean(axis=1).std(ddof=1)) / math.sqrt(seeds)
    of_images = 100 * float(values.mean(axis=0).std(ddof=1)) / math.sqrt(images)
    reach = math.hypot(student.ppf(0.5 + LEVEL / 2, seeds - 1) * of_seeds,
                       NormalDist().inv_cdf(0.5 + LEVEL / 2) * of_images)
    mean = 100 * float(values.mean())
    return Points(mean, mean - reach, mean + reach, of_seeds, of_images)


def difference(one: Outcome, other: Outcome) -> Points:
    """In accuracy, paired by seed and image."""
    return points(one.correct - other.correct)


def calibration_error(confidence: np.ndarray, correct: np.ndarray) -> float:
    """sum_b n_b / n |accuracy of b - mean confidence of b| over BINS bins of equal width: the expected calibration
    error of the likeliest class.  Guo et al. 2017, arXiv:1706.04599, equation 3.  (n,), (n,) -> 0 to 1."""
    bins = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    gaps = np.bincount(bins, weights=correct - confidence, minlength=BINS)
    return float(np.abs(gaps).sum() / len(correct))


# Exchange rate

@dataclass(frozen=True)
class Exchange:
    """So many synthetic images do as much as one more real image.  `real`: how many real images in all would do as
    much; `high` infinite: perhaps none; `beyond`: as much as the most that were tried, or more."""

    value: float
    low: float
    high: float
    real: float
    beyond: bool


def exchange(arm: Outcome, added: int, curve: Sequence[Outcome]) -> Exchange | None:
    """From the accuracies with n real images alone (`curve`, n ascending, first the arm's own), straight between them
    in log n for each seed.  The interval holds all n from which the arm does not differ significantly.  None: the arm
    is not better than its own real images, or there are no more real images to compare with.
    """
    if len(curve) < 2 or difference(arm, curve[0]).value <= 0:
        return None
    own = curve[0].images
    numbers = np.geomspace(own, curve[-1].images, GRID)
    found = [points(arm.correct - between(curve, n)) for n in numbers]
    values = np.array([one.value for one in found])
    alike = np.array([one.low <= 0 <= one.high for one in found])
    beyond = bool((values > 0).all())
    real = float(numbers[-1] if beyond else numbers[np.argmax(values <= 0)])
    low_n = float(numbers[alike][0]) if alike.any() else real
    high_n = float(numbers[alike][-1]) if alike.any() else real

    def rate(n: float) -> float:
        return math.inf if n <= own else added / (n - own)

    return Exchange(rate(real), 0.0 if beyond or alike[-1] else rate(high_n), rate(low_n), real, beyond)


def between(curve: Sequence[Outcome], n: float) -> np.ndarray:
    """(S, n) correctness with n real images: straight in log n between those that were tried."""
    counts = [one.images for one in curve]
    place = min(max(int(np.searchsorted(counts, n)), 1), len(curve) - 1)
    before, after = curve[place - 1], curve[place]
    weight = math.log(n / before.images) / math.log(after.images / before.images)
    return (1 - weight) * before.correct + weight * after.correct


# Verdict

@dataclass(frozen=True)
class Verdict:
    """`state`: helps, neutral, harms, or cannot tell.  `arm`: that which the verdict is about.  `why` nothing can be
    told: "no oracle", "headroom", or "too few" seeds or test images."""

    state: str
    arm: str
    gain: Points
    oracle: Points | None
    why: str = ""


def verdict_of(outcomes: Mapping[str, Outcome], arms: Sequence[str], reference: str, oracle: str) -> Verdict:
    """About that of the arms which does best on the validation images, so that the test images have chosen nothing.

    Harms: significantly worse than the reference.  Otherwise a task whose accuracy does not rise by HEADROOM points
    with as many real images cannot tell, nor can one where a difference of HEADROOM points could be overlooked.
    """
    best = max(arms, key=lambda name: float(outcomes[name].validation.mean()))
    gain = difference(outcomes[best], outcomes[reference])
    room = difference(outcomes[oracle], outcomes[reference]) if oracle in outcomes else None
    if gain.high < 0:
        return Verdict("harms", best, gain, room)
    if room is None or room.value < HEADROOM:
        return Verdict("cannot tell", best, gain, room, "no oracle" if room is None else "headroom")
    if gain.low > 0:
        return Verdict("helps", best, gain, room)
    if gain.reach > HEADROOM:
        return Verdict("cannot tell", best, gain, room, "too few")
    return Verdict("neutral", best, gain, room)
