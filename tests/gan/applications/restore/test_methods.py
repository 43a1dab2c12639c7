"""Methods: what is known, seeds, and answers that are known in closed form."""

import numpy as np
import pytest
import torch

from ganbench.gan.applications.restore import methods as table
from ganbench.gan.applications.restore.damage import damage_in
from ganbench.gan.applications.restore.methods import METHODS, Means, consistent, methods_for, restored
from ganbench.gan.applications.restore.restoring import simulated
from ganbench.gan.applications.restore.scores import agreement, likeness
from ganbench.gan.datasets import DataFolders, open_data
from ganbench.gan.drawing import draw
from ganbench.gan.generators.diffusion import Diffusion
from ganbench.gan.latent.inversion import Budget
from ganbench.gan.models.loading import resolve
from ganbench.gan.sampling import generator_of
from ganbench.gan.types import Workspace
from tests.refusals import refused

FLOW, GAN = "zoo:flow-fashion-mnist", "zoo:dcgan-fashion-mnist"
BY_DENOISER = ("ddrm", "diffpir", "dps")


def means_of(name, workspace, **more):
    spec = resolve(name, workspace)
    generator = generator_of(spec, workspace)
    return Means(generator, spec, "z" if name == GAN else "", **more)


@pytest.fixture(scope="module")
def garments():
    return open_data("fashion-mnist:test", DataFolders.of(Workspace())).read(range(8))


@pytest.fixture
def short(monkeypatch):
    """Few steps, for what does not depend on how good the images are."""
    monkeypatch.setattr(table, "NFE", dict.fromkeys(table.NFE, 6))
    monkeypatch.setattr(table, "GAN", Budget(2, 6, 3, 1))


@pytest.mark.parametrize("method", METHODS)
def test_every_row_says_what_it_is_and_whose(method):
    row = METHODS[method]
    assert row.what
    assert row.paper.partition(", ")[2].startswith(("arXiv:", "doi:")) or row.needs == "training"
    assert row.needs in ("", "denoiser", "latents", "training")
    assert row.damages


def test_the_methods_of_a_model_are_those_that_fit_it_and_the_damage(workspace):
    flow, gan = (generator_of(resolve(name, workspace), workspace) for name in (FLOW, GAN))
    hole, small, noisy = (damage_in(text) for text in ("inpaint", "superres", "denoise"))
    assert methods_for(flow, "f", hole, "", False) == ["ddrm", "diffpir", "dps", "biharmonic", "tv"]
    assert methods_for(flow, "f", noisy, "", True) == ["denoiser", "ddrm", "diffpir", "dps", "tv", "nearest"]
    assert methods_for(gan, "g", small, "", True) == ["search", "bicubic", "tv", "nearest"]
    assert methods_for(gan, "g", small, "tv,search,tv", False) == ["tv", "search"]
    with refused("conflicting-options", "ddrm", "search, biharmonic, tv"):
        methods_for(gan, "g", hole, "ddrm", False)
    with refused("unknown-choice", "dip"):
        methods_for(gan, "g", hole, "dip", False)
    with refused("no-restoration", "gpt"):
        methods_for(object(), "gpt", hole, "tv", False)


@pytest.mark.parametrize("method", BY_DENOISER)
def test_a_solution_depends_on_its_seed_its_number_and_its_image_alone(method, garments, workspace, short):
    means, task = means_of(FLOW, workspace), simulated(damage_in("inpaint"), garments[0], "a", 0).task
    first = restored(method, task, means, 0, 1, "a")
    torch.manual_seed(99)
    before = torch.random.get_rng_state()
    assert np.array_equal(restored(method, task, means, 0, 1, "a"), first)
    assert torch.equal(torch.random.get_rng_state(), before)
    for seed, k, name in ((1, 1, "a"), (0, 0, "a"), (0, 1, "b")):
        assert not np.array_equal(restored(method, task, means, seed, k, name), first)


@pytest.mark.parametrize(("method", "model"), [("search", GAN), ("diffpir", FLOW), ("dps", FLOW), ("ddrm", FLOW)])
@pytest.mark.parametrize(("text", "least"), [("inpaint:half", 90), ("inpaint:random=0.8", 90), ("superres:4", 45)])
def test_what_is_known_without_noise_is_put_back(method, model, text, least, garments, workspace, short):
    """Of blocks to the rounding of their pixels, unless values beyond [0, 1] would be needed."""
    task = simulated(damage_in(text), garments[0], "a", 0).task
    found = restored(method, task, means_of(model, workspace), 0, 0, "a")
    assert agreement(found, task.y, task.operator, task.known, 0).decibels > least


@pytest.mark.parametrize("text", ["inpaint:random=0.8", "superres:4"])
def test_any_image_is_made_consistent_with_what_is_known(text, garments):
    task = simulated(damage_in(text), garments[0], "a", 0).task
    found = consistent(torch.rand(1, 1, 32, 32, generator=torch.Generator().manual_seed(0)), task)
    assert torch.allclose(task.operator.A(found), task.given, atol=1e-5)


