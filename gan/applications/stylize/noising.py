"""SDEdit (Meng et al. 2022, arXiv:2108.01073): noise is added to an image up to some time, and taken away again.

At time 0 the image stays, at 1 nothing but noise is left of it.  What is new in the image comes from the class that
the model is told on the way back, or from the image that is given to it: one whose pixels were moved towards a style,
of which the model makes one that it has learnt ("Stroke-based editing" in the paper, section 3).

The way back is deterministic: x_t = signal x + noise e, of which the network tells x and e, and the next level is put
together of both (DDIM: Song et al. 2021, arXiv:2010.02502, equation 12 with eta = 0; of flows it is Euler's method).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from ganbench.gan.generators.diffusion import Denoiser

LEAST_STEPS = 20            # from noise alone; models with more have their own number
SIGMA_DATA, SIGMAS, RHO = 0.5, (0.002, 80.0), 7.0       # Karras et al. 2022, arXiv:2206.00364, table 1

Watch = Callable[[int, int], object]


@dataclass(frozen=True)
class Level:
    """x_t = signal x + noise e, and what the network is told of it."""

    signal: float
    noise: float
    time: float


def level_of(model: Denoiser, t: float) -> Level:
    """The level of a time from 0 to 1, at which nothing but noise is left."""
    if model.process == "flow":
        return Level(1 - t, t, 1_000 * t)
    if model.process == "ddpm":
        kept = model.scheduler().alphas_cumprod
        k = max(0, round(t * len(kept)) - 1)
        share = float(kept[k]) if t > 0 else 1.0
        return Level(math.sqrt(share), math.sqrt(1 - share), float(k))
    low, high = (sigma ** (1 / RHO) for sigma in SIGMAS)
    sigma = (low + t * (high - low)) ** RHO if t > 0 else 0.0           # Karras et al. 2022, equation 5
    return Level(1.0, sigma, 0.25 * math.log(max(sigma, SIGMAS[0])))


def clean_of(model: Denoiser, x: Tensor, level: Level, labels: Tensor | None) -> Tensor:
    """The clean image that the network sees in x (n, C, H, W)."""
    time = x.new_full((len(x),), level.time)
    if model.process == "flow":
        return x - level.noise * model.guided(x, time, labels)          # the velocity is e - x
    if model.process == "ddpm":
        return ((x - level.noise * model.guided(x, time, labels)) / level.signal).clamp(-1, 1)
    total = math.sqrt(level.noise**2 + SIGMA_DATA**2)                   # Karras et al. 2022, equation 7 and table 1
    said = model.guided(x / total, time, labels)
    return SIGMA_DATA**2 / total**2 * x + level.noise * SIGMA_DATA / total * said


@torch.no_grad()
def sdedit(
    model: Denoiser, image: Tensor, noise: Tensor, strength: float, labels: Tensor | None,
    watch: Watch = lambda done, steps: None,
) -> Tensor:
    """Image and noise (n, C, H, W), the image in [-1, 1] -> images in [-1, 1]; strength 0 gives the image itself."""
    steps = math.ceil(strength * max(model.steps, LEAST_STEPS))
    here, x = level_of(model, strength), image
    if steps:
        x = here.signal * image + here.noise * noise
    for k in range(steps):
        t = strength * (1 - (k + 1) / steps)
        clean, there = clean_of(model, x, here, labels), level_of(model, t)
        rest = (x - here.signal * clean) / here.noise                   # the noise e, as x and the clean image have it
        x, here = there.signal * clean + there.noise * rest, there
        watch(k + 1, steps)
    return x.clamp(-1, 1)
