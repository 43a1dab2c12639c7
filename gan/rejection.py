"""Rejection sampling with a density ratio: fitted after training, calibrated, and tested on held-out images.

A logistic regression classifies real and generated images; with equal class weights its logit is the log of the density
ratio r (Sugiyama, Suzuki & Kanamori 2012, Density Ratio Estimation, chapter 4).  An image is accepted with probability
min(1, r / c): Azadi et al. 2019, arXiv:1810.06758, and Turner et al. 2019, arXiv:1811.11357, who calibrate as well.
One third of the images is used for the fit, one for the calibration, one for the test.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh
from scipy.optimize import brentq
from scipy.special import expit
from scipy.stats import rankdata

from ganbench.gan.ensemble import BLOCKS, Similarities
from ganbench.gan.generators.rejection import Ratio
from ganbench.gan.logistic import balance, logistic
from ganbench.gan.statistics import check_features
from ganbench.gan.types import BadInput, Estimate

LEAST = 3 * 4 * BLOCKS          # least number of real and of generated images
PER_COMPONENT = 10              # least number of images of each class per principal component in the fit
BINS = 10
REPEATS = 100                   # label sets simulated from the predictions, for the floor of the calibration error


@dataclass(frozen=True)
class Trial:
    """The test of a ratio on images used neither for its fit nor for its calibration.  Classes have equal weights."""

    auc: Estimate                   # how often a real image has the larger ratio; 1/2 +- 0: the fit found no difference
    calibration_error: float        # expected calibration error, over bins of equal weight (Guo et al. 2017)
    calibration_floor: float        # its expected value for perfectly calibrated predictions
    log_loss: Estimate              # of a constant: log 2
    brier: Estimate                 # of a constant: 1/4
    acceptance: Estimate            # share of the generated images; binomial error
    everyone: Estimate              # the unbiased squared MMD of all generated images to real ones
    accepted: Estimate              # of the accepted ones alone
    gain: Estimate                  # by how much it is smaller: above 0, rejection helps
    real: int                       # images of the test
    generated: int

    @property
    def helps(self) -> bool:
        """Whether the 95 % interval of the gain lies above 0."""
        return self.gain.value > 1.96 * self.gain.se


def fit_ratio(
    real: np.ndarray, generated: np.ndarray, *, rate: float = 0.5, components: int = 64, penalty: float = 0.01,
    seed: int = 0, extractor: str = "",
) -> tuple[Ratio, Trial]:
    """The ratio of (m, d) real to (n, d) generated features, and its test on the held-out third.

    `rate`: the share of images to accept.  `components`: principal components at most.  `penalty`: of the squared
    weights, beside the mean log loss.  `seed`: of the test's acceptances.  `extractor`: its digest, for the file.
    """
    check_sides(real, generated, rate)
    ratio = calibrated(fitted(real[::3], generated[::3], components, penalty), real[1::3], generated[1::3], rate)
    ratio = Ratio(**{**vars(ratio), "extractor": extractor})
    return ratio, trial_of(ratio, real[2::3], generated[2::3], seed)


def check_sides(real: np.ndarray, generated: np.ndarray, rate: float) -> None:
    for side, features in (("real", real), ("generated", generated)):
        check_features(features)
        if len(features) < LEAST:
            raise BadInput("too-few-images",
                           f"A density ratio is fitted, calibrated and tested on a third of the images each: at least "
                           f"{LEAST} {side} ones, got {len(features)}.")
    if real.shape[1] != generated.shape[1]:
        raise BadInput("unequal-features",
                       f"Real features have length {real.shape[1]}, generated ones {generated.shape[1]}: both must "
                       "come from the same extractor.")
    tried = len(generated) // 3
    if not 2 * BLOCKS <= rate * tried <= tried - 2 * BLOCKS:
        least = 2 * BLOCKS / tried
        raise BadInput("unfit-value",
                       f"Of {tried} images of the test {2 * BLOCKS} must be accepted and as many rejected: the rate "
                       f"lies between {least:.2g} and {1 - least:.2g}, got {rate!r}.")


# The fit

def fitted(real: np.ndarray, generated: np.ndarray, components: int, penalty: float) -> Ratio:
    """The uncalibrated logistic regression."""
    features = np.concatenate([real, generated]).astype(np.float64)
    mean = features.mean(axis=0)
    projection = principal(features - mean, min(components, min(len(real), len(generated)) // PER_COMPONENT))
    is_real = np.arange(len(features)) < len(real)
    *weights, bias = logistic((features - mean) @ projection, is_real, is_real.astype(float), penalty)
    return Ratio(mean, projection, np.array(weights), float(bias), 1.0, 0.0, 0.0)


def principal(centred: np.ndarray, most: int) -> np.ndarray:
    """Directions (d, k) of the largest variances of the standardised features, along which variances are 1."""
    scale = centred.std(axis=0)
    scale[scale == 0] = 1
    standard, d = centred / scale, centred.shape[1]
    values, vectors = eigh(standard.T @ standard / len(centred), subset_by_index=(max(0, d - most), d - 1))
    kept = values > 1e-9 * max(values[-1], 1e-300)
    return (vectors[:, kept] / np.sqrt(values[kept])) / scale[:, None]


def calibrated(ratio: Ratio, real: np.ndarray, generated: np.ndarray, rate: float) -> Ratio:
    """Platt's a and b, with his softened targets (1999); and the bound c that accepts a share `rate` of the images."""
    logits = np.concatenate([ratio.log_ratio(real), ratio.log_ratio(generated)])
    is_real = np.arange(len(logits)) < len(real)
    targets = np.where(is_real, (len(real) + 1) / (len(real) + 2), 1 / (len(generated) + 2))
    a, b = logistic(logits[:, None], is_real, targets, 0.0, least=0.0)
    found = a * logits[len(real) :] + b
    return Ratio(**{**vars(ratio), "a": float(a), "b": float(b), "log_bound": bound(found, rate)})


