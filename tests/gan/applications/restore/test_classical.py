"""Classical methods, by closed forms."""

import numpy as np
import pytest
import torch

from ganbench.gan.applications.restore.classical import bicubic, biharmonic, nearest, total_variation
from ganbench.gan.applications.restore.damage import damage_in, known_of, missing_in, operator_of

GREY = (1, 16, 16)


def test_a_hole_in_a_cubic_surface_is_filled_by_the_surface():
    v, h = np.mgrid[:16, :16] / 16
    surface = np.stack([v**3 - 3 * v * h**2 + h * v + 0.2, 2 * h**3 - v**2 + 1])
    missing = np.zeros((16, 16), bool)
    missing[5:11, 4:12] = True
    assert np.abs(biharmonic(np.where(missing, 0, surface), missing) - surface).max() < 1e-5


def test_a_missing_half_goes_on_as_a_plane():
    v, h = np.mgrid[:16, :16] / 16
    plane = (0.3 * v + 0.1 * h + 0.2)[None]
    missing = np.zeros((16, 16), bool)
    missing[8:] = True
    assert np.abs(biharmonic(np.where(missing, 0, plane), missing) - plane).max() < 1e-4


def test_one_known_pixel_is_enough_for_a_constant():
    missing = np.ones((16, 16), bool)
    missing[3, 3] = False
    found = biharmonic(np.where(missing, 0, 0.7)[None], missing)
    assert found[0, 3, 3] == pytest.approx(0.7)
    assert np.isfinite(found).all()


def test_total_variation_brings_the_levels_of_two_halves_together_by_edge_over_area():
    """1/2 |x - y|^2 + w TV: a half of area H W / 2 with an edge of length H moves by w H / (H W / 2)."""
    y = torch.zeros(1, *GREY)
    y[..., 8:] = 1
    found = total_variation(y, operator_of(damage_in("denoise:0.1"), GREY), 0.8, y)
    assert found[..., :8].numpy() == pytest.approx(0.8 * 2 / 16, abs=2e-3)
    assert found[..., 8:].numpy() == pytest.approx(1 - 0.8 * 2 / 16, abs=2e-3)


def test_total_variation_fills_a_hole_in_a_half_with_an_edge():
    truth = torch.zeros(1, *GREY)
    truth[..., 8:] = 1
    damage = damage_in("inpaint:box=4")
    operator = operator_of(damage, GREY)
    start = torch.from_numpy(biharmonic(operator.A(truth)[0].numpy(), missing_in(damage, GREY))).float()[None]
    found = total_variation(operator.A(truth), operator, 0.05, start)
    assert (found - truth).abs().max() < 0.1


def test_cubic_convolution_keeps_constants_and_slopes():
    flat = bicubic(torch.full((1, 3, 4, 4), 0.3), 4)
    assert flat.shape == (1, 3, 16, 16)
    assert flat.numpy() == pytest.approx(0.3, abs=1e-5)
    slope = bicubic(torch.arange(8.0).expand(1, 1, 8, 8), 2)[0, 0, 8]
    assert slope[5:11].numpy() == pytest.approx(np.arange(5, 11) / 2 - 0.25, abs=1e-5)


def test_the_nearest_image_is_the_one_whose_known_pixels_are():
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (50, *GREY), np.uint8)
    damage = damage_in("inpaint:half")
    operator = operator_of(damage, GREY)
    y = images[17] / 255.0
    y[:, 8:] = 0                                            # what is missing plays no part
    assert nearest(y.astype(np.float32), images, operator, known_of(damage, GREY, GREY), at_once=7) == 17
