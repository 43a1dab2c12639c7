from itertools import permutations

import numpy as np
import pytest

from ganbench.gan.metrics import diversity as module
from ganbench.gan.metrics.diversity import diversity, vendi
from ganbench.gan.uncertainty import interval
from tests.refusals import refused

COUNTS = [(200, 16), (17, 16), (16, 16), (9, 16), (4, 16)]      # more and fewer images than features


def sample(seed: int, n: int, d: int = 16, shift: float = 0.0) -> np.ndarray:
    """Correlated features with a falling spectrum, float32."""
    rng = np.random.default_rng(seed)
    return (rng.standard_normal((n, d)) * np.arange(1, d + 1) ** -0.5 + shift).astype(np.float32)


def directions(x: np.ndarray) -> np.ndarray:
    return x.astype(np.float64) / np.linalg.norm(x.astype(np.float64), axis=1, keepdims=True)


def eigenvalues(x: np.ndarray) -> np.ndarray:
    """Of U U^T / n, (n, n)."""
    return np.linalg.eigvalsh(directions(x) @ directions(x).T / len(x)).clip(1e-300)


def vendi_by_definition(x: np.ndarray) -> float:
    return float(np.exp(-(eigenvalues(x) * np.log(eigenvalues(x))).sum()))


def distance_by_definition(x: np.ndarray) -> float:
    return float(np.mean([1 - a @ b for a, b in permutations(directions(x), 2)]))


@pytest.mark.parametrize("tile", [1000, 7])
@pytest.mark.parametrize(("n", "d"), COUNTS)
def test_both_are_their_definitions_in_any_tiling(monkeypatch, tile, n, d):
    monkeypatch.setattr(module, "ROWS", tile)
    x = sample(1, n, d, shift=0.3)
    assert vendi(x).value == pytest.approx(vendi_by_definition(x), rel=1e-9)
    assert diversity(x).value == pytest.approx(distance_by_definition(x), rel=1e-9)


@pytest.mark.parametrize(("n", "d"), [(30, 8), (17, 16), (16, 16), (9, 16), (4, 16)])
def test_their_errors_are_those_of_the_values_without_each_image(n, d):
    x = sample(1, n, d, shift=0.3)
    for metric, definition in ((vendi, vendi_by_definition), (diversity, distance_by_definition)):
        without = np.array([definition(np.delete(x, i, axis=0)) for i in range(n)])
        assert metric(x).se == pytest.approx((n - 1) * without.std() / np.sqrt(n), rel=1e-6)


def test_images_that_are_all_unlike_count_one_each_and_copies_none():
    apart = np.eye(12, dtype=np.float32)
    assert vendi(apart).value == pytest.approx(12)
    assert diversity(apart).value == pytest.approx(1)
    assert vendi(np.repeat(apart, 5, axis=0)).value == pytest.approx(12)
    assert vendi(np.tile(apart[:1], (6, 1))).value == pytest.approx(1)
    assert diversity(np.tile(apart[:1], (6, 1))).value == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("shares", [(4, 4), (9, 3), (10, 1, 1)])
def test_groups_that_are_unlike_count_by_the_entropy_of_their_shares(shares):
    x = np.repeat(np.eye(len(shares), 5, dtype=np.float32), shares, axis=0)
    p = np.array(shares) / sum(shares)
    for q, entropy in ((1, -(p * np.log(p)).sum()), (2, -np.log((p**2).sum())), (np.inf, -np.log(p.max()))):
        assert vendi(x, q=q).value == pytest.approx(np.exp(entropy))


@pytest.mark.parametrize("q", [1.001, 2, 5])
@pytest.mark.parametrize("n", [2000, 12])
def test_the_error_of_other_orders_is_that_of_their_derivative_by_the_weight_of_an_image(q, n):
    x = sample(1, n, 16, shift=0.3)
    u, step = directions(x), 1e-6

    def score(weights: np.ndarray) -> float:
        w = np.linalg.eigvalsh((u.T * weights) @ u).clip(1e-300)
        return float((w**q).sum() ** (1 / (1 - q)))

    towards = np.eye(n)[:12] - 1 / n
    psi = [(score(1 / n + step * t) - score(1 / n - step * t)) / (2 * step) for t in towards]
    w, parts = module._axes(x)
    found = np.concatenate([y @ module._slope(w, q) for y in parts]) * vendi(x, q=q).value
    np.testing.assert_allclose(np.diff(found[:12]), np.diff(psi), rtol=1e-4, atol=1e-4)
    assert vendi(x, q=q).se == pytest.approx(found.std() / np.sqrt(n))


def test_they_do_not_see_order_rotations_or_lengths():
    x = sample(1, 40, 16, shift=0.3)
    rng = np.random.default_rng(0)
    turn = np.linalg.qr(rng.standard_normal((16, 16)))[0].astype(np.float32)
    for other in (x[::-1], x @ turn, x * rng.uniform(0.5, 2, (40, 1)).astype(np.float32)):
        assert vendi(other).value == pytest.approx(vendi(x).value, rel=1e-5)
        assert diversity(other).value == pytest.approx(diversity(x).value, rel=1e-5)


@pytest.mark.parametrize("metric", [vendi, diversity])
@pytest.mark.parametrize("n", [16, 64, 160])
def test_their_intervals_hold_the_expected_value(metric, n):
    """Skewed features away from the origin, as activations are: 0.9 to 1.5 times the true error."""
    found = [metric(np.maximum(sample(seed, n), 0) + np.float32(0.1)) for seed in range(400)]
    values = np.array([estimate.value for estimate in found])
    assert 0.9 < np.mean([estimate.se for estimate in found]) / values.std(ddof=1) < 1.5
    assert np.mean([low <= values.mean() <= high for low, high in map(interval, found)]) >= 0.92


def test_what_cannot_be_used_is_refused_in_words():
    x = sample(1, 20)
    with refused("too-few-images", 4, 3):
        diversity(x[:3])
    with refused("too-few-images", 3, 2):
        vendi(x[:2])
    with refused("unfit-value", 1, "0.5"):
        vendi(x, q=0.5)
    for metric in (vendi, diversity):
        with refused("not-features", "(20,)"):
            metric(x[:, 0])
        dead = x.copy()
        dead[6] = 0
        with refused("features-without-direction", 6, "generated"):
            metric(dead)
        dead[6] = np.nan
        with refused("features-not-finite", 6):
            metric(dead)
