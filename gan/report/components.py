"""The axes of the map: the first two principal components of several sets of features."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.sparse.linalg import svds


def components(sets: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray, tuple[float, float]]:
    """(n, d) each -> the common mean (d,), two axes (d, 2), and their shares of the variance; each set has weight 1."""
    centre = np.mean([rows.mean(axis=0) for rows in sets], axis=0)
    spread = np.concatenate([(rows - centre) / np.sqrt(len(rows)) for rows in sets])
    total = float((spread**2).sum()) or 1.0
    _, lengths, axes = svds(spread, k=2, v0=np.ones(min(spread.shape)))
    order = np.argsort(-lengths)
    axes = axes[order].T
    axes *= np.sign(axes[np.abs(axes).argmax(axis=0), [0, 1]])      # the sign of a component is arbitrary
    first, second = (lengths[order] ** 2 / total).tolist()
    return centre, axes, (first, second)


def placed(sets: Sequence[np.ndarray], count: int) -> tuple[list[list[list[float]]], tuple[float, float]]:
    """(n, d) each -> x and y of the first `count` rows of each set, and the axes' shares of the variance."""
    centre, axes, explained = components(sets)
    return [np.round((rows[:count] - centre) @ axes, 3).T.tolist() for rows in sets], explained
