"""Guided search on functions whose maximum is known."""

import numpy as np
import torch

from ganbench.gan.latent.guided import climbed, with_gradient
from ganbench.gan.latent.labelled import typical

TOP = torch.tensor([3.0, -1.0, 0.5, 2.0])


def hill(latents):
    return -(latents - TOP).square().sum(1)


def start(n=40, d=4):
    return torch.from_numpy(np.random.default_rng(0).standard_normal((n, d)).astype(np.float32))


def test_latents_climb_to_the_top():
    found, steps = climbed(start(), hill, lambda latents: latents, -1e-4, 1_000, 0.05)
    assert steps < 1_000
    assert (hill(found) >= -1e-4).all()


def test_on_a_sphere_they_end_where_the_gradient_points_outwards():
    """The maximum of a linear function over vectors of length r is r times its direction."""
    def nearest(latents):
        return 2 * latents / latents.norm(dim=1, keepdim=True)

    found, _ = climbed(nearest(start()), lambda latents: latents @ TOP, nearest, torch.inf, 500, 0.05)
    np.testing.assert_allclose(found, np.tile(2 * TOP / TOP.norm(), (40, 1)), atol=0.02)


def test_every_step_stays_among_the_latents_that_the_model_could_draw():
    seen = []

    def nearest(latents):
        seen.append(torch.from_numpy(typical(latents.numpy(), "normal")))
        return seen[-1]

    climbed(start(), lambda latents: latents @ TOP, nearest, torch.inf, 50, 0.5)
    lengths = torch.cat(seen).norm(dim=1)
    assert lengths.max() < np.sqrt(15.0)                # chi2 with 4 degrees of freedom: 0.995 at 14.86


def test_a_row_that_is_high_enough_stays_where_it_is():
    begin = torch.stack([TOP, TOP + 0.01, TOP - 4])
    found, _ = climbed(begin, hill, lambda latents: latents, -0.01, 300, 0.05)
    torch.testing.assert_close(found[:2], begin[:2])
    assert (hill(found) >= -0.01).all()


def test_rows_do_not_depend_on_each_other():
    begin = start()
    whole, _ = climbed(begin, hill, lambda latents: latents, torch.inf, 30, 0.05)
    alone, _ = climbed(begin[7:8], hill, lambda latents: latents, torch.inf, 30, 0.05)
    torch.testing.assert_close(whole[7:8], alone)


def test_the_best_place_is_kept_and_not_the_last_one():
    """Steps of Adam are as long as the rate: one that is too large for the hill leaps over its top."""
    begin = TOP.repeat(1, 1) + 0.1
    found, _ = climbed(begin, hill, lambda latents: latents, torch.inf, 25, 3.0)
    assert hill(found) >= hill(begin)


def test_a_gradient_is_of_each_row_alone():
    values, slope = with_gradient(hill, start())
    torch.testing.assert_close(slope, -2 * (start() - TOP))
    torch.testing.assert_close(values, hill(start()))
