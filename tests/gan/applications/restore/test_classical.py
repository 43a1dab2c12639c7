"""Classical methods, by closed forms."""

import numpy as np
import pytest
import torch

from ganbench.gan.applications.restore import methods as table
from ganbench.gan.applications.restore.classical import (
    STEP,
    bicubic,
    biharmonic,
    divergence,
    gradient,
    nearest,
    total_variation,
)
from ganbench.gan.applications.restore.damage import damage_in, known_of, operator_of
from ganbench.gan.applications.restore.methods import Task, begun, nearer_to
from ganbench.gan.applications.restore.restoring import simulated

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


def denoised(y, weight):
    """argmin 1/2 |x - y|^2 + weight TV(x)."""
    return total_variation(lambda x: (x + STEP / weight * y) / (1 + STEP / weight), y)


def test_total_variation_brings_the_levels_of_two_halves_together_by_edge_over_area():
    """1/2 |x - y|^2 + w TV: a half of area H W / 2 with an edge of length H moves by w H / (H W / 2)."""
    y = torch.zeros(1, *GREY)
    y[..., 8:] = 1
    found = denoised(y, 0.8)
    assert found[..., :8].numpy() == pytest.approx(0.8 * 2 / 16, abs=2e-3)
    assert found[..., 8:].numpy() == pytest.approx(1 - 0.8 * 2 / 16, abs=2e-3)


def test_total_variation_is_that_of_a_second_implementation():
    from deepinv.models import TVDenoiser

    y = torch.rand(2, *GREY, generator=torch.Generator().manual_seed(0))
    assert (denoised(y, 0.1) - TVDenoiser(n_it_max=3_000, crit=1e-9)(y, ths=0.1)).abs().max() < 2e-3


def test_the_divergence_is_minus_the_adjoint_of_the_gradient():
    random = torch.Generator().manual_seed(0)
    x, flux = torch.rand(3, 2, 5, 7, generator=random), torch.rand(2, 3, 2, 5, 7, generator=random)
    assert float((gradient(x) * flux).sum()) == pytest.approx(-float((x * divergence(flux)).sum()), abs=1e-4)


def test_edges_of_three_equal_channels_count_as_one_that_is_longer_by_the_root_of_three():
    y = torch.rand(1, *GREY, generator=torch.Generator().manual_seed(0))
    colour, grey = denoised(y.expand(1, 3, 16, 16), 0.3), denoised(y, 0.3 / 3**0.5)
    assert (colour - grey).abs().max() < 2e-3


def test_images_beside_it_do_not_change_a_total_variation():
    y = torch.rand(3, *GREY, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(denoised(y, 0.2)[1:2], denoised(y[1:2], 0.2), atol=1e-6)


def test_total_variation_fills_a_hole_in_a_half_with_an_edge_and_keeps_what_is_known():
    truth = torch.zeros(1, *GREY)
    truth[..., 8:] = 1
    task = simulated(damage_in("inpaint:box=4"), (255 * truth[0]).numpy().astype(np.uint8), "a", 0).task
    found = total_variation(nearer_to(task), begun(task))
    assert (found - truth).abs().max() < 0.1
    assert torch.allclose(task.operator.A(found), task.given, atol=1e-6)


@pytest.mark.parametrize("text", ["denoise:0.1", "deblur:1,noise=0.02", "superres:2,noise=0.05"])
def test_three_equal_channels_are_restored_as_one(text):
    truth = (np.add.outer(np.arange(16), np.arange(16)) > 14)[None].astype(np.uint8) * np.uint8(200)
    grey = simulated(damage_in(text), truth, "a", 0).task
    shape = (3, 16, 16)
    colour = Task(grey.damage, operator_of(grey.damage, shape), grey.y.repeat(3, 0), shape)
    one, three = (total_variation(nearer_to(task), begun(task)) for task in (grey, colour))
    assert (three - one).abs().max() < 2e-3


@pytest.mark.parametrize("text", ["denoise:0.1", "deblur:1.5,noise=0.02", "deblur:1.5,noise=0", "superres:4,noise=0.05",
                                  "inpaint:random=0.5,noise=0.1"])
def test_total_variation_is_least_where_methods_stop(text):
    """The objective rises in every direction, as a convex one does from its minimum."""
    truth = (np.add.outer(np.arange(16), np.arange(16)) > 14)[None] .astype(np.uint8) * np.uint8(200)
    task = simulated(damage_in(text), truth, "a", 0).task
    known = torch.from_numpy(task.known.copy())
    weight = table.TV[task.damage.kind] * (task.damage.noise or table.ROUNDING) * task.norm
    found = total_variation(nearer_to(task), begun(task))

    def objective(x):
        misfit = (task.operator.A(x) - task.given)[:, known].double().square().sum()
        return float(misfit / 2 / weight + gradient(x).double().square().sum((0, 2)).sqrt().sum())

    least = objective(found)
    for seed in range(20):
        aside = torch.randn(found.shape, generator=torch.Generator().manual_seed(seed))
        assert objective(found + 0.02 * aside) > least
        assert objective(0.99 * found + 0.01 * task.operator.A_adjoint(task.given)) > least


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
