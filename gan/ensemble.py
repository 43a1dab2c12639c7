"""Mixtures of generators: the share of images from each model that minimises the distance to real images.

For the kernel distance, the best shares solve a convex quadratic program.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ganbench.gan.metrics.kernel import mean_self_similarity, similarity_sums
from ganbench.gan.rows import Rows
from ganbench.gan.sources import source_digest
from ganbench.gan.store import Store, remember
from ganbench.gan.types import BadInput, Estimate, Features, digest_of

SMALL = 1e-9                    # shares below it count as 0
WHOLE = 0.995                   # a share above it counts as 1
BLOCKS = 20                     # blocks of each model's images, for the jackknife
LEAST = 4 * BLOCKS              # least number of images of each model, and of the reference


@dataclass(frozen=True)
class Mixture:
    """Shares of the models, (m,) float64, at least 0 and of sum 1; their distance; and a bound on its suboptimality.

    `gap` >= value - minimum for a convex problem: the linear bound at the solution (Frank & Wolfe 1956).
    """

    shares: np.ndarray
    value: float
    gap: float


def least_kernel_distance(among: np.ndarray, to_real: np.ndarray, within_real: float) -> Mixture:
    """min over shares w of w' A w - 2 b' w + c, the squared MMD between the mixture and the reference.

    `among`: A (m, m), mean similarities of the models' images, made positive semidefinite if estimated otherwise;
    `to_real`: b (m,), their mean similarities to real images; `within_real`: c.
    """
    matrix, b = positive(np.asarray(among, np.float64)), np.asarray(to_real, np.float64)
    if matrix.shape != (len(b), len(b)):
        raise BadInput("unequal-counts",
                       f"A mixture of {len(b)} models needs {len(b)} x {len(b)} similarities, got {matrix.shape}.")
    start = active_set(matrix, b)
    gradient = 2 * (matrix @ start - b)
    return Mixture(start, float(start @ matrix @ start - 2 * b @ start + within_real), float(gap_of(start, gradient)))


def active_set(matrix: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The minimum of w' A w - 2 b' w over the simplex, up to rounding: an active-set method as in Lawson & Hanson
    (1974, chapter 23).

    Starts from the best single model; adds the model with the steepest descent, solves for the active models, removes
    those that would get a negative share, until no other model would reduce the distance.
    """
    m = len(b)
    shares = np.zeros(m)
    shares[np.argmin(np.diag(matrix) - 2 * b)] = 1.0
    for _ in range(20 * m * m):
        gradient = 2 * (matrix @ shares - b)
        if gap_of(shares, gradient) < 1e-13 * max(1.0, np.abs(b).max()):
            break
        inside = shares > 0
        inside[np.argmin(gradient)] = True
        while True:
            wanted = np.zeros(m)
            wanted[inside] = equality(matrix[np.ix_(inside, inside)], b[inside])
            if (wanted >= -SMALL).all():
                shares = np.clip(wanted, 0, None) / np.clip(wanted, 0, None).sum()
                break
            falling = wanted < 0
            step = (shares[falling] / (shares[falling] - wanted[falling])).min()
            shares = np.clip(shares + step * (wanted - shares), 0, None)
            kept = inside & (shares > SMALL)
            inside = kept if kept.any() and (kept != inside).any() else inside & ~falling
            shares = np.where(inside, shares, 0) / shares[inside].sum()
    return shares


