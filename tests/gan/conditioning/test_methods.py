"""Methods on a toy whose classes are places: what they find, what it is made of, and what they may not see."""

import numpy as np
import pytest
import torch
from torch import nn

from ganbench.gan.conditioning.methods import (
    FIT,
    Survey,
    Wanted,
    check_model,
    conditional,
    flattened,
    led_to,
    lenient,
    methods_for,
    normals_of,
    run,
    wanted,
)
from ganbench.gan.conditioning.source import Source, stepped
from ganbench.gan.generators.factory import Wrapped, WrappedLatent
from ganbench.gan.generators.images import ImagesOnDisk
from ganbench.gan.latent.labelled import along
from ganbench.gan.preprocessing import preprocessed
from ganbench.gan.types import ModelSpec
from tests.gan.conditioning import toys
from tests.refusals import refused

LATENT = ("rejection", "search", "direction")
RIGHT = 2


@pytest.fixture(scope="module")
def target():
    images, labels = toys.squares(600)
    return wanted(RIGHT, toys.guide().probabilities(images), labels)


def found(method, target, n=30, draws=2_000, seed=0, **arguments):
    survey = Survey(toys.source(seed, **arguments), toys.guide())
    return run(method, survey, target, n, draws), survey


def places(images):
    """The centre of the square, in pixels."""
    columns = images[:, 0].astype(float).sum(1)
    return (columns * (np.arange(toys.SIDE) + 0.5)).sum(1) / columns.sum(1)


@pytest.mark.parametrize("method", LATENT)
def test_every_method_finds_squares_on_the_right_and_what_they_were_made_of(method, target):
    one, survey = found(method, target)
    assert len(one) == 30
    assert (places(one.images) > 9.5).all()
    assert one.images.shape == (30, 1, toys.SIDE, toys.SIDE)
    np.testing.assert_array_equal(survey.source.images(one.rows), one.images)
    assert one.offered >= 30
    assert one.decodes >= one.offered


@pytest.mark.parametrize("method", LATENT)
def test_a_seed_gives_the_same_images_and_another_seed_others(method, target):
    one, again, other = (found(method, target, n=20, seed=seed)[0].images for seed in (3, 3, 4))
    np.testing.assert_array_equal(one, again)
    assert (one != other).any()


@pytest.mark.parametrize("method", LATENT)
def test_more_images_begin_with_the_same_ones(method, target):
    few, many = (found(method, target, n=n)[0].images for n in (12, 31))
    np.testing.assert_array_equal(few, many[:12])


def test_rejection_keeps_the_first_draws_that_the_guide_accepts_and_counts_all(target):
    one, survey = found("rejection", target, n=25)
    images = survey.source.images(survey.source.rows(range(one.offered), 0))
    accepted = np.flatnonzero(target.accepts(survey.guide.probabilities(images)))
    np.testing.assert_array_equal(one.rows.indices, accepted)
    assert accepted[-1] == one.offered - 1


def test_rejection_gives_up_after_so_many_draws(target):
    one, _ = found("rejection", target, draws=130, last=8.0)
    assert (len(one), one.offered) == (0, 130)


def test_what_was_asked_for_is_drawn_by_a_conditional_model(target):
    class Asked(nn.Module):
        def forward(self, z, labels):
            at = torch.tensor(toys.PLACES)[labels]
            return 2 * toys.square(at, 2 + torch.sigmoid(z[:, 1]), 0.6 + 0.4 * torch.sigmoid(z[:, 2])) - 1

    spec = ModelSpec("toy", factory="m:c", latent="normal", latent_shape=(toys.D,), n_classes=3)
    source = Source(WrappedLatent(Asked(), spec), spec)
    one = run("direct", Survey(source, toys.guide()), target, 30, 0)
    np.testing.assert_allclose(places(one.images), 12, atol=0.5)
    assert (one.offered, set(one.rows.labels)) == (30, {RIGHT})
    assert methods_for(source, toys.guide(), "") == ["direct", "rejection"]
    usual = run("rejection", Survey(source, toys.guide()), target, 30, 500)
    assert 60 <= usual.offered <= 140                       # of three classes that are drawn equally often
    np.testing.assert_array_equal(source.images(usual.rows), usual.images)


