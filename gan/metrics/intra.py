"""Diversity inside clusters: whether a model that learnt k images draws variations of them, or each again and again.

Ojha et al. 2021, arXiv:2104.06820, section 4: every generated image belongs to the nearest of the training images, or
here, where these are many, of the centres of their clusters; the value is the mean distance of pairs within a cluster,
averaged over clusters.  0: all images of a cluster are equal.  The paper takes LPIPS; here it is the cosine distance of
features, 1 - u_i.u_j.
"""

from __future__ import annotations

import numpy as np

from ganbench.gan.metrics.jackknife import pulls_of
from ganbench.gan.metrics.neighbours import nearest_across
from ganbench.gan.types import BadInput, Estimate


def intra_diversity(generated_features: np.ndarray, centres: np.ndarray) -> Estimate:
    """(n, d) features of images and (k, d) of those around which they gather; the error is the jackknife's.

    In closed form: the sum of u_i.u_j over all pairs of a cluster is |sum u|^2 - n_c.
    """
    units = generated_features / np.linalg.norm(generated_features.astype(np.float64), axis=1, keepdims=True)
    cluster = nearest_across(generated_features, centres).indices[:, 0]
    counts = np.bincount(cluster, minlength=len(centres))
    pairs = np.flatnonzero(counts >= 2)
    if not len(pairs):
        raise BadInput("too-few-images",
                       f"Of {len(units):,} images no two belong to the same of {len(centres):,} clusters.")
    values, pulls = np.empty(len(pairs)), np.zeros(len(units))
    for place, k in enumerate(pairs):
        rows = np.flatnonzero(cluster == k)
        total, n = units[rows].sum(axis=0), len(rows)
        square, along = float(total @ total), units[rows] @ total
        values[place] = 1 - (square - n) / (n * (n - 1))
        if n > 2:
            without = 1 - (square - 2 * along + 1 - (n - 1)) / ((n - 1) * (n - 2))
            pulls[rows] = (without - values[place]) / len(pairs)
    pulls = pulls_of(pulls)
    return Estimate(float(values.mean()), float(np.sqrt(pulls @ pulls) / len(pulls)))
