"""Mixtures of generators against a solver that others wrote, and against worlds whose best shares are known."""

import numpy as np
import pytest

from gan.ensemble import least_frechet_distance, least_kernel_distance, mixed, positive
from gan.metrics.frechet import frechet_distance
from gan.statistics import moments as sums
from gan.types import BadInput


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
                           for i, share in enumerate(shares) if share])     # fmt: skip


def test_shares_of_modes_are_found():
    """Real images: 1/2, 1/3, 1/6 of three modes; four models of one mode each; the last mode is not real."""
    random = np.random.default_rng(0)
    real = modes(random, [1 / 2, 1 / 3, 1 / 6, 0], 3_000)
    models = [modes(random, row, 1_000) for row in np.eye(4)]
    found = least_kernel_distance(*kernels(models, real))
    assert found.shares == pytest.approx([1 / 2, 1 / 3, 1 / 6, 0], abs=0.02)
    assert found.gap < 1e-5
    by_frechet = least_frechet_distance(of(real), [of(model) for model in models])
    assert by_frechet.shares == pytest.approx([1 / 2, 1 / 3, 1 / 6, 0], abs=0.02)
    assert by_frechet.gap < 1e-3


@pytest.mark.parametrize("seed", range(20))
def test_the_program_is_solved_as_cvxpy_solves_it(seed):
    cvxpy = pytest.importorskip("cvxpy")
    random = np.random.default_rng(seed)
    m = int(random.integers(2, 9))
    factor = random.standard_normal((m, int(random.integers(1, m + 1))))
    matrix, b = factor @ factor.T, random.standard_normal(m)
    shares = cvxpy.Variable(m, nonneg=True)
    problem = cvxpy.Problem(
        cvxpy.Minimize(cvxpy.quad_form(shares, cvxpy.psd_wrap(matrix)) - 2 * b @ shares), [cvxpy.sum(shares) == 1]
    )
    problem.solve()
    found = least_kernel_distance(matrix, b, 0.0)
    assert found.value == pytest.approx(problem.value, abs=1e-5)
    assert found.gap < 1e-9 * max(1, np.abs(b).max()) * 100
    assert found.shares.sum() == pytest.approx(1)
    assert (found.shares >= 0).all()


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


def test_the_moments_of_a_mixture_are_those_of_its_images():
    random = np.random.default_rng(5)
    a, b = random.standard_normal((40_000, 3)), 2 * random.standard_normal((40_000, 3)) + 1
    found, pooled = mixed([of(a), of(b)], np.array([0.5, 0.5])), of(np.concatenate([a, b]))
    assert found.mu == pytest.approx(pooled.mu)
    assert found.sigma == pytest.approx(pooled.sigma, rel=1e-4)
    assert frechet_distance(pooled, found) < 1e-6


def test_similarities_must_fit():
    with pytest.raises(BadInput, match="2 models needs 2 x 2 similarities"):
        least_kernel_distance(np.eye(3), np.ones(2), 0.0)
