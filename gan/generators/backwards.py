"""A diffusion or flow model's sampler backwards: the noise that an image is made from.

A sampler that adds no noise is a function of the noise it begins with, and each of its steps is undone by solving for
what it was given (`ganbench.gan.latent.reversal`).  DDIM: Song et al. 2021, arXiv:2010.02502, section 4.3; Euler's
method: the probability-flow ODE of Song et al. 2021, arXiv:2011.13456, section 4.3.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ganbench.gan.latent.reversal import undone
from ganbench.gan.types import BadInput

if TYPE_CHECKING:
    from ganbench.gan.generators.diffusion import Denoiser

ONE_STEP = {"flow": "euler", "ddpm": "ddim", "edm": "edm-euler"}    # of each process: looks at no former step
NOISY = ("ddpm",)                                                   # samplers that draw noise in every step
ITERATIONS = 10

Watch = Callable[[int, int], object]        # steps done, of how many


def runs_backwards(model: object) -> bool:
    """Whether a model is a sampler with steps."""
    return hasattr(model, "guided") and hasattr(model, "scheduler")


@torch.no_grad()
def backwards(
    model: Denoiser, images: Tensor, labels: Tensor | None = None, iterations: int = ITERATIONS,
    watch: Watch = lambda done, steps: None,
) -> Tensor:
    """Images (n, C, H, W) float in [-1, 1] -> the latents x of which the model makes them, about N(0, I).

    A sampler whose steps look at former ones (Heun, DPM-Solver++) is replaced by the one-step sampler of its process
    with as many steps, so that the way back is not exactly the way there.
    """
    if model.sampler in NOISY:
        raise BadInput("not-reversible",
                       f"The sampler {model.sampler} draws noise in every step, so no single noise makes an image, "
                       f'expected a model file with sampler = "{ONE_STEP[model.process]}".')
    step, steps = steps_of(model, labels)
    x = images
    for k in reversed(range(steps)):
        x = undone(lambda x, k=k: step(k, x), x, iterations)        # type: ignore[misc]
        watch(steps - k, steps)
    return x if model.process == "flow" else x / float(model.scheduler().init_noise_sigma)


def steps_of(model: Denoiser, labels: Tensor | None) -> tuple[Callable[[int, Tensor], Tensor], int]:
    """Step k of the process's one-step sampler as a function, and how many there are."""
    way = copy(model)                                               # shares the network
    way.sampler = ONE_STEP[model.process]
    made = way.scheduler()

    def step(k: int, x: Tensor) -> Tensor:
        scheduler = at_step(made, k)
        time = scheduler.timesteps[k]
        scaled = x if model.process == "flow" else scheduler.scale_model_input(x, time)
        return scheduler.step(model.guided(scaled, time.to(x).expand(len(x)), labels), time, x).prev_sample

    return step, len(made.timesteps)


def at_step(scheduler: Any, k: int) -> Any:
    """A copy that stands before step k: schedulers count their steps."""
    fresh = copy(scheduler)
    if hasattr(fresh, "set_begin_index"):
        fresh.set_begin_index(k)
    return fresh
