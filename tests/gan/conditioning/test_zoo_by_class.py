"""Classes of the zoo, with the guide that `ganbench condition` trains and the shipped judge."""

import pytest

from ganbench.gan.conditioning.classes import class_named, real_images
from ganbench.gan.conditioning.control import Limits, condition, guide_of, judge_of
from ganbench.gan.conditioning.methods import methods_for
from ganbench.gan.conditioning.source import Source
from ganbench.gan.datasets import DataFolders
from ganbench.gan.features.extract import extractor_of
from ganbench.gan.models.loading import resolve
from ganbench.gan.sampling import generator_of
from ganbench.gan.types import Workspace

pytestmark = pytest.mark.long


def quiet(*progress):
    pass


@pytest.fixture(scope="module")
def space(tmp_path_factory):
    return Workspace(str(tmp_path_factory.mktemp("home")))


@pytest.fixture(scope="module")
def real(space):
    return real_images("", (1, 32, 32), DataFolders.of(space), "zoo")


@pytest.fixture(scope="module")
def guide(real, space):
    """After a third of the steps."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ganbench.gan.conditioning.classifiers.STEPS", (300, 400))
        return guide_of("", real, space, quiet)


@pytest.fixture
def conditioned(real, guide, space):
    def run(model, name, draws=3_000):
        spec = resolve(f"zoo:{model}-fashion-mnist", space)
        source = Source(generator_of(spec, space), spec)
        return condition(source, guide, lambda: judge_of("", real, space, quiet),
                         extractor_of("efficientnet_lite0", space), real, class_named(name, real),
                         methods_for(source, guide, ""), Limits(64, draws), quiet)

    return run


@pytest.mark.parametrize("name", ["sneaker", "bag"])
def test_a_conditional_model_draws_the_class_and_varies_it_as_much_as_rejection_does(conditioned, name):
    found = conditioned("r3gan", name)
    assert (found.verdict.state, found.verdict.method) == ("reachable", "direct")
    _, row = found.of("direct")
    assert row.confirmed.value >= 0.9
    assert row.beside_rejection >= 0.7


def test_an_unconditional_model_is_led_to_the_class_by_every_method(conditioned):
    found = conditioned("dcgan", "ankle boot")
    assert (found.verdict.state, found.verdict.method) == ("reachable", "rejection")
    assert [row.confirmed.value >= 0.85 for row in found.judged] == [True] * 4
    assert found.bench.guide_accuracy > 0.78
    assert found.bench.judge_accuracy > 0.93


def test_a_class_that_a_collapsed_model_has_lost_is_unreachable(conditioned):
    """It draws no dress: see its picture."""
    found = conditioned("collapsed", "dress")
    assert found.verdict.state == "unreachable"
    assert sum(row.confirmed.count for row in found.judged) == 0


