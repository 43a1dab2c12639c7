"""Sequential statistics, against simulation and exact values."""

import numpy as np
import pytest
from scipy import stats

from ganbench.gan.nightly.alpha import Spending
from ganbench.gan.nightly.sequential import crossing, cusum, cusum_limit, log_evidence, predicted


@pytest.fixture
def random():
    return np.random.default_rng(1)


def cusums(z):
    """Of all nights, along the last axis."""
    sums = [np.zeros(z.shape[:-1])]
    for night in range(z.shape[-1]):
        sums.append(cusum(sums[-1], z[..., night]))
    return np.stack(sums[1:], axis=-1)


def predictive(values):
    """Every value against those before it."""
    there = ~np.isnan(values)
    return np.stack([predicted(values[..., :t], there[..., :t], values[..., t]) for t in range(values.shape[-1])], -1)


def test_a_cusum_adds_what_exceeds_half_a_standard_error_and_never_falls_below_zero():
    z = np.array([[1.0, 2.0, np.nan, -9.0, 0.7]])
    assert cusums(z)[0].tolist() == pytest.approx([0.5, 2.0, 2.0, 0.0, 0.2])


@pytest.mark.parametrize(("h", "nights"), [(2.0, 10), (4.4, 30), (5.0, 100)])
def test_the_chain_of_brook_and_evans_agrees_with_simulation(h, nights, random):
    seen = (cusums(random.standard_normal((40_000, nights))).max(-1) > h).mean()
    assert crossing(h, nights) == pytest.approx(seen, abs=4 * np.sqrt(seen * (1 - seen) / 40_000))


def test_an_average_run_length_is_the_published_one():
    """Two one-sided CUSUMs with k = .5, h = 4 and 5 have ARL 168 and 465: Montgomery's table; one-sided 336 and 930."""
    for h, published in ((4.0, 336), (5.0, 930)):
        ends = [crossing(h, n) for n in (2_000, 2_001)]
        hazard = (ends[1] - ends[0]) / (1 - ends[0])
        assert 1 / hazard == pytest.approx(published, rel=0.02)


def test_the_limit_of_a_cusum_holds_in_every_period():
    h = cusum_limit(0.05, 30)
    assert 4.3 < h < 4.7
    assert crossing(h, 30) <= 0.05
    assert crossing(h, 60) - crossing(h, 30) <= 0.05


@pytest.mark.parametrize("truth", [0.0, -0.5])
@pytest.mark.parametrize("alpha", [0.05, 0.01])
def test_evidence_against_nothing_rarely_grows_however_often_one_looks(truth, alpha, random):
    sums = (random.standard_normal((20_000, 60)) + truth).cumsum(1)
    reached = (log_evidence(sums, np.arange(1, 61), 1.5) >= -np.log(alpha)).any(1).mean()
    assert reached <= alpha


def test_evidence_is_the_integral_that_it_stands_for():
    """The average of the likelihood ratio over a half-normal distribution of true differences."""
    weighted, information, scale = 3.2, 2.0, 1.5
    grid = np.linspace(0, 40, 400_001)
    ratio = np.exp(grid * weighted - grid**2 * information / 2) * 2 * stats.norm.pdf(grid, scale=scale)
    expected = np.log(np.trapezoid(ratio, grid))
    assert float(log_evidence(weighted, information, scale)) == pytest.approx(expected, abs=1e-6)


def test_two_looks_settle_a_difference_of_two_to_three_errors(random):
    sums = (random.standard_normal((4_000, 20)) + 2.5).cumsum(1)
    found = log_evidence(sums, np.arange(1, 21), 1.5) >= np.log(20)
    assert np.median(found.argmax(1) + 1) <= 2


def test_a_snapshot_beside_those_before_it_is_standard_normal_whatever_their_spread(random):
    z = predictive(7 + 3 * random.standard_normal((20_000, 12)))
    assert np.isnan(z[:, :2]).all()
    for night in (2, 5, 11):
        assert stats.kstest(z[:, night], "norm").pvalue > 1e-3
    assert abs(np.corrcoef(z[:, 5], z[:, 11])[0, 1]) < 0.03


def test_missing_nights_are_left_out():
    values = np.array([[1.0, np.nan, 3.0, 2.0]])
    expected = stats.norm.isf(stats.t.sf(0.0, 1))
    assert predictive(values)[0, 3] == pytest.approx(expected, abs=1e-9)


def test_the_levels_of_suspicions_add_up_to_alpha_and_what_is_left_is_the_rest():
    spending = Spending(0.05, 30, fresh=3)
    spent = spending.level(np.arange(1, 11))
    assert spending.left(10) == pytest.approx(0.05 - spent.sum())
    assert spending.level(np.arange(1, 100_000)).sum() == pytest.approx(0.05, rel=1e-4)


def test_streams_of_both_kinds_share_one_alpha():
    spending = Spending(0.05, 30, fresh=1, nightly=4)
    nights = 1 - stats.norm.cdf(spending.night)
    baselines = 4 * (1 - stats.norm.cdf(spending.baseline))
    assert 0.04 < spending.of_fresh + 30 * 4 * nights + 4 * crossing(spending.lasting, 30) + baselines <= 0.05
