"""Shares of the classes, corrected for the classifier's errors, and which of them deviate.

The classifier assigns images to cells: its top class, and whether the margin is clear.  The labelled real images give
the confusion matrix: the distribution of each true class over the cells.  The mixture of its columns that best fits
the cell counts of the generated images is the estimate (black-box shift estimation, Lipton et al. 2018,
arXiv:1802.03916, by generalised least squares).  A poor fit shows that generated and real images differ *within*
classes; the confusion matrix may then not apply, so deviations that such errors could explain are not reported.

A missing class raises the shares of all others.  So classes are tested one at a time: the one that deviates most from
the rest is removed, and the shares of the others are renormalised.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2, norm

from ganbench.gan.findings.evidence import Assignment, Assignments
from ganbench.gan.types import Estimate

HALF = 0.5              # pseudocount of all cells, so that no error is 0
NAMED = 1e-3            # p-value below which a class is removed; what is reported is decided over all rules
DRIFTED = 1e-3          # p-value of the fit below which it is poor
MOST = 30               # classes that are removed, at most
RIDGE = 1e-9            # ridge, relative to the precision's trace, for classes that the cells cannot tell apart
WORST = 0.5             # the largest error of a share


@dataclass(frozen=True)
class Shares:
    """Shares of K slices; corrected shares may be negative."""

    value: np.ndarray       # (K,)
    covariance: np.ndarray  # (K, K)
    drift: float            # 0: the cells fit; 1: they do not, so the confusion matrix may not apply
    confused: np.ndarray    # (K,) the share of all images wrongly assigned to the class, or wrongly to another class

    def estimate(self, k: int) -> Estimate:
        variance = min(max(self.covariance[k, k], 0.0), WORST**2)
        return Estimate(float(np.clip(self.value[k], 0, 1)), float(np.sqrt(variance)))


@dataclass(frozen=True)
class Deviation:
    """One slice compared with the slices that were not removed before it."""

    slice: int
    share: float            # its share if only this slice deviated
    expected: float         # its real share, rescaled to the remaining slices
    p: float                # raw, two-sided; the larger one where there are two sets of real images
    tolerance: float        # how much of the share classification errors could explain


def counted(where: np.ndarray, k: int) -> Shares:
    """Shares of known slices (n,), with multinomial covariance."""
    p = (np.bincount(where, minlength=k) + HALF / k) / (len(where) + HALF)
    return Shares(np.bincount(where, minlength=k) / len(where), multinomial(p, len(where)), 0.0, np.zeros(k))


def multinomial(p: np.ndarray, n: int) -> np.ndarray:
    """The covariance of shares among n draws."""
    return (np.diag(p) - np.outer(p, p)) / n


def corrected(seen: Assignment, kinds: Assignments) -> Shares:
    """Corrected shares of the classes among the images of `seen`."""
    k = len(kinds.names)
    if kinds.by == "cluster" or seen.exact:
        return counted(seen.slice, k)
    observed = _cells(seen, k)
    table = np.zeros((2 * k, k))
    np.add.at(table, (2 * kinds.reference.slice + kinds.reference.clear, kinds.truth), 1)
    there = table.sum(axis=0) > 0                                   # classes that the reference has
    rows = (table.sum(axis=1) + observed) > 0
    return _fit(observed[rows], table[rows][:, there], there, table)


def _cells(kind: Assignment, k: int) -> np.ndarray:
    return np.bincount(2 * kind.slice + kind.clear, minlength=2 * k).astype(np.float64)


def _fit(observed: np.ndarray, table: np.ndarray, there: np.ndarray, full: np.ndarray) -> Shares:
    """Counts of cells (c,), and of cells by true class (c, k) -> the best-fitting mixture of columns."""
    n, of_class = observed.sum(), table.sum(axis=0)
    smooth = (table + HALF / len(table)) / (of_class + HALF)
    seen = (observed + HALF / len(observed)) / (n + HALF)
    pi = np.linalg.lstsq(smooth, seen, rcond=None)[0].clip(1e-3)
    columns = (table + HALF) / (of_class + HALF * len(table))
    for _ in range(3):
        spread = _spread((smooth @ pi.clip(0)).clip(HALF / n), n, columns, pi, of_class)
        inverse = np.linalg.inv(spread)
        precision = smooth.T @ inverse @ smooth
        covariance = np.linalg.inv(precision + RIDGE * np.trace(precision) * np.eye(len(pi)))
        pi = covariance @ smooth.T @ inverse @ seen
    left = seen - smooth @ pi
    misfit, freedom = float(left @ inverse @ left), len(observed) - len(pi)
    drift = float(freedom > 0 and chi2.sf(misfit, freedom) < DRIFTED)
    return _whole(pi, covariance, drift, _confused(full, pi, there), there)


def _spread(fitted: np.ndarray, n: float, columns: np.ndarray, pi: np.ndarray, of_class: np.ndarray) -> np.ndarray:
    """The covariance of the residuals, (c, c): that of the fitted cells (observed counts that are low by chance would
    give too small errors), plus that of the columns (with pseudocounts), plus a small constant along the sum, which
    has no error, so that shares add up to 1."""
    weights = pi.clip(0) ** 2 / of_class
    of_columns = np.diag(columns @ weights) - (columns * weights) @ columns.T
    found = multinomial(fitted, int(n)) + of_columns
    return found + 1e-3 * np.trace(found) / len(found)


def _confused(full: np.ndarray, pi: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Per true class: the share of all images of the class that are assigned to others, plus that of images of others
    that are assigned to it."""
    k = full.shape[1]
    rates = full.reshape(k, 2, k).sum(axis=1) / np.maximum(full.sum(axis=0), 1)      # assigned, true
    weights = np.zeros(k)
    weights[there] = pi.clip(0)
    wrong = rates * weights
    np.fill_diagonal(wrong, 0)
    return wrong.sum(axis=0) + wrong.sum(axis=1)