def test_a_direction_is_the_axis_that_decides_and_the_shift_as_small_as_will_do(target):
    source, guide = toys.source(), toys.guide()
    rows = source.rows(range(FIT), 0)
    classes = guide.probabilities(source.images(rows)).argmax(1)
    assert normals_of(flattened(rows), classes)[RIGHT][0] > 0.98
    one, _ = found("direction", target)
    assert one.note.split()[0] in ("1", "1.5")
    assert one.setup > FIT


def test_a_conditional_direction_avoids_the_classes_that_the_normal_leads_to():
    random = np.random.default_rng(0)
    normals = {k: row / np.linalg.norm(row) for k, row in enumerate(random.standard_normal((5, 8)))}
    unit = conditional(0, normals, [3, 1, 2])
    assert [abs(unit @ normals[k]) < 1e-9 for k in range(5)] == [False, True, False, True, False]
    assert conditional(0, {k: normals[k] for k in range(3)}, [2, 1]) @ normals[2] == pytest.approx(0)
    assert conditional(0, {k: normals[k] for k in range(2)}, [1]) is None       # it would be the normal's opposite
    assert conditional(0, normals, []) is None


def test_a_normal_leads_to_neighbours(target):
    source, guide = toys.source(), toys.guide()
    rows = source.rows(range(40), 0)
    towards_the_left = along(flattened(rows), -np.eye(toys.D)[0])
    assert led_to(source, guide, target, towards_the_left, rows) == [0]
    assert led_to(source, guide, target, along(flattened(rows), np.eye(toys.D)[1]), rows) in ([0, 1], [1, 0])


@pytest.mark.parametrize("of_class", [0, 9, 1_995, 2_000])
def test_too_few_draws_of_the_class_or_of_others_give_no_direction(of_class):
    classes = (np.arange(2_000) < of_class).astype(int)
    assert 1 not in normals_of(np.random.default_rng(0).standard_normal((2_000, 3)), classes)


def test_without_the_class_there_is_no_direction_and_it_is_said_why(target):
    one, _ = found("direction", target, last=8.0)
    assert (len(one), one.offered) == (0, 0)
    assert one.note.startswith("0 of 2,000 draws")


def test_where_a_normal_leads_nowhere_else_there_is_no_conditional_direction(target):
    one, _ = found("projection", target)
    assert len(one) == 0
    assert one.note.startswith("nothing is left")


# The guide's threshold

def test_the_guide_accepts_from_where_19_of_20_are_right():
    value = np.linspace(1, 0, 1_001)[:1_000]
    of_class = np.arange(1_000) < 400
    of_class[[100, 300, 500]] = ~of_class[[100, 300, 500]]
    found = wanted(1, np.stack([1 - value, value], 1), of_class.astype(int))
    accepted = value >= found.accept
    assert of_class[accepted].mean() >= 0.95 > of_class[value >= found.accept - 0.001].mean()
    assert found.sure == np.median(value[of_class & accepted])


def test_a_guide_that_is_never_so_sure_accepts_where_it_is_surest_but_a_quarter_of_the_class():
    random = np.random.default_rng(0)
    value, of_class = random.random(4_000), random.random(4_000) < 0.5
    value = np.where(of_class, value**0.7, value)
    found = wanted(1, np.stack([1 - value, value], 1), of_class.astype(int))
    assert (value[of_class] >= found.accept).mean() >= 0.25
    shares = [of_class[value >= at].mean() for at in np.quantile(value[of_class], np.linspace(0, 0.75, 50))]
    assert of_class[value >= found.accept].mean() >= max(shares)


@pytest.mark.parametrize(("surest", "accept"), [(0.95, 0.5), (0.4, 0.1)])
def test_what_is_less_probable_than_not_is_only_accepted_from_a_guide_that_is_never_surer(surest, accept):
    """Any threshold has the real images right."""
    value = np.r_[np.linspace(0.1, surest, 100), np.zeros(100)]
    assert wanted(1, np.stack([1 - value, value], 1), np.repeat([1, 0], 100)).accept == pytest.approx(accept)


