"""FD-infinity: the Fréchet distance that infinitely many generated images would have.

Chong & Forsyth 2020, arXiv:1911.07023.  FD from n images is too large by about c / n, where c depends on the model, so
the bias does not cancel in comparisons at equal n.  They fit a line to FD against 1/n and extrapolate it to 1/n = 0.

`fd_infinity` estimates the same number from all n images at once.  Random matrix theory (Silverstein's equation, n and
d growing together) describes how the eigenvalues of a sample covariance deviate, and lets the trace of its root be
corrected (Tiomoko & Couillet 2019, arXiv:1903.03447; here for a fixed covariance of the reference).  With w the
eigenvalues of R^T S_g R,
    tr (S_r S)^(1/2) = tr (S_r S_g)^(1/2) + 2 (n-1)/pi int_0^inf (1 - sqrt(1 - h(s)))^2 ds,
    h(s) = sum w / (w + s^2) / (n - 1),
where S is the covariance that S_g estimates; and |mu_g - mu_r|^2 is too large by tr S_g / n.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ganbench.gan.metrics.frechet import (
    EPS,
    Without,
    check_chunks,
    frechet_distance,
    frechet_distance_few,
    influence,
    root_of,
)
from ganbench.gan.metrics.jackknife import pulls_of, standard_error
from ganbench.gan.statistics import accumulate
from ganbench.gan.types import BadInput, Estimate, Statistics

ENOUGH = 1.5    # images per feature: with fewer, intervals have too low coverage (benchmarks/coverage_diversity.py)


def fd_infinity(
    real_statistics: Statistics,
    generated_statistics: Statistics,
    generated_chunks: Sequence[np.ndarray],
    real_root: np.ndarray | None = None,
    points: int = 0,
    fewest: int = 5_000,
    seed: int = 2020,
) -> Estimate:
    """The distance between the distributions of the images, and its error; chunks: the features, (rows, d) float32.

    `points=0`: by random matrix theory, with the variance of FD itself; otherwise by the published line through
    `points` sizes.  From n = 1.5 d on its intervals cover the distance, also for heavy-tailed features; fewer images
    are refused, since for n < d half of the bias would remain.  The line is biased even at n = 10 d and has a larger
    error.  For equal distributions, negative values are to be expected.  The reference is held fixed, so the bias due
    to its finite size remains.
    """
    real, generated = real_statistics, generated_statistics
    check_chunks(generated, generated_chunks)
    root = root_of(real, generated, real_root)
    if points:
        return _by_line(real, generated, generated_chunks, root, points, fewest, seed)
    alive = int(np.count_nonzero(generated.sigma.diagonal()))
    if generated.n < ENOUGH * alive:
        raise BadInput("too-few-images",
                       f"FD at infinity needs {ENOUGH} images for each of the {alive:,} features, got {generated.n:,}.")
    return _by_spectrum(real, generated, generated_chunks, root)


def _by_spectrum(real: Statistics, generated: Statistics, chunks: Sequence[np.ndarray], root: np.ndarray) -> Estimate:
    """FD corrected for its bias; the jackknife removes the remainder of order 1 / n.

    Its sampling error is that of FD, to first order and in pairs of images, so the pairs are computed for FD.
    """
    n, leaving = generated.n, Without(real, generated, chunks, root)
    without = leaving.one()[0] - np.concatenate([_bias_without_one(leaving, leaving.centred(x)) for x in chunks])
    value, pulls = leaving.distance(0) - _bias(leaving), pulls_of(without)
    value = n * value - (n - 1) * without.mean()
    return Estimate(float(value), standard_error(float(pulls.var()) / n, pulls, leaving.two()))


def _bias(leaving: Without) -> float:
    n = leaving.generated.n
    return leaving.spread(0) / n + 2 * _trace_lost(leaving.w, n, leaving.at, leaving.weights)


def _trace_lost(w: np.ndarray, n: int, at: np.ndarray, weights: np.ndarray) -> float:
    """tr (S_r S)^(1/2) - tr (S_r S_g)^(1/2)."""
    filled = (w[:, None] / (w[:, None] + at)).sum(axis=0)                           # (nodes,)
    return float(_lost(filled / (n - 1)) @ weights) * (n - 1)


def _bias_without_one(leaving: Without, centred: np.ndarray) -> np.ndarray:
    """(rows,), in the terms of `Without`: of (n-2) R^T S R = (n-1) (diag(w) - y y^T n / (n-1)^2)."""
    n, at, w = leaving.generated.n, leaving.at, leaving.w[:, None]
    y, squares = (centred @ leaving.axes) ** 2, np.einsum("ij,ij->i", centred, centred)
    share = n / (n - 1) ** 2
    moved = share * at * (y @ (1 / (w + at) ** 2)) / np.maximum(1 - share * (y @ (1 / (w + at))), EPS)
    filled = (w / (w + at)).sum(axis=0) - moved                                 # (rows, nodes)
    stretch = np.sqrt((n - 1) / (n - 2))
    lost = _lost(filled / (n - 2)) @ leaving.weights * stretch
    return leaving.spread(1, squares, squares) / (n - 1) + 2 * (n - 2) * lost


def _lost(h: np.ndarray) -> np.ndarray:
    """2 (1 - sqrt(1 - h))^2, and the nodes' weights hold the 1 / pi."""
    return 2 * (1 - np.sqrt((1 - h).clip(0))) ** 2


