"""Diversity inside clusters beside its definition."""

from itertools import combinations

import numpy as np
import pytest

from ganbench.gan.metrics.intra import intra_diversity
from tests.refusals import refused


def features(n=40, seed=0):
    return np.random.default_rng(seed).standard_normal((n, 8)).astype(np.float32)


def by_definition(images, centres):
    nearest = ((images[:, None] - centres) ** 2).sum(2).argmin(1)
    units = images / np.linalg.norm(images, axis=1, keepdims=True)
    means = []
    for k in range(len(centres)):
        pairs = [1 - units[i] @ units[j] for i, j in combinations(np.flatnonzero(nearest == k), 2)]
        means += [np.mean(pairs)] if pairs else []
    return np.mean(means)


@pytest.mark.parametrize("n", [7, 40, 200])
def test_it_is_the_mean_distance_of_pairs_within_clusters(n):
    images, centres = features(n), features(6, seed=1)
    assert intra_diversity(images, centres).value == pytest.approx(by_definition(images, centres), abs=1e-6)


def test_its_error_is_that_of_other_draws():
    centres = features(5, seed=1)
    found = [intra_diversity(features(300, seed), centres) for seed in range(10, 90)]
    spread = np.std([one.value for one in found], ddof=1)
    assert np.mean([one.se for one in found]) == pytest.approx(spread, rel=0.35)


def test_copies_of_the_training_images_have_none():
    centres = features(5)
    assert intra_diversity(np.repeat(centres, 4, axis=0), centres).value == pytest.approx(0, abs=1e-6)


def test_clusters_of_single_images_have_no_pairs():
    with refused("too-few-images", "clusters"):
        intra_diversity(features(5), features(5))
