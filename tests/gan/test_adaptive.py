"""Mixtures found while drawing, against those of all images, in worlds whose best shares are known."""

import numpy as np
import pytest

from ganbench.gan.adaptive import Drawn, adaptive_mixture
from ganbench.gan.ensemble import least_kernel_distance
from ganbench.gan.metrics.kernel import mean_self_similarity, similarity_sums
from tests.refusals import refused

CORNERS = 3 * np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, -1.0]])
SHARES = np.array([1 / 2, 1 / 3, 1 / 6, 0])                 # the last mode is not real


def world(seed, n=4_000, spread=0.5):
    """Features of 1,200 real images, and of n images of four models of one mode each."""
    random = np.random.default_rng(seed)
    labels = np.repeat(range(4), np.rint(SHARES * 1_200).astype(int))
    real = CORNERS[labels] + spread * random.standard_normal((len(labels), 4))
    return real, [corner + spread * random.standard_normal((n, 4)) for corner in CORNERS]


class Source:
    """A model that remembers what it was asked for."""

    def __init__(self, features):
        self.features, self.asked = features, []

    def __call__(self, start, stop):
        assert start == (self.asked[-1][1] if self.asked else 0)
        self.asked.append((start, stop))
        return self.features[start:stop]


def of_everything(models, real):
    between, own, to_real = similarity_sums(models, real)
    n = np.array([len(features) for features in models])
    among = (between - np.diag(own)) / (np.outer(n, n) - np.diag(n))
    return least_kernel_distance(among, to_real / n, mean_self_similarity(real))


@pytest.mark.parametrize("seed", range(3))
def test_shares_come_near_those_of_all_images_and_the_bad_model_is_left_alone(seed):
    real, models = world(seed)
    sources = [Source(features) for features in models]
    found = adaptive_mixture(sources, real, 2_000, 50)
    assert found.shares == pytest.approx(of_everything(models, real).shares, abs=0.05)
    assert found.shares == pytest.approx(SHARES, abs=0.05)
    assert found.drawn[3] <= 100                            # an equal split would take 500
    assert [source.asked[-1][1] for source in sources] == list(found.drawn)
    assert found.drawn.sum() == found.spent == 2_000
    assert np.abs(found.drawn / 2_000 - SHARES).max() < 0.1
    assert found.trace.shape == (len(found.asked), 4)
    assert np.isnan(found.trace[:3]).all()
    assert found.trace[-1] == pytest.approx(found.shares)


def test_sums_that_grow_are_those_of_all_pairs():
    real, models = world(1, 60)
    images = Drawn(4, real)
    for start in (0, 20, 45):
        for i, features in enumerate(models):
            images.add(i, features[start : start + 20 if start < 45 else 60])
            images.add(i, features[start + 20 : 45] if start == 20 else features[:0])
    everything = of_everything(models, real)
    assert images.best().shares == pytest.approx(everything.shares)
    assert images.best().value == pytest.approx(everything.value)


def test_the_bonus_is_the_error_of_the_distance_that_comes_from_a_models_images():
    random, (real, models) = np.random.default_rng(2), world(2, 60)
    shares, values, errors = np.array([0.4, 0.6]), [], []
    for _ in range(300):
        images = Drawn(2, real)
        images.add(0, models[0])
        images.add(1, CORNERS[1] + random.standard_normal((40, 4)))
        among = np.array([images.means(i).mean(axis=0) for i in range(2)])
        values.append(shares @ among @ shares - 2 * shares @ [of.mean() for of in images.to_real])
        errors.append(shares[1] * images.errors(shares)[1])
    assert np.median(errors) == pytest.approx(np.std(values), rel=0.2)


def test_the_same_again_is_the_same():
    real, models = world(3)
    once, again = (adaptive_mixture([Source(x) for x in models], real, 1_000, 50) for _ in range(2))
    assert np.array_equal(once.trace, again.trace, equal_nan=True)
    assert np.array_equal(once.asked, again.asked)


@pytest.mark.parametrize("budget", [200, 201, 499, 777])
def test_the_budget_is_never_passed(budget):
    real, models = world(4)
    assert adaptive_mixture([Source(x) for x in models], real, budget, 50).drawn.sum() == budget


def test_a_budget_in_seconds_buys_fewer_images_of_a_slow_model():
    real, models = world(5)
    cheap = adaptive_mixture([Source(x) for x in models], real, 2_000, 50)
    dear = adaptive_mixture([Source(x) for x in models], real, 2_000, 50, prices=[4, 1, 1, 1])
    assert 2_000 - 4 < dear.spent == dear.drawn @ [4, 1, 1, 1] <= 2_000
    assert dear.drawn[0] < 0.6 * cheap.drawn[0]
    assert dear.shares == pytest.approx(SHARES, abs=0.05)


def test_a_model_gives_no_more_than_it_has():
    real, models = world(6)
    found = adaptive_mixture([Source(x) for x in models], real, 1_000, 50, limits=[120, 4_000, 4_000, 30])
    assert found.drawn[0] == 120
    assert found.drawn[3] <= 30
    assert found.drawn.sum() == 1_000
    few = adaptive_mixture([Source(x) for x in models], real, 1_000, 50, limits=[60, 60, 60, 60])
    assert few.drawn.max() <= 60                            # and it ends


@pytest.mark.parametrize(("models", "settings", "said"), [
    (1, {}, ("too-few-models", 2, 1)),
    (3, {"budget": 149}, ("unfit-value", "149 images", "150 images")),
    (3, {"batch": 1}, ("too-few-images", 4, 1)),
    (3, {"prices": [1, 2]}, ("unfit-value", 3, "prices")),
    (3, {"prices": [1, 2, 0]}, ("unfit-value", 3, "prices")),
    (3, {"prices": [9, 9, 9]}, ("unfit-value", "1000 seconds", "1350 seconds")),
    (3, {"limits": [9, 9, 1]}, ("unfit-value", 3, "limits", 4)),
])
def test_what_cannot_be_done_is_a_sentence(models, settings, said):
    real, sources = world(7, 100)
    with refused(*said):
        adaptive_mixture(sources[:models], real, **{"budget": 1_000, "batch": 50, **settings})


def test_models_that_give_something_else_are_named():
    real, models = world(8, 100)
    with refused("not-features", 1, "(50, 4)", "(50, 3)"):
        adaptive_mixture([Source(models[0]), Source(models[1][:, :3])], real, 1_000, 50)
    with refused("features-not-finite"):
        adaptive_mixture([Source(models[0]), Source(models[1] * np.nan)], real, 1_000, 50)
