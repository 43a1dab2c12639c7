"""Density ratios of laws whose true ratio is known."""

import numpy as np
import pytest
from scipy.stats import mannwhitneyu, norm

from ganbench.gan.metrics.kernel import kid_full
from ganbench.gan.rejection import auc, bound, calibration_error, fit_ratio
from tests.refusals import refused

SHIFT = np.array([0.8, -0.4, 0, 0, 0, 0])


def sides(seed, n=3_000, shift=SHIFT):
    """Real N(0, I) and generated N(shift, I), (n, 6) float32."""
    random = np.random.default_rng(seed)
    real, generated = random.standard_normal((2, n, len(shift)))
    return real.astype(np.float32), (generated + shift).astype(np.float32)


@pytest.fixture(scope="module")
def apart():
    return fit_ratio(*sides(0))


def test_the_ratio_is_that_of_the_two_densities(apart):
    x, _ = sides(1)
    truth = SHIFT @ SHIFT / 2 - x @ SHIFT
    assert np.sqrt(np.mean((apart[0].log_ratio(x) - truth) ** 2)) < 0.15


def test_what_is_said_of_it_is_what_theory_says(apart):
    """Two normal laws at the distance D: AUC = Phi(D / sqrt 2)."""
    trial = apart[1]
    assert trial.auc.value == pytest.approx(norm.cdf(np.linalg.norm(SHIFT) / np.sqrt(2)), abs=4 * trial.auc.se)
    assert trial.auc.se < 0.02
    assert trial.calibration_error < 2 * trial.calibration_floor
    assert trial.log_loss.value < np.log(2) - 2 * trial.log_loss.se
    assert trial.brier.value < 1 / 4 - 2 * trial.brier.se
    assert (trial.real, trial.generated) == (1_000, 1_000)


@pytest.mark.parametrize("rate", [0.2, 0.5, 0.8])
def test_as_many_are_accepted_as_was_asked_for(rate):
    acceptance = fit_ratio(*sides(2), rate=rate)[1].acceptance
    assert acceptance.value == pytest.approx(rate, abs=4 * np.sqrt(2) * acceptance.se)     # the bound is estimated, too


def test_accepted_images_are_nearer_to_real_ones(apart):
    trial = apart[1]
    assert trial.helps
    assert trial.gain.value > 5 * trial.gain.se
    assert trial.gain.value == pytest.approx(trial.everyone.value - trial.accepted.value)
    assert trial.accepted.value < trial.everyone.value / 2


def test_the_distances_are_unbiased_mmds(apart):
    real, generated = (side[2::3] for side in sides(0))
    assert apart[1].everyone.value == pytest.approx(kid_full(real, generated).value, rel=0.02)


def test_of_equal_laws_it_says_that_nothing_is_gained():
    """Of 40 draws the 95 % intervals must hold 0 and 1/2: fewer than 33 has a probability of 3e-3 where they do so in
    95 %; nor may it be said to help more often than in 5 %."""
    trials = [fit_ratio(*sides(seed, 900, np.zeros(6)))[1] for seed in range(40)]
    assert sum(abs(trial.gain.value) <= 1.96 * trial.gain.se for trial in trials) >= 33
    assert sum(abs(trial.auc.value - 0.5) <= 1.96 * trial.auc.se for trial in trials) >= 33
    assert sum(trial.helps for trial in trials) <= 4
    errors, floors = np.array([(trial.calibration_error, trial.calibration_floor) for trial in trials]).T
    assert errors.mean() < 2 * floors.mean()


def test_more_features_than_images_and_constant_ones_are_no_obstacle():
    random = np.random.default_rng(4)
    real, generated = random.standard_normal((2, 300, 500))
    real[:, 7] = generated[:, 7] = 1
    ratio, trial = fit_ratio(real, generated + 0.3)
    assert ratio.projection.shape == (500, 10)              # ten images of each side for a component
    assert trial.auc.value > 0.9


def test_laws_that_do_not_overlap_have_a_finite_ratio():
    """All generated images are alike wrong then: to leave some out does not help, and is not said to."""
    real, generated = sides(5, 600, np.full(6, 20.0))
    ratio, trial = fit_ratio(real, generated)
    assert np.isfinite(ratio.log_ratio(generated)).all()
    assert trial.auc.value == 1
    assert trial.acceptance.value == pytest.approx(0.5, abs=0.2)


def test_the_same_again_is_the_same(tmp_path):
    for name in "ab":
        fit_ratio(*sides(6, 600))[0].save(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_auc_counts_pairs_and_ties_as_halves():
    random = np.random.default_rng(7)
    real, generated = random.integers(0, 9, 80) + 1.0, random.integers(0, 9, 60) + 0.0
    expected = mannwhitneyu(real, generated).statistic / (80 * 60)
    assert auc(real, generated).value == pytest.approx(expected)


def test_the_bound_accepts_the_share():
    ratios = np.random.default_rng(8).standard_normal(500)
    for rate in (0.01, 0.5, 0.99):
        assert np.exp(np.minimum(ratios - bound(ratios, rate), 0)).mean() == pytest.approx(rate)
    assert bound(np.zeros(5), 0.25) == pytest.approx(np.log(4))


def test_the_calibration_error_of_a_constant_is_its_distance_from_a_half():
    is_real = np.arange(300) < 100                          # a third, that weighs half
    assert calibration_error(np.full(300, 0.8), is_real) == pytest.approx(0.3)


@pytest.mark.parametrize(("change", "settings", "said"), [
    (lambda real, fake: (real[:90], fake), {}, ("too-few-images", 240, "real", 90)),
    (lambda real, fake: (real, fake[:90]), {}, ("too-few-images", 240, "generated", 90)),
    (lambda real, fake: (real, fake[:, :3]), {}, ("unequal-features", 6, 3)),
    (lambda real, fake: (real, fake * np.nan), {}, ("features-not-finite",)),
    (lambda real, fake: (real, fake), {"rate": 1.0}, ("unfit-value", "0.2", "0.8", "1.0")),
    (lambda real, fake: (real, fake), {"rate": 0.05}, ("unfit-value", "0.2", "0.8", "0.05")),
])
def test_what_cannot_be_fitted_is_a_sentence(change, settings, said):
    with refused(*said):
        fit_ratio(*change(*sides(10, 600)), **settings)
