"""Directions towards a class, of laws whose hyperplanes are known, and against scipy's own minimiser."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit
from scipy.stats import chi2, kstest

from ganbench.gan.latent.labelled import along, normal_of, projected, shifted, typical
from ganbench.gan.logistic import balance, logistic

D = 12


def latents(n=4_000, d=D, seed=0):
    return np.random.default_rng(seed).standard_normal((n, d))


def unit(vector):
    return np.asarray(vector) / np.linalg.norm(vector)


def angle(a, b):
    """In degrees, of unit vectors."""
    return np.degrees(np.arccos(np.clip(a @ b, -1, 1)))


def test_the_regression_is_the_minimum_that_another_minimiser_finds():
    x, random = latents(200, 4), np.random.default_rng(1)
    y = random.random(200) < expit(x @ [2, -1, 0, 0.5] - 1.5)
    share, penalty = balance(y), 0.03

    def loss(values):
        logits = x @ values[:-1] + values[-1]
        costs = np.where(y, np.logaddexp(0, -logits), np.logaddexp(0, logits))
        return share @ costs + penalty / 2 * np.sum(values[:-1] ** 2)

    other = minimize(loss, np.zeros(5), method="Nelder-Mead",
                     options={"xatol": 1e-9, "fatol": 1e-14, "maxiter": 20_000, "maxfev": 20_000})
    np.testing.assert_allclose(logistic(x, y, y.astype(float), penalty), other.x, atol=1e-4)


@pytest.mark.parametrize("share", [0.5, 0.1])
def test_between_two_normal_laws_of_one_covariance_the_normal_joins_their_means(share):
    """Both have the covariance I: the hyperplane of equal density is orthogonal to the difference of the means."""
    random, truth = np.random.default_rng(2), unit([3, -1, 2] + [0] * (D - 3))
    of_class = random.random(6_000) < share
    x = random.standard_normal((6_000, D)) + np.where(of_class, 1.0, -1.0)[:, None] * truth
    assert angle(normal_of(x, of_class), truth) < 9             # some 4 degrees by chance, sqrt(d / n) / |w|


def test_the_normal_of_a_half_space_is_found_and_points_into_it():
    truth = unit([1, 2, -2] + [0] * (D - 3))
    x = latents()
    assert angle(normal_of(x, x @ truth > 1), truth) < 3
    assert angle(normal_of(x, x @ truth < -1), -truth) < 3
    assert angle(normal_of(5 + 0.01 * x, x @ truth > 1), truth) < 3      # of a mapped space, with its own unit


def test_a_conditional_direction_is_orthogonal_to_all_others_and_as_near_as_that_allows():
    random = np.random.default_rng(3)
    normal, *others = map(unit, random.standard_normal((4, D)))
    found = projected(normal, others)
    assert np.linalg.norm(found) == pytest.approx(1)
    np.testing.assert_allclose(np.stack(others) @ found, 0, atol=1e-12)
    axes = np.linalg.svd(np.stack(others))[2][len(others):]             # of all that is orthogonal to the others
    nearest = unit(axes.T @ (axes @ normal))
    np.testing.assert_allclose(found, nearest, atol=1e-12)
    np.testing.assert_allclose(projected(normal, [*others, 2 * others[0]]), found, atol=1e-9)    # said twice


def test_with_two_attributes_it_is_the_formula_of_the_paper():
    one, other = unit([1, 1, 0]), unit([0, 1, 1])
    np.testing.assert_allclose(projected(one, [other]), unit(one - (one @ other) * other))
    np.testing.assert_allclose(projected(one, []), one)


def test_a_direction_within_the_span_of_the_others_has_nothing_left():
    one, two = np.eye(3)[:2]
    assert projected(unit(one + two), [one, two]) is None
    assert projected(one, [-one]) is None
    assert projected(unit(one + 0.1 * np.eye(3)[2]), [one, two]) is None
    assert projected(unit(one + 0.3 * np.eye(3)[2]), [one, two]) is not None


def test_normal_latents_are_moved_to_the_place_and_keep_their_length():
    x, direction = latents(), along(latents(), unit(np.arange(1.0, D + 1)))
    moved = shifted(x, direction, 1.5, "normal")
    aim = direction.centre + 1.5 * direction.sigma
    places = moved @ direction.unit
    usual = np.abs(np.linalg.norm(x, axis=1) - np.sqrt(D)) < 1.4
    stay = x @ direction.unit > aim
    np.testing.assert_allclose(places[usual & ~stay], aim)
    np.testing.assert_allclose(moved[usual & stay], x[usual & stay])
    np.testing.assert_allclose(np.linalg.norm(moved[usual], axis=1), np.linalg.norm(x[usual], axis=1))


def test_other_latents_only_move_along_the_direction_and_uniform_ones_stay_in_their_cube():
    x, e = latents(100, 3), np.eye(3)[0]
    direction = along(x, e)
    moved = shifted(x, direction, 0.0, "mapped")
    np.testing.assert_allclose(moved[:, 1:], x[:, 1:])
    np.testing.assert_allclose(moved[:, 0], np.maximum(x[:, 0], direction.centre))
    cube = np.random.default_rng(0).uniform(-1, 1, (1_000, 3))
    far = shifted(cube, along(cube, unit([1, 1, 0])), 3.0, "uniform")
    assert np.abs(far).max() == 1
    np.testing.assert_array_equal(far[:, 2], cube[:, 2])


@pytest.mark.parametrize("d", [1, 2, 100])
def test_latents_of_a_usual_length_are_typical_and_others_become_so(d):
    x = latents(5_000, d)
    found = typical(x, "normal")
    changed = (found != x).any(axis=1)
    assert changed.mean() == pytest.approx(0.01, abs=0.005)
    assert kstest((found[~changed] ** 2).sum(axis=1), chi2(d).cdf).statistic < 0.03
    low, high = np.sqrt(chi2(d).ppf([0.005, 0.995]))
    lengths = np.linalg.norm(typical(np.concatenate([1e7 * x, 1e-7 * x]), "normal"), axis=1)
    np.testing.assert_allclose(lengths, np.repeat([high, low], len(x)))


def test_a_latent_of_one_number_can_be_moved_although_nothing_is_across():
    """A model with a single latent: its shell is no sphere, but two intervals."""
    x = latents(50, 1)
    assert (shifted(x, along(x, np.ones(1)), 2.0, "normal") > 1.5).all()
