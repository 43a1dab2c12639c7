"""Stored restorations, and damaged images of which the whole ones are not known."""

import numpy as np
import pytest

from ganbench.gan.applications.restore import restoring
from ganbench.gan.applications.restore.comparing import paired, ranked
from ganbench.gan.applications.restore.damage import damage_in
from ganbench.gan.applications.restore.methods import Means
from ganbench.gan.applications.restore.restoring import given, restore, simulated
from ganbench.gan.models.loading import resolve
from ganbench.gan.sampling import generator_of
from tests.refusals import refused

GREY = (1, 32, 32)


@pytest.fixture
def means(workspace):
    spec = resolve("zoo:flow-fashion-mnist", workspace)
    return Means(generator_of(spec, workspace), spec)


@pytest.fixture
def made(monkeypatch):
    """Counts what is computed; a solution's level tells its number."""
    calls = []

    def restored(method, task, means, seed, k, name, watch):
        calls.append((method, seed, k))
        return np.full(task.shape, 10 * k + len(method), np.uint8)

    monkeypatch.setattr(restoring, "restored", restored)
    return calls


def picture(seed=0, shape=GREY):
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def test_what_is_stored_is_not_computed_again_and_more_solutions_are_added(means, made, workspace):
    image = simulated(damage_in("inpaint"), picture(), "a", 0)
    first = restore(image, "ddrm", 2, means, means.spec, workspace)
    again = restore(image, "ddrm", 3, means, means.spec, workspace)
    assert made == [("ddrm", 0, 0), ("ddrm", 0, 1), ("ddrm", 0, 2)]
    assert np.array_equal(again.images[:2], first.images)


def test_a_method_that_draws_nothing_has_one_solution(means, made, workspace):
    image = simulated(damage_in("inpaint"), picture(), "a", 0)
    assert len(restore(image, "tv", 5, means, means.spec, workspace).images) == 1


@pytest.mark.parametrize("change", ["image", "damage", "seed", "class"])
def test_what_decides_a_restoration_is_a_part_of_its_key(change, means, made, workspace):
    restore(simulated(damage_in("inpaint"), picture(), "a", 0), "ddrm", 1, means, means.spec, workspace)
    other = simulated(damage_in("inpaint:half" if change == "damage" else "inpaint"),
                      picture(change == "image"), "a", 0, 3 if change == "class" else None)
    restore(other, "ddrm", 1, means, means.spec, workspace, int(change == "seed"))
    assert len(made) == 2


def test_a_classical_method_does_not_depend_on_the_model(means, made, workspace):
    image = simulated(damage_in("inpaint"), picture(), "a", 0)
    restore(image, "tv", 1, means, means.spec, workspace)
    restore(image, "tv", 1, means, resolve("zoo:flow-fashion-mnist-early", workspace), workspace)
    assert len(made) == 1


def test_a_damaged_image_is_scored_by_what_is_known_alone(means, made, workspace):
    found = restore(given(damage_in("inpaint"), picture(), GREY, "a"), "ddrm", 2, means, means.spec, workspace)
    assert found.likenesses == ()
    assert len(found.agreements) == 2
    assert found.ignores


def test_a_simulated_and_a_given_damage_are_the_same_measurement():
    whole = picture()
    for text in ("inpaint:half", "inpaint:random=0.8"):
        made, found = simulated(damage_in(text), whole, "a", 0), given(damage_in(text), whole, GREY, "b")
        assert np.allclose(made.task.y, found.task.y)


@pytest.mark.parametrize(("text", "size", "wanted"), [
    ("inpaint", (31, 40), "32x32"), ("denoise", (28, 28), "32x32"), ("superres:4", (32, 32), "8x8")])
def test_a_damaged_image_of_another_size_is_refused_since_resizing_is_another_damage(text, size, wanted):
    with refused("wrong-size", f"{size[1]}x{size[0]}", wanted):
        given(damage_in(text), picture(shape=(1, *size)), GREY, "a.png")


def test_a_colour_image_of_a_grey_model_becomes_grey():
    assert given(damage_in("superres:4"), picture(shape=(3, 8, 8)), GREY, "a").task.y.shape == (1, 8, 8)


# Who is better

def test_the_best_method_is_told_from_others_by_differences_of_the_same_images():
    random = np.random.default_rng(0)
    images = random.normal(20, 5, 40)                       # what makes an image hard counts for all methods
    values = {"a": images + random.normal(0, 0.1, 40), "b": images + 0.5, "c": images + 0.5 + random.normal(0, 0.1, 40)}
    order = ranked(values)
    assert {order[0].method, order[0].against} == {"b", "c"}
    assert not order[0].wins
    assert order[1].against == "a"
    assert order[1].wins
    assert order[1].difference == pytest.approx(0.5, abs=0.1)


def test_an_interval_covers_a_mean_as_often_as_it_says():
    random, covered = np.random.default_rng(1), 0
    for _ in range(200):
        row = paired({"a": random.normal(0.3, 1, 50), "b": np.zeros(50)}, "a", "b", draws=500)
        covered += row.low <= 0.3 <= row.high
    assert 0.9 <= covered / 200 <= 0.99


def test_few_images_have_no_interval():
    assert ranked({"a": np.ones(9), "b": np.zeros(9)}) == []
