"""A comparison from Python, on tiny images and pixels instead of features."""

from dataclasses import replace

import pytest

from ganbench import ModelSpec, compare, evaluate
from ganbench.gan.compare import compare as rankings_of
from ganbench.gan.types import Convention, Protocol
from tests.gan.test_markup import texts_of
from tests.refusals import refused

PIXELS = Convention("pixels", ("pixels",), ("kid", "fd"))


@pytest.fixture
def protocol(noise):
    return Protocol("tiny", PIXELS, str(noise("real.npz", 400)), 300, held_out=str(noise("held.npz", 300, seed=9)))


@pytest.fixture
def models(noise):
    """The second is brighter than real images, the first much darker."""
    return [str(noise("dark.npz", 300, seed=1, top=120)), str(noise("light.npz", 300, seed=2, top=240))]


def test_it_is_the_evaluations_and_the_ranking_of_these(models, protocol, workspace):
    found = compare(models, protocol, workspace=workspace)
    alone = {name: evaluate(model, protocol, workspace=workspace) for name, model in found.models.items()}
    assert {name: list(scores) for name, scores in found.scores.items()} == alone
    assert list(found.rankings) == rankings_of(alone)
    assert found.best == found.table.columns[0] == "light.npz"
    said = texts_of(found._repr_html_())
    assert said[0] == found.verdict[0]
    assert said.index("light.npz") < said.index("dark.npz") < said.index("real images")
    assert found.verdict[0] in repr(found)


def test_its_mixture_is_a_model_that_is_measured_like_any_other(noise, models, protocol, workspace):
    halves = [str(noise("a.npz", 300, seed=3, top=200)), *models]
    found = compare(halves, protocol, workspace=workspace)
    spec = found.ensemble()
    assert sum(spec.arguments["shares"]) == pytest.approx(1, abs=1e-5)
    assert set(spec.arguments["models"]) <= set(halves)
    few = replace(protocol, n_generated=60)
    assert evaluate(spec, few, workspace=workspace)[0].n == 60


def test_a_model_that_was_given_as_a_spec_can_be_part_of_the_mixture(tiny, noise, workspace):
    mine = ModelSpec("mine", family="dcgan", weights=str(tiny))
    real = str(noise("real.npz", 100, shape=(1, 32, 32)))
    found = compare([mine, str(noise("b.npz", 100, shape=(1, 32, 32), seed=5))], Protocol("t", PIXELS, real, 100),
                    workspace=workspace)
    assert list(found.models) == ["mine", "b.npz"]
    again = evaluate(found.models["mine"], Protocol("t", PIXELS, real, 100), workspace=workspace)
    assert [one.value for one in again] == [one.value for one in found.scores["mine"]]


def test_too_few_images_have_scores_but_no_mixture(models, protocol, workspace):
    found = compare(models, replace(protocol, n_generated=40), workspace=workspace)
    assert (found.mixture, found.weaknesses) == (None, {})
    with refused("too-few-images", 80):
        found.ensemble()


def test_one_model_is_refused(models, protocol, workspace):
    with refused("too-few-models", 2, 1):
        compare(models[:1], protocol, workspace=workspace)
    with refused("given-twice", models[0]):
        compare([models[0], models[0]], protocol, workspace=workspace)
