import numpy as np
import pytest

from ganbench.gan.metrics import extrapolation
from ganbench.gan.metrics.extrapolation import fd_infinity
from ganbench.gan.metrics.frechet import Without, _nodes, frechet, frechet_distance, matrix_root
from ganbench.gan.statistics import moments
from ganbench.gan.types import Statistics
from ganbench.gan.uncertainty import interval
from tests.refusals import refused

D = 32
LAWS = {"equal": (1.0, 0.0), "moved": (1.0, 0.3), "wider": (1.3, 0.3)}     # scale, and shift in deviations


def axes(power: float, d: int = D) -> np.ndarray:
    """Gaussian features whose k-th variance is k^-power, in axes that are not the features'."""
    turn = np.linalg.qr(np.random.default_rng(9).standard_normal((d, d)))[0]
    return turn * np.arange(1, d + 1) ** (-power / 2)


def real_law(power: float, d: int = D) -> Statistics:
    return Statistics(np.zeros(d), axes(power, d) @ axes(power, d).T, 0)


def sample(rng: np.random.Generator, n: int, power: float, law: str = "moved", d: int = D) -> np.ndarray:
    scale, shift = LAWS[law]
    return ((rng.standard_normal((n, d)) * scale + shift) @ axes(power, d).T).astype(np.float32)


def truth(power: float, law: str, d: int = D) -> float:
    """All covariances share their axes: each variance v adds v ((scale - 1)^2 + shift^2)."""
    scale, shift = LAWS[law]
    return float(((scale - 1) ** 2 + shift**2) * (np.arange(1, d + 1.0) ** -power).sum())


def measured(real: Statistics, x: np.ndarray, **settings):
    return fd_infinity(real, moments(x).statistics(), [x], **settings)


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("n", [48, 160])
@pytest.mark.parametrize("power", [0, 1])
def test_its_mean_is_the_distance_of_the_laws_and_its_intervals_hold_it(power, n, law):
    """From 1.5 and 5 images a feature, where FD is off by up to a hundred times as much."""
    real, rng = real_law(power), np.random.default_rng(0)
    root, expected = matrix_root(real.sigma), truth(power, law)
    drawn = [sample(rng, n, power, law) for _ in range(150)]
    found = [measured(real, x, real_root=root) for x in drawn]
    values = np.array([estimate.value for estimate in found])
    error = values.std(ddof=1) / np.sqrt(150)
    biased = np.mean([frechet_distance(real, moments(x).statistics(), root) for x in drawn])
    assert abs(values.mean() - expected) < max(4 * error, 0.02 * (biased - expected))
    assert np.mean([low <= expected <= high for low, high in map(interval, found)]) >= 0.92
    assert 0.9 < np.mean([estimate.se for estimate in found]) / values.std(ddof=1) < 1.7


@pytest.mark.parametrize("n", [200, 40, 33, 20, 5])       # fewer images than features, too
def test_what_the_bias_is_without_one_image_is_that_of_the_others(n):
    real, x = real_law(1), sample(np.random.default_rng(1), n, 1)

    def bias(rows: np.ndarray) -> float:
        return extrapolation._bias(Without(real, moments(rows).statistics(), [rows], matrix_root(real.sigma)))

    leaving = Without(real, moments(x).statistics(), [x], matrix_root(real.sigma))
    found = extrapolation._bias_without_one(leaving, leaving.centred(x))
    for i in (0, n - 1):
        assert found[i] == pytest.approx(bias(np.delete(x, i, axis=0)), rel=1e-5)      # the rule's nodes: 2e-6


def test_the_trace_that_n_images_lose_is_that_of_the_marchenko_pastur_law():
    """Of unit covariance the eigenvalues' law is known: from it alone, without an image, the trace is found again."""
    d, n = 400, 800
    ratio = d / n
    low, high = (1 - np.sqrt(ratio)) ** 2, (1 + np.sqrt(ratio)) ** 2
    at = np.cos((np.arange(200_000) + 0.5) / 200_000 * np.pi) * (high - low) / 2 + (high + low) / 2
    shares = np.sqrt((high - at) * (at - low)) / at * np.sqrt((at - low) * (high - at))
    w = np.interp((np.arange(d) + 0.5) / d, np.cumsum(shares[::-1]) / shares.sum(), at[::-1])       # its quantiles

    assert np.sqrt(w).sum() < 0.95 * d
    assert np.sqrt(w).sum() + extrapolation._trace_lost(w, n + 1, *_nodes(w)) == pytest.approx(d, rel=1e-4)


