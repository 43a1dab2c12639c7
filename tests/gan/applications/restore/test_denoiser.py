"""Diffusion and flow models as denoisers: beside exact answers, beside total variation, and with planted mistakes."""

import pytest
import torch
from torch import nn

from ganbench.gan.applications.restore import denoiser
from ganbench.gan.applications.restore.denoiser import Prior
from ganbench.gan.datasets import DataFolders, open_data
from ganbench.gan.generators.diffusion import TIMES, Diffusion
from ganbench.gan.models.loading import resolve
from ganbench.gan.sampling import generator_of
from ganbench.gan.types import Workspace

MEAN, WIDTH = 0.2, 0.4          # of the pixels of an exact model's images, in [-1, 1]
SIGMAS = (0.05, 0.1, 0.2, 0.5)
COLOUR = (3, 16, 16)


class Exact(Diffusion):
    """A network that predicts exactly, for images whose pixels are independent N(MEAN, WIDTH^2)."""

    def __init__(self, process, sampler):
        super().__init__(process=process, sampler=sampler, widths=(16, 16), steps=10)

    def forward(self, x, time, labels=None):
        time = time.view(-1, 1, 1, 1)
        if self.process == "flow":
            t = time / TIMES
            clean = mean_of(x / (1 - t), t / (1 - t))
            return (x - (1 - t) * clean) / t - clean                                # e - x
        if self.process == "ddpm":
            a = self.scheduler().alphas_cumprod[time.round().long()]
            return (x - a.sqrt() * mean_of(x / a.sqrt(), ((1 - a) / a).sqrt())) / (1 - a).sqrt()
        s = (4 * time).exp()
        noisy = x * (s**2 + 0.25).sqrt()
        skip, out = 0.25 / (s**2 + 0.25), s * 0.5 / (s**2 + 0.25).sqrt()
        return (mean_of(noisy, s) - skip * noisy) / out


def mean_of(noisy, s):
    """E[x | x + s e] of a normal law: a weighted mean of what is seen and what is usual."""
    return MEAN + WIDTH**2 / (WIDTH**2 + s**2) * (noisy - MEAN)


@pytest.mark.parametrize(("process", "sampler"), [("flow", "euler"), ("ddpm", "ddim"), ("edm", "edm-euler")])
@pytest.mark.parametrize("sigma", [0.0, 0.02, *SIGMAS, 2.0])
def test_an_exact_prediction_becomes_the_exact_mean(process, sampler, sigma):
    x = torch.rand(4, 1, 32, 32, generator=torch.Generator().manual_seed(0)) * 0.4 + 0.4
    found = Prior(Exact(process, sampler))(x, sigma)
    wanted = (mean_of(2 * x - 1, torch.tensor(2 * sigma)) + 1) / 2
    # The schedule of ddpm has whole times, between which its noise is interpolated.
    assert (found - wanted).abs().max() < (0.01 if process == "ddpm" else 1e-4)


def test_every_image_of_a_batch_has_its_own_noise():
    x, prior = torch.rand(3, 1, 32, 32, generator=torch.Generator().manual_seed(0)), Prior(Exact("flow", "euler"))
    sigmas = torch.tensor([0.1, 0.2, 0.5])
    for one, sigma, row in zip(x, sigmas, prior(x, sigmas), strict=True):
        assert torch.allclose(prior(one[None], sigma)[0], row, atol=1e-6)


@pytest.mark.parametrize("process", denoiser.PROCESSES)
def test_every_process_has_its_scaling(process):
    assert process in ("flow", "ddpm", "edm")


def test_classes_are_the_null_class_unless_one_is_known():
    model = Diffusion(n_classes=3, widths=(16, 16))
    heard = []
    model.register_forward_pre_hook(lambda module, args: heard.append(args[2]))
    for label in (None, 1):
        Prior(model, label)(torch.rand(2, 1, 32, 32), 0.1)
    assert [one.tolist() for one in heard] == [[3, 3], [1, 1]]
    assert Prior(Diffusion(widths=(16, 16)), 1).label is None


# Beside total variation

