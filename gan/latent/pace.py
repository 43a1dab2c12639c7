"""At which pace a path is walked: frames at equal distances in a feature space, and how smooth a walk is."""

from __future__ import annotations

import numpy as np

from ganbench.gan.types import BadInput


def distances(features: np.ndarray, closed: bool = False) -> np.ndarray:
    """Euclidean distances of consecutive rows of (n, d) features: (n - 1,), or (n,) with that from the last to the
    first."""
    rows = np.asarray(features, np.float64).reshape(len(features), -1)
    after = np.roll(rows, -1, axis=0) if closed else rows[1:]
    return np.asarray(np.linalg.norm(after - rows[: len(after)], axis=1))


def even(at: np.ndarray, gaps: np.ndarray, frames: int, closed: bool = False) -> np.ndarray:
    """Parameters of `frames` frames at equal arc length.

    `at` (m,) ascending parameters of a path, the first and the last included; `gaps` (m - 1,) the distances between
    the images there.  The curve is taken to be a polygon: its length up to a parameter is that of its sides, so the
    more images are measured, the more even the pace.  A path without any change keeps its own pace.
    """
    if len(gaps) != len(at) - 1 or frames < 2:
        raise BadInput("unfit-value",
                       f"{len(at)} places have {len(at) - 1} gaps, got {len(gaps)}; and a walk has at least 2 frames, "
                       f"got {frames}.")
    length = np.concatenate([[0.0], np.cumsum(gaps)])
    share = np.linspace(0, 1, frames, endpoint=not closed)
    if length[-1] == 0:
        return at[0] + share * (at[-1] - at[0])
    there = share * length[-1]
    gap = (np.searchsorted(length, there, side="right") - 1).clip(0, len(gaps) - 1)     # behind what stands still
    part = np.divide(there - length[gap], gaps[gap], out=np.zeros(frames), where=gaps[gap] > 0)
    found = at[gap] + part.clip(0, 1) * (at[gap + 1] - at[gap])
    found[0] = at[0]
    found[-1] = found[-1] if closed else at[-1]
    return found


def unevenness(gaps: np.ndarray) -> float:
    """The largest over the median distance between consecutive frames: 1 at an even pace; infinite where most frames
    do not differ."""
    middle = float(np.median(gaps))
    return float(gaps.max()) / middle if middle > 0 else float("inf") if gaps.max() > 0 else 1.0