def equality(matrix: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The stationary point of w' A w - 2 b' w on sum w = 1; the smallest one where there are many."""
    m = len(b)
    system = np.block([[2 * matrix, np.ones((m, 1))], [np.ones((1, m)), np.zeros((1, 1))]])
    return np.linalg.lstsq(system, np.concatenate([2 * b, [1.0]]), rcond=None)[0][:m]


def gap_of(shares: np.ndarray, gradient: np.ndarray) -> float:
    """max over the simplex of gradient' (w - v): 0 where the conditions of Karush, Kuhn and Tucker hold."""
    return float(max(shares @ gradient - gradient.min(), 0.0))


def positive(matrix: np.ndarray) -> np.ndarray:
    """The nearest symmetric positive semidefinite matrix."""
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    return (vectors * np.clip(values, 0, None)) @ vectors.T if values[0] < 0 else (matrix + matrix.T) / 2


@dataclass(frozen=True)
class Held:
    """Shares chosen on one half of the images, and their distance on the other half."""

    shares: np.ndarray              # (m,) float64
    gap: float                      # bound on the suboptimality, on the half used to choose the shares
    value: Estimate                 # the mixture's kernel distance on the other half
    best: int                       # the best single model on the half used to choose the shares
    best_value: Estimate            # its distance on the other half
    gain: Estimate                  # `best_value` minus `value`: above 0 the mixture is better
    found_on: int                   # images of each model used to choose the shares
    tested_on: int


def mixture_of(models: Sequence[Features], reference: Features, store: Store) -> tuple[Held, bool]:
    """`held_out_mixture` of stored features, and whether it was computed now."""
    source = source_digest("mixture")
    key = digest_of({"stage": "mixture", "models": [features.digest for features in models],
                     "reference": reference.digest, "source": source})

    def compute() -> dict[str, Any]:
        found = held_out_mixture([Rows(features)[:] for features in models], Rows(reference)[:])
        return {**asdict(found), "shares": found.shares.tolist()}

    value, computed = remember(store, "mixtures", key, compute)
    estimates = {name: Estimate(**value[name]) for name in ("value", "best_value", "gain")}
    return Held(**{**value, **estimates, "shares": np.array(value["shares"])}), computed


def held_out_mixture(models: Sequence[np.ndarray], real: np.ndarray) -> Held:
    """The mixture with the least kernel distance, chosen on the even rows of each model's (n, d) features and measured
    on the odd ones, against the even and odd rows of the reference, (m, d)."""
    check_models(models, real)
    search = Similarities([features[::2] for features in models], real[::2])
    everyone = [slice(None)] * len(models)
    found = least_kernel_distance(search.among(everyone, unbiased=False), search.to_real(everyone), search.within_real)
    singles = np.diag(search.among(everyone)) - 2 * search.to_real(everyone)
    best = int(np.argmin(singles))
    test = Similarities([features[1::2] for features in models], real[1::2])
    one = np.eye(len(models))[best]
    return Held(
        shares=found.shares, gap=found.gap, value=test.distance(found.shares), best=best, best_value=test.distance(one),
        gain=test.distance(one, found.shares), found_on=min(len(x[::2]) for x in models),
        tested_on=min(len(x[1::2]) for x in models),
    )


def check_models(models: Sequence[np.ndarray], real: np.ndarray) -> None:
    if len(models) < 2:
        raise BadInput("too-few-models", f"A mixture takes at least 2 models, got {len(models)}.")
    for features in (*models, real):
        if len(features) < LEAST:
            raise BadInput("too-few-images",
                           f"A mixture is chosen on half of the images and tested on the other half: at least {LEAST} "
                           f"images of each model and of the reference are needed, got {len(features)}.")


class Similarities:
    """Sums of the kernel between blocks of m models' images, and the images' mean similarity to real ones."""

    def __init__(self, models: Sequence[np.ndarray], real: np.ndarray):
        blocks = [block for features in models for block in np.array_split(features, BLOCKS)]
        m, k = len(models), BLOCKS
        self.sizes = np.array([len(block) for block in blocks], float).reshape(m, k)
        self.sums, self.own, to_real = similarity_sums(blocks, real)
        self.sums, self.own = self.sums.reshape(m, k, m, k), self.own.reshape(m, k)
        self.real = to_real.reshape(m, k)               # sums over the block of the mean similarity to real images
        self.within_real = mean_self_similarity(real)

    def among(self, kept: Sequence[slice | np.ndarray], unbiased: bool = True) -> np.ndarray:
        """(m, m) mean similarities of the kept blocks; within a model with or without the pairs of equal images."""
        m = len(self.sizes)
        found = np.empty((m, m))
        for i, j in np.ndindex(m, m):
            total = self.sums[i][kept[i]][:, j][:, kept[j]].sum()
            pairs = self.sizes[i][kept[i]].sum() * self.sizes[j][kept[j]].sum()
            if i == j and unbiased:
                total, pairs = total - self.own[i][kept[i]].sum(), pairs - self.sizes[i][kept[i]].sum()
            found[i, j] = total / pairs
        return found

    def to_real(self, kept: Sequence[slice | np.ndarray]) -> np.ndarray:
        """(m,) mean similarities of the kept blocks to the reference."""
        return np.array([self.real[i][k].sum() / self.sizes[i][k].sum() for i, k in enumerate(kept)])

    def distance(self, shares: np.ndarray, less: np.ndarray | None = None) -> Estimate:
        """The unbiased squared MMD of a mixture, or by how much that of `less` is smaller; its error is the jackknife's
        over blocks of each model, given the reference."""
        def value(kept: Sequence[slice | np.ndarray]) -> float:
            among, to_real = self.among(kept), self.to_real(kept)
            found = [w @ among @ w - 2 * to_real @ w + self.within_real for w in (shares, less) if w is not None]
            return float(found[0] - (found[1] if len(found) > 1 else 0.0))

        return self.jackknifed(value)

    def jackknifed(self, value: Callable[[Sequence[slice | np.ndarray]], float]) -> Estimate:
        """A statistic of the blocks, and its jackknife error over the blocks of each model."""
        m = len(self.sizes)
        everyone: list[slice | np.ndarray] = [slice(None)] * m
        variance = 0.0
        for i in range(m):
            left = [value([*everyone[:i], np.arange(BLOCKS) != b, *everyone[i + 1 :]]) for b in range(BLOCKS)]
            variance += (BLOCKS - 1) * float(np.var(left))
        return Estimate(value(everyone), float(np.sqrt(variance)))
