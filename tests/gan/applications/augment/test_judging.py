"""Intervals, calibration, exchange rates and verdicts, against closed forms."""

import math

import numpy as np
import pytest
from scipy.stats import t as student
from scipy.stats import ttest_rel

from ganbench.gan.applications.augment.judging import (
    Outcome,
    calibration_error,
    difference,
    exchange,
    points,
    verdict_of,
)

S, N = 5, 4_000


def outcome(share, images=100, seed=0, validation=None, spread=0.0, n=N, seeds=S):
    """Classifiers that are right with this probability, independently, give or take `spread` between seeds."""
    random = np.random.default_rng(seed)
    shares = share + spread * random.normal(size=(seeds, 1))
    predicted = (random.random((seeds, n)) < shares).astype(np.int64)
    return Outcome(predicted, np.full((seeds, n), share, np.float32), np.ones(n, np.int64),
                   np.full(seeds, share if validation is None else validation), images)


def test_with_images_that_do_not_differ_the_interval_is_students_between_seeds():
    values = np.array([[0.81], [0.84], [0.79], [0.86], [0.80]]) * np.ones((S, 10))
    found = points(values)
    reach = student.ppf(0.975, 4) * 100 * values[:, 0].std(ddof=1) / math.sqrt(5)
    assert (found.value, found.high - found.value) == pytest.approx((82, reach))
    assert found.of_images == pytest.approx(0)


def test_with_seeds_that_do_not_differ_the_interval_is_that_of_a_share_of_the_test_images():
    row = (np.arange(400) < 320).astype(float)
    found = points(np.stack([row] * S))
    assert found.of_seeds == 0
    assert found.reach == pytest.approx(100 * 1.959964 * math.sqrt(0.8 * 0.2 / 399), rel=1e-6)


def test_a_difference_between_seeds_is_the_paired_t_test_of_scipy():
    a, b = (outcome(0.8, seed=k, n=50_000, spread=0.02) for k in (1, 2))
    theirs = ttest_rel(a.correct.mean(axis=1), b.correct.mean(axis=1))
    assert difference(a, b).value / difference(a, b).of_seeds == pytest.approx(theirs.statistic)


def test_intervals_of_a_difference_cover_nothing_where_there_is_nothing_nineteen_times_in_twenty_or_oftener():
    found = [difference(outcome(0.8, seed=2 * k, n=300, spread=0.02), outcome(0.8, seed=2 * k + 1, n=300, spread=0.02))
             for k in range(400)]
    assert np.mean([one.low <= 0 <= one.high for one in found]) >= 0.935        # 0.95 less two errors of 400 tries


def test_who_is_as_sure_as_right_is_calibrated_and_who_is_always_sure_errs_by_the_rest():
    random = np.random.default_rng(0)
    confidence = random.uniform(0.1, 1, 200_000)
    correct = (random.random(200_000) < confidence).astype(float)
    assert calibration_error(confidence, correct) < 0.01
    assert calibration_error(np.ones(1_000), (np.arange(1_000) < 700).astype(float)) == pytest.approx(0.3)


def test_recall_of_a_class_is_that_of_its_own_images_and_undefined_without_any():
    labels = np.array([0, 0, 0, 0, 2, 2])
    predicted = np.array([[0, 0, 0, 1, 2, 0], [0, 0, 1, 1, 2, 2]])
    found = Outcome(predicted, np.ones((2, 6)), labels, np.ones(2), 6).recalls(3)
    np.testing.assert_allclose(found, [5 / 8, np.nan, 3 / 4])


def curve():
    """Accuracy rises by 4 points with every doubling."""
    return [outcome(0.7 + 0.04 * k, 100 * 2**k, seed=k, n=20_000) for k in range(4)]


def test_an_arm_that_does_as_much_as_twice_the_real_images_exchanges_what_was_added_for_as_many():
    found = exchange(outcome(0.74, 500, seed=9, n=20_000), 400, curve())
    assert found.real == pytest.approx(200, rel=0.1)
    assert found.value == pytest.approx(4, rel=0.2)
    assert found.low < 4 < found.high < 8
    assert not found.beyond


def test_an_arm_that_gains_nothing_has_no_exchange_rate_and_one_that_gains_most_has_a_bound():
    assert exchange(outcome(0.68, 500, seed=9, n=20_000), 400, curve()) is None
    best = exchange(outcome(0.95, 500, seed=9, n=20_000), 400, curve())
    assert best.beyond
    assert best.value == pytest.approx(400 / 700)
    assert exchange(outcome(0.95, 500, n=20_000), 400, curve()[:1]) is None


def verdict(synthetic, oracle, **kinds):
    outcomes = {"shifts": outcome(0.8, seed=1), "synthetic x1": outcome(synthetic, seed=2, **kinds)}
    if oracle:
        outcomes["oracle"] = outcome(oracle, seed=3)
    return verdict_of(outcomes, ["synthetic x1"], "shifts", "oracle")


@pytest.mark.parametrize(("synthetic", "oracle", "state", "why"), [
    (0.84, 0.88, "helps", ""), (0.80, 0.88, "neutral", ""), (0.70, 0.88, "harms", ""),
    (0.84, 0.81, "cannot tell", "headroom"), (0.84, 0, "cannot tell", "no oracle"), (0.70, 0.81, "harms", ""),
])
def test_a_verdict_says_what_the_interval_and_the_oracle_allow(synthetic, oracle, state, why):
    found = verdict(synthetic, oracle)
    assert (found.state, found.why) == (state, why)


def test_few_test_images_cannot_tell_nothing_from_two_points():
    outcomes = {name: outcome(share, seed=k, n=60) for k, (name, share) in enumerate(
        {"shifts": 0.8, "synthetic x1": 0.8, "oracle": 0.95}.items())}
    found = verdict_of(outcomes, ["synthetic x1"], "shifts", "oracle")
    assert (found.state, found.why) == ("cannot tell", "too few")


def test_the_arm_of_the_verdict_is_chosen_by_the_validation_images():
    outcomes = {"shifts": outcome(0.8, seed=1), "oracle": outcome(0.9, seed=2),
                "synthetic x1": outcome(0.85, seed=3, validation=0.7), "synthetic x4": outcome(0.79, validation=0.8)}
    assert verdict_of(outcomes, ["synthetic x1", "synthetic x4"], "shifts", "oracle").arm == "synthetic x4"
