from collections.abc import Callable
from math import prod

import numpy as np
import pytest

from ganbench.gan.metrics import manifold
from ganbench.gan.metrics.manifold import coverage, density, precision, realism, recall, share
from ganbench.gan.metrics.neighbours import Overlap, nearest, overlap
from ganbench.gan.types import Estimate
from tests.refusals import refused

Metric = Callable[..., Estimate]
SETTINGS = pytest.mark.parametrize(("k", "closed"), [(3, True), (5, False)])


def sample(seed: int, n: int, d: int = 4, modes: int = 4) -> np.ndarray:
    """(n, d) float32: Gaussians around some of four far corners."""
    rng = np.random.default_rng(seed)
    return (rng.standard_normal((n, d)) + 12 * np.eye(4, d)[rng.integers(0, modes, n)]).astype(np.float32)


def between(real: np.ndarray, generated: np.ndarray) -> Overlap:
    return overlap(real, generated, nearest(real))


def by_definition(real: np.ndarray, generated: np.ndarray, k: int, closed: bool) -> dict[Metric, float]:
    """The four formulas of the papers, from all distances at once."""
    def apart(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.sqrt(((x[:, None].astype(float) - y[None]) ** 2).sum(axis=2))

    inside = np.less_equal if closed else np.less
    of_real, of_generated = (np.sort(apart(x, x), axis=1)[:, k] for x in (real, generated))
    in_real = inside(apart(generated, real), of_real)               # (n, m)
    in_generated = inside(apart(generated, real), of_generated[:, None])
    return {precision: in_real.any(axis=1).mean(), recall: in_generated.any(axis=0).mean(),
            density: in_real.sum(axis=1).mean() / k, coverage: in_real.any(axis=0).mean()}


@SETTINGS
@pytest.mark.parametrize(("m", "n"), [(90, 90), (130, 61), (61, 130)])
def test_values_are_those_of_the_definitions(m, n, k, closed):
    real, generated = sample(1, m), sample(2, n, modes=3) + np.float32(0.3)
    generated[:4] = real[:4]
    found = between(real, generated)
    for metric, value in by_definition(real, generated, k, closed).items():
        assert metric(found, k, closed).value == pytest.approx(value, rel=1e-12)
        assert 0 < value < 2


def jackknife(metric: Metric, real: np.ndarray, generated: np.ndarray, k: int, closed: bool) -> float:
    """The root of the sum of pull^2 / n^2, each T_(i) from scratch."""
    n = len(generated)
    without = np.array([by_definition(real, np.delete(generated, i, axis=0), k, closed)[metric] for i in range(n)])
    return float((n - 1) / n * np.sqrt(((without - without.mean()) ** 2).sum()))


@SETTINGS
def test_the_error_of_density_is_the_jackknifes(k, closed):
    real, generated = sample(1, 60), sample(2, 50)
    found = density(between(real, generated), k, closed).se
    assert found == pytest.approx(jackknife(density, real, generated, k, closed), rel=1e-9)


@SETTINGS
@pytest.mark.parametrize("metric", [recall, coverage])
def test_the_errors_of_unions_are_the_jackknifes_or_less_but_not_by_half(metric, k, closed):
    real, generated = sample(1, 60), sample(2, 50)
    plain = jackknife(metric, real, generated, k, closed)
    assert 0.5 * plain < metric(between(real, generated), k, closed).se < plain


def test_where_no_two_images_cover_the_same_one_the_error_is_all_of_the_jackknifes():
    """Each generated image lies alone in the middle of three real ones, or far from all."""
    corners = 1000 * np.arange(40)
    real = np.concatenate([corners[:30] + offset for offset in (0, 1, 2)])[:, None].astype(np.float32)
    generated = (corners + 1)[15:, None].astype(np.float32)
    estimate = coverage(between(real, generated), k=1, closed=True)
    plain = jackknife(coverage, real, generated, k=1, closed=True)
    assert estimate == Estimate(0.5, pytest.approx(plain, rel=1e-9))


@pytest.mark.parametrize(
    ("sets", "left"),
    [((6, 0, 0), 1), ((6, 3, 1), 1 - np.exp(-1)), ((6, 3, 3), 2 / 3 + (1 - np.exp(-3)) / 9)],
    ids=["ones", "one mean", "two means"],
)
def test_what_is_left_of_the_jackknife_is_that_of_poissons_law(sets, left):
    """So many real images held by one, by two and by three generated ones, all different: V_r; q = 1, or 0 and 3."""
    few = np.full((sum(sets), 3), -1)
    count = np.repeat([1, 2, 3], sets)
    for row, holders in enumerate(count):
        few[row, :holders] = 10 * row + np.arange(holders)
    assert manifold._left(count, few) == pytest.approx(left, rel=1e-12)


@pytest.mark.parametrize(("m", "n"), [(400, 400), (600, 250)])
def test_two_samples_of_one_law_have_the_density_and_coverage_of_the_closed_form(m, n):
    """Over fresh references, so that the mean of 40 has no bias."""
    found = [between(sample(2 * i, m), sample(2 * i + 1, n)) for i in range(40)]
    for metric, truth in ((density, 1.0), (coverage, 1 - prod((m - j) / (n + m - j) for j in range(1, 6)))):
        values = [metric(one).value for one in found]
        assert abs(np.mean(values) - truth) < 4 * np.std(values) / np.sqrt(40)
        assert np.std(values) / np.sqrt(40) < 0.01


def test_a_lost_mode_costs_recall_and_coverage_but_not_precision():
    real = sample(1, 800)
    all_modes, three = (between(real, sample(2, 600, modes=modes)) for modes in (4, 3))
    for metric in (recall, coverage):
        assert metric(three).value == pytest.approx(0.75 * metric(all_modes).value, abs=0.06)
    assert abs(precision(three).value - precision(all_modes).value) < 4 * precision(three).se
    assert precision(three).value > 0.75


def test_noise_costs_precision_and_realism_but_not_recall():
    real, generated = sample(1, 500), sample(2, 500)
    noisy = generated + 2 * sample(3, 500, modes=1)
    good, bad = between(real, generated), between(real, noisy)
    assert precision(bad).value < precision(good).value - 0.2
    assert realism(bad).value < realism(good).value - 0.1
    assert density(bad).value < density(good).value - 0.2


def test_the_reference_itself_is_perfect_when_balls_are_closed_or_not():
    real = sample(1, 300)
    found = between(real, real)
    for closed in (True, False):
        for metric in (precision, recall, coverage):
            assert metric(found, 3, closed).value == 1
            assert 0 < metric(found, 3, closed).se < 0.02
    assert found.realism.max() == pytest.approx(1e6)
    assert np.isfinite(realism(found).se)


def test_sets_that_do_not_touch_have_nothing_of_each_other_but_an_error():
    found = between(sample(1, 100), sample(2, 80) + np.float32(500))
    for metric in (precision, recall, density, coverage):
        assert metric(found).value == 0
        assert 0 < metric(found).se < 0.05
    assert 0 < realism(found).value < 0.01


def test_a_crowd_at_the_centre_is_dense_and_recalls_nothing():
    real = sample(1, 400, d=64, modes=1)
    crowd = (real.mean(axis=0) + 0.01 * sample(2, 400, d=64, modes=1)).astype(np.float32)
    found = between(real, crowd)
    assert precision(found).value == 1
    assert density(found).value > 3
    assert recall(found).value < 0.05


def test_realism_has_the_median_and_the_error_of_its_order_statistics():
    found = between(sample(1, 200), sample(2, 100))
    ordered = np.sort(found.realism)
    assert realism(found).value == np.median(found.realism)
    assert realism(found).se == pytest.approx((ordered[59] - ordered[40]) / 3.92, rel=1e-12)


def test_a_share_has_an_error_even_when_all_are_alike():
    assert share(np.ones(96, bool)) == Estimate(1.0, pytest.approx(np.sqrt(0.98 * 0.02 / 96)))
    assert share(np.arange(10_000) < 2500).se == pytest.approx(np.sqrt(0.25 * 0.75 / 10_000), rel=1e-3)


def test_a_k_that_was_not_looked_for_is_refused_in_words():
    found = between(sample(1, 60), sample(2, 50))
    assert coverage(found, k=6).value > 0
    for metric, most in ((precision, 6), (density, 6), (coverage, 6), (recall, 5)):
        for k in (0, most + 1):
            with refused("unfit-value", 1, most, f"k = {k}"):
                metric(found, k=k)
