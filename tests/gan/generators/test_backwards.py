"""Samplers backwards: exact where the network is linear, whatever the process; and on the zoo's flow model."""

import pytest
import torch
from torch import nn

from ganbench import Workspace
from ganbench.gan.drawing import draw
from ganbench.gan.generators.backwards import ONE_STEP, backwards, runs_backwards
from ganbench.gan.generators.diffusion import SAMPLERS, Denoiser
from ganbench.gan.images import to_float
from ganbench.gan.models.loading import load, resolve
from tests.refusals import refused


class Linear(nn.Module):
    """Says `factor` times what it sees."""

    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, x, timestep, class_labels):
        return type("Said", (), {"sample": self.factor * x})()


def sampler(name, factor=0.5, steps=10):
    return Denoiser(Linear(factor), 4, 1, 0, 1, SAMPLERS[name].process, name, steps, 1.0)


def small(n=3):
    """Images that nothing clips on their way."""
    return 0.2 * torch.randn(n, 1, 4, 4, generator=torch.Generator().manual_seed(0)).clamp(-3, 3)


@pytest.mark.parametrize(("name", "factor"), [("euler", 0.5), ("ddim", 1.0), ("edm-euler", 0.5)])
def test_the_round_trip_of_a_linear_network_is_exact(name, factor):
    """At the factor 1, DDIM's estimate of the image stays small, and is not cut to [-1, 1]."""
    assert name in ONE_STEP.values()
    model = sampler(name, factor)
    latents = backwards(model, small())
    torch.testing.assert_close(model.sample(latents[:, None]), small(), atol=1e-4, rtol=0)


def test_the_flow_backwards_is_a_product():
    """Each step of Euler's method from t to s is x - (t - s) factor x."""
    times = sampler("euler").scheduler().sigmas
    product = torch.prod(1 - 0.5 * (times[:-1] - times[1:]))
    torch.testing.assert_close(backwards(sampler("euler"), small()) * product, small(), atol=1e-5, rtol=0)


def test_one_evaluation_a_step_would_not_do():
    """DDIM inversion as it is usually done takes the network's answer at the other end of the step."""
    once = sampler("euler").sample(backwards(sampler("euler"), small(), iterations=2)[:, None])
    solved = sampler("euler").sample(backwards(sampler("euler"), small())[:, None])
    assert (once - small()).abs().max() > 10 * (solved - small()).abs().max()


def test_every_step_is_told():
    seen = []
    backwards(sampler("ddim"), small(1), watch=lambda *at: seen.append(at))
    assert seen == [(k, 10) for k in range(1, 11)]


@pytest.mark.parametrize(("name", "other"), [("heun", "euler"), ("dpm-solver++", "ddim")])
def test_samplers_of_several_steps_go_back_by_one(name, other):
    torch.testing.assert_close(backwards(sampler(name), small()), backwards(sampler(other), small()))


def test_a_sampler_that_draws_noise_is_refused():
    with refused("not-reversible", "ddpm", '"ddim"'):
        backwards(sampler("ddpm"), small())


def test_who_runs_backwards():
    assert runs_backwards(sampler("euler"))
    assert not runs_backwards(nn.Identity())


@pytest.mark.long
def test_the_flow_of_the_zoo_makes_its_images_again(tmp_path):
    model = load("zoo:flow-fashion-mnist", Workspace(str(tmp_path)))
    spec = resolve("zoo:flow-fashion-mnist")
    drawn = draw(model, spec, 3, 0, 2)
    labels, images = torch.from_numpy(drawn["labels"]), to_float(torch.from_numpy(drawn["images"]))
    latents = backwards(model, images, labels)
    error = (model.decode(latents, latents[:, None][:, :0], labels) - images).square().flatten(1).mean(1)
    assert (error < 4 / 10**4).all()                        # 40 dB
