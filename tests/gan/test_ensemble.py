"""Mixtures of generators against a solver that others wrote, and against worlds whose best shares are known."""

import cvxpy
import numpy as np
import pytest

from ganbench.gan.ensemble import Similarities, held_out_mixture, least_kernel_distance, positive
from ganbench.gan.metrics.kernel import kid_full
from ganbench.gan.statistics import moments as sums
from tests.refusals import refused


def of(features):
    return sums(features).statistics()


def similarity(x, y):
    return (x @ y.T / x.shape[1] + 1) ** 3


def kernels(models, real):
    among = np.array([[similarity(a, b).mean() for b in models] for a in models])
    return among, np.array([similarity(a, real).mean() for a in models]), similarity(real, real).mean()


def modes(random, shares, n):
    """Points around four corners."""
    corners = 3 * np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, -1.0]])
    return np.concatenate([corners[i] + 0.1 * random.standard_normal((round(n * share), 4))
                           for i, share in enumerate(shares) if share])


def test_shares_of_modes_are_found():
    """Real images: 1/2, 1/3, 1/6 of three modes; four models of one mode each; the last mode is not real."""
    random = np.random.default_rng(0)
    real = modes(random, [1 / 2, 1 / 3, 1 / 6, 0], 3_000)
    models = [modes(random, row, 1_000) for row in np.eye(4)]
    found = least_kernel_distance(*kernels(models, real))
    assert found.shares == pytest.approx([1 / 2, 1 / 3, 1 / 6, 0], abs=0.02)
    assert found.gap < 1e-5
    among, to_real, _ = kernels(models, real)
    assert found.shares == pytest.approx(solved(among, to_real)[0], abs=1e-3)


@pytest.mark.parametrize("seed", range(20))
def test_the_program_is_solved_as_cvxpy_solves_it(seed):
    random = np.random.default_rng(seed)
    m = int(random.integers(2, 9))
    factor = random.standard_normal((m, int(random.integers(1, m + 1))))
    matrix, b = factor @ factor.T, random.standard_normal(m)
    found = least_kernel_distance(matrix, b, 0.0)
    assert found.value == pytest.approx(solved(matrix, b)[1], abs=1e-5)
    assert found.gap < 1e-9 * max(1, np.abs(b).max()) * 100
    assert found.shares.sum() == pytest.approx(1)
    assert (found.shares >= 0).all()


def solved(matrix, b):
    """Shares and value of the same program by cvxpy."""
    shares = cvxpy.Variable(len(b), nonneg=True)
    problem = cvxpy.Problem(
        cvxpy.Minimize(cvxpy.quad_form(shares, cvxpy.psd_wrap(matrix)) - 2 * b @ shares), [cvxpy.sum(shares) == 1]
    )
    problem.solve()
    return shares.value, problem.value


def test_twins_change_nothing():
    random = np.random.default_rng(3)
    real, model = random.standard_normal((300, 5)), random.standard_normal((300, 5)) + 1
    alone = least_kernel_distance(*kernels([model], real))
    twice = least_kernel_distance(*kernels([model, model], real))
    assert twice.value == pytest.approx(alone.value)
    assert twice.gap < 1e-9


def test_estimates_that_are_no_kernel_matrix_are_made_one():
    matrix = np.array([[1.0, 2.0], [2.0, 1.0]])
    assert np.linalg.eigvalsh(positive(matrix)).min() > -1e-12
    assert least_kernel_distance(matrix, np.array([1.0, 1.0]), 0.0).gap < 1e-9


def test_similarities_must_fit():
    with refused("unequal-counts", "2 x 2"):
        least_kernel_distance(np.eye(3), np.ones(2), 0.0)


# Found on one half, tested on the other


def test_held_out_shares_of_modes_and_their_gain():
    random = np.random.default_rng(1)
    real = random.permutation(modes(random, [1 / 2, 1 / 3, 1 / 6, 0], 3_000))
    models = [modes(random, row, 1_000) for row in np.eye(4)]
    found = held_out_mixture(models, real)
    assert found.shares == pytest.approx([1 / 2, 1 / 3, 1 / 6, 0], abs=0.02)
    assert found.gap < 1e-5
    assert found.best == 0
    assert found.gain.value == pytest.approx(found.best_value.value - found.value.value)
    assert found.gain.value > 20 * found.gain.se
    assert (found.found_on, found.tested_on) == (500, 500)


def test_the_distance_is_the_unbiased_mmd_of_one_model():
    random = np.random.default_rng(2)
    real, model = random.standard_normal((400, 8)), random.standard_normal((300, 8)) + 0.3
    found = Similarities([model, real[:200]], real).distance(np.array([1.0, 0.0]))
    expected = kid_full(real.astype(np.float32), model.astype(np.float32))
    assert found.value == pytest.approx(expected.value, rel=1e-4)
    assert found.se == pytest.approx(expected.se, rel=0.35)     # 20 blocks know an error to a sixth


def test_the_gain_of_equal_models_is_about_nothing():
    """Of 60 draws of three equal models the interval must hold 0 in 95 %: fewer than 50 has a probability of 1e-4."""
    random = np.random.default_rng(3)
    real = random.standard_normal((1_000, 8))
    covered = 0
    for _ in range(60):
        models = [random.standard_normal((400, 8)) * 1.2 for _ in range(3)]
        gain = held_out_mixture(models, real).gain
        covered += abs(gain.value) <= 1.96 * gain.se
    assert covered >= 50


def test_one_model_is_no_mixture():
    with refused("too-few-models", 2, 1):
        held_out_mixture([np.zeros((100, 4))], np.zeros((100, 4)))


def test_too_few_images_are_named():
    with refused("too-few-images", 80, 50):
        held_out_mixture([np.zeros((50, 4)), np.zeros((100, 4))], np.zeros((100, 4)))
