import warnings

import numpy as np
import pytest
from scipy.linalg import sqrtm

from ganbench.gan.metrics.frechet import (
    Without,
    by_class,
    frechet,
    frechet_distance,
    frechet_distance_few,
    influence,
    matrix_root,
)
from ganbench.gan.metrics.jackknife import paired
from ganbench.gan.statistics import moments
from ganbench.gan.types import Statistics
from tests.refusals import refused


def gaussian(mean: float, deviation: float, d: int = 4) -> Statistics:
    return Statistics(np.full(d, float(mean)), deviation**2 * np.eye(d), 0)


def sample(seed: int, n: int, d: int, shift: float = 0.0) -> np.ndarray:
    """Correlated features with a falling spectrum, float32."""
    rng = np.random.default_rng(seed)
    mix = np.linalg.qr(np.random.default_rng(99).standard_normal((d, d)))[0] * np.arange(1, d + 1) ** -0.5
    return (rng.standard_normal((n, d)) @ mix.T + shift).astype(np.float32)


def statistics(seed: int, n: int, d: int, shift: float = 0.0) -> Statistics:
    return moments(sample(seed, n, d, shift)).statistics()


def by_definition(real: Statistics, generated: Statistics) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")             # scipy's sqrtm says that singular products are singular
        root = sqrtm(real.sigma @ generated.sigma)
    shift = real.mu - generated.mu
    return float(shift @ shift + np.trace(real.sigma + generated.sigma) - 2 * np.trace(root).real)


def test_unit_shift_in_2048_dimensions_is_2048():
    assert frechet_distance(gaussian(0, 1, 2048), gaussian(1, 1, 2048)) == 2048


def test_moving_the_mean_adds_the_squared_shift():
    assert frechet_distance(gaussian(0, 1), gaussian(3, 1)) == pytest.approx(4 * 3**2)


def test_scaling_adds_the_squared_difference_of_deviations():
    assert frechet_distance(gaussian(0, 1), gaussian(0, 3)) == pytest.approx(4 * 2**2)


def test_commuting_covariances_have_a_closed_form():
    rng = np.random.default_rng(0)
    axes = np.linalg.qr(rng.standard_normal((20, 20)))[0]
    a, b = rng.random(20) * 3, rng.random(20)
    real, generated = (Statistics(np.zeros(20), axes * v**2 @ axes.T, 0) for v in (a, b))
    assert frechet_distance(real, generated) == pytest.approx(((a - b) ** 2).sum())


@pytest.mark.parametrize("n", [2, 3, 8, 64, 513, 2048])
@pytest.mark.parametrize("d", [2, 5, 32, 100])
def test_it_is_the_definition_to_five_places(n, d):
    real, generated = statistics(1, 2 * n, d), statistics(2, n, d, shift=0.1)
    size = np.trace(real.sigma + generated.sigma)
    assert frechet_distance(real, generated) == pytest.approx(by_definition(real, generated), abs=1e-5 * size)


def test_it_is_symmetric_and_does_not_see_rotations():
    a, b = sample(1, 300, 16), sample(2, 200, 16, shift=0.5)
    turn = np.linalg.qr(np.random.default_rng(0).standard_normal((16, 16)))[0]
    there, back, turned = (
        frechet_distance(moments(x).statistics(), moments(y).statistics())
        for x, y in ((a, b), (b, a), (a @ turn, b @ turn))
    )
    assert there == pytest.approx(back, rel=1e-9)
    assert there == pytest.approx(turned, rel=1e-5)


@pytest.mark.parametrize(("n", "d"), [(100, 16), (20, 64), (2, 64), (64, 64), (65, 64)])
def test_a_law_is_at_distance_zero_from_itself_never_below(n, d):
    same = statistics(1, n, d)
    assert 0 <= frechet_distance(same, same) < 1e-5 * np.trace(same.sigma)


def test_features_that_are_always_zero_change_nothing():
    a, b = sample(1, 300, 16), sample(2, 200, 16, shift=0.5)
    dead_a, dead_b = (np.pad(x, ((0, 0), (0, 4))) for x in (a, b))
    plain = frechet(moments(a).statistics(), moments(b).statistics(), [b])
    padded = frechet(moments(dead_a).statistics(), moments(dead_b).statistics(), [dead_b])
    assert padded.value == pytest.approx(plain.value, rel=1e-9)
    assert padded.se == pytest.approx(plain.se, rel=1e-6)


def test_a_root_is_symmetric_and_squares_to_the_covariance():
    sigma = statistics(1, 40, 64).sigma             # rank 39
    root = matrix_root(sigma)
    np.testing.assert_allclose(root, root.T, atol=1e-12)
    np.testing.assert_allclose(root @ root.T, sigma, atol=1e-12)


