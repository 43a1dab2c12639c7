"""The diversity of the generated images, by the angles between their features.

Features are normalised, u_i = x_i / |x_i|.  Real images are not used: a model that outputs noise is diverse, too.
Errors refer to E[value at this n] over new images; they come from the exact leave-one-out values.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ganbench.gan.metrics.jackknife import pulls_of
from ganbench.gan.metrics.kernel import check_directions
from ganbench.gan.statistics import ROWS, accumulate, check_features
from ganbench.gan.types import BadInput, Estimate

EPS = np.finfo(np.float64).eps
STEP, MARGIN = 0.75, 25.0   # of the trapezoidal rule in log t: exact to exp(-2 pi^2 / STEP) and exp(-MARGIN)


def diversity(generated_features: np.ndarray) -> Estimate:
    """Mean cosine distance, 1 - u_i.u_j, over all pairs of different images; (n, d) float32.

    Internal diversity (Benhenda 2017, arXiv:1708.08227) also counts the pairs of an image with itself: it is this
    times (n - 1) / n.  Computed in closed form: the sum of all products is |sum u|^2.
    """
    _check(generated_features, least=4)
    n = len(generated_features)
    total = np.sum([unit.sum(axis=0) for unit in _units(generated_features)], axis=0)
    along = np.concatenate([unit @ total for unit in _units(generated_features)])      # u_i . sum u
    square = float(total @ total)
    without = 1 - (square - 2 * along + 1 - (n - 1)) / ((n - 1) * (n - 2))
    return Estimate(1 - (square - n) / (n * (n - 1)), _error(without))


def vendi(generated_features: np.ndarray, q: float = 1.0) -> Estimate:
    """The effective number of dissimilar images, from 1 to n; (n, d) float32.

    Friedman & Dieng 2023, arXiv:2210.02410: exp of the entropy of the eigenvalues of U U^T / n, which are those of
    U^T U / n.  q: Renyi's order, from 1 to infinity, as in Pasarkar & Dieng 2023, arXiv:2310.12952; larger orders give
    less weight to rare images.  The leave-one-out values are exact for q = 1, and linear in an image's weight for
    q > 1, which is accurate enough there.  It is not for q < 1, where directions of a single image count most, so these
    orders are refused.
    """
    _check(generated_features, least=3)
    if not q >= 1:
        raise BadInput("unfit-value", f"The order of a Vendi score should be 1 or more, infinity included, got {q}.")
    n, (w, parts) = len(generated_features), _axes(generated_features)
    value = np.exp(_entropy(w, q))
    if q == 1:
        return Estimate(float(value), _error(np.exp(np.concatenate([_entropy_without(w, y, n) for y in parts]))))
    psi = np.concatenate([y @ _slope(w, q) for y in parts])
    return Estimate(float(value), float(value * psi.std() / np.sqrt(n)))


def _axes(features: np.ndarray) -> tuple[np.ndarray, Iterator[np.ndarray]]:
    """The eigenvalues w (r,) of U^T U / n that are not 0, which add up to 1, and the squares (rows, r) of all u in
    their axes, whose means are w."""
    n, d = features.shape
    if n <= d:
        left, singular, _ = np.linalg.svd(np.concatenate(list(_units(features))), full_matrices=False)
        w, squares = singular**2 / n, (left * singular) ** 2
        kept = _positive(w)
        return w[kept], iter([squares[:, kept]])
    found = accumulate(_units(features))
    w, vectors = np.linalg.eigh(found.spread / n + np.outer(found.mean, found.mean))
    kept = _positive(w)
    return w[kept], ((unit @ vectors[:, kept]) ** 2 for unit in _units(features))


def _entropy(w: np.ndarray, q: float) -> float:
    if q == 1:
        return float(-(w * np.log(w)).sum())
    return float(-np.log(w.max()) if np.isinf(q) else np.log((w**q).sum()) / (1 - q))


def _slope(w: np.ndarray, q: float) -> np.ndarray:
    """(r,): the derivative of the entropy with respect to the eigenvalues."""
    if np.isinf(q):
        return -1.0 * (w == w.max()) / w.max()
    return q / (1 - q) * w ** (q - 1) / (w**q).sum()


def _entropy_without(w: np.ndarray, squares: np.ndarray, n: int) -> np.ndarray:
    """Entropies (rows,), q = 1, of the eigenvalues of (n C - u u^T) / (n - 1) for each u; C = U^T U / n.

    As w log w = int_0^inf w / (1 + t) - w / (w + t) dt, it takes the trace of one resolvent, changed by rank one.
    """
    t = np.exp(np.arange(np.log(w.min()) - MARGIN, MARGIN, STEP))                   # (nodes,)
    remains = np.maximum(1 - squares @ (1 / (w[:, None] + t)) / n, EPS)             # (rows, nodes)
    moved = t * (squares @ (1 / (w[:, None] + t) ** 2)) / remains - 1 / (1 + t)
    lost = moved @ t * STEP / n                     # by which the sum of w log w rises, before its scale is put right
    return (_entropy(w, 1) - lost) * n / (n - 1) - np.log(n / (n - 1))


def _positive(w: np.ndarray) -> np.ndarray:
    return w > EPS * len(w) * w.max()


def _error(without: np.ndarray) -> float:
    """The jackknife's standard error, from the leave-one-out values (n,)."""
    return float(pulls_of(without).std() / np.sqrt(len(without)))


def _units(features: np.ndarray) -> Iterator[np.ndarray]:
    """Normalised rows, float64, a tile at a time."""
    for start in range(0, len(features), ROWS):
        rows = features[start : start + ROWS].astype(np.float64)
        yield rows / np.linalg.norm(rows, axis=1, keepdims=True)


def _check(features: np.ndarray, least: int) -> None:
    check_features(features)
    if len(features) < least:
        raise BadInput("too-few-images",
                       f"Diversity with its error needs at least {least} generated images, got {len(features)}.")
    check_directions(features, "generated")
