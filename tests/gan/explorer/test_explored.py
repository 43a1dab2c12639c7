"""Images of states: those that `sample` draws, edited as the papers say."""

import numpy as np
import pytest
import torch

from ganbench.gan.drawing import draw
from ganbench.gan.explorer.page import Named
from ganbench.gan.explorer.photo import state_from
from ganbench.gan.explorer.pictures import png_of
from ganbench.gan.explorer.state import Latent, State, state_of
from ganbench.gan.images import png_bytes
from ganbench.gan.interpolation import Place
from tests.explored import explored
from tests.refusals import refused

FAMILIES = ("dcgan", "wgan-gp", "r3gan", "stylegan2", "flow", "gpt")
EDITED = {
    "dcgan": "seed=3,truncation=0.8,pca1=2,sefa2=-1",
    "r3gan": "seed=3,class=7:0.5+9:0.5,pca1=2,sefa2=-1",
    "stylegan2": "seed=3,class=2,truncation=0.7,style=5:1@5-8,pca1=2@1-4,sefa2=-1",
}


@pytest.fixture
def zoo():
    return lambda family: explored(f"{family}-fashion-mnist")


@pytest.mark.parametrize("family", FAMILIES)
def test_without_edits_the_image_is_the_one_that_sample_draws(family, zoo):
    one = zoo(family)
    whole = draw(one.generator, one.spec, 3, 0, 20)["images"][5].astype(int)
    assert (np.abs(one.image(state_of("seed=3:5")) - whole) > 1).mean() <= 0.0005


@pytest.mark.parametrize("family", EDITED)
def test_an_edited_state_gives_the_same_bytes_from_its_text_and_from_its_latent(family, zoo):
    one, state = zoo(family), state_of(EDITED[family])
    image = one.image(state)
    np.testing.assert_array_equal(one.image(state_of(state.text)), image)
    point = one.point(state)
    numbers = tuple(point.latent.flatten().tolist())
    given = State(state.place, Latent(one.space, numbers), state.classes)
    np.testing.assert_array_equal(one.image(state_of(given.text)), image)
    assert not np.array_equal(one.image(state_of("seed=3")), image)


def test_a_step_along_a_direction_is_so_many_sigmas_long_and_stays_in_its_layers(zoo):
    one = zoo("stylegan2")
    plain, moved = (one.point(state_of(text)).latent[0].numpy() for text in ("seed=3", "seed=3,pca2=1.5@2-3"))
    direction = one.directions["pca"]
    step = 1.5 * direction.sigmas[1] * direction.vectors[1]
    np.testing.assert_allclose((moved - plain)[1:3], np.stack([step, step]), atol=1e-5)
    np.testing.assert_array_equal(moved[[0, *range(3, 8)]], plain[[0, *range(3, 8)]])


def test_truncation_goes_straight_to_the_mean_of_w(zoo):
    one = zoo("stylegan2")
    whole, half, none = (one.point(state_of(f"seed=3,truncation={t}")).latent[0].numpy() for t in (1, 0.5, 0))
    np.testing.assert_allclose(half, (whole + none) / 2, atol=1e-5)
    np.testing.assert_allclose(none, np.broadcast_to(one.sample.mean(0), none.shape), atol=1e-5)


def test_styles_come_from_the_other_image(zoo):
    one = zoo("stylegan2")
    mine, other, mixed = (one.point(state_of(text)).latent[0] for text in ("seed=3,class=2", "seed=8,class=2",
                                                                         "seed=3,class=2,style=8@5-8"))
    assert torch.equal(mixed[:4], mine[:4])
    assert torch.equal(mixed[4:], other[4:])


def test_an_image_does_not_depend_on_those_before_it(zoo):
    one = zoo("stylegan2")
    first = one.image(state_of(EDITED["stylegan2"]))
    one.image(State(Place(99)))
    np.testing.assert_array_equal(one.image(state_of(EDITED["stylegan2"])), first)