def gains(model, images, sigmas=SIGMAS):
    """For each noise, by how many dB the adapter is better than the noisy image, and than total variation with the
    weight that is best for these images."""
    prior, found = Prior(model), []
    for k, sigma in enumerate(sigmas):
        noisy = images + sigma * torch.randn(images.shape, generator=torch.Generator().manual_seed(k))
        with torch.no_grad():
            own = decibels(prior(noisy, sigma).clamp(0, 1), images)
        theirs = max(decibels(smoothed(noisy, sigma * share), images) for share in (0.5, 0.7, 1.0, 1.4))
        found.append((own - decibels(noisy, images), own - theirs))
    return found


def smoothed(noisy, weight):
    from deepinv.models import TVDenoiser

    return TVDenoiser(n_it_max=200)(noisy, ths=weight).clamp(0, 1)


def decibels(x, y):
    """Mean over images."""
    return float(-10 * (x - y).square().flatten(1).mean(1).log10().mean())


def good(found):
    return all(over_noise >= 6 and over_tv >= 2 for over_noise, over_tv in found)


MISTAKES = {
    "the sign of the velocity": lambda network, noisy, s, model: (
        (1 - s / (1 + s)) * noisy + s / (1 + s) * network((1 - s / (1 + s)) * noisy, TIMES * s / (1 + s))),
    "the scale of x_t": lambda network, noisy, s, model: (
        s / (1 + s) * noisy - s / (1 + s) * network(s / (1 + s) * noisy, TIMES * s / (1 + s))),
    "t against 1 - t": lambda network, noisy, s, model: (
        (1 - s / (1 + s)) * noisy - s / (1 + s) * network((1 - s / (1 + s)) * noisy, TIMES * (1 - s / (1 + s)))),
}


@pytest.fixture(scope="module")
def garments():
    """Held-out images, (n, 1, 32, 32) float in [0, 1]."""
    return torch.from_numpy(open_data("fashion-mnist:test", DataFolders.of(Workspace())).read(range(24))).float() / 255


def test_the_zoos_flow_model_denoises_better_than_total_variation_at_four_levels(garments, workspace):
    found = gains(generator_of(resolve("zoo:flow-fashion-mnist", workspace), workspace), garments)
    assert good(found), found


@pytest.mark.parametrize("mistake", MISTAKES)
@pytest.mark.parametrize("sigma", [0.05, 0.2])
def test_each_planted_mistake_is_seen(mistake, sigma, garments, workspace, monkeypatch):
    model = generator_of(resolve("zoo:flow-fashion-mnist", workspace), workspace)
    assert good(gains(model, garments[:8], [sigma]))
    monkeypatch.setitem(denoiser.PROCESSES, "flow", MISTAKES[mistake])
    assert not good(gains(model, garments[:8], [sigma]))


def gratings(n, seed):
    """Coloured waves, (n, *COLOUR) float in [0, 1]: smooth everywhere, so that total variation makes steps of them."""
    random = torch.Generator().manual_seed(seed)
    v, h = torch.meshgrid(torch.arange(16.0), torch.arange(16.0), indexing="ij")
    angle, phase = (torch.rand(n, 1, 1, 1, generator=random) * 6.2832 for _ in range(2))
    colour = torch.rand(n, 3, 1, 1, generator=random) - 0.5
    return 0.5 + colour * torch.sin(0.7 * (v * angle.sin() + h * angle.cos()) + phase)


def trained(steps, seed=0):
    """A small colour flow model, by the loss of Lipman et al. 2023."""
    torch.manual_seed(seed)
    model = Diffusion(resolution=16, channels=3, patch=1, widths=(32, 64), layers=1)
    optimiser = torch.optim.Adam(model.parameters(), 2e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=steps)
    for k in range(steps):
        x = 2 * gratings(32, 1_000 + k) - 1
        e, t = torch.randn(x.shape), torch.randn(len(x), 1, 1, 1).sub(0.8).sigmoid()
        loss = (model((1 - t) * x + t * e, TIMES * t.flatten()) - (e - x)).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return model.eval()


@pytest.mark.slow
def test_a_small_colour_model_denoises_better_than_total_variation_at_four_levels():
    found = gains(trained(500), gratings(16, 0))
    assert good(found), found


def test_the_adapter_is_a_module_that_deepinv_may_ask_with_more_than_it_needs():
    prior = Prior(Exact("flow", "euler"))
    assert isinstance(prior, nn.Module)
    x = torch.rand(1, 1, 32, 32)
    assert torch.equal(prior(x, 0.1, None, gamma=3), prior(x, torch.tensor([0.1])))
