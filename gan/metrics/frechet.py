"""Fréchet distance between Gaussians, with the standard error of its generated side.

Heusel et al. 2017, arXiv:1706.08500.  Printed as FID only with the 2015 Inception network.

Everything follows from one symmetric matrix.  With S_r = R R^T and R^T S_g R = V diag(w) V^T:
    tr (S_r S_g)^(1/2) = sum sqrt(w)            (symmetric: no imaginary part can exist)
    T = A A^T,  A = R V diag(w^(-1/4))          (the optimal transport map from N(mu_g, S_g) to N(mu_r, S_r))
and the derivative of the distance by S_g is I - T.  Directions with w = 0 are left out of A (pseudo-inverse).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gan.statistics import check_features
from gan.types import BadInput, Estimate, Statistics

EPS = np.finfo(np.float64).eps
NOT_PSD = 1e-5     # of the largest eigenvalue: beyond float32 rounding it is not a covariance
NEGATIVE = 1e-5    # of tr S_r + tr S_g: beyond float64 rounding (1e-6 for rank-deficient d = 2048) it is a bug


def matrix_root(sigma: np.ndarray) -> np.ndarray:
    """The symmetric positive semi-definite root of a covariance (d, d), float64: sigma = root @ root.T.

    It depends on the reference only: compute it once per reference and keep it.
    """
    eigenvalues, vectors = np.linalg.eigh(sigma)
    if eigenvalues.size and eigenvalues[0] < -NOT_PSD * abs(eigenvalues[-1]):
        raise BadInput(f"This is not a covariance matrix: its eigenvalues go from {eigenvalues[0]:.3g} "
                       f"to {eigenvalues[-1]:.3g}, and none should be negative.")
    half = vectors * eigenvalues.clip(0) ** 0.25
    return half @ half.T


def frechet_distance(real: Statistics, generated: Statistics, root: np.ndarray | None = None) -> float:
    """|mu_r - mu_g|^2 + tr(S_r + S_g - 2 (S_r S_g)^(1/2)); `root` is `matrix_root(real.sigma)` when it is at hand.

    A value below 0 within rounding is returned as 0; one further below is refused, since no two
    covariances and their true root give it.
    """
    root = _root_of(real, generated, root)
    eigenvalues = np.linalg.eigvalsh(root.T @ generated.sigma @ root)
    eigenvalues = eigenvalues[len(eigenvalues) - _rank(real, generated) :]
    return _distance(real, generated, np.sqrt(eigenvalues.clip(0)).sum())


def frechet_distance_few(
    real: Statistics, generated: Statistics, features: np.ndarray, root: np.ndarray | None = None
) -> float:
    """The same distance for fewer generated images than dimensions: faster, and most accurate there.

    tr (S_r S_g)^(1/2) = ||(X_g - mu_g) R||_* / sqrt(n - 1), the nuclear norm; features X_g: (n, d).
    """
    root = _root_of(real, generated, root)
    singular = np.linalg.svd((features - generated.mu) @ root, compute_uv=False)
    return _distance(real, generated, singular.sum() / np.sqrt(generated.n - 1))


def influence(
    real: Statistics, generated: Statistics, features: np.ndarray, root: np.ndarray | None = None
) -> np.ndarray:
    """How much each image moves the distance: (rows, d) generated features -> psi (rows,), float64.

    Adding weight t to image i changes the distance by t psi_i: positive makes it worse.  Infinitesimal jackknife:
    psi_i = 2 (mu_g - mu_r).(x_i - mu_g) + n/(n-1) (x_i - mu_g)^T (I - T) (x_i - mu_g) - tr(S_g (I - T)),
    where n/(n-1) comes from ddof 1 and makes the mean 0 exactly.
    """
    cross, half = _transport(real, generated, _root_of(real, generated, root))
    return _influence(real, generated, features, half, cross)


def frechet(
    real_statistics: Statistics,
    generated_statistics: Statistics,
    generated_chunks: Sequence[np.ndarray],
    real_root: np.ndarray | None = None,
) -> Estimate:
    """The distance and its standard error std(psi) / sqrt(n); chunks: the (rows, d) float32 behind the statistics.

    The error is about E[distance at this n] over fresh generated images, given the reference.  It says nothing
    about the bias at small n, which is larger.  Where n <= d, S_g is singular and the distance has no derivative
    by S_g; but reweighting the n images stays inside their span, where it has one, and that is what psi is.
    Mean error over true one in simulation (benchmarks/coverage.py; n/d 0.5 to 10, flat to steep spectra): 0.95-1.35
    for laws apart, 1.15-1.65 for equal ones; 95 % intervals held 91-100 %.  n <= d is no worse than n > d.
    """
    real, generated = real_statistics, generated_statistics
    _check_chunks(generated, generated_chunks)
    root = _root_of(real, generated, real_root)
    if generated.n <= len(generated.mu):
        cross, psi = _influence_of_few(real, generated, np.concatenate(list(generated_chunks)), root)
    else:
        cross, half = _transport(real, generated, root)
        psi = np.concatenate([_influence(real, generated, chunk, half, cross) for chunk in generated_chunks])
    return Estimate(_distance(real, generated, cross), float(psi.std() / np.sqrt(len(psi))))


def _root_of(real: Statistics, generated: Statistics, root: np.ndarray | None) -> np.ndarray:
    d = len(real.mu)
    if len(generated.mu) != d:
        raise BadInput(f"The reference has features of length {d}, the generated images {len(generated.mu)}: "
                       "both must come from the same extractor.")
    if root is None:
        return matrix_root(real.sigma)
    if root.shape != (d, d):
        raise BadInput(f"The root of the reference's covariance should be ({d}, {d}), found {root.shape}.")
    return root


def _rank(real: Statistics, generated: Statistics) -> int:
    """The highest rank that R^T S_g R can have; n = 0 means unknown.  The other eigenvalues are rounding."""
    return min([len(real.mu), *(statistics.n - 1 for statistics in (real, generated) if statistics.n)])


def _distance(real: Statistics, generated: Statistics, cross: float) -> float:
    """`cross`: tr (S_r S_g)^(1/2)."""
    shift = real.mu - generated.mu
    size = np.trace(real.sigma) + np.trace(generated.sigma)
    value = float(shift @ shift + size - 2 * cross)
    if value < -NEGATIVE * size:
        raise BadInput(f"The Fréchet distance came out at {value:.6g}, and it cannot be negative: "
                       "the root does not belong to the reference, or the features not to the statistics.")
    return max(value, 0.0)


def _transport(real: Statistics, generated: Statistics, root: np.ndarray) -> tuple[float, np.ndarray]:
    """tr (S_r S_g)^(1/2) and A (d, rank) with T = A A^T, from one eigendecomposition."""
    eigenvalues, vectors = np.linalg.eigh(root.T @ generated.sigma @ root)
    d, rank = len(eigenvalues), _rank(real, generated)
    eigenvalues, vectors = eigenvalues[d - rank :].clip(0), vectors[:, d - rank :]
    kept = eigenvalues > EPS * d * eigenvalues.max(initial=0)
    half = root @ (vectors[:, kept] * eigenvalues[kept] ** -0.25)
    return float(np.sqrt(eigenvalues).sum()), half


def _influence(
    real: Statistics, generated: Statistics, features: np.ndarray, half: np.ndarray, cross: float
) -> np.ndarray:
    centred = features - generated.mu                                   # (rows, d) float64
    quadratic = _squares(centred) - _squares(centred @ half)            # x^T (I - T) x
    return _derivative(real, generated, centred, quadratic, cross)


def _influence_of_few(
    real: Statistics, generated: Statistics, features: np.ndarray, root: np.ndarray
) -> tuple[float, np.ndarray]:
    """For n <= d: (X_g - mu_g) R = U diag(s) V^T gives x_i^T T x_i = sqrt(n - 1) sum_j U_ij^2 s_j without T."""
    centred = features - generated.mu
    left, singular, _ = np.linalg.svd(centred @ root, full_matrices=False)
    scale = np.sqrt(generated.n - 1)
    cross = float(singular.sum() / scale)
    quadratic = _squares(centred) - left**2 @ singular * scale
    return cross, _derivative(real, generated, centred, quadratic, cross)


def _derivative(
    real: Statistics, generated: Statistics, centred: np.ndarray, quadratic: np.ndarray, cross: float
) -> np.ndarray:
    """psi (rows,); tr(S_g T) = tr (S_r S_g)^(1/2) = cross."""
    unbiased = generated.n / (generated.n - 1) if generated.n else 1.0
    return 2 * centred @ (generated.mu - real.mu) + unbiased * quadratic - (np.trace(generated.sigma) - cross)


def _squares(rows: np.ndarray) -> np.ndarray:
    return np.einsum("ij,ij->i", rows, rows)


def _check_chunks(generated: Statistics, chunks: Sequence[np.ndarray]) -> None:
    rows = 0
    for chunk in chunks:
        check_features(chunk, first=rows)
        rows += len(chunk)
        if chunk.shape[1] != len(generated.mu):
            raise BadInput(f"The statistics are of length {len(generated.mu)}, a chunk of features {chunk.shape[1]}.")
    if rows != generated.n:
        raise BadInput(f"The statistics are of {generated.n:,} feature vectors, the chunks hold {rows:,}.")
    if rows < 2:
        raise BadInput(f"A Fréchet distance needs at least 2 feature vectors, got {rows}.")
