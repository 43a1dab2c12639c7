"""Directions towards a class: the normal of a hyperplane between latents of the class and others.

InterfaceGAN (Shen et al. 2020, arXiv:2005.09635) finds hyperplanes with a linear SVM; here it is logistic regression,
whose hyperplane is the same in the limit of a small penalty for separable classes, and which needs no other package.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import chi

from ganbench.gan.logistic import logistic

PENALTY = 0.01      # of the squared weights of latents in units of their standard deviation
TAIL = 0.005        # of the lengths of latents, on either side, outside of which no manipulated latent lies
PARALLEL = 1e-6     # relative singular value below which normals are linearly dependent
LEFT = 0.2          # length of what is left of a normal, below which it is the error of the fit: 12 degrees


@dataclass(frozen=True)
class Direction:
    """A unit vector and, of latents that the model draws, mean and standard deviation along it: a latent z is
    (z.unit - centre) / sigma standard deviations along the direction."""

    unit: np.ndarray    # (d,) float64
    centre: float
    sigma: float


def normal_of(latents: np.ndarray, of_class: np.ndarray, penalty: float = PENALTY) -> np.ndarray:
    """The unit normal (d,) of the hyperplane between latents (n, d) of a class, `of_class` (n,) bool, and others, on
    the side of the class."""
    scale = latents.std()
    *weights, _ = logistic((latents - latents.mean(axis=0)) / scale, of_class, of_class.astype(float), penalty)
    return np.array(weights) / np.linalg.norm(weights)


def projected(normal: np.ndarray, others: Sequence[np.ndarray]) -> np.ndarray | None:
    """What is left of a normal without its components along other classes' normals (k of (d,)), as a unit vector;
    None where nothing is.

    Conditional manipulation, arXiv:2005.09635, section 3.2: n1 - (n1.n2) n2, and for several conditions n1 less its
    projection onto the plane that they span.
    """
    if not len(others):
        return normal
    axes, singular, _ = np.linalg.svd(np.stack(others, axis=1), full_matrices=False)   # (d, k)
    axes = axes[:, singular > PARALLEL * singular[0]]
    left = normal - axes @ (axes.T @ normal)
    length = float(np.linalg.norm(left))
    return left / length if length > LEFT else None


def along(latents: np.ndarray, unit: np.ndarray) -> Direction:
    """The direction with its units, from latents (n, d) that the model draws."""
    places = latents @ unit
    return Direction(unit, float(places.mean()), float(places.std()))


def shifted(latents: np.ndarray, direction: Direction, at_least: float, distribution: str) -> np.ndarray:
    """Latents (n, d), moved to at least so many standard deviations along the direction; those beyond stay.

    Normal latents keep their length, so that what they have across the direction becomes shorter; see `typical`.
    """
    places = latents @ direction.unit
    aim = np.maximum(places, direction.centre + at_least * direction.sigma)
    across = latents - np.outer(places, direction.unit)
    if distribution == "normal":
        left = np.sqrt(np.maximum((latents**2).sum(axis=1) - aim**2, 0))
        length = np.linalg.norm(across, axis=1)
        across *= np.where(aim > places, np.divide(left, length, out=np.ones(len(left)), where=length > 0), 1)[:, None]
    return typical(across + np.outer(aim, direction.unit), distribution)


def typical(latents: np.ndarray, distribution: str) -> np.ndarray:
    """The nearest latents (n, d) that the model could draw: normal ones of a length between the quantiles TAIL and
    1 - TAIL of chi with d degrees of freedom (for large d a thin shell around sqrt(d)), uniform ones in [-1, 1].
    Those of mapped spaces stay as they are."""
    if distribution == "uniform":
        return latents.clip(-1, 1)
    if distribution != "normal":
        return latents
    length = np.linalg.norm(latents, axis=1, keepdims=True)
    aim = length.clip(*chi.ppf([TAIL, 1 - TAIL], latents.shape[1]))
    return latents * np.divide(aim, length, out=np.ones_like(length), where=length > 0)
