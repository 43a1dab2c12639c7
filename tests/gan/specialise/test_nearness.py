"""How far a target is: near for what the source draws itself, far for what it never draws."""

import numpy as np
import pytest

from ganbench.gan.metrics.frechet import frechet_distance
from ganbench.gan.slices import clustered
from ganbench.gan.specialise.nearness import MOST, nearness
from ganbench.gan.statistics import moments
from tests.refusals import refused

CENTRES = 6 * np.random.default_rng(0).standard_normal((10, 30))


def source(n=600, seed=1):
    random = np.random.default_rng(seed)
    return (CENTRES[random.integers(0, 10, n)] + random.standard_normal((n, 30))).astype(np.float32)


@pytest.mark.parametrize("n", [5, 10, 100])
def test_one_of_the_sources_own_clusters_is_near_and_what_lies_elsewhere_is_far(n):
    random = np.random.default_rng(2)
    one = (CENTRES[3] + random.standard_normal((n, 30))).astype(np.float32)
    other = (20 * random.standard_normal(30) + random.standard_normal((n, 30))).astype(np.float32)
    assert nearness(source(), source(seed=4), one).near
    far = nearness(source(), source(seed=4), other)
    assert not far.near
    assert far.n == min(n, MOST)


def test_the_distances_are_frechet_distances_of_as_many_images():
    images = source(12, seed=5)
    found = nearness(source(), source(seed=4), images)
    ours, theirs = (moments(one).statistics() for one in (source(), images))
    assert found.target == pytest.approx(frechet_distance(ours, theirs), rel=1e-6)
    assert len(found.clusters) >= 3


def test_clusters_are_the_groups_that_there_are():
    found, _, count = clustered(source(), source(), 10, 0)
    assert sorted(np.concatenate([np.flatnonzero(found == k) for k in range(count)]).tolist()) == list(range(600))


def test_of_a_source_that_draws_one_image_nothing_is_near_or_far():
    one = np.ones((100, 5), np.float32)
    found = nearness(one, one, source(10)[:, :5])
    assert found.near is None
    assert found.target > 0


def test_one_image_has_no_distance():
    with refused("too-few-images", "2"):
        nearness(source(), source(seed=4), source(1))
