"""How far a target is from what a model draws, in terms of the model's own images.

A Fréchet distance to ten images says little by itself: it is far above its value for many images.  So other images of
the model are divided into clusters, and as many images of each cluster that has them are compared in the same way.  A
target that is at most MARGIN times as far away as the farthest cluster is near.  For targets that are not, binding a
model to what it was (`ewc`) is reported to be no better than plain fine-tuning (Zhao et al. 2022, arXiv:2210.16559).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ganbench.gan.metrics.frechet import frechet_distance_few, matrix_root
from ganbench.gan.slices import CLUSTERS, clustered
from ganbench.gan.statistics import moments
from ganbench.gan.types import BadInput, Statistics

MOST = 50                                                   # images of a cluster, and of the target, that are compared
LEAST = 3                                                   # clusters that have as many
MARGIN = 1.25


@dataclass(frozen=True)
class Nearness:
    """Fréchet distances to the source's images: of the target, and of clusters of the source, of `n` images each; no
    clusters where the source draws fewer than LEAST groups of images."""

    target: float
    clusters: tuple[float, ...]
    n: int

    @property
    def near(self) -> bool | None:
        """None where there are no clusters to say it."""
        return self.target <= MARGIN * max(self.clusters) if self.clusters else None


def nearness(source: np.ndarray, again: np.ndarray, target: np.ndarray, seed: int = 0) -> Nearness:
    """Features (n, d) of images that the model draws, of others that it draws, of which the clusters are made, and of
    the target; 2 at least."""
    if min(len(source), len(target)) < 2:
        raise BadInput("too-few-images",
                       f"A distance needs at least 2 images on both sides, got {len(source)} and {len(target)}.")
    random = np.random.default_rng(seed)
    of_image, _, count = clustered(again, again, CLUSTERS, seed)
    groups = [rows for k in range(count) if len(rows := np.flatnonzero(of_image == k)) >= 2]
    sizes = sorted((len(rows) for rows in groups), reverse=True)
    enough = len(sizes) >= LEAST
    n = min(len(target), MOST, sizes[LEAST - 1] if enough else MOST)
    statistics = moments(source).statistics()
    root = matrix_root(statistics.sigma)
    parts = [again[random.choice(rows, n, replace=False)] for rows in groups if enough and len(rows) >= n]
    chosen = target[np.sort(random.choice(len(target), n, replace=False))]
    return Nearness(distance(statistics, chosen, root), tuple(distance(statistics, part, root) for part in parts), n)


def distance(source: Statistics, images: np.ndarray, root: np.ndarray) -> float:
    return frechet_distance_few(source, moments(images).statistics(), images.astype(np.float64), root)
