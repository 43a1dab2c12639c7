import pytest
from scipy.stats import norm

from ganbench.gan.types import Estimate
from ganbench.gan.uncertainty import difference, interval, p_value, wilson


@pytest.mark.parametrize("level", [0.5, 0.9, 0.95, 0.99])
def test_an_interval_is_that_of_the_normal_law(level):
    assert interval(Estimate(3.0, 0.5), level) == pytest.approx(norm.interval(level, 3.0, 0.5))


@pytest.mark.parametrize("level", [0, 1, 95])
def test_a_level_is_not_a_percentage(level):
    with pytest.raises(ValueError, match="between 0 and 1"):
        interval(Estimate(3.0, 0.5), level)


def test_errors_of_independent_draws_add_in_squares():
    assert difference(Estimate(5.0, 3.0), Estimate(4.0, 4.0)) == Estimate(1.0, 5.0)


@pytest.mark.parametrize("z", [-3.0, -1.96, 0.0, 0.5, 8.0])
def test_the_p_value_is_that_of_the_normal_law(z):
    assert p_value(Estimate(2 * z, 2.0)) == pytest.approx(2 * norm.sf(abs(z)))


def test_a_value_without_error_is_certain():
    assert p_value(Estimate(0.0, 0.0)) == 1
    assert p_value(Estimate(1e-9, 0.0)) == 0


def test_the_interval_touches_zero_where_the_p_value_is_one_minus_its_level():
    estimate = Estimate(1.0, 0.6)
    low, _ = interval(estimate, 1 - p_value(estimate))
    assert low == pytest.approx(0, abs=1e-12)


def test_wilsons_interval_is_the_published_one():
    """0 of 10 and 3 of 20: Newcombe 1998, Statistics in Medicine 17, 857-872."""
    assert wilson(0.0, 10)[1] == pytest.approx(0.2775, abs=1e-4)
    assert wilson(81 / 263, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
