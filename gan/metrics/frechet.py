"""Fréchet distance between Gaussians, with its standard error over generated images.

Heusel et al. 2017, arXiv:1706.08500.  Printed as FID only with the 2015 Inception network.

Everything follows from one symmetric matrix.  With S_r = R R^T and R^T S_g R = V diag(w) V^T:
    tr (S_r S_g)^(1/2) = sum sqrt(w)            (symmetric: no imaginary part can exist)
    T = A A^T,  A = R V diag(w^(-1/4))          (the optimal transport map from N(mu_g, S_g) to N(mu_r, S_r))
and the derivative of the distance by S_g is I - T.  Directions with w = 0 are left out of A (pseudo-inverse).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ganbench.gan.metrics.jackknife import paired, pulls_of, standard_error
from ganbench.gan.statistics import accumulate, check_features
from ganbench.gan.types import BadInput, Estimate, Statistics

EPS = np.finfo(np.float64).eps
NOT_PSD = 1e-5     # of the largest eigenvalue: beyond float32 rounding it is not a covariance
NEGATIVE = 1e-5    # of tr S_r + tr S_g: beyond float64 rounding (1e-6 for rank-deficient d = 2048) it is a bug
STEP, MARGIN = 0.75, 14.0
NUDGE = 1e-3       # of the weight of a class, for a derivative: far above rounding, far below its curvature

Values = Any


def matrix_root(sigma: np.ndarray) -> np.ndarray:
    """The symmetric positive semi-definite root of a covariance (d, d), float64: sigma = root @ root.T.

    It depends on the reference only: compute it once per reference.
    """
    eigenvalues, vectors = np.linalg.eigh(sigma)
    if eigenvalues.size and eigenvalues[0] < -NOT_PSD * abs(eigenvalues[-1]):
        raise BadInput("not-a-covariance",
                       f"This is not a covariance matrix: its eigenvalues go from {eigenvalues[0]:.3g} "
                       f"to {eigenvalues[-1]:.3g}, and none should be negative.")
    half = vectors * eigenvalues.clip(0) ** 0.25
    return half @ half.T


def frechet_distance(real: Statistics, generated: Statistics, root: np.ndarray | None = None) -> float:
    """|mu_r - mu_g|^2 + tr(S_r + S_g - 2 (S_r S_g)^(1/2)); `root`: `matrix_root(real.sigma)`, if already computed.

    A value below 0 within rounding is returned as 0; a lower one is refused, since two covariances and a correct root
    cannot give it.
    """
    root = root_of(real, generated, root)
    eigenvalues = np.linalg.eigvalsh(root.T @ generated.sigma @ root)
    eigenvalues = eigenvalues[len(eigenvalues) - _rank(real, generated) :]
    return _distance(real, generated, np.sqrt(eigenvalues.clip(0)).sum())


def frechet_distance_few(
    real: Statistics, generated: Statistics, features: np.ndarray, root: np.ndarray | None = None
) -> float:
    """The same distance for fewer generated images than dimensions: faster and more accurate in that case.

    tr (S_r S_g)^(1/2) = ||(X_g - mu_g) R||_* / sqrt(n - 1), the nuclear norm; features X_g: (n, d).
    """
    root = root_of(real, generated, root)
    singular = np.linalg.svd((features - generated.mu) @ root, compute_uv=False)
    return _distance(real, generated, singular.sum() / np.sqrt(generated.n - 1))


def influence(
    real: Statistics, generated: Statistics, chunks: Iterable[np.ndarray], root: np.ndarray | None = None
) -> np.ndarray:
    """The influence of each image on the distance: chunks of generated features, (rows, d) each -> psi (n,), float64.

    Adding weight t to image i changes the distance by t psi_i: positive makes it worse.  Infinitesimal jackknife:
    psi_i = 2 (mu_g - mu_r).(x_i - mu_g) + n/(n-1) (x_i - mu_g)^T (I - T) (x_i - mu_g) - tr(S_g (I - T)),
    where n/(n-1) comes from ddof 1 and makes the mean 0 exactly.  The map T is computed once for all chunks.
    """
    cross, w, axes = _spectrum(real, generated, root_of(real, generated, root))
    found = [np.empty(0)]
    for chunk in chunks:
        centred = chunk - generated.mu                                              # (rows, d) float64
        quadratic = _squares(centred) - (centred @ axes) ** 2 @ w**-0.5             # x^T (I - T) x
        found.append(_derivative(real, generated, centred, quadratic, cross))
    return np.concatenate(found)


def by_class(
    real: Statistics,
    generated: Statistics,
    chunks: Sequence[np.ndarray],
    labels: np.ndarray,
    root: np.ndarray | None = None,
) -> dict[int, Estimate]:
    """The contribution of each class to the distance; chunks as for `frechet`, labels (n,) int: the images' classes.

    The sum of psi over a class, divided by n: to first order, how much the distance would fall if the images of the
    class were replaced by average images.  Contributions add up to 0.  An image changes the contribution of a class
    through its own psi, and through its effect on the psi of the class; since second derivatives are symmetric, the
    latter equals the effect of the class on the image's psi: one eigendecomposition per class.
    """
    check_chunks(generated, chunks)
    if labels.shape != (generated.n,):
        raise BadInput("labels-do-not-fit",
                       f"Each of {generated.n:,} images needs one class, found labels of the shape {labels.shape}.")
    root = root_of(real, generated, root)
    psi, costs = influence(real, generated, chunks, root), {}
    for label in np.unique(labels):
        within = labels == label
        more = influence(real, _with_more(generated, chunks, within), chunks, root)
        moved = (within - within.mean()) * psi + (more - psi) / NUDGE
        costs[int(label)] = Estimate(float(psi @ within) / len(psi), float(moved.std() / np.sqrt(len(psi))))
    return costs


def _with_more(generated: Statistics, chunks: Sequence[np.ndarray], within: np.ndarray) -> Statistics:
    """The moments when the images `within` (n,) have weight 1 + NUDGE, with the total weight unchanged."""
    ends = np.cumsum([len(chunk) for chunk in chunks])
    part = accumulate(chunk[mask] for chunk, mask in zip(chunks, np.split(within, ends[:-1]), strict=True))
    n, weight = generated.n, NUDGE * part.n / generated.n
    shift = part.mean - generated.mu
    second = part.spread / (n - 1) * NUDGE + np.outer(shift, shift) * (weight * n / (n - 1))
    sigma = (1 - weight) * generated.sigma + second - np.outer(shift, shift) * (weight**2 * n / (n - 1))
    return Statistics(generated.mu + weight * shift, sigma, n)


def frechet(
    real_statistics: Statistics,
    generated_statistics: Statistics,
    generated_chunks: Sequence[np.ndarray],
    real_root: np.ndarray | None = None,
) -> Estimate:
    """The distance and its standard error; chunks: the (rows, d) float32 features of the statistics.

    The error refers to E[distance at this n] over new generated images, with the reference held fixed.  It does not
    include the bias at small n, which is larger.  Every image is left out in turn, and some pairs: these distances are
    exact and cheap, also for n <= d, since they change one symmetric matrix by rank one or two.  Where `influence`
    gives the larger variance, as for heavy-tailed features, that one is used.
    """
    real, generated = real_statistics, generated_statistics
    check_chunks(generated, generated_chunks)
    leaving = Without(real, generated, generated_chunks, root_of(real, generated, real_root))
    without, psi = leaving.one()
    pulls = pulls_of(without)
    variance = float(max(pulls.var(), psi.var())) / len(psi)
    return Estimate(_distance(real, generated, leaving.cross), standard_error(variance, pulls, leaving.two()))


class Without:
    """Distances without one or two of the generated images.

    In the axes of R^T S_g R = V diag(w) V^T an image is y = V^T R^T (x - mu_g).  Without k images, y_1 to y_k,
    (n - 1 - k) R^T S R = (n - 1) diag(w) - Y^T B Y,  B = I + 11^T / (n - k),  and as sqrt(w) is the integral of
    log(1 + w / s^2) over s from 0, divided by pi, the trace of its root follows from k x k determinants.
    """

    def __init__(self, real: Statistics, generated: Statistics, chunks: Sequence[np.ndarray], root: np.ndarray):
        self.real, self.generated, self.chunks = real, generated, chunks
        self.cross, self.w, self.axes = _spectrum(real, generated, root, chunks)    # (r,), R V: (d, r)
        self.at, self.weights = _nodes(self.w)                                      # (nodes,) s^2 and ds / pi

    def one(self) -> tuple[np.ndarray, np.ndarray]:
        """The leave-one-out distances, and `influence`, their limit for infinitesimal weights: (n,)."""
        parts = [self._one(self.centred(chunk)) for chunk in self.chunks]
        without, psi = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        return without, psi

    def two(self) -> np.ndarray:
        """(m, m) interactions."""
        n = self.generated.n
        some = self.centred(_picked(self.chunks, paired(n).step))
        without, _ = self._one(some)
        return n * self.distance(0) - (n - 1) * _sum(without) + (n - 2) * self._without_two(some)

    def centred(self, features: np.ndarray) -> np.ndarray:
        return features - self.generated.mu                                         # float64

    def _one(self, centred: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        n, squares, y = self.generated.n, _squares(centred), (centred @ self.axes) ** 2
        leverage = y @ (1 / (self.w[:, None] + self.at)) / (n - 1)                  # (rows, nodes)
        lost = -_log(1 - leverage * n / (n - 1)) @ self.weights
        without = self.distance(1, squares, squares, centred @ self._shift, lost)
        return without, _derivative(self.real, self.generated, centred, squares - y @ self.w**-0.5, self.cross)

    def _without_two(self, centred: np.ndarray) -> np.ndarray:
        n, y, gram, along = self.generated.n, centred @ self.axes, centred @ centred.T, centred @ self._shift
        lost = np.zeros_like(gram)
        for at, weight in zip(self.at, self.weights, strict=True):
            g = (y / (self.w + at)) @ y.T / (n - 1)
            trace, determinant = _sum(g.diagonal()), np.outer(g.diagonal(), g.diagonal()) - g**2
            lost -= weight * _log(1 - trace - (trace + 2 * g) / (n - 2) + determinant * n / (n - 2))
        squares = _sum(gram.diagonal())
        return self.distance(2, squares, squares + 2 * gram, _sum(along), lost)

    def distance(
        self, k: int, squares: Values = 0.0, total: Values = 0.0, along: Values = 0.0, lost: Values = 0.0
    ) -> Values:
        """Without k images x - mu_g: the sum of their squares, the square of their sum and its product with the
        shift; `lost`: by how much the trace of the root of (n - 1) / (n - 1 - k) S_g fell with them."""
        n, shift = self.generated.n, self._shift
        moved = shift @ shift + 2 * along / (n - k) + total / (n - k) ** 2
        spread = self.spread(k, squares, total)
        return moved + np.trace(self.real.sigma) + spread - 2 * np.sqrt((n - 1) / (n - 1 - k)) * (self.cross - lost)

    def spread(self, k: int, squares: Values = 0.0, total: Values = 0.0) -> Values:
        """tr S_g without k images."""
        n = self.generated.n
        return ((n - 1) * np.trace(self.generated.sigma) - squares - total / (n - k)) / (n - 1 - k)

    @property
    def _shift(self) -> np.ndarray:
        return self.real.mu - self.generated.mu


def root_of(real: Statistics, generated: Statistics, root: np.ndarray | None) -> np.ndarray:
    d = len(real.mu)
    if len(generated.mu) != d:
        raise BadInput("unequal-features",
                       f"The reference has features of length {d}, the generated images {len(generated.mu)}: "
                       "both must come from the same extractor.")
    if root is None:
        return matrix_root(real.sigma)
    if root.shape != (d, d):
        raise BadInput("root-does-not-fit",
                       f"The root of the reference's covariance should be ({d}, {d}), found {root.shape}.")
    return root


def _rank(real: Statistics, generated: Statistics) -> int:
    """The highest possible rank of R^T S_g R; n = 0 means unknown.  Further eigenvalues are rounding errors.

    Features that are 0 for every image, as is common for images unlike a network's training data, lower it too.
    """
    alive = [int(np.count_nonzero(statistics.sigma.diagonal())) for statistics in (real, generated)]
    return min(alive + [statistics.n - 1 for statistics in (real, generated) if statistics.n])


def _distance(real: Statistics, generated: Statistics, cross: float) -> float:
    """`cross`: tr (S_r S_g)^(1/2)."""
    shift = real.mu - generated.mu
    size = np.trace(real.sigma) + np.trace(generated.sigma)
    value = float(shift @ shift + size - 2 * cross)
    if value < -NEGATIVE * size:
        raise BadInput("root-does-not-fit",
                       f"The Fréchet distance came out at {value:.6g}, and it cannot be negative: "
                       "the root does not belong to the reference, or the features not to the statistics.")
    return max(value, 0.0)


def _derivative(
    real: Statistics, generated: Statistics, centred: np.ndarray, quadratic: np.ndarray, cross: float
) -> np.ndarray:
    """psi (rows,); tr(S_g T) = tr (S_r S_g)^(1/2) = cross."""
    unbiased = generated.n / (generated.n - 1) if generated.n else 1.0
    return 2 * centred @ (generated.mu - real.mu) + unbiased * quadratic - (np.trace(generated.sigma) - cross)


def _spectrum(
    real: Statistics, generated: Statistics, root: np.ndarray, chunks: Sequence[np.ndarray] = ()
) -> tuple[float, np.ndarray, np.ndarray]:
    """tr (S_r S_g)^(1/2), the eigenvalues w (r,) of R^T S_g R that are not 0, and R V (d, r).

    Computed from the features, `chunks`, if given and n <= d: faster and more accurate in that case.
    """
    if chunks and generated.n <= len(generated.mu):
        _, singular, rows = np.linalg.svd((np.concatenate(list(chunks)) - generated.mu) @ root, full_matrices=False)
        w, vectors = singular**2 / (generated.n - 1), rows.T
    else:
        w, vectors = np.linalg.eigh(root.T @ generated.sigma @ root)
        w, vectors = w.clip(0)[::-1], vectors[:, ::-1]
    rank = _rank(real, generated)
    kept = w[:rank] > EPS * len(root) * w.max(initial=0)
    return float(np.sqrt(w[:rank]).sum()), w[:rank][kept], root @ vectors[:, :rank][:, kept]


def _picked(chunks: Sequence[np.ndarray], step: int) -> np.ndarray:
    """Rows 0, step, 2 step ... of all chunks."""
    firsts = np.cumsum([0, *(len(chunk) for chunk in chunks)])
    return np.concatenate([chunk[-first % step :: step] for chunk, first in zip(chunks, firsts, strict=False)])


def _nodes(w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """s^2 and ds / pi, each (nodes,), for integrals over s > 0 that fall off below min w and above max w.

    The trapezoidal rule in log s: exact to exp(-pi^2 / STEP), and what lies outside is exp(-MARGIN).
    """
    if not w.size:
        return np.ones(1), np.zeros(1)
    low, high = 0.5 * np.log(w.min()) - MARGIN, 0.5 * np.log(w.max()) + MARGIN
    s = np.exp(np.arange(low, high + STEP, STEP))
    return s**2, s * STEP / np.pi


def _log(remaining: np.ndarray) -> np.ndarray:
    """Of determinants, which are 0 at s = 0 where an image left out takes a dimension with it."""
    return np.log(np.maximum(remaining, EPS))


def _sum(of_images: np.ndarray) -> np.ndarray:
    """(m,) -> (m, m): the sums of all pairs."""
    return of_images[:, None] + of_images


def _squares(rows: np.ndarray) -> np.ndarray:
    return np.einsum("ij,ij->i", rows, rows)


def check_chunks(generated: Statistics, chunks: Sequence[np.ndarray]) -> None:
    rows = 0
    for chunk in chunks:
        check_features(chunk, first=rows)
        rows += len(chunk)
        if chunk.shape[1] != len(generated.mu):
            raise BadInput("unequal-features",
                           f"The statistics are of length {len(generated.mu)}, a chunk of features {chunk.shape[1]}.")
    if rows != generated.n:
        raise BadInput("unequal-counts",
                       f"The statistics are of {generated.n:,} feature vectors, the chunks hold {rows:,}.")
    if rows < 4:
        raise BadInput("too-few-images",
                       f"A Fréchet distance with its error needs at least 4 generated images, got {rows}.")