def _whole(pi: np.ndarray, covariance: np.ndarray, drift: float, confused: np.ndarray, there: np.ndarray) -> Shares:
    """The estimates, extended by zeros for classes that the reference does not have."""
    k = len(there)
    value, spread = np.zeros(k), np.zeros((k, k))
    value[there], spread[np.ix_(there, there)] = pi, covariance
    return Shares(value, spread, drift, confused)


def deviations(mine: Shares, real: list[Shares]) -> list[Deviation]:
    """A deviation for every slice: the removed ones in order of removal, then the rest.  `real`: the reference, and
    other sets of real images from which a removed slice must deviate too."""
    left = np.flatnonzero((real[0].value > 0) | (mine.value > 0))
    named: list[Deviation] = []
    while len(left) > 1:
        found = [_deviation(int(k), left, mine, real) for k in left]
        worst = min(found, key=lambda one: (one.p, -abs(one.share - one.expected)))
        if worst.p >= NAMED or len(named) == MOST:
            return [*named, *found]
        named.append(worst)
        left = left[left != worst.slice]
    return [*named, *(Deviation(int(k), float(mine.value[k]), float(mine.value[k]), 1.0, 0.0) for k in left)]


def _deviation(k: int, among: np.ndarray, mine: Shares, real: list[Shares]) -> Deviation:
    others = among[among != k]
    tests = [_contrast(int(k), others, mine, theirs) for theirs in real]
    opposite = len({np.sign(gap) for gap, _, _ in tests}) > 1
    p = 1.0 if opposite else max(2 * norm.sf(abs(gap) / error) for gap, error, _ in tests)
    gap, _, expected = min(tests, key=lambda test: abs(test[0]))
    tolerance = mine.drift * float(mine.confused[k])
    return Deviation(int(k), float(expected + gap), float(expected), float(p), tolerance)


def _contrast(k: int, others: np.ndarray, mine: Shares, real: Shares) -> tuple[float, float, float]:
    """share - expected, its error, and expected: the real share, rescaled by the total of the others in both sets."""
    part, real_part = mine.value[others].sum(), real.value[others].sum()
    if real_part <= 0 or part <= 0:
        return 0.0, 1.0, 0.0
    expected = real.value[k] * part / real_part
    by_mine, by_real = np.zeros(len(mine.value)), np.zeros(len(mine.value))
    by_mine[k], by_mine[others] = 1, -real.value[k] / real_part
    by_real[k], by_real[others] = part / real_part, -expected / real_part
    variance = by_mine @ mine.covariance @ by_mine + by_real @ real.covariance @ by_real
    return float(mine.value[k] - expected), float(np.sqrt(variance)) if variance > 0 else 1.0, float(expected)
