"""Diffusion and flow models as denoisers: x + s e -> E[x | x + s e], for any noise level s.

Restoration methods ask for a denoiser D(x, sigma) of images in [0, 1].  In the models' range [-1, 1] the noise is twice
as large, s = 2 sigma.  Each process scales x + s e to its own x_t, and turns its prediction into the image:

- `flow`: x_t = (1 - t) x + t e, so t / (1 - t) = s; the network predicts v = e - x, so x = x_t - t v
- `ddpm`: x_t = sqrt(a) x + sqrt(1 - a) e, so (1 - a) / a = s^2; it predicts e, so x = (x_t - sqrt(1 - a) e) / sqrt(a)
- `edm`:  x = c_skip (x + s e) + c_out F(c_in (x + s e), ln(s) / 4)  (Karras et al. 2022, arXiv:2206.00364, table 1)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ganbench.gan.generators.diffusion import TIMES
from ganbench.gan.inversion import device_of

SIGMA_DATA = 0.5            # Karras et al. 2022, table 1
LEAST = 1e-3                # smaller noise in [-1, 1] is none: an eighth of a level of 255


class Prior(nn.Module):
    """D(x, sigma) of a model of `ganbench.gan.generators.diffusion`.

    x (n, C, H, W) float in [0, 1] with noise of the standard deviation sigma, a number or (n,) -> the mean of what it
    can have been, of that shape.  `labels`: (n,) or (1,) int64; None: the null class, of models with classes.
    """

    def __init__(self, model: Any, label: int | None = None):
        super().__init__()
        self.model = model
        self.label = (label if label is not None else model.n_classes) if model.n_classes else None

    def forward(self, x: Tensor, sigma: Tensor | float, *_: Any, **__: Any) -> Tensor:
        noisy = (2 * x - 1).float().to(device_of(self.model))
        s = 2 * torch.as_tensor(sigma).to(noisy).flatten().expand(len(x))[:, None, None, None]
        labels = None if self.label is None else torch.full((len(x),), self.label, device=noisy.device)

        def network(x_t: Tensor, time: Tensor) -> Tensor:
            return self.model(x_t, time.flatten(), labels)

        clean = PROCESSES[self.model.process](network, noisy, s.clamp_min(LEAST), self.model)
        return ((torch.where(s < LEAST, noisy, clean) + 1) / 2).to(x)


Network = Callable[[Tensor, Tensor], Tensor]        # x_t (n, C, H, W), times (n, 1, 1, 1) -> (n, C, H, W)


def flow(network: Network, noisy: Tensor, s: Tensor, model: Any) -> Tensor:
    """noisy = x + s e, with s (n, 1, 1, 1) -> x; see the module."""
    t = s / (1 + s)
    x_t = (1 - t) * noisy
    return x_t - t * network(x_t, TIMES * t)


def ddpm(network: Network, noisy: Tensor, s: Tensor, model: Any) -> Tensor:
    """See the module.  Between the schedule's noise levels the time is interpolated, and beyond its ends it is cut; the
    image is cut to [-1, 1], as in sampling."""
    a = 1 / (1 + s**2)
    x_t = a.sqrt() * noisy
    e = network(x_t, time_of(s, model.scheduler().alphas_cumprod))
    return ((x_t - (1 - a).sqrt() * e) / a.sqrt()).clamp(-1, 1)


def time_of(s: Tensor, alphas: Tensor) -> Tensor:
    """The time (n, 1, 1, 1) at which sqrt((1 - a) / a) = s, along ln s between whole times."""
    levels = ((1 - alphas) / alphas).sqrt().log().numpy()
    return torch.from_numpy(np.interp(s.log().cpu().numpy(), levels, np.arange(len(levels)))).to(s)


def edm(network: Network, noisy: Tensor, s: Tensor, model: Any) -> Tensor:
    """See the module."""
    total = s**2 + SIGMA_DATA**2
    c_skip, c_out, c_in = SIGMA_DATA**2 / total, s * SIGMA_DATA / total.sqrt(), 1 / total.sqrt()
    return c_skip * noisy + c_out * network(c_in * noisy, s.log() / 4)


PROCESSES: dict[str, Callable[[Network, Tensor, Tensor, Any], Tensor]] = {"flow": flow, "ddpm": ddpm, "edm": edm}
