"""Shares of the classes, free of the classifier's mistakes, and which of them deviate.

The classifier says how the images fall into cells: its first choice, and whether that is clear.  How each true class
falls into cells is seen on the labelled real images; the mixture of those columns that fits the generated cells best
is the estimate (black-box shift estimation, Lipton et al. 2018, arXiv:1802.03916, by generalised least squares).  What
does not fit shows that the generated images are not as the real ones *within* their classes: then shares that may be
moved by twice as many mistakes are not held against the model.

A missing class raises the shares of all others.  So classes are named one at a time: the one that deviates most from
the rest, taken out; then the others are set beside each other anew.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2, norm

from ganbench.gan.findings.evidence import Assignment, Assignments
from ganbench.gan.types import Estimate

HALF = 0.5              # added to the counts of all cells, so that no error is 0
NAMED = 1e-3            # of the p-value at which a class is taken out; what is reported is decided over all rules
DRIFTED = 1e-3          # of the p-value of the fit
MOST = 30               # classes that are taken out
RIDGE = 1e-9            # of what the cells say of the classes: classes that they cannot tell apart have huge errors
WORST = 0.5             # no share has a larger error


@dataclass(frozen=True)
class Shares:
    """Of K slices; may be below 0 where a classifier's mistakes are taken off."""

    value: np.ndarray       # (K,)
    covariance: np.ndarray  # (K, K)
    drift: float            # 0: the cells fit; 1: they do not, so the mistakes may be others
    confused: np.ndarray    # (K,) the share of all images that are taken for the class or for another wrongly

    def estimate(self, k: int) -> Estimate:
        variance = min(max(self.covariance[k, k], 0.0), WORST**2)
        return Estimate(float(np.clip(self.value[k], 0, 1)), float(np.sqrt(variance)))


@dataclass(frozen=True)
class Deviation:
    """One slice beside the others that were not named before it."""

    slice: int
    share: float            # as it would be if only this slice deviated
    expected: float         # the real one, scaled to those others
    p: float                # raw, two-sided; the larger one where there are two sets of real images
    tolerance: float        # by how much of all images mistakes may move the share


def counted(where: np.ndarray, k: int) -> Shares:
    """Shares of known slices (n,): multinomial."""
    p = (np.bincount(where, minlength=k) + HALF / k) / (len(where) + HALF)
    return Shares(np.bincount(where, minlength=k) / len(where), multinomial(p, len(where)), 0.0, np.zeros(k))


def multinomial(p: np.ndarray, n: int) -> np.ndarray:
    """The covariance of n draws' shares."""
    return (np.diag(p) - np.outer(p, p)) / n


def corrected(seen: Assignment, kinds: Assignments) -> Shares:
    """Shares of the true classes among the images of `seen`."""
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
    """Counts of cells (c,), and of cells by true class (c, k): the mixture of columns that fits best."""
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
    """The covariance of what is left, (c, c): of the cells as fitted, since cells that are low by chance would seem
    surer than they are; and of the columns, where no cell is sure to be empty; plus a small ridge along their sum,
    which has no error, so that shares add up to 1."""
    weights = pi.clip(0) ** 2 / of_class
    of_columns = np.diag(columns @ weights) - (columns * weights) @ columns.T
    found = multinomial(fitted, int(n)) + of_columns
    return found + 1e-3 * np.trace(found) / len(found)


def _confused(full: np.ndarray, pi: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Per true class: the share of all images that it loses to others, plus what it wins from them."""
    k = full.shape[1]
    rates = full.reshape(k, 2, k).sum(axis=1) / np.maximum(full.sum(axis=0), 1)      # assigned, true
    weights = np.zeros(k)
    weights[there] = pi.clip(0)
    wrong = rates * weights
    np.fill_diagonal(wrong, 0)
    return wrong.sum(axis=0) + wrong.sum(axis=1)


def _whole(pi: np.ndarray, covariance: np.ndarray, drift: float, confused: np.ndarray, there: np.ndarray) -> Shares:
    """The same with zeros for classes that the reference does not have."""
    k = len(there)
    value, spread = np.zeros(k), np.zeros((k, k))
    value[there], spread[np.ix_(there, there)] = pi, covariance
    return Shares(value, spread, drift, confused)


def deviations(mine: Shares, real: list[Shares]) -> list[Deviation]:
    """Of every slice, those named first in the order of naming, then the rest.  `real`: the reference, and others
    from which a named slice must deviate too."""
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
    """share - expected, its error, and expected = the real share, scaled to the others' part of both sets."""
    part, real_part = mine.value[others].sum(), real.value[others].sum()
    if real_part <= 0 or part <= 0:
        return 0.0, 1.0, 0.0
    expected = real.value[k] * part / real_part
    by_mine, by_real = np.zeros(len(mine.value)), np.zeros(len(mine.value))
    by_mine[k], by_mine[others] = 1, -real.value[k] / real_part
    by_real[k], by_real[others] = part / real_part, -expected / real_part
    variance = by_mine @ mine.covariance @ by_mine + by_real @ real.covariance @ by_real
    return float(mine.value[k] - expected), float(np.sqrt(variance)) if variance > 0 else 1.0, float(expected)
