from itertools import permutations

import numpy as np
import pytest

from ganbench.gan.metrics import kernel
from ganbench.gan.metrics.jackknife import longer_side
from ganbench.gan.metrics.kernel import cmmd, kid, kid_full, kid_subsets, mean_self_similarity
from ganbench.gan.types import Estimate
from tests.refusals import refused


def sample(seed: int, n: int, d: int = 16, shift: float = 0.0) -> np.ndarray:
    """Non-negative skewed features, float32, as pooled activations are."""
    x = np.random.default_rng(seed).standard_normal((n, d)) * np.arange(1, d + 1) ** -0.5
    return (np.maximum(2 * x, 0) + shift).astype(np.float32)


def k(x: np.ndarray, y: np.ndarray) -> float:
    return (float(x.astype(np.float64) @ y.astype(np.float64)) / len(x) + 1) ** 3


def mean_over_pairs(x: np.ndarray) -> float:
    return float(np.mean([k(a, b) for a, b in permutations(x, 2)]))


def by_definition(real: np.ndarray, generated: np.ndarray) -> float:
    across = np.mean([k(x, y) for x in generated for y in real])
    return mean_over_pairs(generated) + mean_over_pairs(real) - 2 * float(across)


@pytest.mark.parametrize("tile", [1000, 7, 1])
def test_all_images_give_the_double_loop_in_any_tiling(monkeypatch, tile):
    monkeypatch.setattr(kernel, "ROWS", tile)
    real, generated = sample(1, 23), sample(2, 18, shift=0.2)
    assert kid_full(real, generated).value == pytest.approx(by_definition(real, generated), rel=1e-11)
    assert mean_self_similarity(real) == pytest.approx(mean_over_pairs(real), rel=1e-12)


@pytest.mark.parametrize("tile", [1000, 3])
def test_the_variance_takes_every_mean_over_distinct_images(monkeypatch, tile):
    monkeypatch.setattr(kernel, "ROWS", tile)
    real, generated = sample(1, 9), sample(2, 7, shift=0.5)
    f = [np.mean([k(x, y) for y in real]) for x in generated]
    h = np.array([[k(a, b) - f[i] - f[j] for j, b in enumerate(generated)] for i, a in enumerate(generated)])
    shared = np.mean([h[i, j] * h[i, q] for i, j, q in permutations(range(7), 3)])
    apart = np.mean([h[i, j] * h[p, q] for i, j, p, q in permutations(range(7), 4)])
    square = np.mean([h[i, j] ** 2 for i, j in permutations(range(7), 2)])
    assert shared > apart                           # so that nothing is clipped
    variance = (4 * 5 * (shared - apart) + 4 * (square - apart)) / (7 * 6)
    np.fill_diagonal(h, 0)
    assert kernel._variance(h.sum(axis=1), float(np.vdot(h, h))) == pytest.approx(variance, rel=1e-9)


def test_the_error_is_longer_by_the_skewness_of_kid_without_one_and_two_images():
    real, generated = sample(1, 9), sample(2, 7, shift=0.5)

    def without(*out: int) -> float:
        return kid_full(real, np.delete(generated, out, axis=0)).value

    one = np.array([without(i) for i in range(7)])
    pulls = 6 * (one.mean() - one)
    interactions = np.array([
        [7 * without() - 6 * (one[i] + one[j]) + 5 * without(i, j) for j in range(7)] for i in range(7)
    ])
    f = [np.mean([k(x, y) for y in real]) for x in generated]
    h = np.array([[k(a, b) - f[i] - f[j] for j, b in enumerate(generated)] for i, a in enumerate(generated)])
    np.fill_diagonal(h, 0)
    error = np.sqrt(kernel._variance(h.sum(axis=1), float(np.vdot(h, h))))
    assert kid_full(real, generated).se == pytest.approx(longer_side(error, pulls, interactions), rel=1e-6)
    assert kid_full(real, generated).se > 1.01 * error


def test_a_cached_self_similarity_changes_nothing():
    real, generated = sample(1, 50), sample(2, 40)
    assert kid(real, generated, mean_self_similarity(real)) == kid(real, generated)


def test_float32_features_lose_nothing_to_rounding():
    """Values near 1e-4, as between good models, to 1e-6 of themselves against extended precision."""
    real, generated = sample(1, 400), sample(2, 400, shift=0.01)
    exact = [np.asarray(x, np.longdouble) for x in (real, generated)]
    within = [(((x @ x.T) / 16 + 1) ** 3) for x in exact]
    across = ((exact[0] @ exact[1].T) / 16 + 1) ** 3
    value = sum((w.sum() - np.trace(w)) / (400 * 399) for w in within) - 2 * across.mean()
    assert abs(value) < 1e-2
    assert kid_full(real, generated).value == pytest.approx(float(value), rel=1e-6)


def test_subsets_are_those_of_torch_fidelity():
    real, generated = sample(1, 40), sample(2, 30, shift=0.2)
    rng, values = np.random.RandomState(2020), []
    for _ in range(5):
        ours = generated[rng.choice(30, 8, replace=False)]          # its input 1
        theirs = real[rng.choice(40, 8, replace=False)]
        values.append(by_definition(theirs, ours))
    assert kid_subsets(real, generated, 5, 8).value == pytest.approx(np.mean(values), rel=1e-11)
    assert kid(real, generated, subsets=5, subset_size=8).value == pytest.approx(np.mean(values), rel=1e-11)


