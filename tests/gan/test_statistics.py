import tracemalloc

import numpy as np
import pytest

from ganbench.gan.statistics import Moments, accumulate, merge, moments
from ganbench.gan.types import Statistics
from tests.refusals import refused


@pytest.fixture
def features() -> np.ndarray:
    rng = np.random.default_rng(0)
    return (rng.standard_normal((100, 7)) @ rng.standard_normal((7, 7)) + 3).astype(np.float32)


def assert_same(ours: Statistics, theirs: Statistics) -> None:
    assert ours.n == theirs.n
    np.testing.assert_allclose(ours.mu, theirs.mu, rtol=1e-12)
    np.testing.assert_allclose(ours.sigma, theirs.sigma, rtol=1e-10, atol=1e-12)


def test_statistics_are_those_of_numpy_with_ddof_1(features):
    ours = moments(features).statistics()
    assert ours.mu.dtype == ours.sigma.dtype == np.float64
    assert_same(ours, Statistics(features.mean(axis=0, dtype=np.float64), np.cov(features, rowvar=False), 100))


@pytest.mark.parametrize("cuts", [[50], [1, 2, 3], [0, 0, 99, 100], list(range(1, 100)), [33, 66]])
def test_any_partition_in_any_order_merges_to_the_whole(features, cuts):
    chunks = np.split(features, cuts)
    whole = moments(features).statistics()
    assert_same(accumulate(chunks).statistics(), whole)
    order = np.random.default_rng(len(cuts)).permutation(len(chunks))
    assert_same(accumulate(chunks[i] for i in order).statistics(), whole)


def test_merging_is_associative(features):
    a, b, c = (moments(part) for part in np.split(features, [20, 55]))
    assert_same(merge(merge(a, b), c).statistics(), merge(a, merge(b, c)).statistics())


def test_a_mean_far_away_does_not_cost_precision():
    steps = np.random.default_rng(0).integers(0, 2, (1000, 3)).astype(np.float32)
    far = steps + np.float32(2**20)  # exact in float32
    np.testing.assert_allclose(
        accumulate(np.split(far, 10)).statistics().sigma, np.cov(steps, rowvar=False), rtol=1e-8, atol=1e-9
    )


def test_memory_is_that_of_a_chunk_however_many_there_are():
    chunks = (np.full((1000, 16), i, np.float32) for i in range(100))  # 6.4 MB in all, 64 kB each
    tracemalloc.start()
    accumulate(chunks)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000


def test_one_vector_has_no_covariance(features):
    with refused("too-few-images", 2, 1):
        moments(features[:1]).statistics()


def test_no_chunk_has_no_moments():
    with refused("no-features"):
        accumulate([])


def test_non_finite_features_are_counted_and_located_across_chunks(features):
    features[72, 3], features[80, 0] = np.nan, np.inf
    with refused("features-not-finite", 2, "50 (from row 50 on)", 72):
        accumulate(np.split(features, 2))
    with refused("features-not-finite", 2, 100, 72):
        moments(features)


def test_features_of_another_length_or_shape_are_refused(features):
    with refused("unequal-features", 7, 6):
        accumulate([features, features[:, :6]])
    with refused("not-features", "(n, d)", "(7,)"):
        moments(features[0])


def test_nothing_is_the_neutral_part(features):
    nothing, some = moments(features[:0]), moments(features)
    assert isinstance(nothing, Moments)
    assert_same(merge(nothing, some).statistics(), some.statistics())
    assert_same(merge(some, nothing).statistics(), some.statistics())