@pytest.mark.parametrize(("n", "d"), [(2, 10), (10, 64), (63, 64), (64, 64), (200, 64)])
def test_the_nuclear_norm_gives_the_same_distance(n, d):
    real, x = statistics(1, 500, d), sample(2, n, d, shift=0.3)
    generated = moments(x).statistics()
    few = frechet_distance_few(real, generated, x)
    assert few == pytest.approx(frechet_distance(real, generated), rel=1e-6)


def weighted(x: np.ndarray, weights: np.ndarray) -> Statistics:
    n, x = len(x), x.astype(np.float64)
    mu = weights @ x
    return Statistics(mu, (x - mu).T * weights @ (x - mu) * (n / (n - 1)), n)


@pytest.mark.parametrize(("n", "d"), [(100, 8), (30, 8), (9, 8), (8, 8), (7, 8), (4, 8)])
def test_influence_is_the_derivative_by_the_weight_of_an_image(n, d):
    real, x = statistics(1, 500, d), sample(2, n, d, shift=0.3)
    psi = influence(real, moments(x).statistics(), [x])
    assert psi.mean() == pytest.approx(0, abs=1e-9)
    for i in (0, n - 1):
        step = 1e-5
        towards = np.eye(n)[i] - 1 / n
        ahead, behind = (frechet_distance(real, weighted(x, 1 / n + t * towards)) for t in (step, -step))
        assert psi[i] == pytest.approx((ahead - behind) / (2 * step), rel=1e-3, abs=1e-4)


LEFT_OUT = [(200, 16, 500), (17, 16, 500), (16, 16, 500), (9, 16, 500), (4, 16, 500), (40, 16, 10), (12, 16, 10)]


@pytest.mark.parametrize(("n", "d", "m"), LEFT_OUT)      # fewer images than features on either side, too
def test_distances_without_one_image_are_those_of_the_others(n, d, m):
    real, x = statistics(1, m, d), sample(2, n, d, shift=0.3)
    without = [frechet_distance(real, moments(np.delete(x, i, axis=0)).statistics()) for i in range(n)]
    found, psi = Without(real, moments(x).statistics(), np.array_split(x, 3), matrix_root(real.sigma)).one()
    np.testing.assert_allclose(found, without, atol=1e-3 * np.std(without))
    np.testing.assert_allclose(psi, influence(real, moments(x).statistics(), [x]), atol=1e-6 * psi.std())


@pytest.mark.parametrize(("n", "d", "m"), LEFT_OUT)
def test_distances_without_two_images_are_those_of_the_others(n, d, m):
    real, x = statistics(1, m, d), sample(2, n, d, shift=0.3)
    found = Without(real, moments(x).statistics(), [x], matrix_root(real.sigma)).two()
    rows = np.arange(n)[paired(n)]
    for i, j in ((0, 1), (2, 3), (len(rows) - 1, 1)):
        one, other, both = (
            frechet_distance(real, moments(np.delete(x, rows[out], axis=0)).statistics()) for out in ([i], [j], [i, j])
        )
        full = frechet_distance(real, moments(x).statistics())
        expected = n * full - (n - 1) * (one + other) + (n - 2) * both
        assert found[i, j] == pytest.approx(expected, abs=0.02 * found.std())


@pytest.mark.parametrize(("n", "d"), [(200, 16), (17, 16), (16, 16), (5, 16), (4, 16)])
def test_the_row_agrees_with_the_distance_however_chunked(n, d):
    real, x = statistics(1, 500, d), sample(2, n, d, shift=0.3)
    generated, root = moments(x).statistics(), matrix_root(real.sigma)
    whole = frechet(real, generated, [x])
    for chunks in ([x], np.array_split(x, 3), np.split(x, n)):
        estimate = frechet(real, generated, chunks, root)
        assert estimate.value == pytest.approx(frechet_distance(real, generated), rel=1e-6)
        assert estimate.se == pytest.approx(whole.se, rel=1e-5)


def test_the_error_of_a_large_sample_far_away_is_that_of_its_influence():
    real, x = statistics(1, 500, 8), sample(2, 20_000, 8, shift=3)
    generated = moments(x).statistics()
    psi = influence(real, generated, [x])
    assert frechet(real, generated, [x]).se == pytest.approx(psi.std() / np.sqrt(20_000), rel=0.01)


def test_a_root_of_another_reference_is_refused():
    a, b = statistics(1, 100, 8), gaussian(0, 50, 8)
    with refused("root-does-not-fit"):
        frechet_distance(a, a, matrix_root(b.sigma))
    with refused("root-does-not-fit", "(8, 8)", "(4, 4)"):
        frechet_distance(a, a, np.eye(4))