def test_many_subsets_approach_all_images_in_value_and_error():
    real, generated = sample(1, 200), sample(2, 200, shift=0.2)
    full, drawn = kid_full(real, generated), kid_subsets(real, generated, 1000, 50)
    of_subsets = np.sqrt(drawn.se**2 - full.se**2)
    assert abs(drawn.value - full.value) < 4 * of_subsets
    assert full.se < drawn.se < 1.3 * full.se


def test_one_subset_has_the_error_of_all_images():
    real, generated = sample(1, 20), sample(2, 20)
    one = kid_subsets(real, generated, 1, 20)
    full = kid_full(real, generated)
    assert one == Estimate(pytest.approx(full.value), pytest.approx(full.se))


def test_what_cannot_be_used_is_refused_in_words():
    x, y = sample(1, 20), sample(2, 30)
    with refused("too-few-images", 1_000, 20, 30):
        kid_subsets(x, y)
    with refused("unequal-features", 15, 16):
        kid_full(x[:, :15], y)
    with refused("too-few-images", 2, 4, 20, 3):
        kid_full(x, y[:3])
    with refused("too-few-images", 2, 1):
        mean_self_similarity(x[:1])
    with refused("unfit-value", "KID", 1, "subset"):
        kid_subsets(x, y, subsets=-1)
    y[4] = np.inf
    with refused("features-not-finite", 4):
        kid_full(x, y)


# CMMD

def directions(rows: np.ndarray) -> np.ndarray:
    rows = rows.astype(np.float64)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def cmmd_by_definition(real: np.ndarray, generated: np.ndarray, sigma: float = 10.0) -> float:
    """Every pair, an image with itself too; 1000 as in the paper."""
    x, y = directions(generated), directions(real)
    k = [np.exp(-((a[:, None] - b) ** 2).sum(axis=2) / (2 * sigma**2)).mean() for a, b in ((x, x), (y, y), (x, y))]
    return 1000 * float(k[0] + k[1] - 2 * k[2])


@pytest.mark.parametrize("tile", [1000, 7])
@pytest.mark.parametrize("sigma", [10.0, 0.5])
def test_cmmd_is_the_double_sum_over_directions(monkeypatch, tile, sigma):
    """Up to 1000 x the rounding of sums near 1."""
    monkeypatch.setattr(kernel, "ROWS", tile)
    real, generated = sample(1, 23), sample(2, 18, shift=0.2)
    assert cmmd(real, generated, sigma).value == pytest.approx(cmmd_by_definition(real, generated, sigma), abs=1e-11)


def test_cmmd_of_opposite_directions_has_a_closed_form():
    right = np.tile(np.float32([2, 0]), (6, 1))
    assert cmmd(right, -right).value == pytest.approx(1000 * (2 - 2 * np.exp(-4 / 200)), rel=1e-12)
    assert cmmd(right, 3 * right).value == pytest.approx(0, abs=1e-12)
    assert cmmd(right, -right).se == pytest.approx(0, abs=1e-4)     # the root of the rounding of 1000


def test_cmmd_is_that_of_a_set_with_itself_zero_and_knows_no_lengths():
    real, generated = sample(1, 40), sample(2, 30)
    assert cmmd(real, real).value == pytest.approx(0, abs=1e-11)
    lengths = np.random.default_rng(0).uniform(0.5, 2, (30, 1)).astype(np.float32)
    longer = cmmd(real, generated * lengths)
    assert longer.value == pytest.approx(cmmd(real, generated).value, rel=1e-5)
    assert longer.se == pytest.approx(cmmd(real, generated).se, rel=1e-5)


def test_the_error_of_cmmd_is_that_of_a_mean_over_pairs():
    """Of h(x, x') = (n-1)/n k(x, x') - f(x) - f(x'), to which what images have with themselves adds 1 / n."""
    x, y = directions(sample(2, 7, shift=0.5)), directions(sample(1, 9))
    k, across = (np.exp(-((x[:, None] - rows) ** 2).sum(axis=2) / 200) for rows in (x, y))
    f = across.mean(axis=1)
    h = 1000 * (6 / 7 * k - f[:, None] - f)
    np.fill_diagonal(h, 0)

    def without(*out: int) -> float:
        kept = np.delete(np.arange(7), out)
        return h[np.ix_(kept, kept)].sum() / (len(kept) * (len(kept) - 1))

    one = np.array([without(i) for i in range(7)])
    interactions = np.array([
        [7 * without() - 6 * (one[i] + one[j]) + 5 * without(i, j) for j in range(7)] for i in range(7)
    ])
    error = np.sqrt(kernel._variance(h.sum(axis=1), float(np.vdot(h, h))))
    expected = longer_side(error, 6 * (one.mean() - one), interactions)
    assert cmmd(sample(1, 9), sample(2, 7, shift=0.5)).se == pytest.approx(expected, rel=1e-6)


def test_directions_that_do_not_exist_are_refused():
    x, y = sample(1, 20), sample(2, 30)
    y[7] = 0
    with refused("features-without-direction", 7, "generated"):
        cmmd(x, y)
    with refused("unequal-features", 15, 16):
        cmmd(x[:, :15], x)
    x[3, 2] = np.nan
    with refused("features-not-finite", 3):
        cmmd(x, x)
