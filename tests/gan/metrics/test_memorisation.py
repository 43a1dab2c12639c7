import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from ganbench.gan.metrics import memorisation
from ganbench.gan.metrics.frechet import frechet, frechet_distance, matrix_root
from ganbench.gan.metrics.jackknife import pulls_of
from ganbench.gan.metrics.memorisation import (
    authpct,
    c_t,
    copies,
    discoveries,
    duplicates,
    mifid,
    nearest_cosines,
    p_values,
)
from ganbench.gan.metrics.neighbours import Neighbours, nearest, nearest_across, overlap
from ganbench.gan.statistics import moments
from ganbench.gan.types import Estimate
from tests.refusals import refused


def sample(seed: int, n: int, d: int = 6, modes: int = 3) -> np.ndarray:
    """(n, d) float32: Gaussians around corners so far apart that k-means finds no others."""
    rng = np.random.default_rng(seed)
    return (rng.standard_normal((n, d)) + 40 * np.eye(3, d)[rng.integers(0, modes, n)]).astype(np.float32)


def apart(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.sqrt(((x[:, None].astype(float) - y[None]) ** 2).sum(axis=2))


def with_copies(seed: int, n: int, training: np.ndarray, share: float) -> np.ndarray:
    x, which = sample(seed, n), np.arange(round(share * n))
    x[which] = training[which] + np.float32(1e-3) * x[which]
    return x


# AuthPct

def by_dgm_eval(training: np.ndarray, generated: np.ndarray) -> float:
    """A generated image is authentic if its training image has another one nearer by."""
    among, across = apart(training, training), apart(training, generated)
    np.fill_diagonal(among, np.inf)
    return 100 * np.mean(among.min(axis=0)[across.argmin(axis=0)] < across.min(axis=0))


@pytest.mark.parametrize(("t", "n"), [(200, 200), (90, 250), (250, 90)])
def test_authpct_is_dgm_evals(t, n):
    training = sample(1, t)
    generated = with_copies(2, n, training, 0.2)
    found = authpct(nearest_across(generated, training), nearest(training))
    assert found.value == pytest.approx(by_dgm_eval(training, generated), rel=1e-12)
    assert found.se == pytest.approx(np.sqrt(found.value * (100 - found.value) / n), rel=0.05)


def test_copies_are_not_authentic_and_strangers_are():
    training = sample(1, 100)
    for generated, value in ((training, 0), (training + np.float32(500), 100)):
        found = authpct(nearest_across(generated, training), nearest(training))
        assert found.value == value
        assert 0 < found.se < 3


# C_T

def by_meehan(sets: list[np.ndarray], cells: list[np.ndarray]) -> float:
    """Mann-Whitney's U by scipy, z-scored with half a rank of continuity, weighted by shares of the test set."""
    scores, weights = [], []
    for cell in np.unique(cells[0]):
        training, test, generated = (x[labels == cell] for x, labels in zip(sets, cells, strict=True))
        if len(generated) <= 20:
            continue
        near, known = apart(generated, training).min(axis=1), apart(test, training).min(axis=1)
        u = mannwhitneyu(near, known, alternative="less").statistic
        n, t = len(near), len(known)
        scores.append((u - (n * t / 2 - 0.5)) / np.sqrt(n * t * (n + t + 1) / 12))
        weights.append(len(test))
    return float(np.average(scores, weights=weights))


@pytest.mark.parametrize("modes", [3, 2])
@pytest.mark.parametrize("decimals", [0, 7])
def test_c_t_is_the_reference_codes_in_cells_that_any_k_means_finds(modes, decimals):
    """With two modes one cell is left out, since hardly any generated image is in it; whole numbers bring ties."""
    sets = [sample(1, 150), sample(2, 130), np.concatenate([sample(3, 140, modes=modes), sample(4, 5)])]
    sets = [x.round(decimals) for x in sets]
    cells = [x[:, :3].argmax(axis=1) for x in sets]
    assert c_t(*sets).value == pytest.approx(by_meehan(sets, cells), rel=1e-9)


def test_c_t_looks_at_the_first_components_of_the_training_set():
    """Noise in directions that vary little is not looked at: the other components alone give the same."""
    training, test, generated = (sample(seed, 150) for seed in (1, 2, 3))
    axes = np.linalg.eigh(np.cov(training, rowvar=False))[1][:, -4:]
    few = [((x - training.mean(axis=0)) @ axes).astype(np.float64) for x in (training, test, generated)]
    cells = [x[:, :3].argmax(axis=1) for x in (training, test, generated)]
    assert c_t(training, test, generated, components=4).value == pytest.approx(by_meehan(few, cells), rel=1e-6)


def test_the_error_of_c_t_is_the_jackknifes():
    """Leaving an image out moves neither cells, which are the training set's, nor which of them count."""
    sets = [sample(1, 100), sample(2, 80), sample(3, 90)]
    cells = [x[:, :3].argmax(axis=1) for x in sets]
    without = np.array([by_meehan([*sets[:2], np.delete(sets[2], i, axis=0)], [*cells[:2], np.delete(cells[2], i)])
                        for i in range(90)])
    pulls = pulls_of(without)
    assert c_t(*sets).se == pytest.approx(np.sqrt(pulls @ pulls) / 90, rel=1e-9)


def test_c_t_falls_far_below_zero_with_copies_and_rises_far_above_with_noise():
    training, test = sample(1, 400), sample(2, 400)
    fresh = c_t(training, test, sample(3, 400))
    assert abs(fresh.value) < 3
    assert c_t(training, test, with_copies(3, 400, training, 0.5)).value < -4
    assert c_t(training, test, sample(3, 400) + sample(4, 400, modes=1) / 20).value > 1
    noisy = sample(3, 400) + np.random.default_rng(0).standard_normal((400, 6)).astype(np.float32)
    assert c_t(training, test, noisy).value > 4


def test_c_t_is_the_same_every_time():
    sets = [np.random.default_rng(seed).standard_normal((200, 8)).astype(np.float32) for seed in (1, 2, 3)]
    assert c_t(*sets) == c_t(*sets)
    assert c_t(*sets, cells=4) != c_t(*sets)


# MiFID

def positive(seed: int, n: int, d: int = 8, shift: float = 0.0) -> np.ndarray:
    return np.abs(np.random.default_rng(seed).standard_normal((n, d)) + shift).astype(np.float32)


def mean_cosine(x: np.ndarray, y: np.ndarray) -> float:
    """From each of x to the nearest of y."""
    x, y = (z.astype(float) / np.linalg.norm(z.astype(float), axis=1, keepdims=True) for z in (x, y))
    return float((1 - np.abs(x @ y.T)).min(axis=1).mean())


@pytest.mark.parametrize("over_training", [False, True])
def test_mifid_is_fid_over_the_mean_of_the_smallest_cosine_distances(over_training):
    training, generated = positive(1, 120), positive(2, 90, shift=0.2)
    generated[:20] = training[:20] * 3
    real = moments(training).statistics()
    found = mifid(real, moments(generated).statistics(), [generated[:50], generated[50:]], matrix_root(real.sigma),
                  training, over_training=over_training)
    sets = (training, generated) if over_training else (generated, training)
    fid = frechet_distance(real, moments(generated).statistics())
    assert mean_cosine(*sets) < 0.1
    assert found.value == pytest.approx(fid / mean_cosine(*sets), rel=1e-9)


def test_the_mean_distance_without_each_image_is_that_of_the_others():
    training, generated = positive(1, 60), positive(2, 40)
    generated[5] = generated[6]
    for means, swapped in ((memorisation._from_generated, False), (memorisation._from_training, True)):
        _, others = means([generated[:25], generated[25:]], training)
        sets = ((np.delete(generated, i, axis=0), training) for i in range(40))
        expected = [mean_cosine(*pair[::-1]) if swapped else mean_cosine(*pair) for pair in sets]
        np.testing.assert_allclose(others, expected, rtol=1e-12)


@pytest.mark.parametrize("over_training", [False, True])
def test_mifids_error_comes_from_mifids_without_each_image(over_training):
    """All pulls, less what pairs add twice, and longer to the skewed side: within a fifth of the plain jackknife."""
    training, generated = positive(1, 60, 4), positive(2, 40, 4, shift=1)
    real = moments(training).statistics()

    def of(x: np.ndarray) -> Estimate:
        return mifid(real, moments(x).statistics(), [x], None, training, over_training=over_training)

    pulls = pulls_of(np.array([of(np.delete(generated, i, axis=0)).value for i in range(40)]))
    assert of(generated).se == pytest.approx(pulls.std() / np.sqrt(40), rel=0.2)
    assert of(generated).se != pytest.approx(frechet(real, moments(generated).statistics(), [generated]).se, rel=0.2)


def test_mifid_is_fid_where_nothing_is_near():
    """Random directions of length 1 in 64 dimensions are at cosine distances above 0.1 from each other."""
    training, generated = (np.random.default_rng(seed).standard_normal((200, 64)) for seed in (1, 2))
    real, drawn = moments(training).statistics(), moments(generated).statistics()
    fd = frechet(real, drawn, [generated])
    assert mifid(real, drawn, [generated], None, training) == Estimate(pytest.approx(fd.value), pytest.approx(fd.se))
    assert mifid(real, drawn, [generated], None, training, threshold=1.0).value > frechet_distance(real, drawn)


def test_mifid_of_the_training_set_itself_is_zero():
    training = positive(1, 50)
    real = moments(training).statistics()
    found = mifid(real, real, [training], None, training)
    assert found.value == 0
    assert np.isfinite(found.se)


def test_features_that_add_up_to_nothing_are_in_no_set():
    x, y = positive(1, 30), positive(2, 20)
    x[3], y[4] = 0, 0
    near, second, which = nearest_cosines([x[:10], x[10:]], [y[:7], y[7:]])
    assert np.isnan(near[3])
    assert which[3] == -1
    assert 4 not in which
    rest = np.delete(x, 3, axis=0), np.delete(y, 4, axis=0)
    assert np.nanmean(near) == pytest.approx(mean_cosine(*rest), rel=1e-12)
    assert (second[np.isfinite(near)] >= near[np.isfinite(near)]).all()


# Copies and duplicates

def test_p_values_are_ranks_and_uniform_among_equals():
    assert list(p_values(np.array([0.5, 1, 2.5, 9]), np.array([3, 1, 2]))) == [1 / 4, 2 / 4, 3 / 4, 1]
    rng = np.random.default_rng(0)
    small = [np.mean(p_values(rng.random(50), rng.random(99)) <= 0.1) for _ in range(400)]
    assert np.mean(small) == pytest.approx(0.1, abs=4 * np.std(small) / 20)


def test_discoveries_are_benjaminis_and_hochbergs():
    p = np.array([0.03, 0.9, 0.001, 0.02, 0.5])     # against 0.01 0.02 0.03 0.04 0.05
    assert list(discoveries(p, 0.05)) == [True, False, True, True, False]
    assert not discoveries(np.array([0.02, 0.9, 0.021, 0.5]), 0.02).any()
    assert discoveries(np.array([0.04, 0.05]), 0.05).all()


def test_copies_are_found_and_hardly_anything_else():
    training, test = sample(1, 500), sample(2, 500)
    calibration = nearest_across(test, training)
    found = copies(nearest_across(with_copies(3, 400, training, 0.2), training), calibration)
    assert 0.2 <= found.value < 0.23
    innocent = [copies(nearest_across(sample(10 + i, 400), training), calibration) for i in range(40)]
    assert np.mean([one.value > 0 for one in innocent]) <= 0.15         # one draw in twenty, at most, but for chance
    assert all(0 < one.se < 0.01 for one in innocent)


def test_duplicates_are_found_and_cost_an_error_in_pairs():
    real, generated = sample(1, 500), sample(2, 400)
    generated[40:80] = generated[:40] + np.float32(1e-3)
    found = duplicates(overlap(real, generated, nearest(real)))
    assert found.value == 0.2
    alone = np.sqrt(0.2 * 0.8 / 400)
    assert found.se == pytest.approx(2 * alone, rel=0.01)       # they come and go in pairs, which count twice
    assert duplicates(overlap(real, sample(2, 400), nearest(real))).value < 0.01


def test_among_more_images_than_the_reference_has_more_must_be_alike():
    """Twice as many are nearer to each other although nothing is a copy; twelve alike are noticed all the same."""
    real, generated = sample(1, 300), sample(2, 600)
    assert duplicates(overlap(real, generated, nearest(real))).value < 0.01
    generated[:60] = generated[60:65].repeat(12, axis=0)
    assert duplicates(overlap(real, generated, nearest(real))).value == pytest.approx(65 / 600, abs=0.01)


# What cannot be used

def test_what_cannot_be_used_is_refused_in_words():
    x, y = sample(1, 30), sample(2, 30)
    with refused("too-few-images", "C_T", 20, 30):
        c_t(x, x, y)
    with refused("unequal-features", "5, 6"):
        c_t(x, x, y[:, :5])
    with refused("unequal-counts", 29, 30):
        mifid(moments(x).statistics(), moments(y[:29]).statistics(), [y], None, x)
    with refused("features-without-direction", 0):
        mifid(moments(x).statistics(), moments(y).statistics(), [y], None, np.zeros_like(x))
    few = sample(3, 7)
    with refused("too-few-images", 60, 7, 5):
        duplicates(overlap(few, sample(4, 60), nearest(few)))
    y[4] = np.nan
    for measure in (lambda: c_t(x, x, y), lambda: nearest_cosines([y], [x]), lambda: nearest_cosines([x], [y])):
        with refused("features-not-finite", 4):
            measure()


def test_neighbours_of_another_training_set_are_refused():
    matches = Neighbours(np.ones((5, 1)), np.array([[0], [1], [9], [3], [4]]))
    with refused("unequal-counts", 9, 7):
        authpct(matches, nearest(sample(1, 7)))