def test_a_matrix_with_negative_eigenvalues_is_no_covariance():
    with refused("not-a-covariance", -1, 3):
        matrix_root(np.array([[1.0, 2.0], [2.0, 1.0]]))


def test_unlike_lengths_and_counts_are_refused_in_words():
    x = sample(2, 20, 8)
    generated = moments(x).statistics()
    with refused("unequal-features", 4, 8):
        frechet(gaussian(0, 1, 4), generated, [x])
    with refused("unequal-counts", 20, 19):
        frechet(gaussian(0, 1, 8), generated, [x[:19]])
    with refused("unequal-features", 8, 7):
        frechet(gaussian(0, 1, 8), generated, [x[:, :7]])


def test_fewer_than_four_images_have_no_error():
    x = sample(2, 3, 8)
    with refused("too-few-images", 4, 3):
        frechet(gaussian(0, 1, 8), moments(x).statistics(), [x])


@pytest.mark.parametrize(("real_alive", "generated_alive"), [(60, 60), (60, 200), (200, 60)])
def test_features_that_are_always_zero_add_nothing(real_alive, generated_alive):
    """Within the features that both sets have, where no eigenvalue is rounding, the distance is the same."""
    rng, both = np.random.default_rng(0), slice(min(real_alive, generated_alive))
    sides = []
    for alive in (real_alive, generated_alive):
        features = np.zeros((600, 800), np.float32)
        features[:, :alive] = rng.standard_normal((600, alive)) * scales(alive) + 0.2
        sides.append(moments(features).statistics())
    real, generated = sides
    inner = [Statistics(side.mu[both], side.sigma[both, both], side.n) for side in sides]
    outer = np.sum((real.mu - generated.mu) ** 2) - np.sum((inner[0].mu - inner[1].mu) ** 2)
    lost = sum(np.trace(side.sigma) - np.trace(part.sigma) for side, part in zip(sides, inner, strict=True))
    expected = frechet_distance(*inner) + outer + lost
    assert frechet_distance(real, generated) == pytest.approx(expected, rel=1e-11)


def scales(d: int) -> np.ndarray:
    return np.arange(1, d + 1) ** -0.5


# What single images and classes cost

def test_influence_is_the_same_however_chunked_and_of_other_images():
    real, x = statistics(1, 500, 16), sample(2, 90, 16, shift=0.3)
    generated = moments(x).statistics()
    whole = influence(real, generated, [x])
    np.testing.assert_allclose(influence(real, generated, np.array_split(x, 4)), whole, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(influence(real, generated, [x[7:9]], matrix_root(real.sigma)), whole[7:9], rtol=1e-9)
    assert influence(real, generated, []).shape == (0,)


def test_classes_cost_what_the_distance_falls_by_when_average_images_stand_in_for_them():
    """One class in four is off; its images are replaced by the others, weight for weight, a little at a time."""
    real, x = statistics(1, 500, 8), sample(2, 400, 8)
    labels = np.arange(400) % 4
    x[labels == 2] += 0.7
    generated = moments(x).statistics()
    costs = by_class(real, generated, np.array_split(x, 3), labels)
    assert list(costs) == [0, 1, 2, 3]
    assert max(costs, key=lambda label: costs[label].value) == 2
    assert sum(cost.value for cost in costs.values()) == pytest.approx(0, abs=1e-9)
    step = 1e-4
    for label, cost in costs.items():
        replaced = (labels == label) / 400 - 1 / 4 / 400            # taken from the class, given to all
        ahead, behind = (frechet_distance(real, weighted(x, 1 / 400 - t * replaced)) for t in (step, -step))
        assert cost.value == pytest.approx((behind - ahead) / (2 * step), rel=1e-3, abs=1e-5)


def test_the_error_of_a_class_is_that_over_fresh_images():
    """With the shares of the classes drawn, too, and the psi of one class moved by the images of another."""
    real, drawn = statistics(1, 2_000, 8), []
    for seed in range(250):
        x, labels = sample(seed + 10, 600, 8), np.random.default_rng(seed).choice(3, 600, p=[0.6, 0.3, 0.1])
        x[labels == 2] += 1
        drawn.append(by_class(real, moments(x).statistics(), [x], labels))
    for label in range(3):
        values, errors = np.array([(costs[label].value, costs[label].se) for costs in drawn]).T
        assert 0.9 < errors.mean() / values.std(ddof=1) < 1.2


def test_classes_need_one_label_for_each_image():
    x = sample(2, 20, 8)
    with refused("labels-do-not-fit", 20, "(19,)"):
        by_class(gaussian(0, 1, 8), moments(x).statistics(), [x], np.zeros(19, int))
