"""Means and distributions of one number per image, generated against real, at equal slice shares.

Deviating slice shares are reported by another rule.  Here real images are weighted to the slice frequencies of the
generated images, so that a model that generates only dark shoes is not also reported as too dark (post-stratification;
Cochran 1977, Sampling Techniques, 5A.9).  This also removes the variance between slices from the errors.  Because the
classifier makes errors, the true classes within a slice depend on the class frequencies, so real images are also
weighted by `class_ratio`, the generated over the real frequency of their true class.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import kolmogorov
from scipy.stats import norm

FEW = 5                 # least number of real images of a slice; images of smaller slices are left out
LITTLE = 1e-9


@dataclass(frozen=True)
class Strata:
    """The slices of n generated and m real images, as the same rule assigns them."""

    generated: np.ndarray   # (n,) int64
    real: np.ndarray        # (m,) int64
    class_ratio: np.ndarray | None = None   # (m,) generated over real frequency of the images' classes; None: all 1

    def weights(self) -> tuple[np.ndarray, np.ndarray]:
        """Weights of the generated images (n,), equal or 0, and of the real images (m,); both add up to 1."""
        k = int(max(self.generated.max(), self.real.max())) + 1
        mine, theirs = np.bincount(self.generated, minlength=k), np.bincount(self.real, minlength=k)
        both = (theirs >= FEW) & (mine > 0)
        if not both.any():
            return np.full(len(self.generated), 1 / len(self.generated)), np.full(len(self.real), 1 / len(self.real))
        share = np.where(both, mine, 0) / mine[both].sum()
        within = np.ones(len(self.real)) if self.class_ratio is None else self.class_ratio
        total = np.bincount(self.real, within, minlength=k)
        return (share / np.maximum(mine, 1))[self.generated], (share / np.maximum(total, LITTLE))[self.real] * within


@dataclass(frozen=True)
class Gap:
    """generated - real, per column."""

    value: np.ndarray       # (q,)
    se: np.ndarray          # (q,)

    def p(self) -> np.ndarray:
        """Two-sided, (q,)."""
        return 2 * norm.sf(np.abs(self.value) / np.where(self.se > 0, self.se, np.inf))


def gap(generated: np.ndarray, real: np.ndarray, strata: Strata) -> Gap:
    """(n, q) and (m, q), real or complex -> differences of means.  For complex numbers the error is the root of the
    mean variance of the real and imaginary parts."""
    a, b = strata.weights()
    value = a @ generated - b @ real
    variance = _variance(generated, a, strata.generated) + _variance(real, b, strata.real)
    return Gap(value, np.sqrt(variance))


def _variance(x: np.ndarray, weights: np.ndarray, where: np.ndarray) -> np.ndarray:
    """The variance of the weighted mean, from the variances within slices, (q,)."""
    total = np.zeros(x.shape[1])
    parts = 2 if np.iscomplexobj(x) else 1
    for k in np.unique(where[weights > 0]):
        rows, weight = x[where == k], weights[where == k]
        effective = weight.sum() ** 2 / (weight**2).sum()
        if effective > 1.5:
            left = np.abs(rows - weight @ rows / weight.sum()) ** 2
            total += weight**2 @ left * effective / (effective - 1) / parts
        else:
            total += (weight**2).sum() * np.var(x, axis=0, ddof=1) / parts
    return total


def kolmogorov_smirnov(generated: np.ndarray, real: np.ndarray, strata: Strata) -> float:
    """The Kolmogorov-Smirnov p-value, with real images weighted; (n,) and (m,).

    Asymptotic, with effective sample sizes (Kish); conservative where there are ties.
    """
    a, b = strata.weights()
    grid = np.sort(np.concatenate([generated, real]))
    gaps = _cumulative(generated, a, grid) - _cumulative(real, b, grid)
    n, m = 1 / (a**2).sum(), 1 / (b**2).sum()
    return float(kolmogorov(np.abs(gaps).max() * np.sqrt(n * m / (n + m))))


def _cumulative(x: np.ndarray, weights: np.ndarray, grid: np.ndarray) -> np.ndarray:
    order = np.argsort(x)
    return np.concatenate([[0], np.cumsum(weights[order])])[np.searchsorted(x[order], grid, side="right")]
