"""Samplers led by a network that knows the truth end where the data are."""

import math

import pytest
import torch

from ganbench.gan.generators.diffusion import SAMPLERS, Diffusion
from ganbench.gan.models.weights import make_family
from ganbench.gan.training.denoising import LOSSES, alphas
from tests.refusals import refused

MEAN, SPREAD = 0.3, 0.2                                     # of the law of every pixel


def truth(process, x, time, mean=MEAN, spread=SPREAD):
    """What a perfect network says when pixels are independent and N(mean, spread^2); by Gaussian regression."""
    time = time[:, None, None, None]
    if process == "flow":                                   # x_t = (1 - t) x + t e
        t = time / 1000
        total = ((1 - t) * spread) ** 2 + t**2
        return -mean + (t - (1 - t) * spread**2) / total * (x - (1 - t) * mean)
    if process == "ddpm":
        a = alphas()[time.long()]
        return (1 - a).sqrt() / (a * spread**2 + 1 - a) * (x - a.sqrt() * mean)
    s = (4 * time).exp()                                    # edm: D(x), solved for what the network says
    noisy = x * (s**2 + 0.25).sqrt()
    denoised = mean + spread**2 / (spread**2 + s**2) * (noisy - mean)
    skip, out = 0.25 / (s**2 + 0.25), s * 0.5 / (s**2 + 0.25).sqrt()
    return (denoised - skip * noisy) / out


class Perfect(Diffusion):
    def forward(self, x, time, labels=None):
        return truth(self.process, x, time)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_perfect_network_draws_the_law_of_the_data(sampler):
    model = Perfect(resolution=8, widths=(8, 16), process=SAMPLERS[sampler].process, sampler=sampler, steps=500)
    images = model.sample(model.draws(range(100), 0))       # 6,400 pixels: 1.2 % error of the spread
    assert images.mean().item() == pytest.approx(MEAN, abs=0.02)
    assert images.std().item() == pytest.approx(SPREAD, rel=0.06)   # and the steps' own
    pixels = images.flatten(1) - MEAN
    correlation = (pixels[:, 1:] * pixels[:, :-1]).mean() / SPREAD**2
    assert abs(correlation) < 5 / math.sqrt(6_300)


@pytest.mark.parametrize("process", LOSSES)
def test_the_loss_of_a_perfect_network_is_what_cannot_be_known(process):
    """Zero where the data are one point; and no other answer does better where they are not."""
    random = torch.Generator().manual_seed(0)
    point = torch.full((64, 1, 8, 8), MEAN)
    assert LOSSES[process](lambda x, t: truth(process, x, t, spread=0.0), point, random).item() < 1e-5
    data = MEAN + SPREAD * torch.randn(512, 1, 8, 8, generator=random)
    best, *worse = (
        LOSSES[process](lambda x, t, f=factor, c=shift: f * truth(process, x, t) + c, data,
                        torch.Generator().manual_seed(1)).item()
        for factor, shift in ((1, 0), (0.8, 0), (1.2, 0), (1, 0.2), (1, -0.2))
    )
    assert best < min(worse)


def test_guidance_goes_away_from_the_null_class():
    class Known(Diffusion):
        def forward(self, x, time, labels=None):
            return labels.to(x)[:, None, None, None].expand(x.shape)

    model = Known(resolution=8, n_classes=4, widths=(8, 16), guidance=3.0)
    said = model.guided(torch.zeros(2, 1, 8, 8), torch.zeros(2), torch.tensor([0, 1]))
    assert said[:, 0, 0, 0].tolist() == [4 + 3 * (0 - 4), 4 + 3 * (1 - 4)]


@pytest.mark.parametrize(("arguments", "said"), [
    ({"process": "flow", "sampler": "ddim"},
     ("unfit-value", "sampler 'ddim' does not fit the process 'flow', only euler, heun do")),
    ({"process": "ddpm", "sampler": "ddim", "steps": 30},
     ("unfit-value", "takes a number of steps that divides 1,000, not 30")),
    ({"process": "magic"}, ("unfit-value", "no process 'magic'; known: flow, ddpm, edm")),
])
def test_a_sampler_that_cannot_work_is_refused(arguments, said):
    with refused(*said):
        make_family("diffusion", arguments)
