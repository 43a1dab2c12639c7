"""Where the object is, in images whose object is known, and what statistics in a region do not see."""

import numpy as np
import pytest
import torch

from ganbench.gan.applications.stylize.networks import Eyes, of_filters
from ganbench.gan.applications.stylize.ramp import Descent, descend
from ganbench.gan.applications.stylize.regions import guide_of, object_in, within
from ganbench.gan.applications.stylize.statistics import STATISTICS, distance, statistics


def picture(side=32, ground=0, level=150, channels=1, box=(8, 24)):
    """A noisy square in front of one colour."""
    pixels = np.full((channels, side, side), ground, np.uint8)
    rows = slice(*box)
    noise = np.random.default_rng(0).integers(-20, 20, pixels[:, rows, rows].shape)
    pixels[:, rows, rows] = level + noise
    return pixels


@pytest.mark.parametrize(("ground", "channels"), [(0, 1), (255, 3), (90, 3)])
def test_the_object_is_what_differs_from_the_colour_of_the_border(ground, channels):
    inside = object_in(picture(ground=ground, level=160, channels=channels))
    known = np.zeros((32, 32), bool)
    known[8:24, 8:24] = True
    np.testing.assert_array_equal(inside, known)


def test_small_gaps_in_the_backgrounds_colour_belong_to_the_object_and_large_ones_do_not():
    pixels = picture()
    pixels[:, 10:13, 10:13], pixels[:, 15:20, 15:20] = 0, 0         # 9 and 25 of 1,024 pixels
    inside = object_in(pixels)
    assert inside[11, 11]
    assert not inside[17, 17]
    assert inside.sum() == 16**2 - 25


@pytest.mark.parametrize("pixels", [
    np.random.default_rng(0).integers(0, 256, (3, 32, 32), np.uint8), np.zeros((1, 32, 32), np.uint8),
    np.full((3, 20, 31), 255, np.uint8), picture(box=(0, 24))], ids=["noise", "black", "white", "at the border"])
def test_without_an_object_in_front_of_one_colour_the_whole_image_is_looked_at(pixels):
    assert object_in(pixels) is None
    assert guide_of(pixels, picture(), "object") is None
    assert guide_of(picture(), pixels, "object") is None


def test_the_whole_image_is_looked_at_where_that_is_asked_for():
    assert guide_of(picture(), picture(), "whole") is None
    assert guide_of(picture(), picture(), "object") is not None


def test_a_mask_covers_the_places_of_coarser_and_finer_maps():
    mask = torch.zeros(1, 1, 32, 32)
    mask[..., 7:24, 8:24] = 1                                       # a row more than coarse places have
    coarse, fine = (within(mask, torch.zeros(2, 5, side, side)) for side in (16, 48))
    assert coarse[0, 0].sum() == 64                                 # half covered places count nothing
    assert fine.sum() == pytest.approx(17 * 16 * 2.25, rel=0.1)
    line = torch.zeros(1, 1, 32, 32)
    line[..., 8, :] = 1
    assert within(line, torch.zeros(1, 5, 16, 16)).sum() == 8       # too thin to be eroded


@pytest.mark.parametrize("kind", STATISTICS)
def test_how_much_is_background_is_no_style_of_the_object(kind):
    """Maps with the same values inside a small and a large mask."""
    small, large = torch.zeros(1, 1, 8, 8), torch.zeros(1, 1, 8, 8)
    small[..., :4, :4], large[..., :, :4] = 1, 1
    values = torch.randn(1, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    maps, other = torch.zeros(1, 3, 8, 8), torch.full((1, 3, 8, 8), 9.0)
    maps[..., :4, :4], other[..., :4, :4], other[..., 4:, :4] = values, values, values
    aim = statistics([other], kind, large)
    assert float(distance(statistics([maps], kind, small), aim)) < 1e-5
    assert float(distance(statistics([maps], kind), statistics([other], kind))) > 0.5


def test_with_a_guide_the_object_takes_the_style_and_the_background_stays():
    dark, light = picture(), picture(level=220)
    content, style = (torch.from_numpy(pixels[None]).float() / 127.5 - 1 for pixels in (dark, light))
    guide = guide_of(dark, light, "object")
    eyes, pixels = Eyes("filters", of_filters), content.clone().requires_grad_()
    before, after = descend([pixels], lambda: pixels, eyes, style, (0, 1), Descent(), guide=guide)
    aim = eyes.style(style, mask=guide.style)
    apart = [float(distance(eyes.style(image, mask=guide.content), aim)) for image in (before, after)]
    assert apart[1] < 0.5 * apart[0]
    masks = guide.content, 1 - guide.content
    inside, outside = (((after - content) * mask).abs().sum() / mask.sum() for mask in masks)
    assert outside < 0.2 * inside
