"""Damages: what a line of text means, the operators, and masks."""

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import gaussian_filter
from torch.nn.functional import avg_pool2d

from ganbench.gan.applications.restore.damage import damage_in, known_of, mask_in, measured, missing_in, operator_of
from tests.refusals import refused

GREY, COLOUR = (1, 32, 32), (3, 32, 32)
TEXTS = ("inpaint:box=12", "inpaint:half", "inpaint:random=0.8", "superres:2", "superres:4", "denoise:0.1",
         "deblur:1.5,noise=0.02", "inpaint:box,noise=0.05", "superres:4,noise=0.1")


def image(shape=COLOUR, n=2, seed=0):
    return torch.rand(n, *shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("text", TEXTS)
def test_a_damage_says_itself_what_it_is(text):
    assert damage_in(text).text == text
    assert damage_in(damage_in(text).text) == damage_in(text)


@pytest.mark.parametrize(("short", "whole"), [
    ("inpaint", "inpaint:box"), ("superres", "superres:4"), ("denoise", "denoise:0.1"),
    ("deblur", "deblur:1.5,noise=0.02"), ("deblur:2,noise=0", "deblur:2,noise=0"),
    (" inpaint:box=3 ", "inpaint:box=3"), ("inpaint,noise=0.05", "inpaint:box,noise=0.05"),
    ("superres,noise=.1", "superres:4,noise=0.1")])
def test_what_is_not_said_is_usual(short, whole):
    assert damage_in(short).text == whole


@pytest.mark.parametrize("text", [
    "", "hole", "inpaint:circle", "inpaint:random", "inpaint:half=3", "superres:x", "denoise:0.1,noise=0.1",
    "deblur:1,2", "denoise:--1", "denoise:nan", "inpainting", "inpaint:box=", "superres:1e3"])
def test_a_line_that_is_not_understood_is_refused_with_what_is_expected(text):
    with refused("unknown-damage", "inpaint", "superres", "denoise", "deblur"):
        damage_in(text)


@pytest.mark.parametrize("text", [
    "superres:1", "superres:2.5", "inpaint:box=0", "inpaint:random=0", "inpaint:random=1", "denoise:0", "denoise:1.5",
    "deblur:0.01", "deblur:1,noise=2", "denoise:-0.1", "inpaint:box=-3", "inpaint:random=-.5", "deblur:-1",
    "inpaint,noise=-0.1"])
def test_numbers_without_sense_are_refused(text):
    with refused("unfit-value"):
        damage_in(text)


@pytest.mark.parametrize("text", ["inpaint:box=32", "superres:5", "deblur:6"])
def test_what_does_not_fit_the_model_is_refused(text):
    with refused("unfit-value", "32x32"):
        operator_of(damage_in(text), GREY)


@pytest.mark.parametrize("shape", [GREY, COLOUR])
@pytest.mark.parametrize("text", TEXTS)
def test_operators_have_their_adjoint_and_singular_vectors(text, shape):
    operator, x = operator_of(damage_in(text), shape), image(shape)
    y = torch.randn(operator.A(x).shape, generator=torch.Generator().manual_seed(1))
    assert torch.allclose((operator.A(x) * y).sum(), (x * operator.A_adjoint(y)).sum(), rtol=1e-4)
    assert torch.allclose(operator.V(operator.V_adjoint(x)), x, atol=1e-5)
    assert torch.allclose(operator.U(operator.mask * operator.V_adjoint(x)), operator.A(x), atol=1e-5)


@pytest.mark.parametrize("factor", [2, 4])
def test_superresolution_starts_from_averages_of_blocks(factor):
    operator, x = operator_of(damage_in(f"superres:{factor}"), COLOUR), image()
    y = operator.A(x)
    assert torch.allclose(y, avg_pool2d(x, factor), atol=1e-6)
    assert torch.allclose(operator.A(operator.A_dagger(y)), y, atol=1e-5)


def test_a_blur_is_scipys_gaussian():
    operator, x = operator_of(damage_in("deblur:1.5,noise=0"), GREY), image(GREY)
    theirs = gaussian_filter(x.double().numpy(), (0, 0, 1.5, 1.5), mode="wrap", radius=(0, 0, 5, 5))
    assert np.abs(operator.A(x).numpy() - theirs).max() < 1e-4


def test_holes_have_the_sizes_that_they_say():
    counts = {text: int(missing_in(damage_in(text), GREY).sum()) for text in TEXTS}
    assert counts["inpaint:box=12"] == 144
    assert counts["inpaint:half"] == 512
    assert counts["inpaint:random=0.8"] == 819
    assert counts["superres:4"] == 0
    assert missing_in(damage_in("inpaint:box=12"), GREY)[10:22, 10:22].all()
    assert missing_in(damage_in("inpaint:half"), GREY)[16:].all()


def test_random_holes_are_published_and_smaller_ones_lie_in_larger_ones():
    half, most = (missing_in(damage_in(f"inpaint:random={share}"), GREY) for share in (0.5, 0.8))
    assert (most | ~half).all()
    assert np.flatnonzero(half)[:8].tolist() == FIRST
    assert np.array_equal(half, missing_in(damage_in("inpaint:random=0.5"), COLOUR))


FIRST = [0, 2, 3, 4, 5, 6, 11, 12]       # of Philox's words with the name "mask", seed 0


@pytest.mark.parametrize("text", TEXTS)
def test_a_measurement_is_the_operator_and_noise_of_the_size_that_is_said(text):
    damage, picture = damage_in(text), (image(GREY, 1)[0] * 255).to(torch.uint8).numpy()
    operator = operator_of(damage, GREY)
    y = measured(damage, operator, picture, 0, "a")
    clean = operator.A(torch.from_numpy(picture)[None].float() / 255)[0].numpy()
    known = known_of(damage, GREY, y.shape)
    assert (y[~known] == 0).all()
    sd = (y - clean)[known].std()
    assert sd == pytest.approx(damage.noise, rel=5 / np.sqrt(2 * known.sum()), abs=1e-6)
    again, other = (measured(damage, operator, picture, seed, name) for seed, name in ((0, "a"), (0, "b")))
    assert np.array_equal(again, y)
    assert np.array_equal(other, y) == (not damage.noise)


# Masks

def saved(path, pixels, mode="L"):
    Image.fromarray(np.asarray(pixels, np.uint8), mode if mode == "L" else None).save(path)
    return path


def ring():
    pixels = np.zeros((32, 32))
    pixels[4:9, 6:20] = 255
    return pixels


def test_white_pixels_of_a_mask_are_missing(tmp_path):
    damage = damage_in("inpaint", saved(tmp_path / "m.png", ring()))
    assert damage.text == "inpaint:mask"
    missing = missing_in(damage, GREY)
    assert int(missing.sum()) == 5 * 14
    assert missing[4, 6]
    operator = operator_of(damage, GREY)
    assert operator.A(torch.ones(1, *GREY))[0, 0, 4, 6] == 0        # deepinv: 1 is kept
    assert operator.A(torch.ones(1, *GREY))[0, 0, 0, 0] == 1


def test_masks_in_colour_with_alpha_or_one_bit_are_read(tmp_path):
    grey = mask_in(saved(tmp_path / "m.png", ring()))
    rgba = np.stack([*[ring()] * 3, np.full((32, 32), 255)], -1).astype(np.uint8)
    Image.fromarray(rgba).save(tmp_path / "a.png")
    Image.fromarray(ring() > 0).save(tmp_path / "b.png")
    assert np.array_equal(mask_in(tmp_path / "a.png"), grey)
    assert np.array_equal(mask_in(tmp_path / "b.png"), grey)


@pytest.mark.parametrize(("pixels", "word"), [
    (np.zeros((32, 32)), "nothing is missing"), (np.full((32, 32), 255), "nothing is known"),
    (np.tile(np.linspace(0, 255, 32), (32, 1)), "grey")])
def test_a_mask_of_one_level_or_of_greys_is_refused_and_says_what_white_means(tmp_path, pixels, word):
    with refused("unfit-mask", word, "white"):
        mask_in(saved(tmp_path / "m.png", pixels))


def test_a_mask_of_another_size_is_refused_with_both_sizes(tmp_path):
    damage = damage_in("inpaint", saved(tmp_path / "m.png", ring()[:31]))
    with refused("wrong-size", "32x31", "32x32"):
        missing_in(damage, GREY)


def test_a_mask_beside_a_hole_that_is_named_is_refused(tmp_path):
    for text in ("inpaint:half", "denoise:0.1"):
        with refused("conflicting-options", "--mask", text):
            damage_in(text, saved(tmp_path / "m.png", ring()))
