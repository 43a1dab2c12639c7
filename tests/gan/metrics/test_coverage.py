"""The error bars hold: fresh draws of known laws say how large the true error is, and how often an interval is right.

`benchmarks/coverage.py` prints the same for many more laws.
"""

from collections.abc import Callable

import numpy as np
import pytest

from ganbench.gan.metrics.frechet import frechet, matrix_root
from ganbench.gan.metrics.inception_score import inception_score
from ganbench.gan.metrics.kernel import kid_full, kid_subsets, mean_self_similarity
from ganbench.gan.statistics import moments
from ganbench.gan.types import Estimate, Statistics
from ganbench.gan.uncertainty import difference, interval, p_value

Draw = Callable[[np.random.Generator], Estimate]
LAWS = {"equal": (1.0, 0.0), "moved": (1.0, 0.3), "wider": (1.3, 0.3)}     # scale, and shift in deviations


def check(draw: Draw, draws: int) -> None:
    """The mean error within 0.9-1.5 of the true one, 92 % of the 95 % intervals right, at most 8 % of A=A rejected."""
    rng = np.random.default_rng(0)
    estimates = [draw(rng) for _ in range(draws)]
    values, errors = np.array([(e.value, e.se) for e in estimates]).T
    assert 0.9 < errors.mean() / values.std(ddof=1) < 1.5
    intervals = [interval(estimate) for estimate in estimates]
    assert np.mean([low <= values.mean() <= high for low, high in intervals]) >= 0.92
    pairs = [difference(a, b) for a, b in zip(estimates[::2], estimates[1::2], strict=True)]
    assert np.mean([p_value(pair) < 0.05 for pair in pairs]) <= 0.08


def frechet_draw(d: int, power: float, ratio: float, law: str) -> Draw:
    """Gaussian features whose k-th variance is k^-power, in axes that are not the features', n = ratio d."""
    axes = np.linalg.qr(np.random.default_rng(9).standard_normal((d, d)))[0]
    mix = axes * np.arange(1, d + 1) ** (-power / 2)
    real = Statistics(np.zeros(d), mix @ mix.T, 0)
    root, (scale, shift) = matrix_root(real.sigma), LAWS[law]

    def draw(rng: np.random.Generator) -> Estimate:
        x = ((rng.standard_normal((int(ratio * d), d)) * scale + shift) @ mix.T).astype(np.float32)
        return frechet(real, moments(x).statistics(), [x], root)

    return draw


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("ratio", [1.5, 5, 10])
@pytest.mark.parametrize("power", [0, 1])
def test_the_frechet_distance(power, ratio, law):
    check(frechet_draw(32, power, ratio, law), 400)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("ratio", [1.5, 5, 10])
@pytest.mark.parametrize("power", [0, 0.5, 1])
@pytest.mark.parametrize("d", [64, 128])
def test_the_frechet_distance_of_more_features(d, power, ratio, law):
    check(frechet_draw(d, power, ratio, law), 400)


def activations(rng: np.random.Generator, n: int, power: float, shift: float, d: int = 64) -> np.ndarray:
    """Non-negative skewed features, float32, as pooled activations are."""
    x = np.maximum(2 * rng.standard_normal((n, d)) * np.arange(1, d + 1) ** (-power / 2), 0)
    return (x * (1 + shift) + shift / 4).astype(np.float32)


@pytest.mark.parametrize("shift", [0.0, 0.05, 0.3])
@pytest.mark.parametrize("power", [0, 1])
def test_the_kernel_distance(power, shift):
    real = activations(np.random.default_rng(1), 400, power, 0)
    within = mean_self_similarity(real)
    check(lambda rng: kid_full(real, activations(rng, 400, power, shift), within), 240)


@pytest.mark.parametrize("power", [0, 1])
def test_the_kernel_distance_of_subsets(power):
    real = activations(np.random.default_rng(1), 400, power, 0)
    check(lambda rng: kid_subsets(real, activations(rng, 200, power, 0.1), 20, 50, int(rng.integers(1 << 30))), 300)


@pytest.mark.parametrize("splits", [1, 10])
@pytest.mark.parametrize(("classes", "sure"), [(10, 0.0), (10, 12.0), (80, 0.0), (80, 12.0)])
def test_the_inception_score(classes, sure, splits):
    """Classes of shares 1/k, predicted with more or less certainty; of 80 there are more than images in a split."""
    shares = np.arange(1, classes + 1) ** -1.0

    def draw(rng: np.random.Generator) -> Estimate:
        logits = rng.standard_normal((400, classes)) * 3
        logits[np.arange(400), rng.choice(classes, 400, p=shares / shares.sum())] += sure
        return inception_score(logits, splits)

    check(draw, 300)
