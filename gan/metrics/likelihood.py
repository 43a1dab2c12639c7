"""Feature likelihood divergence: the likelihood of real images under a density fitted to the generated images.

Jiralerspong et al. 2023, arXiv:2302.04440, as their code computes it: a mixture of n isotropic Gaussians of equal
weight, N(x_j, s_j I), centred at the generated images; the variances s_j are fitted to the training images, and the
likelihood is that of test images.  Where a generated image is a copy of a training image, its s_j shrinks to almost
nothing, and the density at test images with it: so memorisation is penalised like poor quality and missing modes.

Features are centred and scaled by the mean and deviation (ddof 1) of the test images.  Values are nats per dimension,
times 100.  Distances take 4 bytes for each pair of a training and a generated image: 400 MB for 10,000 of both.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ganbench.gan.metrics.jackknife import pulls_of
from ganbench.gan.statistics import ROWS, check_features
from ganbench.gan.types import BadInput, Estimate

MOST = 10_000                       # Gaussians, and images between two steps of the optimiser
RATE, EPOCHS = 0.5, 50              # of Adam, with its usual 0.9, 0.999 and 1e-8
STILL, LOOKED_BACK = 5e-4, 5        # stops when the loss changed by less than STILL within LOOKED_BACK epochs
NEAREST = 1e-3                      # added to the squared distance that is a variance's initial value
BOUND = 40.0                        # limit of |log s|, reached for copies
CENTRE = 0.9**2                     # factor of the squared distance to the mean of the training images: see `fit`
KNOWN = 100.0                       # values are 100 times nats per dimension


@dataclass(frozen=True)
class Mixture:
    """n isotropic Gaussians of equal weight, N(means_j, exp(log_s_j) I)."""

    means: np.ndarray   # (n, d) float64
    log_s: np.ndarray   # (n,) float64


def fld(
    training_features: np.ndarray, test_features: np.ndarray, generated_features: np.ndarray, seed: int = 0
) -> Estimate:
    """Negative log-likelihood of test images under the density of generated images, minus that of real images.

    The latter is centred at half of the training images (at most as many as generated ones) and fitted to the others.
    All arrays (rows, d) float32.  About 0 is perfect and 100 poor; copies of training images give thousands.
    """
    training, test, generated = _scaled(training_features, test_features, generated_features)
    rng = np.random.default_rng(seed)
    mixture = fit(_some(generated, rng), training, rng)
    nats, without = _nats_without(mixture, test)
    order = rng.permutation(len(training))
    half = min(len(mixture.means), len(training) // 2)
    floor = nats_of(fit(training[order[:half]], training[order[half:]], rng), test).mean()
    return Estimate(KNOWN * float(nats - floor), KNOWN * _error(without))


def fld_gap(
    training_features: np.ndarray, test_features: np.ndarray, generated_features: np.ndarray, seed: int = 0
) -> Estimate:
    """Negative log-likelihood of training images minus that of test images; the lower, the more memorisation."""
    training, test, generated = _scaled(training_features, test_features, generated_features)
    rng = np.random.default_rng(seed)
    mixture = fit(_some(generated, rng), training, rng)
    (seen, seen_without), (unseen, unseen_without) = (_nats_without(mixture, x) for x in (training, test))
    return Estimate(KNOWN * float(seen - unseen), KNOWN * _error(seen_without - unseen_without))


def fld_precision(
    training_features: np.ndarray, test_features: np.ndarray, generated_features: np.ndarray, seed: int = 0
) -> Estimate:
    """Negative log-likelihood of generated images under a density centred at the test images, minus that of training
    images.

    For the training images the density is fitted to the half of them that is not evaluated.  The error is that of a
    mean over generated images, since the density does not depend on them.
    """
    training, test, generated = _scaled(training_features, test_features, generated_features)
    rng = np.random.default_rng(seed)
    test = _some(test, rng)
    nats = nats_of(fit(test, training, rng), _some(generated, rng))
    order, half = rng.permutation(len(training)), min(MOST, len(training) // 2)
    floor = nats_of(fit(test, training[order[half:]], rng), training[order[:half]]).mean()
    return Estimate(KNOWN * float(nats.mean() - floor), KNOWN * float(nats.std(ddof=1) / np.sqrt(len(nats))))


def fit(means: np.ndarray, x: np.ndarray, rng: np.random.Generator) -> Mixture:
    """Maximum-likelihood variances (n,) for x (m, d) under Gaussians at `means` (n, d): Adam on their logarithms.

    The same steps as the original code: starting from the distance to the nearest x, in shuffled batches of MOST,
    within +-BOUND.  During the fit one more Gaussian, of weight 1 and with its own variance, accounts for outliers: its
    distances are those to the mean of x, shortened by a tenth.
    """
    n, d = means.shape
    x = x[rng.permutation(len(x))]
    squares = np.empty((len(x), n + 1), np.float32)
    for rows, tile in _squares(x, means):
        squares[rows, :n] = tile
    squares[:, n] = CENTRE * ((x - x.mean(axis=0, dtype=np.float64)) ** 2).sum(axis=1)
    log_s = np.append(np.log((squares[:, :n].min(axis=0).astype(np.float64) + NEAREST) / d), 0.0)
    log_weights = np.append(np.full(n, -np.log(n)), 0.0)
    adam, losses = Adam(n + 1), list[float]()
    while len(losses) < EPOCHS and not _still(losses):
        batches = []
        for start in range(0, len(x), MOST):
            loss, slope = _loss(squares[start : start + MOST], log_s, log_weights, d)
            log_s = adam.step(log_s, slope)
            log_s[:n] = log_s[:n].clip(-BOUND, BOUND)
            batches.append(loss)
        losses.append(float(np.mean(batches)))
    return Mixture(means.astype(np.float64), log_s[:n])


def nats_of(mixture: Mixture, x: np.ndarray) -> np.ndarray:
    """-log density of each row of x (m, d), divided by d: (m,) float64."""
    return np.concatenate([-_log_sum(terms) for terms in _terms(mixture, x)]) / mixture.means.shape[1]


def _nats_without(mixture: Mixture, x: np.ndarray) -> tuple[float, np.ndarray]:
    """The mean of `nats_of`, and its leave-one-out values for each of the Gaussians, (n,)."""
    n, d = mixture.means.shape
    whole, without = 0.0, np.zeros(n)
    for terms in _terms(mixture, x):
        rows, top = np.arange(len(terms)), terms.argmax(axis=1)
        total = _log_sum(terms)
        others = np.log1p(-np.exp(terms - total[:, None]).clip(max=0.5)) + total[:, None]
        terms[rows, top] = -np.inf
        others[rows, top] = _log_sum(terms)         # 1 - share would be rounding where one Gaussian is all
        whole += total.sum()
        without += others.sum(axis=0)
    return -whole / len(x) / d, -(without / len(x) + np.log(n / (n - 1))) / d


def _error(without: np.ndarray) -> float:
    return float(pulls_of(without).std() / np.sqrt(len(without)))


class Adam:
    """Kingma & Ba 2015, arXiv:1412.6980."""

    def __init__(self, size: int):
        self.steps, self.mean, self.square = 0, np.zeros(size), np.zeros(size)

    def step(self, at: np.ndarray, slope: np.ndarray) -> np.ndarray:
        self.steps += 1
        self.mean = 0.9 * self.mean + 0.1 * slope
        self.square = 0.999 * self.square + 0.001 * slope**2
        mean, square = self.mean / (1 - 0.9**self.steps), self.square / (1 - 0.999**self.steps)
        return at - RATE * mean / (np.sqrt(square) + 1e-8)


def _still(losses: list[float]) -> bool:
    return len(losses) > LOOKED_BACK + 1 and max(abs(losses[-1] - loss) for loss in losses[-LOOKED_BACK:]) < STILL


def _loss(squares: np.ndarray, log_s: np.ndarray, log_weights: np.ndarray, d: int) -> tuple[float, np.ndarray]:
    """-log density per dimension, mean over rows, and its derivative by log_s; squares: (rows, n + 1) float32."""
    falls, tops = (-0.5 * np.exp(-log_s)).astype(np.float32), (log_weights - _norm(log_s, d)).astype(np.float32)
    total, shares, spreads = 0.0, np.zeros(len(log_s)), np.zeros(len(log_s))
    for start in range(0, len(squares), ROWS):
        tile = squares[start : start + ROWS]
        terms = tile * falls
        terms += tops
        highest = terms.max(axis=1, keepdims=True)
        terms -= highest
        np.exp(terms, out=terms)
        sums = terms.sum(axis=1, keepdims=True)
        terms /= sums
        total += float((highest + np.log(sums)).sum(dtype=np.float64))
        shares += terms.sum(axis=0)
        terms *= tile
        spreads += terms.sum(axis=0)
    slope = 0.5 * (d * shares - spreads * np.exp(-log_s)) / (len(squares) * d)
    return -total / (len(squares) * d), slope


def _terms(mixture: Mixture, x: np.ndarray) -> Iterator[np.ndarray]:
    """log (1/n N(x_i; j)), (rows, n) float64 at a time."""
    n, d = mixture.means.shape
    for _, squares in _squares(x, mixture.means):
        squares *= -0.5 * np.exp(-mixture.log_s)
        squares -= _norm(mixture.log_s, d) + np.log(n)
        yield squares


def _norm(log_s: np.ndarray, d: int) -> np.ndarray:
    return d / 2 * (log_s + np.log(2 * np.pi))


def _log_sum(terms: np.ndarray) -> np.ndarray:
    highest = terms.max(axis=1)
    return highest + np.log(np.exp(terms - highest[:, None]).sum(axis=1))


def _squares(x: np.ndarray, means: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Squared distances, (rows, n) float64 at a time: in float32 those of copies would be rounding."""
    means = means.astype(np.float64)
    of_means = np.einsum("ij,ij->i", means, means)
    for start in range(0, len(x), ROWS):
        rows = x[start : start + ROWS].astype(np.float64)
        squares = rows @ means.T
        squares *= -2
        squares += of_means
        squares += np.einsum("ij,ij->i", rows, rows)[:, None]
        yield slice(start, start + len(rows)), squares.clip(0, out=squares)


