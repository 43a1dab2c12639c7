"""The axes of the map: the first two principal components of several sets of features."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.linalg import eigh


def components(sets: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray, tuple[float, float]]:
    """(n, d) each -> the common mean (d,), two axes (d, 2), and their shares of the variance; each set has weight 1."""
    centre = np.mean([rows.mean(axis=0) for rows in sets], axis=0)
    spread = np.concatenate([(rows - centre) / np.sqrt(len(rows)) for rows in sets])
    covariance, d = spread.T @ spread, spread.shape[1]
    values, found = eigh(covariance, subset_by_index=[max(0, d - 2), d - 1])
    axes, shares = np.zeros((d, 2)), np.zeros(2)
    axes[:, : len(values)], shares[: len(values)] = found[:, ::-1], values[::-1] / (np.trace(covariance) or 1.0)
    axes *= np.where(axes[np.abs(axes).argmax(axis=0), [0, 1]] < 0, -1, 1)      # the sign of a component is arbitrary
    return centre, axes, (float(shares[0]), float(shares[1]))


def placed(sets: Sequence[np.ndarray], count: int) -> tuple[list[list[list[float]]], tuple[float, float]]:
    """(n, d) each -> x and y of the first `count` rows of each set, and the axes' shares of the variance."""
    centre, axes, explained = components(sets)
    return [np.round((rows[:count] - centre) @ axes, 3).T.tolist() for rows in sets], explained
