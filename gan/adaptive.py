"""Mixtures of models that are expensive to sample: few images are drawn of models that a good mixture does not need.

Mixture-UCB-CAB: Rezaei, Farnia & Li 2024, "Be More Diverse than the Most Diverse", arXiv:2412.17622.  Images are drawn
in batches.  After each batch the mixture is computed that minimises the kernel distance minus an exploration bonus for
models with few images; the next batch comes from the model that is furthest below its share.  The paper bounds the
bonus by the kernel's range; the polynomial kernel is unbounded, so the bonus here is a number of standard errors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ganbench.gan.ensemble import Mixture, least_kernel_distance
from ganbench.gan.metrics.kernel import mean_self_similarity, similarities
from ganbench.gan.statistics import check_features
from ganbench.gan.types import BadInput

Draw = Callable[[int, int], np.ndarray]     # (start, stop) -> features of a model's images [start, stop), (n, d)
FEWEST = 4                                  # least number of images of each model, for variances


@dataclass(frozen=True)
class Adaptive:
    """The mixture, and the images drawn for it; arrays over m models and t batches."""

    shares: np.ndarray          # (m,) float64, at least 0 and of sum 1: they minimise the distance, without bonus
    value: float                # unbiased squared MMD on the images used to choose the shares, hence optimistic
    gap: float                  # see gan.ensemble.Mixture
    drawn: np.ndarray           # (m,) int64, images drawn of each model
    spent: float                # of the budget: images, or seconds where there are prices
    asked: np.ndarray           # (t,) int64, which model a batch was drawn from
    trace: np.ndarray           # (t, m) float64, the best shares after each batch; nan before all models have one


def adaptive_mixture(
    draw: Sequence[Draw],
    real: np.ndarray,
    budget: float,
    batch: int = 100,
    *,
    width: float = 1.0,
    prices: Sequence[float] | None = None,
    limits: Sequence[float] | None = None,
    tick: Callable[[int, int], object] = lambda model, images: None,
) -> Adaptive:
    """The mixture of least kernel distance to the (n, d) features of real images, within a budget.

    `draw[i](start, stop)`: features (stop - start, d) of images start to stop of model i.  `budget`: images, or seconds
    where `prices` has seconds per image of each model.  `limits`: the most images of each model.  `width`: the bonus of
    a model in standard errors that its images give to the distance; 0 is Mixture-Greedy (Dibaei Nia & Farnia 2026,
    arXiv:2603.21716).  `tick`: called with the model and the number of images after each batch.  Deterministic.
    Ends early where no model with a positive share has images left.
    """
    purse = checked_purse(len(draw), budget, batch, prices, limits)
    images = Drawn(len(draw), real)
    shares = np.full(len(draw), 1 / len(draw))
    asked: list[int] = []
    trace: list[np.ndarray] = []
    next_model: int | None = 0
    while next_model is not None:
        images.add(next_model, asked_for(draw, next_model, images, purse))
        tick(next_model, int(images.counts[next_model]))
        asked.append(next_model)
        known = images.counts.all()
        trace.append(images.best().shares if known else np.full(len(draw), np.nan))
        shares = images.best(width * images.errors(shares)).shares if known else shares
        next_model = purse.next_of(images.counts, shares) if known else len(asked)
    found = images.best()
    return Adaptive(
        found.shares, found.value, found.gap, images.counts, float(images.counts @ purse.prices),
        np.array(asked), np.array(trace),
    )


@dataclass(frozen=True)
class Purse:
    """The constraints: a budget, and the price of an image and the most images of each of m models."""

    budget: float
    batch: int
    prices: np.ndarray          # (m,) float64
    limits: np.ndarray          # (m,) float64, infinite where there is none

    def room(self, counts: np.ndarray) -> np.ndarray:
        """(m,) int64: the allowed size of the next batch of each model."""
        affordable = np.floor((self.budget - counts @ self.prices) / self.prices)
        return np.minimum(np.minimum(affordable, self.limits - counts), self.batch).clip(0).astype(np.int64)

    def next_of(self, counts: np.ndarray, shares: np.ndarray) -> int | None:
        """The model that is furthest below its target number of images; None where none can be drawn.

        Targets are proportional to the share over the root of the price: for a fixed budget this minimises the variance
        of a weighted sum of means (Cochran 1977, Sampling Techniques, section 5.5).
        """
        aims = shares / np.sqrt(self.prices)
        lacking = aims / aims.sum() - counts / counts.sum()
        wanted = (self.room(counts) > 0) & (aims > 0)
        return int(np.argmax(np.where(wanted, lacking, -np.inf))) if wanted.any() else None


class Drawn:
    """The images drawn of m models, and the kernel's sums over all pairs of them, updated by each batch."""

    def __init__(self, m: int, real: np.ndarray):
        check_features(real)
        self.real = np.asarray(real, np.float64)
        self.within_real = mean_self_similarity(real)
        self.counts = np.zeros(m, np.int64)
        self.features = [np.empty((0, real.shape[1])) for _ in range(m)]
        self.sums = [np.empty((0, m)) for _ in range(m)]    # of an image: with the images of each model, less itself
        self.to_real = [np.empty(0) for _ in range(m)]      # of an image: its mean similarity to real ones

    def add(self, i: int, new: np.ndarray) -> None:
        """Add a batch of model i, (b, d)."""
        mine = np.zeros((len(new), len(self.counts)))
        for j, old in enumerate(self.features):
            tile = similarities(new, old)
            mine[:, j] = tile.sum(axis=1)
            self.sums[j][:, i] += tile.sum(axis=0)
        own = similarities(new, new)
        mine[:, i] += own.sum(axis=1) - np.diag(own)
        self.counts[i] += len(new)
        self.features[i] = np.concatenate([self.features[i], new])
        self.sums[i] = np.concatenate([self.sums[i], mine])
        self.to_real[i] = np.concatenate([self.to_real[i], similarities(new, self.real).mean(axis=1)])

    def best(self, bonus: np.ndarray | float = 0.0) -> Mixture:
        """The shares w of the least unbiased squared MMD less bonus' w."""
        to_real = np.array([of.mean() for of in self.to_real])
        among = np.array([self.means(i).mean(axis=0) for i in range(len(self.counts))])
        return least_kernel_distance(among, to_real + bonus / 2, self.within_real)

    def means(self, i: int) -> np.ndarray:
        """(n_i, m): mean similarities of each image of model i to the images of each model, itself left out."""
        return self.sums[i] / (self.counts - np.eye(len(self.counts))[i])

    def errors(self, shares: np.ndarray) -> np.ndarray:
        """(m,): shares times these are the standard errors of the distance that come from each model's images."""
        pulls = [2 * (self.means(i) @ shares - of) for i, of in enumerate(self.to_real)]
        return np.array([of.std(ddof=1) for of in pulls]) / np.sqrt(self.counts)