def test_what_nothing_meets_is_asked_for_less_strictly():
    value, labels = np.r_[np.linspace(0.3, 0.9, 100), np.zeros(100)], np.repeat([1, 0], 100)
    probabilities = np.stack([1 - value, value], 1)
    found = lenient(Wanted(1, 0.8, 0.85), probabilities, labels)
    assert found == Wanted(1, 0.5, np.median(value[value >= 0.5]))
    assert lenient(found, probabilities, labels) is None


def test_images_that_the_guide_finds_equal_are_accepted_together():
    found = wanted(1, np.array([[0.2, 0.8]] * 6 + [[0.9, 0.1]] * 4), np.array([1, 1, 1, 0, 1, 1, 0, 0, 0, 0]))
    assert found.accept == 0.8


# What can be done with which model

class Blunt(Wrapped):
    """No latents: seeds alone."""


def blunt():
    spec = ModelSpec("blunt", factory="m:c", latent="none")
    return Source(Blunt(lambda seeds: torch.zeros(len(seeds), 1, 16, 16), spec), spec)


def test_usual_methods_are_those_that_the_model_allows():
    assert methods_for(toys.source(), toys.guide(), "") == ["rejection", "search", "projection", "direction"]
    assert methods_for(toys.source(), toys.guide(), "direction, search") == ["search", "direction"]
    assert methods_for(blunt(), toys.guide(), "") == ["rejection"]
    flat = toys.guide(lambda pixels: torch.zeros(len(pixels), 3))          # whose gradient is not there
    assert "search" not in methods_for(toys.source(), flat, "")


@pytest.mark.parametrize(("source", "asked", "code", "fact"), [
    (toys.source(), "direct", "missing-labels", "toy"), (toys.source(), "svm", "unknown-choice", "'svm'"),
    (blunt(), "search", "no-latent-space", "search"), (blunt(), "rejection,direction", "no-latent-space", "direction"),
])
def test_what_a_model_does_not_allow_is_told(source, asked, code, fact):
    with refused(code, fact):
        methods_for(source, toys.guide(), asked)


@pytest.mark.parametrize("values", [lambda z: z.numpy(), lambda z: z.detach().numpy()])
def test_a_search_without_gradients_is_told(values):
    """Code with numpy, which refuses latents that need a gradient, or lets go of them."""
    class InNumpy(nn.Module):
        def forward(self, z):
            return np.tile(np.tanh(values(z)).mean(1)[:, None, None, None], (1, 1, 16, 16))

    spec = ModelSpec("in numpy", factory="m:c", latent="normal", latent_shape=(4,))
    source = Source(WrappedLatent(InNumpy(), spec), spec)
    assert methods_for(source, toys.guide(), "") == ["rejection", "projection", "direction"]
    with refused("not-differentiable", "in numpy"):
        methods_for(source, toys.guide(), "search")


def test_images_on_disk_are_told():
    spec = ModelSpec("folder", family="images")
    with refused("no-latent-space", "folder"):
        check_model(Source(ImagesOnDisk(toys.real().held_out), spec))


# Pixels

@pytest.mark.parametrize("step", ["pad 20", "crop 12", "resize 24:bicubic", "grey", "rgb"])
@pytest.mark.parametrize("channels", [1, 3])
def test_differentiable_steps_are_those_of_pillow_within_rounding(step, channels):
    smooth = torch.from_numpy(toys.squares(6)[0]).expand(-1, channels, -1, -1).contiguous()
    ours = stepped(smooth.float(), step)
    theirs = preprocessed(smooth.numpy(), [step], "toy")
    assert ours.shape == theirs.shape
    assert np.abs(ours.numpy() - theirs).max() < 2.5


def test_pixels_are_those_of_the_images_before_rounding():
    source = toys.source()
    rows = source.rows(range(20), 5)
    pixels = source.pixels(source.tensor(rows.latents), rows)
    assert np.abs(pixels.numpy() - source.images(rows)).max() <= 1


def test_an_acceptance_is_a_probability_and_not_the_first_choice():
    assert Wanted(1, 0.3, 0.5).accepts(np.array([[0.6, 0.4], [0.8, 0.2]])).tolist() == [True, False]