@pytest.mark.parametrize(("family", "text", "code"), [
    ("dcgan", "class=1", "missing-labels"), ("r3gan", "class=10", "unfit-value"), ("flow", "class=1+2", "unfit-value"),
    ("dcgan", "pca11=1", "no-directions"), ("flow", "pca1=1", "no-directions"),
    ("stylegan2", "pca1=1@2-9", "unfit-value"),
    ("dcgan", "style=3@1", "unfit-value"), ("dcgan", "w=AACAPw", "unknown-latent-space"),
    ("dcgan", "z=AACAPw", "latents-do-not-fit"), ("gpt", "truncation=0.5", "no-latent-space"),
])
def test_what_a_model_does_not_have_is_said(family, text, code, zoo):
    with refused(code):
        zoo(family).image(state_of(text))


def test_a_png_says_how_it_was_made(zoo):
    import io

    from PIL import Image

    one, state = zoo("dcgan"), state_of(EDITED["dcgan"])
    picture = Image.open(io.BytesIO(png_of(Named(one, "zoo:dcgan-fashion-mnist"), state)))
    assert state_of(picture.text["ganbench:state"]) == state
    assert picture.text["ganbench:command"] == (
        f"ganbench explore zoo:dcgan-fashion-mnist --at {state.text} --out picture.png")
    np.testing.assert_array_equal(np.array(picture), one.image(state)[0])


def test_options_of_sampling_change_the_picture_and_the_models_own_values_do_not(zoo):
    for family, own, other in (("flow", "steps=10,guidance=1", "steps=4,guidance=3"),
                               ("gpt", "temperature=1,top-k=0", "temperature=0.5,top-k=5"),
                               ("maskgit", "temperature=1", "steps=4")):
        plain = zoo(family).image(state_of("seed=3"))
        np.testing.assert_array_equal(zoo(family).image(state_of(f"seed=3,{own}")), plain)
        assert not np.array_equal(zoo(family).image(state_of(f"seed=3,{other}")), plain)


def test_different_noise_gives_different_pictures_of_diffusion_models(zoo):
    pictures = {zoo("flow").image(state_of(f"seed={seed},class=2")).tobytes() for seed in range(4)}
    assert len(pictures) == 4


def test_kept_tokens_keep_the_upper_part_and_the_rest_is_drawn_anew(zoo):
    one = zoo("gpt")
    whole, kept, other = (one.image(state_of(f"seed=3,class=1{rest}"))[0].astype(int) for rest in
                          ("", ",keep=40,redraw=8", ",keep=40,redraw=9"))
    assert np.abs(kept[:12] - whole[:12]).max() <= 4        # 40 tokens are five of eight rows; the decoder mixes rows
    assert not np.array_equal(kept, whole)
    assert not np.array_equal(kept, other)
    all_kept = one.image(state_of("seed=3,class=1,keep=64"))[0].astype(int)
    np.testing.assert_array_equal(all_kept, whole)


@pytest.mark.parametrize(("family", "text"), [
    ("flow", "steps=0"), ("flow", "steps=2.5"), ("flow", "temperature=1"), ("gpt", "top-k=999"), ("dcgan", "steps=3"),
    ("gpt", "keep=65"),
])
def test_an_option_that_a_model_does_not_have_or_take_is_said(family, text, zoo):
    with refused("unfit-value"):
        zoo(family).image(state_of(text))


@pytest.mark.parametrize("family", ["dcgan", "stylegan2"])
def test_a_photo_becomes_the_nearest_picture_which_can_be_edited(family, zoo):
    one, state = zoo(family), state_of("seed=5")
    image = one.image(state)
    found, decibels = state_from(one, png_bytes(image), state)
    again = one.image(state_of(found.text)).astype(float)
    assert decibels == pytest.approx(10 * np.log10(255**2 / ((again - image) ** 2).mean()), abs=1)
    assert decibels > 18
    assert not np.array_equal(one.image(state_of(f"{found.text},pca1=2")), again)


def test_what_is_no_photo_is_said(zoo):
    with refused("not-an-image"):
        state_from(zoo("dcgan"), b"no picture", State())
    with refused("no-latent-space"):
        state_from(zoo("gpt"), png_bytes(np.zeros((1, 32, 32), np.uint8)), State())