def _some(features: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A random subset of at most MOST rows."""
    return features if len(features) <= MOST else features[rng.choice(len(features), MOST, replace=False)]


def _scaled(training: np.ndarray, test: np.ndarray, generated: np.ndarray) -> list[np.ndarray]:
    """Each (rows, d') float32, standardised by the test images; features that are constant there are dropped."""
    for features, name, least in ((training, "training", 4), (test, "test", 2), (generated, "generated", 3)):
        check_features(features)
        if len(features) < least:
            raise BadInput("too-few-images",
                           f"A feature likelihood needs at least {least} {name} images, got {len(features)}.")
        if features.shape[1] != test.shape[1]:
            raise BadInput("unequal-features",
                           f"The test images have features of length {test.shape[1]}, the {name} ones "
                           f"{features.shape[1]}: all must come from the same extractor.")
    seen = np.asarray(test[: len(test)], np.float64)
    mean, deviation = seen.mean(axis=0), seen.std(axis=0, ddof=1)
    alive = deviation > 0
    if not alive.any():
        raise BadInput("constant-features",
                       "All test images have the same features, so no likelihood is defined.")
    mean, deviation = mean[alive].astype(np.float32), deviation[alive].astype(np.float32)
    return [(features[: len(features)][:, alive] - mean) / deviation for features in (training, test, generated)]