def _by_line(
    real: Statistics, generated: Statistics, chunks: Sequence[np.ndarray], root: np.ndarray,
    points: int, fewest: int, seed: int,
) -> Estimate:
    """FD of random subsets of n / 10 (or `fewest`, if that is less) to n images, and the line over 1 / size at 0.

    As in FID_IS_infinity and dgm-eval, which draw their subsets unseeded.  The error is that of the line's value as a
    sum over images of their influence on the FD of the subsets that contain them.
    """
    n, rng = generated.n, np.random.default_rng(seed)
    sizes = np.linspace(min(fewest, max(n // 10, 2)), n, points).astype(int)
    if points < 2 or sizes[0] < 2 or sizes[0] == sizes[-1]:
        raise BadInput("unfit-value",
                       f"A line over 1 / n needs at least 2 sizes from 2 on, got {points} from {sizes[0]} to {n}.")
    values, weights, factors = np.empty(points), np.zeros(n), _intercept(1 / sizes)
    for i, (size, factor) in enumerate(zip(sizes, factors, strict=True)):
        chosen = np.isin(np.arange(n), rng.choice(n, size, replace=False))
        values[i] = _distance_of(real, _parts(chunks, chosen), root)
        weights += factor / size * chosen
    of_images = np.linalg.norm(weights * influence(real, generated, chunks, root))
    return Estimate(float(factors @ values), float(np.hypot(of_images, _scatter(1 / sizes, values, factors))))


def _intercept(x: np.ndarray) -> np.ndarray:
    """The weights (points,) of values at x in the value of their least-squares line at 0."""
    away = x - x.mean()
    return 1 / len(x) - x.mean() * away / (away @ away)


def _scatter(x: np.ndarray, values: np.ndarray, factors: np.ndarray) -> float:
    """The standard error of the line at 0, from its residuals."""
    beside = values - np.polynomial.Polynomial.fit(x, values, 1)(x)
    return float(np.sqrt(beside @ beside / max(len(x) - 2, 1) * (factors @ factors)))


def _parts(chunks: Sequence[np.ndarray], chosen: np.ndarray) -> Iterator[np.ndarray]:
    first = 0
    for chunk in chunks:
        yield chunk[chosen[first : first + len(chunk)]]
        first += len(chunk)


def _distance_of(real: Statistics, parts: Iterator[np.ndarray], root: np.ndarray) -> float:
    rows = list(parts)
    generated = accumulate(rows).statistics()
    if generated.n <= len(real.mu):
        return frechet_distance_few(real, generated, np.concatenate(rows), root)
    return frechet_distance(real, generated, root)
