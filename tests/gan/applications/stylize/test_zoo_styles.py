"""The zoo's models on their own images: the small version of benchmarks/stylize.py."""

import numpy as np
import pytest

from ganbench.gan.applications.stylize.stylizing import stylize
from ganbench.gan.question import Opening, Styling

pytestmark = pytest.mark.long
PAIRS = [("5:1", "5:8"), ("5:2", "5:5"), ("5:4", "5:7")]


def quiet(*progress):
    """No bars."""


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    from ganbench import Workspace

    return Workspace(str(tmp_path_factory.mktemp("home")))


def styled(model, home, pair, **asked):
    return stylize(quiet, f"zoo:{model}", None, Styling(*pair, **asked), Opening(), home)


@pytest.mark.parametrize(("model", "method", "left", "kept"), [
    ("dcgan-fashion-mnist", "tuning", 0.75, 1), ("dcgan-fashion-mnist", "statistics", 0.75, 1),
    ("stylegan2-fashion-mnist", "mixing", 1.0, 1), ("flow-fashion-mnist", "sdedit", 0.9, 1)])
def test_style_comes_nearer_in_the_eyes_of_a_network_that_did_not_optimise(model, method, left, kept, home):
    found = [styled(model, home, pair, method=method) for pair in PAIRS]
    first, last = (np.array([made.found.steps[k].style for made in found]) for k in (0, -1))
    assert last.sum() / first.sum() < left
    assert sum(bool(made.found.kept) for made in found) >= kept
    assert {made.judge for made in found} == {"judge"}


@pytest.mark.parametrize(("model", "method"), [
    ("dcgan-fashion-mnist", "tuning"), ("stylegan2-fashion-mnist", "mixing"), ("flow-fashion-mnist", "sdedit"),
    ("r3gan-emoji", "statistics")])
def test_an_image_in_its_own_style_stays_itself(model, method, home):
    made = styled(model, home, ("5:1", "5:1"), method=method, strength="1")
    assert made.found.steps[-1].decibels > 30
    assert made.found.unchanged


def test_colours_are_a_style_that_filters_judge(home):
    made = styled("r3gan-emoji", home, ("5:1", "5:3"))
    assert (made.optimiser, made.judge, made.classifier) == ("efficientnet_lite0, random", "filters", "")
    assert made.images.shape[1:] == (3, 64, 64)
    assert made.found.left < 0.75
    assert made.found.kept is None


def test_the_class_of_the_style_draws_the_content_over_to_it(home):
    made = styled("flow-fashion-mnist", home, ("5:1", "5:8"), steer="class", strength="0.3,1")
    assert made.found.steps[-1].label == made.style.label != made.found.label
    assert made.found.steps[1].content < made.found.steps[-1].content