@pytest.mark.parametrize("text", ["inpaint:box=12", "superres:2", "denoise:0.1", "deblur"])
@pytest.mark.parametrize("method", ["ddrm", "tv"])
def test_methods_keep_to_what_is_known(method, text, garments, workspace):
    image = simulated(damage_in(text), garments[1], "a", 0)
    task = image.task
    found = restored(method, task, means_of(FLOW, workspace), 0, 0, "a")
    assert not agreement(found, task.y, task.operator, task.known, task.damage.noise).ignores


class Normal(Diffusion):
    """An exact flow model of images that are one level everywhere, N(0, 0.5^2): E[x | x + s e] shrinks the mean."""

    def forward(self, x, time, labels=None):
        t = time.view(-1, 1, 1, 1) / 1_000
        s, seen = t / (1 - t), (x / (1 - t)).mean((1, 2, 3), keepdim=True)
        clean = 0.25 / (0.25 + s**2 / x[0].numel()) * seen
        return (x - (1 - t) * clean) / t - clean


@pytest.mark.parametrize("method", BY_DENOISER)
def test_a_hole_in_one_level_is_filled_with_it(method, workspace):
    means = Means(Normal(widths=(16, 16)), resolve(FLOW, workspace))
    for level in (60, 190):
        truth = np.full((1, 32, 32), level, np.uint8)
        image = simulated(damage_in("inpaint:box=12"), truth, "a", 0)
        found = restored(method, image.task, means, 0, 0, "a")
        assert np.abs(found.astype(int) - level).mean() < 8, method


@pytest.mark.parametrize("text", ["inpaint:half", "superres:2", "denoise:0.1", "deblur:1", "inpaint:box,noise=0.05"])
@pytest.mark.parametrize("method", BY_DENOISER)
def test_diffusion_restores_colours(method, text, workspace, short):
    """By a network that has learned nothing: without noise what is known of each channel is kept all the same."""
    torch.manual_seed(0)
    network = Diffusion(resolution=16, channels=3, patch=1, widths=(16, 16), layers=1).eval()
    means = Means(network, resolve(FLOW, workspace))
    truth = np.random.default_rng(0).integers(60, 200, (3, 16, 16), np.uint8)
    task = simulated(damage_in(text), truth, "a", 0).task
    found = restored(method, task, means, 0, 0, "a")
    assert found.shape == truth.shape
    if not task.damage.noise:
        assert agreement(found, task.y, task.operator, task.known, 0).decibels > 45


@pytest.mark.parametrize("method", BY_DENOISER)
def test_spreads_are_in_the_hole(method, garments, workspace):
    means, image = means_of(FLOW, workspace), simulated(damage_in("inpaint:box=12"), garments[2], "a", 0)
    both = np.stack([restored(method, image.task, means, 0, k, "a") for k in range(2)]).astype(float)
    apart = np.abs(both[0] - both[1])[0]
    assert apart[image.task.missing].mean() > 5 * apart[~image.task.missing].mean()


@pytest.mark.long
def test_a_gan_finds_its_own_images_behind_a_hole_better_than_a_smooth_surface(workspace):
    means = means_of(GAN, workspace)
    images = draw(means.generator, means.spec, 5, 0, 4)["images"]
    found = {method: [] for method in ("search", "biharmonic")}
    for image in images:
        one = simulated(damage_in("inpaint:box=16"), image, "a", 0)
        for method, values in found.items():
            values.append(likeness(restored(method, one.task, means, 0, 0, "a"), image, one.task.missing).psnr_hole)
    assert np.mean(found["search"]) > np.mean(found["biharmonic"]) + 4, found


@pytest.mark.long
def test_ddrm_fills_holes_of_held_out_images_better_than_a_smooth_surface(garments, workspace):
    means, found = means_of(FLOW, workspace), {"ddrm": [], "biharmonic": []}
    for k, image in enumerate(garments):
        one = simulated(damage_in("inpaint:box=12"), image, "a", 0)
        for method, values in found.items():
            values.append(likeness(restored(method, one.task, means, 0, 0, str(k)), image, one.task.missing).psnr_hole)
    assert np.mean(found["ddrm"]) > np.mean(found["biharmonic"]) + 2, found


@pytest.mark.long
def test_a_colour_gan_restores_its_own_images(workspace):
    spec = resolve("zoo:r3gan-emoji", workspace)
    generator = generator_of(spec, workspace)
    gains = []
    for image in draw(generator, spec, 1, 0, 4)["images"]:
        one = simulated(damage_in("inpaint:box=24"), image, "a", 0)
        found = restored("search", one.task, Means(generator, spec, next(iter(generator.spaces))), 0, 0, "a")
        smooth = restored("biharmonic", one.task, Means(generator, spec), 0, 0, "a")
        assert found.shape == image.shape
        gains.append(likeness(found, image, one.task.missing).psnr_hole
                     - likeness(smooth, image, one.task.missing).psnr_hole)
    assert np.mean(gains) > 0
