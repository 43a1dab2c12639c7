"""The descent: on pixels, where every style can be reached; and what it leaves alone."""

import pytest
import torch

from ganbench.gan.applications.stylize.networks import Eyes, of_filters
from ganbench.gan.applications.stylize.ramp import Descent, descend
from ganbench.gan.applications.stylize.statistics import STATISTICS, distance
from tests.refusals import refused

EYES = Eyes("filters", of_filters)
STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0)


def image(seed, gain=0.2):
    return gain * torch.randn(1, 1, 16, 16, generator=torch.Generator().manual_seed(seed))


def run(style, strengths=STRENGTHS, **how):
    pixels = image(0).requires_grad_()
    return descend([pixels], lambda: pixels, EYES, style, strengths, Descent(**{"content": 0.0} | how))


@pytest.mark.parametrize("kind", STATISTICS)
def test_on_pixels_the_distance_falls_with_every_strength_and_nearly_vanishes(kind):
    style = image(1, gain=0.5) + 0.3
    found = run(style, kind=kind)
    aim = EYES.style(style, kind)
    apart = [float(distance(EYES.style(one, kind), aim)) for one in found]
    assert apart == sorted(apart, reverse=True)
    assert apart[-1] < 0.1 * apart[0]
    assert apart[2] == pytest.approx(apart[0] * (1 - 10 / 16), rel=0.25)        # aims are at 10 of 16 steps


def test_an_image_of_a_strength_does_not_depend_on_which_others_are_asked_for():
    style = image(1, gain=0.5)
    many = run(style)
    torch.testing.assert_close(run(style, (0.5,))[0], many[2], atol=0, rtol=0)
    torch.testing.assert_close(run(style, (0.75, 0.25))[1], many[1], atol=0, rtol=0)


def test_strength_0_and_a_style_that_is_there_already_change_nothing():
    assert torch.equal(run(image(1))[0], image(0))
    for found in run(image(0)):
        assert torch.equal(found, image(0))


def test_content_that_is_held_strays_less():
    style = image(1, gain=0.5) + 0.3
    free, held = (run(style, (1.0,), content=weight)[0] for weight in (0.0, 3.0))
    assert float(EYES.strayed(held, image(0))) < float(EYES.strayed(free, image(0)))


def test_whoever_watches_can_end_it():
    def stop(done, steps):
        raise KeyboardInterrupt

    pixels = image(0).requires_grad_()
    with pytest.raises(KeyboardInterrupt):
        descend([pixels], lambda: pixels, EYES, image(1), (1.0,), Descent(), watch=stop)


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"content": -1.0}, {"content": float("nan")}])
def test_what_makes_no_sense_is_refused(wrong):
    with refused("unfit-value", *(f"{value:g}" for value in wrong.values())):
        Descent(**wrong)