def bound(log_ratio: np.ndarray, rate: float) -> float:
    """log c such that min(1, r / c) is `rate` on average."""
    def excess(log_bound: float) -> float:
        return float(np.exp(np.minimum(log_ratio - log_bound, 0)).mean() - rate)

    return float(brentq(excess, log_ratio.min(), log_ratio.max() - np.log(rate)))


# The test

def trial_of(ratio: Ratio, real: np.ndarray, generated: np.ndarray, seed: int = 0) -> Trial:
    """Test a ratio on held-out images, (m, d) and (n, d)."""
    ours, theirs = ratio.log_ratio(real), ratio.log_ratio(generated)
    random = np.random.default_rng(seed)
    chosen = random.random(len(generated)) < ratio.chances(theirs)
    share = float(chosen.mean())
    if min(chosen.sum(), (~chosen).sum()) < BLOCKS:
        raise BadInput("too-few-images",
                       f"The ratio accepts {chosen.sum()} of {len(generated)} images: for a test at least {BLOCKS} "
                       "must be accepted and as many rejected.")
    error, floor = calibration(ours, theirs, random)
    real_chance, chance = expit(ours), expit(theirs)
    everyone, accepted, gain = distances(real, generated, chosen)
    return Trial(
        auc=auc(ours, theirs), calibration_error=error, calibration_floor=floor,
        log_loss=balanced(np.logaddexp(0, -ours), np.logaddexp(0, theirs)),
        brier=balanced((1 - real_chance) ** 2, chance**2),
        acceptance=Estimate(share, float(np.sqrt(share * (1 - share) / len(chosen)))),
        everyone=everyone, accepted=accepted, gain=gain, real=len(real), generated=len(generated),
    )


def auc(real: np.ndarray, generated: np.ndarray) -> Estimate:
    """P(real > generated) + P(equal) / 2, with the error of DeLong, DeLong & Clarke-Pearson 1988; (m,) and (n,)."""
    ranks = rankdata(np.concatenate([real, generated]))
    above = (ranks[: len(real)] - rankdata(real)) / len(generated)              # of each real one: generated below it
    below = 1 - (ranks[len(real) :] - rankdata(generated)) / len(real)
    variance = above.var(ddof=1) / len(real) + below.var(ddof=1) / len(generated)
    return Estimate(float(above.mean()), float(np.sqrt(variance)))


def balanced(real: np.ndarray, generated: np.ndarray) -> Estimate:
    """The mean of the two means, and its error."""
    variance = real.var(ddof=1) / len(real) + generated.var(ddof=1) / len(generated)
    return Estimate(float((real.mean() + generated.mean()) / 2), float(np.sqrt(variance) / 2))


def calibration(real: np.ndarray, generated: np.ndarray, random: np.random.Generator) -> tuple[float, float]:
    """The expected calibration error of log ratios (m,) and (n,), and its mean where labels follow the predictions."""
    chance = expit(np.concatenate([real, generated]))
    is_real = np.arange(len(chance)) < len(real)
    repeats = [calibration_error(chance, drawn) for drawn in random.random((REPEATS, len(chance))) < chance
               if 0 < drawn.sum() < len(drawn)]
    return calibration_error(chance, is_real), float(np.mean(repeats)) if repeats else 0.0


def calibration_error(chance: np.ndarray, is_real: np.ndarray) -> float:
    """sum over bins of |weight of real images - predicted weight|, (n,) float64 and bool; arXiv:1706.04599."""
    share = balance(is_real)
    _, place = np.unique(chance, return_inverse=True)       # equal predictions share a bin
    weight = np.bincount(place, share)
    bins = np.minimum(BINS * (np.cumsum(weight) - weight / 2), BINS - 1).astype(int)[place]
    return float(np.abs(np.bincount(bins, share * (is_real - chance), BINS)).sum())


def distances(real: np.ndarray, generated: np.ndarray, chosen: np.ndarray) -> Sequence[Estimate]:
    """The unbiased squared MMD to real images of all generated ones and of the chosen ones, and the difference; errors
    are the jackknife's over blocks of chosen, other and real images."""
    sums = Similarities([generated[chosen], generated[~chosen], real], real)
    share = float(chosen.mean())
    everyone, accepted = np.array([share, 1 - share, -1]), np.array([1.0, 0, -1])

    def form(of: np.ndarray, kept: Sequence[slice | np.ndarray]) -> float:
        return float(of @ sums.among(kept) @ of)

    return [
        sums.jackknifed(lambda kept: form(everyone, kept)), sums.jackknifed(lambda kept: form(accepted, kept)),
        sums.jackknifed(lambda kept: form(everyone, kept) - form(accepted, kept)),
    ]
