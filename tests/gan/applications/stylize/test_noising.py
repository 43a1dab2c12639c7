"""SDEdit on denoisers that know the answer, in all three processes."""

import math

import pytest
import torch

from ganbench.gan.applications.stylize.noising import clean_of, level_of, sdedit
from ganbench.gan.generators.diffusion import PROCESSES, SAMPLERS, Diffusion

SHAPE = (1, 1, 16, 16)


def random(seed, gain=1.0):
    return gain * torch.randn(SHAPE, generator=torch.Generator().manual_seed(seed))


def knowing(process, answer):
    """A model whose network always sees the same clean image behind the noise."""
    sampler = next(name for name, row in SAMPLERS.items() if row.process == process)
    model = Diffusion(16, 1, widths=(16, 16), process=process, sampler=sampler, steps=10)

    def guided(x, time, labels):
        t = float(time[0])
        if process == "flow":
            return (x - answer) / (t / 1_000)               # e - x of x_t = (1 - t) x + t e
        if process == "ddpm":
            kept = float(model.scheduler().alphas_cumprod[int(t)])
            return (x - math.sqrt(kept) * answer) / math.sqrt(1 - kept)
        sigma = math.exp(4 * t)
        total = math.sqrt(sigma**2 + 0.25)
        return (answer - 0.25 / total**2 * (x * total)) / (sigma * 0.5 / total)

    model.guided = guided
    return model


@pytest.mark.parametrize("process", PROCESSES)
def test_the_clean_image_that_the_network_sees_is_read_off_at_every_level(process):
    answer = random(0, 0.3).clamp(-1, 1)
    model = knowing(process, answer)
    for t in (0.1, 0.5, 1.0):
        level = level_of(model, t)
        noisy = level.signal * answer + level.noise * random(1)
        torch.testing.assert_close(clean_of(model, noisy, level, None), answer, atol=2e-3, rtol=0)


@pytest.mark.parametrize("process", PROCESSES)
def test_strength_0_is_the_image_and_strength_1_what_the_model_makes_of_noise(process):
    answer, image = random(0, 0.3).clamp(-1, 1), random(2, 0.3).clamp(-1, 1)
    model = knowing(process, answer)
    assert torch.equal(sdedit(model, image, random(1), 0.0, None), image)
    torch.testing.assert_close(sdedit(model, image, random(1), 1.0, None), answer, atol=2e-3, rtol=0)


@pytest.mark.parametrize("process", PROCESSES)
def test_levels_go_from_the_image_to_noise(process):
    model = knowing(process, random(0))
    levels = [level_of(model, t) for t in (0.0, 0.25, 0.5, 0.75, 1.0)]
    assert (levels[0].signal, levels[0].noise) == (1, 0)
    ratios = [level.noise / max(level.signal, 1e-9) for level in levels]
    assert ratios == sorted(ratios)
    assert ratios[-1] > 50


def test_steps_are_told_and_nothing_is_random():
    model, seen = knowing("flow", random(0, 0.3)), []
    one, two = (sdedit(model, random(2, 0.3), random(1), 0.5, None, watch=lambda done, of: seen.append((done, of)))
                for _ in range(2))
    assert torch.equal(one, two)
    assert seen[:10] == [(k + 1, 10) for k in range(10)]
