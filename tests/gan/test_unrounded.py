"""Images before rounding are within half a level of those that are rounded, whatever is done to them."""

import numpy as np
import pytest
import torch

from ganbench.gan.images import from_model
from ganbench.gan.preprocessing import preprocessed, steps_in
from ganbench.gan.types import BadOutput, ModelSpec
from ganbench.gan.unrounded import is_rounded, unrounded
from tests.refusals import refused

N = 9


def raw(channels=3, side=20, low=-1.0, high=1.0):
    """Smooth pictures: what is rounded before a resize is not enlarged by it."""
    place = torch.linspace(0, 3, side)
    shift = torch.arange(N * channels).reshape(N, channels, 1, 1) / 5
    waves = torch.sin(place[:, None] + shift) * torch.cos(place + 2 * shift)
    return (waves + 1) / 2 * (high - low) + low


@pytest.mark.parametrize("fields", [
    {}, {"pad": 32}, {"crop": 12}, {"preprocessing": ("grey",)}, {"preprocessing": ("resize 12:box", "pad 32")},
    *({"resize": f"{size}:{method}"} for size in (8, 20, 31)
      for method in ("bicubic", "lanczos", "bilinear", "box", "nearest")),
    {"resize": "16:bicubic", "pad": 32, "preprocessing": ("grey", "rgb")},
])
def test_every_step_does_to_floats_what_it_does_to_8_bits(fields):
    spec = ModelSpec("a", factory="m:c", **fields)
    rounded = preprocessed(from_model(raw(), spec).numpy(), steps_in(spec), "a")
    found = unrounded(raw(), spec)
    assert found.dtype == np.float32
    assert found.shape == rounded.shape
    assert np.abs(found - rounded).max() < 1.6                                  # half a level for each of three steps


@pytest.mark.parametrize("output_range", [(-1, 1), (0, 1), (-0.5, 0.5), (0, 255)])
def test_every_range_is_brought_to_that_of_pixels(output_range):
    spec = ModelSpec("a", factory="m:c", output_range=output_range)
    found = unrounded(raw(1, 8, *output_range), spec)
    np.testing.assert_allclose(found, unrounded(raw(1, 8), ModelSpec("a", factory="m:c")), atol=1e-4)
    assert (found.min(), found.max()) == pytest.approx((0, 255), abs=9)


def test_layouts_and_grey_images():
    images = raw(1, 8)
    expected = unrounded(images, ModelSpec("a", factory="m:c"))
    for layout, given in (("NHWC", images.permute(0, 2, 3, 1)), ("NHW", images[:, 0]), ("NC", images.flatten(1))):
        np.testing.assert_array_equal(unrounded(given, ModelSpec("a", factory="m:c", layout=layout)), expected)
    coloured = unrounded(images, ModelSpec("a", factory="m:c", preprocessing=("rgb",)))
    np.testing.assert_array_equal(coloured, expected.repeat(3, axis=1))


def test_a_small_overshoot_is_clipped_and_a_large_one_refused():
    found = unrounded(raw() * 1.04, ModelSpec("a", factory="m:c"))
    assert (found.min(), found.max()) == (0, 255)
    with refused("out-of-range", "[-1, 1]", kind=BadOutput):
        unrounded(raw() * 3, ModelSpec("a", factory="m:c"))


def test_what_is_rounded_is_noticed():
    assert not is_rounded(raw())
    assert is_rounded((raw() * 127.5 + 128).to(torch.uint8))
    assert is_rounded((raw() * 127).round() / 127)
    assert not is_rounded(torch.zeros(2, 1, 8, 8))                              # too few values to tell
