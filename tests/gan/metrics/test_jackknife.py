import numpy as np
import pytest

from ganbench.gan.metrics.jackknife import PAIRED, less_pairs, longer_side, paired, share_of_pairs, standard_error


def pulls_of(statistic, x: np.ndarray) -> np.ndarray:
    without = np.array([statistic(np.delete(x, i, axis=0)) for i in range(len(x))])
    return (len(x) - 1) * (without.mean() - without)


def interactions_of(statistic, x: np.ndarray) -> np.ndarray:
    n = len(x)
    one = np.array([statistic(np.delete(x, i, axis=0)) for i in range(n)])
    two = np.array([[statistic(np.delete(x, [i, j], axis=0)) for j in range(n)] for i in range(n)])
    return n * statistic(x) - (n - 1) * (one[:, None] + one) + (n - 2) * two


def squared_mean(x: np.ndarray) -> float:
    """The unbiased estimate of |E x|^2: the mean of x.y over pairs of rows."""
    n, total = len(x), x.sum(axis=0)
    return float(total @ total - np.vdot(x, x)) / (n * (n - 1))


@pytest.mark.parametrize(("n", "m"), [(4, 4), (100, 100), (101, 51), (2_000, 100), (2_001, 96)])
def test_pairs_are_looked_at_all_over_the_images(n, m):
    some = np.arange(n)[paired(n)]
    assert len(some) == m <= PAIRED
    assert some[0] == 0
    assert n - some[-1] <= -(-n // PAIRED)


def test_a_mean_has_pulls_that_are_deviations_and_no_interactions():
    x = np.random.default_rng(0).standard_normal((20, 1))
    np.testing.assert_allclose(pulls_of(np.mean, x), (x - x.mean())[:, 0], atol=1e-12)
    np.testing.assert_allclose(interactions_of(np.mean, x)[~np.eye(20, dtype=bool)], 0, atol=1e-12)


def test_the_error_of_a_mean_is_the_textbooks_where_nothing_is_skewed():
    x = np.concatenate([-np.arange(1.0, 9), np.arange(1.0, 9)])
    none = np.zeros((16, 16))
    assert less_pairs(x.var() / 16, none) == x.var() / 16
    assert longer_side(1.5, x, none) == pytest.approx(1.5)


def test_skewed_images_make_the_error_of_a_mean_longer_by_johnsons_correction():
    """Johnson 1978, JASA 73, 536: for a mean, the third moment over (6 s^2 n), here three times at one error."""
    x = np.random.default_rng(0).exponential(size=60)
    x -= x.mean()
    error = float(x.std() / np.sqrt(60))
    expected = error + 2 * (x**3).mean() / (6 * x.var() * 60)
    assert longer_side(error, x, np.zeros((60, 60))) == pytest.approx(expected)


def test_the_square_of_a_mean_reaches_as_far_as_the_square_of_what_is_one_error_away():
    """(m + s)^2 - m^2 = 2 m s + s^2, where s is the error of m and 2 m s that of its square."""
    x = np.random.default_rng(0).choice([-1.0, 1.0], 60)[:, None] + 3
    n, m, s = 60, float(x.mean()), float(x.std() / np.sqrt(60))
    pulls, interactions = pulls_of(squared_mean, x), interactions_of(squared_mean, x)
    skewness = (pulls**3).sum() / (6 * (pulls**2).sum() ** 1.5)
    reach = longer_side(2 * m * s, pulls, interactions)
    assert reach - 2 * skewness * 2 * m * s == pytest.approx(2 * m * s + s**2, rel=2 / n)


def test_where_only_pairs_matter_the_jackknife_counts_them_twice_and_half_of_the_excess_is_taken_off():
    rng = np.random.default_rng(0)
    values, jackknife, less = [], [], []
    for _ in range(200):
        x = rng.standard_normal((20, 40))
        variance = float(np.mean(pulls_of(squared_mean, x) ** 2)) / 20
        values.append(squared_mean(x))
        jackknife.append(variance)
        less.append(less_pairs(variance, interactions_of(squared_mean, x)))
    assert np.mean(jackknife) / np.var(values) == pytest.approx(2, rel=0.2)
    assert np.mean(less) / np.var(values) == pytest.approx(1.5, rel=0.2)


def test_what_never_moves_has_no_error():
    assert less_pairs(0.0, np.zeros((5, 5))) == 0
    assert longer_side(0.0, np.zeros(5), np.zeros((5, 5))) == 0
    assert standard_error(0.0, np.zeros(5), np.zeros((5, 5))) == 0


def test_the_share_of_pairs_is_all_of_a_squared_mean_at_zero_and_nothing_of_a_mean():
    x = np.random.default_rng(0).standard_normal((40, 200))
    assert share_of(squared_mean, x - x.mean(axis=0)) > 0.9
    assert share_of(squared_mean, x + 9) < 0.01


def share_of(statistic, x) -> float:
    return share_of_pairs(float(np.mean(pulls_of(statistic, x) ** 2)) / len(x), interactions_of(statistic, x))


def test_the_error_is_lengthened_unless_pairs_are_all():
    x = np.random.default_rng(1).standard_normal((40, 3)) + 0.2
    pulls, interactions = pulls_of(squared_mean, x), interactions_of(squared_mean, x)
    variance = float(np.mean(pulls**2)) / len(x)
    shorter = np.sqrt(less_pairs(variance, interactions))
    longer = longer_side(shorter, pulls, interactions)
    share = share_of_pairs(variance, interactions)
    assert 0.05 < share < 0.95
    assert standard_error(variance, pulls, interactions) == pytest.approx(shorter + (1 - share**2) * (longer - shorter))
