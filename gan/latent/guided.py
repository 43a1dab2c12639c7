"""Guided search: latents climb the log-probability that a classifier gives their images, among latents that the model
could draw.

Activation maximisation with a generator as the prior of images (Nguyen et al. 2016, arXiv:1605.09304); the prior of
latents is kept by projection after each step, see `ganbench.gan.latent.labelled.typical`.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

BETAS = 0.9, 0.99
EPS = 1e-8


def climbed(
    latents: Tensor, log_probability: Callable[[Tensor], Tensor], nearest: Callable[[Tensor], Tensor], enough: float,
    steps: int, rate: float,
) -> tuple[Tensor, int]:
    """The best latents (n, ...) on the way from these, and the number of steps.

    `log_probability`: latents -> (n,), differentiable.  `nearest`: latents -> those nearest to them that the model
    could draw.  A row stays where its log-probability is first `enough`, so that it moves no further than it must.

    The steps are Adam's (Kingma & Ba 2015, arXiv:1412.6980, algorithm 1) with one second moment for a whole row: like
    the law of the latents they do not depend on the axes, while Adam's own would end on a sphere where all coordinates
    are equal instead of at the top.  No row depends on the others.
    """
    at, best = latents.clone(), latents.clone()
    top = latents.new_full((len(latents),), -torch.inf)
    mean, square, axes = torch.zeros_like(latents), torch.zeros_like(latents), tuple(range(1, latents.ndim))
    for step in range(1, steps + 1):
        value, slope = with_gradient(log_probability, at)
        better = (value > top) & (top < enough)
        best[better], top[better] = at[better], value[better]
        if bool((top >= enough).all()):
            return best, step
        mean = BETAS[0] * mean + (1 - BETAS[0]) * slope
        square = BETAS[1] * square + (1 - BETAS[1]) * (slope**2).mean(axes, keepdim=True)
        move = mean / (1 - BETAS[0] ** step) / ((square / (1 - BETAS[1] ** step)).sqrt() + EPS)
        at = nearest(at + rate * move)
    return best, steps


def with_gradient(function: Callable[[Tensor], Tensor], at: Tensor) -> tuple[Tensor, Tensor]:
    """Values (n,) of rows, and the gradient of each by its own row; zeros where they do not depend on it."""
    with torch.enable_grad():
        given = at.detach().requires_grad_(True)
        values = function(given)
        (slope,) = torch.autograd.grad(values.sum(), given)
    return values.detach(), slope.nan_to_num()