def test_many_images_leave_nothing_to_correct():
    real, x = real_law(1), sample(np.random.default_rng(1), 100_000, 1)
    expected = frechet(real, moments(x).statistics(), [x])
    found = measured(real, x)
    assert found.value == pytest.approx(expected.value, abs=0.2 * expected.se)
    assert found.se == pytest.approx(expected.se, rel=0.01)


def test_fewer_images_than_its_intervals_hold_for_are_refused_but_not_by_features_that_are_always_zero():
    real, x = real_law(0), sample(np.random.default_rng(0), 47, 0)
    with refused("too-few-images", "1.5", 32, 47):
        measured(real, x)
    x[:, 0] = 0
    assert np.isfinite(measured(real, x).value)


def test_chunks_and_features_that_are_always_zero_change_nothing():
    x = sample(np.random.default_rng(1), 100, 1)
    real, padded = real_law(1), np.pad(x, ((0, 0), (0, 4)))
    wide = Statistics(np.zeros(D + 4), np.pad(real.sigma, (0, 4)), 0)
    whole = measured(real, x)
    for found in (fd_infinity(real, moments(x).statistics(), np.array_split(x, 3), matrix_root(real.sigma)),
                  measured(wide, padded)):
        assert found.value == pytest.approx(whole.value, rel=1e-6)
        assert found.se == pytest.approx(whole.se, rel=1e-5)


@pytest.mark.parametrize(("n", "fewest"), [(400, 50), (300, 5_000), (60, 20)])
def test_the_line_is_that_through_the_distances_of_random_subsets(n, fewest):
    """numpy's own fit, on subsets drawn from the seed; those of up to d images go through the nuclear norm."""
    real, x = real_law(1), sample(np.random.default_rng(1), n, 1)
    rng = np.random.default_rng(7)
    sizes = np.linspace(min(fewest, n // 10), n, 15).astype("int32")
    subsets = [np.sort(rng.choice(n, size, replace=False)) for size in sizes]
    distances = [frechet_distance(real, moments(x[rows]).statistics()) for rows in subsets]
    found = measured(real, x, points=15, fewest=fewest, seed=7)
    assert found.value == pytest.approx(np.polyfit(1 / sizes, distances, 1)[1], rel=1e-6)
    assert found == measured(real, x, points=15, fewest=fewest, seed=7)
    assert found.value != measured(real, x, points=15, fewest=fewest, seed=8).value


def test_the_error_of_a_line_holds_over_fresh_images_and_subsets():
    """Equal laws, where the subsets' own noise is as large as the images': 0.9 to 2 times the true error."""
    real, rng = real_law(1), np.random.default_rng(0)
    found = [measured(real, sample(rng, 320, 1, "equal"), points=15, fewest=100, seed=i) for i in range(60)]
    values = np.array([estimate.value for estimate in found])
    assert 0.9 < np.mean([estimate.se for estimate in found]) / values.std(ddof=1) < 2
    assert np.mean([low <= values.mean() <= high for low, high in map(interval, found)]) >= 0.92


def test_what_cannot_be_used_is_refused_in_words():
    real, x = real_law(1), sample(np.random.default_rng(1), 50, 1)
    with refused("unfit-value", 2, 1, 5, 50):
        measured(real, x, points=1)
    with refused("too-few-images", 4, 3):
        measured(real, x[:3])
    with refused("unequal-features", 32, 8):
        measured(real, x[:, :8])
    with refused("root-does-not-fit", "(32, 32)", "(4, 4)"):
        measured(real, x, real_root=np.eye(4))
    x[4, 1] = np.nan
    with refused("features-not-finite", 4):
        fd_infinity(real, real_law(1), [x])
