"""Clipped density and coverage: the authors' own numbers, the definitions, and what the scale promises."""

import numpy as np
import pytest
from scipy import stats

from ganbench.gan.metrics.clipped import clipped_coverage, clipped_density, expected_of_good
from ganbench.gan.metrics.neighbours import nearest, overlap
from tests.gan.metrics.test_manifold import between, sample
from tests.refusals import refused

FAR = np.float32(500)
REAL = sample(1, 400)


def replaced(x: np.ndarray, share: float) -> np.ndarray:
    """A share of the images lies far from everything real."""
    x = x.copy()
    x[: round(share * len(x))] += FAR
    return x


SETS = {
    "equal": (REAL, sample(2, 300)),
    "a mode missing": (REAL, sample(2, 300, modes=3)),
    "three in ten far": (REAL, replaced(sample(2, 300), 0.3)),
    "more, and shifted": (REAL, sample(2, 900) + np.float32(0.3)),
    "outliers": (np.concatenate([REAL, 300 * sample(7, 8)]), np.concatenate([sample(2, 300), 300 * sample(8, 30)])),
    "all far": (REAL, sample(2, 50) + FAR),
    "copies": (REAL, REAL[:200]),
}
# K = 5 and K = 3: what https://github.com/nicolassalvy/ClippedDensityCoverage (commit 9920dae) prints of these very
# sets, in float64.
DENSITY = {
    "equal": (0.9220222793487577, 0.9182957393483708), "a mode missing": (0.9528706083976007, 0.9443609022556391),
    "three in ten far": (0.6569551556698087, 0.6596491228070175),
    "more, and shifted": (0.8599447776825668, 0.8534670008354217),
    "outliers": (0.8507185122569737, 0.8543826322930802), "all far": (0.0, 0.0), "copies": (1.0, 1.0),
}
COVERAGE = {
    "equal": (0.9302325581395349, 0.8903654485049833), "a mode missing": (0.8538205980066446, 0.8073089700996677),
    "three in ten far": (0.6710963455149501, 0.6478405315614618),
    "more, and shifted": (0.7225305216426193, 0.7635960044395117),
    "outliers": (0.879154078549849, 0.8459214501510574), "all far": (0.0, 0.0), "copies": (1.0, 1.0),
}


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize(("place", "k"), [(0, 5), (1, 3)])
def test_values_are_those_of_the_authors_code(name, place, k):
    found = between(*SETS[name])
    assert clipped_density(found, k).value == pytest.approx(DENSITY[name][place], rel=1e-12)
    assert clipped_coverage(found, k).value == pytest.approx(COVERAGE[name][place], rel=1e-12)


@pytest.mark.parametrize(("m", "n", "k"), [(40, 30, 5), (12, 50, 3), (7, 4, 5)])
def test_what_good_images_are_expected_to_cover_is_the_mean_of_the_beta_binomial(m, n, k):
    for images, value in enumerate(expected_of_good(m, n, k)):
        j = np.arange(images + 1)
        p = stats.betabinom(images, k, m - k).pmf(j)
        assert value == pytest.approx((np.minimum(j, k) * p).sum() / k, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.8])
def test_the_share_of_bad_images_is_what_is_lost(share):
    """In the mean of 20 fresh pairs, but for a few hundredths that the limit at 1 takes."""
    found = [between(sample(2 * i, 600), replaced(sample(2 * i + 1, 500), share)) for i in range(20)]
    for metric in (clipped_density, clipped_coverage):
        values = [metric(one).value for one in found]
        assert 1 - share - 0.06 < np.mean(values) < 1 - share + 0.03
        assert max(values) <= 1


def test_outliers_among_the_real_images_do_not_lift_the_scores_of_bad_ones():
    """Each outlier's ball is as large as everything: it holds all bad images, and density counts them."""
    real = np.concatenate([REAL, np.float32(200) * sample(7, 20)])
    bad = sample(2, 300) + np.float32(60)
    found = between(real, bad)
    assert clipped_density(found).value < 0.02
    assert clipped_coverage(found).value < 0.1


@pytest.mark.parametrize("metric", [clipped_density, clipped_coverage])
def test_errors_are_those_of_fresh_draws(metric):
    """Of a model that draws two bad images in five: far from 1, where the scores end but the errors do not."""
    among, chance = nearest(REAL), np.random.default_rng(0)
    drawn = [metric(overlap(REAL, replaced(sample(seed, 200), chance.binomial(200, 0.4) / 200), among))
             for seed in range(100, 260)]
    ratio = np.mean([one.se for one in drawn]) / np.std([one.value for one in drawn], ddof=1)
    assert 0.85 < ratio < 1.25


@pytest.mark.parametrize("metric", [clipped_density, clipped_coverage])
def test_nothing_in_common_is_zero_with_an_error(metric):
    found = metric(between(*SETS["all far"]))
    assert found.value == 0
    assert 0 < found.se < 0.3


def test_k_must_be_among_the_neighbours():
    found = between(REAL, sample(2, 50))
    for metric in (clipped_density, clipped_coverage):
        for k in (0, 7):
            with refused("unfit-value"):
                metric(found, k)
