"""Guide and judge: learnt, kept, differentiable, and unlike each other."""

import numpy as np
import pytest
import torch

from ganbench.gan.conditioning.classes import RealImages
from ganbench.gan.conditioning.classifiers import (
    LARGEST,
    ImageClassifier,
    check_unlike,
    given,
    prepare,
    schedule_for,
    trained,
)
from ganbench.gan.datasets.base import of_array
from ganbench.gan.features.pixels import make as pixels
from ganbench.gan.store import store_of
from ganbench.gan.training.classifier import moved
from ganbench.gan.types import Workspace
from tests.gan.conditioning import toys
from tests.refusals import refused

NAMES = ("rows", "columns", "squares")


@pytest.fixture(scope="module")
def space(tmp_path_factory):
    return Workspace(str(tmp_path_factory.mktemp("home")))


def stripes(n, seed):
    """Images (n, 1, 8, 8) uint8 of rows, columns or squares, with noise, and which of them (n,)."""
    random, kinds = np.random.default_rng(seed), np.arange(n) % 3
    rows = np.arange(8)[:, None] % 2 * np.ones((1, 8))
    clean = np.stack([rows, rows.T, (rows + rows.T) % 2])[kinds]
    return (50 + 100 * clean + random.normal(0, 30, clean.shape)).clip(0, 255).astype(np.uint8)[:, None], kinds


@pytest.fixture(scope="module", autouse=True)
def few_steps():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ganbench.gan.conditioning.classifiers.STEPS", (60, 60))
        yield


@pytest.fixture(scope="module")
def sets():
    return RealImages("stripes", NAMES, *(of_array(f"stripes {k}", *stripes(300, k), NAMES) for k in range(3)))


@pytest.fixture(scope="module")
def both(space, sets):
    torch.manual_seed(123)                                  # no seed of others counts
    return trained("guide", sets.guide, 3, space), trained("judge", sets.judge, 3, space)


def test_both_learn_to_tell_classes_apart(both, sets):
    for classifier in both:
        right = classifier.of_set(sets.held_out).argmax(1) == sets.held_out.labels
        assert right.mean() > 0.9, classifier.name
    check_unlike(*both)
    assert both[0].extractor.digest != both[1].extractor.digest


def test_probabilities_are_those_of_the_logits(both, sets):
    images = sets.held_out.read(range(70))
    found = both[0].probabilities(images)
    np.testing.assert_allclose(found.sum(1), 1)
    logits = both[0].slope(torch.from_numpy(images).float())
    np.testing.assert_allclose(found, logits.softmax(1).numpy(), atol=1e-5)


def test_the_gradient_is_that_of_differences(both, sets):
    image = torch.from_numpy(sets.held_out.read([3])).float()
    given = image.clone().requires_grad_(True)
    (slope,) = torch.autograd.grad(both[0].slope(given)[0, 1], given)
    step = torch.zeros_like(image)
    step[..., 4, 4] = 2.0
    ahead, behind = (float(both[0].slope(image + sign * step)[0, 1]) for sign in (1, -1))
    assert float((slope * step).sum()) == pytest.approx((ahead - behind) / 2, rel=0.05, abs=1e-3)


def test_it_is_learnt_once_and_the_same_wherever(both, sets, space, tmp_path, monkeypatch):
    elsewhere = trained("judge", sets.judge, 3, Workspace(str(tmp_path)))
    assert elsewhere.extractor.weights == both[1].extractor.weights
    monkeypatch.setattr("ganbench.gan.conditioning.classifiers.learn", None)      # which would raise
    again = trained("judge", sets.judge, 3, space)
    np.testing.assert_array_equal(again.of_set(sets.held_out), both[1].of_set(sets.held_out))
    assert {entry.kind for entry in store_of(space).entries()} == {"classifiers"}


def test_other_images_make_another_classifier(sets, space, monkeypatch):
    seen = []
    monkeypatch.setattr("ganbench.gan.conditioning.classifiers.learn",
                        lambda network, images, schedule, tick: seen.append(images.name))
    other = of_array("others", *stripes(300, 9), NAMES)
    trained("judge", other, 3, space)
    assert seen == ["others"]


@pytest.mark.parametrize("side", [8, 28, 32, 33, 64, 100])
@pytest.mark.parametrize("channels", [1, 3])
def test_what_the_networks_see_is_at_most_32_pixels_large_and_differentiable(side, channels):
    images = torch.rand(2, channels, side, side + 1) * 255
    found = prepare(images.requires_grad_(True))
    assert found.shape == ((2, channels, side, side + 1) if side < LARGEST else (2, channels, LARGEST, LARGEST))
    assert -1 <= found.min() < found.max() <= 1
    assert found.requires_grad


@pytest.mark.parametrize(("n", "steps", "batch"), [
    (20, 300, 20), (1_000, 300, 64), (4_000, 500, 64), (50_000, 1_200, 64),
])
def test_few_images_are_seen_more_often(n, steps, batch, monkeypatch):
    monkeypatch.setattr("ganbench.gan.conditioning.classifiers.STEPS", (300, 1_200))
    assert (schedule_for(n, 1).steps, schedule_for(n, 1).batch) == (steps, batch)


def test_images_are_moved_and_nothing_else():
    images = torch.arange(2 * 64.0).reshape(2, 1, 8, 8)
    seen = [moved(images, torch.Generator().manual_seed(seed)) for seed in range(200)]
    assert {tuple(one[0, 0, 4, 4:5].tolist()) for one in seen} == {
        (float(8 * (4 + down) + 4 + across),) for down in range(-2, 3) for across in range(-2, 3)}
    assert all(one.shape == images.shape for one in seen)


# The user's own

def test_an_own_classifier_may_give_its_logits_as_features():
    class Three(toys.Formula):
        @property
        def outputs(self):
            return {"features": 3}

    found = given("mine", Three("mine", toys.by_centre), 3)
    assert isinstance(found, ImageClassifier)
    assert found.array == "features"
    assert given("mine", toys.Formula("mine", toys.by_centre), 3).array == "logits"


def test_what_gives_no_number_for_each_class_is_told():
    with refused("labels-do-not-fit", "mine", 10):
        given("mine", toys.Formula("mine", toys.by_centre), 10)
    with refused("labels-do-not-fit", "pixels", 3):
        given("pixels", pixels((1, 8, 8)), 3)