def asked_for(draw: Sequence[Draw], i: int, images: Drawn, purse: Purse) -> np.ndarray:
    """The next batch of model i, (b, d) float64."""
    start = int(images.counts[i])
    stop = start + int(purse.room(images.counts)[i])
    found = np.asarray(draw[i](start, stop))
    expected = (stop - start, images.real.shape[1])
    if found.shape != expected:
        raise BadInput("not-features", f"Model {i} was asked for features of shape {expected}, and gave {found.shape}.")
    check_features(found, start)
    return found.astype(np.float64)


def checked_purse(
    m: int, budget: float, batch: int, prices: Sequence[float] | None, limits: Sequence[float] | None
) -> Purse:
    """Refuse a budget that is too small for one batch of each model."""
    if m < 2:
        raise BadInput("too-few-models", f"A mixture takes at least 2 models, got {m}.")
    if batch < FEWEST:
        raise BadInput("too-few-images", f"A batch has at least {FEWEST} images, got {batch}.")
    price = np.ones(m) if prices is None else np.array(prices, np.float64)
    limit = np.full(m, np.inf) if limits is None else np.array(limits, np.float64)
    if price.shape != (m,) or not (np.isfinite(price) & (price > 0)).all():
        raise BadInput("unfit-value", f"{m} models need {m} prices above 0, got {prices!r}.")
    if limit.shape != (m,) or not (limit >= FEWEST).all():
        raise BadInput("unfit-value", f"{m} models need {m} limits of at least {FEWEST} images, got {limits!r}.")
    first = float(np.minimum(limit, batch) @ price)
    if not first <= budget:
        unit = "images" if prices is None else "seconds"
        raise BadInput("unfit-value",
                       f"A budget of {budget:g} {unit} is too small for a first batch of each model, {first:g} "
                       f"{unit}.")
    return Purse(budget, batch, price, limit)
