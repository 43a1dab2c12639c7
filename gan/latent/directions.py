"""Directions of a latent space along which images change much: principal components, and SeFa's closed form.

A direction is a unit vector v with a sigma: moving a latent by `amount` means adding amount * sigma * v.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ganbench.gan.types import BadInput


@dataclass(frozen=True)
class Directions:
    """k directions of a space of d dimensions, the strongest first."""

    vectors: np.ndarray     # (k, d) float32, unit rows whose largest number is positive
    sigmas: np.ndarray      # (k,) float32, the standard deviation of latents along each
    shares: np.ndarray      # (k,) float32, of the variance, or of the squared singular values

    def __len__(self) -> int:
        return len(self.vectors)


def principal(latents: np.ndarray, count: int = 10) -> Directions:
    """Principal components of latents (n, d): of W in GANSpace (Härkönen et al. 2020, arXiv:2004.02546, section 2.1).

    Sigma is the standard deviation along each (ddof 1).
    """
    centred = centre(latents)
    _, spread, axes = np.linalg.svd(centred, full_matrices=False)
    variance = spread**2 / (len(centred) - 1)
    return directions(axes, np.sqrt(variance), variance / max(variance.sum(), 1e-30), count)


def regressed(activations: np.ndarray, latents: np.ndarray, count: int = 10) -> Directions:
    """Principal components of activations (n, ...), carried over to their latents (n, d) by regression.

    As GANSpace does where there is no W (section 2.2).  The coordinates x of the activations are regressed on z, which
    takes less of chance into a direction than the other way round; one sigma of x_k goes with a step of z by
    Var(z) dx_k/dz, whose length is this direction's sigma.
    """
    coordinates, shares = coordinates_of(centre(activations), count)    # (n, k), of variance 1
    z = centre(latents)
    slopes = np.linalg.lstsq(z, coordinates, rcond=None)[0].T * z.var(ddof=1)
    return directions(slopes, np.linalg.norm(slopes, axis=1), shares, count)


def sefa(weights: Sequence[np.ndarray], count: int = 10) -> Directions:
    """Eigenvectors of A^T A for the weights (m_i, d) of layers that read the latent, stacked to A.

    Shen & Zhou 2021, arXiv:2007.06600, equation 7: the directions n that maximise |A n|.  Sigmas are 1: `scaled`
    measures them.
    """
    if not weights:
        raise BadInput("no-directions", "SeFa needs the weights of at least 1 layer that reads the latent, got none.")
    stacked = np.concatenate([np.asarray(one, np.float64) for one in weights])
    strength, axes = np.linalg.eigh(stacked.T @ stacked)
    strength, axes = strength[::-1].clip(0), axes[:, ::-1].T
    return directions(axes, np.ones(len(axes)), strength / max(strength.sum(), 1e-30), count)


def scaled(found: Directions, latents: np.ndarray) -> Directions:
    """The same directions, with the standard deviation of latents (n, d) along them as sigma."""
    spread = (centre(latents) @ found.vectors.T.astype(np.float64)).std(axis=0, ddof=1)
    return Directions(found.vectors, spread.astype(np.float32), found.shares)


def centre(rows: np.ndarray) -> np.ndarray:
    """(n, ...) -> (n, m) float64 without their mean."""
    if len(rows) < 3:
        raise BadInput("no-directions", f"Directions need at least 3 latents, got {len(rows)}.")
    flat = np.asarray(rows, np.float64).reshape(len(rows), -1)
    return flat - flat.mean(axis=0)


def coordinates_of(centred: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """(n, k) along the first principal components, each of variance 1; and the components' shares of the variance."""
    wide = centred.shape[1] > len(centred)
    strength, axes = np.linalg.eigh(centred @ centred.T if wide else centred.T @ centred)
    strength, axes = strength[::-1].clip(0), axes[:, ::-1]
    kept = min(count, int((strength > 1e-12 * strength[0]).sum()))
    along = axes[:, :kept] if wide else centred @ axes[:, :kept] / np.sqrt(strength[:kept])
    return along * np.sqrt(len(centred) - 1), strength[:kept] / max(strength.sum(), 1e-30)


def directions(axes: np.ndarray, sigmas: np.ndarray, shares: np.ndarray, count: int) -> Directions:
    """Unit rows with a sign of their own, of those whose sigma is not 0."""
    kept = np.flatnonzero(sigmas > 1e-6 * max(float(sigmas.max(initial=0)), 1e-30))[:count]
    rows = axes[kept] / np.linalg.norm(axes[kept], axis=1, keepdims=True)
    largest = rows[np.arange(len(rows)), np.abs(rows).argmax(axis=1)]
    rows = rows * np.where(largest < 0, -1, 1)[:, None]
    return Directions(*(np.asarray(one, np.float32) for one in (rows, sigmas[kept], shares[kept])))
