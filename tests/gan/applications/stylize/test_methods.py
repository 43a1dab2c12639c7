"""The methods on small models: what they do at both ends, what they leave alone, and for whom they are not."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from ganbench import load
from ganbench.gan.applications.stylize.methods import (
    METHODS,
    Scene,
    layers_in,
    method_for,
    mixed,
    noising,
    weights_of,
)
from ganbench.gan.applications.stylize.networks import Eyes, of_filters
from ganbench.gan.applications.stylize.pictures import Picture, known, picture_of, place_in
from ganbench.gan.applications.stylize.ramp import Descent
from ganbench.gan.applications.stylize.statistics import distance
from ganbench.gan.generators.diffusion import Diffusion
from ganbench.gan.generators.stylegan2 import StyleGAN2
from ganbench.gan.images import png_bytes, to_float
from ganbench.gan.inversion import Way
from ganbench.gan.latent.inversion import Budget
from ganbench.gan.models.loading import resolve
from ganbench.gan.types import ModelSpec
from tests.refusals import refused

EYES = Eyes("filters", of_filters)
STRENGTHS = (0.0, 0.5, 1.0)


def quiet(*progress):
    """No bars."""


@pytest.fixture(scope="module")
def styled():
    """A StyleGAN2 of 16 pixels with random weights and three classes."""
    torch.manual_seed(0)
    return StyleGAN2(z_dim=8, w_dim=8, widths=(8, 8, 8), n_classes=3, noise="none").eval().requires_grad_(False)


@pytest.fixture(scope="module")
def plain(tiny):
    spec = resolve(str(tiny), family="dcgan")
    return load(spec), spec


def scene(model, spec, content="0:0", style="0:1", side=32, **more):
    pictures = [picture_of(text, "content", model, spec, (1, side, side), "squeeze", "cpu")
                for text in (content, style)]
    return Scene(model, spec, *pictures, EYES, Descent(4, inner=2), Way("z", Budget(2, 12, 4, kept=1)), **more)


def of_styled(styled, **more):
    return scene(styled, ModelSpec("s", "stylegan2"), "0:0", "0:1", 16, **more)


def test_an_own_image_is_made_again_from_its_latent_in_every_space(styled):
    spec = ModelSpec("s", "stylegan2")
    picture = picture_of("3:5", "content", styled, spec, (1, 16, 16), "squeeze", "cpu")
    assert (picture.place, picture.label in range(3)) == ((3, 5), True)
    for space in ("z", "w", "w+"):
        made = known(styled, spec, picture, space, "cpu").pictures[0]
        assert np.abs(made.astype(int) - picture.pixels).max() <= 1


def test_mixing_all_layers_goes_from_one_image_to_the_other(styled):
    whole = of_styled(styled, layers="0-5")
    drawn = METHODS["mixing"].draw(whole, STRENGTHS, quiet)
    assert np.abs(drawn.images[0].astype(int) - whole.content.pixels).max() <= 1
    assert np.abs(drawn.images[2].astype(int) - whole.style.pixels).max() <= 1
    assert drawn.optimised == ""
    late = METHODS["mixing"].draw(of_styled(styled), STRENGTHS, quiet)
    assert "layers 3, 4, 5 of 6" in late.how
    assert (late.images[2] != drawn.images[2]).any()


def test_only_the_chosen_layers_are_moved_and_along_a_line():
    a, b = torch.zeros(1, 4, 2), torch.ones(1, 4, 2)
    assert mixed(a, b, [1, 3], 0.25)[0, :, 0].tolist() == [0, 0.25, 0, 0.25]


@pytest.mark.parametrize(("text", "rows"), [("", [4, 5, 6, 7]), ("4-6", [4, 5, 6]), ("7, 2,2-3", [2, 3, 7])])
def test_layers_are_named_by_numbers_and_ranges(text, rows):
    assert layers_in(text, 8) == rows


@pytest.mark.parametrize("text", ["8", "5-3", "a", "-1", "1.5", "3-8", ","])
def test_layers_that_there_are_not_are_refused(text):
    with refused("unfit-value", 7, "4-7"):
        layers_in(text, 8)


@pytest.mark.parametrize(("method", "more"), [
    ("tuning", {}), ("statistics", {}), ("statistics", {"learn": "latent"})])
def test_a_gan_learns_the_style_in_a_copy_and_stays_what_it_was(method, more, plain):
    model, spec = plain
    before = {name: value.clone() for name, value in model.state_dict().items()}
    asked = scene(model, spec, "0:0", "0:3", **more)
    drawn = METHODS[method].draw(asked, STRENGTHS, quiet)
    aim = EYES.style(to_float(torch.from_numpy(asked.style.pixels[None])))
    apart = [float(distance(EYES.style(to_float(torch.from_numpy(image[None]))), aim)) for image in drawn.images]
    assert apart[2] < apart[0]
    assert np.abs(drawn.images[0].astype(int) - asked.content.pixels).max() <= 1
    assert drawn.optimised == "filters"
    assert (drawn.adapted is None) == ("learn" in more)
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]), name
    again = METHODS[method].draw(asked, STRENGTHS, quiet)
    np.testing.assert_array_equal(again.images, drawn.images)


def test_content_and_style_that_are_one_own_image_change_nothing(plain):
    model, spec = plain
    for method in ("tuning", "statistics"):
        asked = scene(model, spec, "0:2", "0:2")
        images = METHODS[method].draw(asked, STRENGTHS, quiet).images
        assert np.abs(images.astype(int) - asked.content.pixels).max() <= 1


def test_a_file_is_tuned_to_first_so_that_strength_0_is_near_it(plain, tmp_path):
    model, spec = plain
    random = np.random.default_rng(0).integers(0, 256, (1, 4, 4), np.uint8).repeat(8, 1).repeat(8, 2)
    (tmp_path / "a.png").write_bytes(png_bytes(random))
    asked = scene(model, spec, str(tmp_path / "a.png"), "0:3")
    tuned, inverted = (METHODS[method].draw(asked, (0.0,), quiet).images for method in ("tuning", "statistics"))
    errors = [np.square(images[0].astype(float) - random).mean() for images in (tuned, inverted)]
    assert errors[0] < errors[1]


def test_the_mapping_network_is_no_part_of_what_makes_images_from_w(styled):
    every, synthesis = (sum(weight.numel() for weight in weights_of(styled, space)) for space in ("z", "w"))
    assert every - synthesis == sum(weight.numel() for weight in styled.mapping.parameters())


def test_sdedit_tells_the_class_of_the_content_or_of_the_style_and_strength_0_is_the_content():
    model = Diffusion(16, 1, n_classes=3, widths=(16, 16), steps=2).eval()
    heard = []
    model.guided = lambda x, time, labels: heard.append(int(labels)) or torch.zeros_like(x)
    content, style = (Picture(str(k), np.full((1, 16, 16), 60 * k, np.uint8), None, label)
                      for k, label in ((1, 1), (2, None)))
    asked = Scene(model, ModelSpec("d", "diffusion"), content, style, EYES, Descent(), Way("x"))
    noising(asked, (0.1,), quiet)
    noising(replace(asked, steer="class"), (0.1,), quiet)
    assert set(heard) == {1, 3}                             # the content's class; no class is known of the style: null
    assert (noising(asked, (0.0, 0.0), quiet).images == content.pixels).all()


def test_who_cannot_have_a_method_is_told_why_and_what_fits(plain, styled, garments):
    model, spec = plain
    with refused("conflicting-options", "mixing", "StyleGAN2", "only z", "tuning, statistics"):
        method_for("mixing", model, spec)
    with refused("conflicting-options", "sdedit", "diffusion", "tuning, statistics"):
        method_for("sdedit", model, spec)
    flow = Diffusion(16, 1, widths=(16, 16))
    for method in ("tuning", "statistics"):
        with refused("conflicting-options", method, "sampler", "what fits: sdedit"):
            method_for(method, flow, ModelSpec("d", "diffusion"))
    images = resolve(str(garments))
    with refused("conflicting-options", "no latent space"):
        method_for("", load(images), images)
    with refused("unknown-choice", "vgg", *METHODS):
        method_for("vgg", model, spec)
    assert (method_for("", model, spec), method_for("", flow, ModelSpec("d", "diffusion"))) == ("tuning", "sdedit")
    assert method_for("mixing", styled, ModelSpec("s", "stylegan2")) == "mixing"


@pytest.mark.parametrize(("text", "place"), [("3:17", (3, 17)), ("0:0", (0, 0)), ("a:1", None), ("3", None),
                                             ("3:-1", None), ("c:/x.png", None)])
def test_own_images_are_named_by_seed_and_number(text, place):
    assert place_in(text) == place
