"""Pivotal tuning: a generator that is fine-tuned around a latent, until it makes an image that it could not make.

Roich et al. 2021, arXiv:2106.05744.  The pivot, a latent found by inversion, stays; the weights of a copy change so
that the pivot's image comes nearer to the target (section 3.2, here without a perceptual network), while images of
latents between the pivot and others stay what they were (section 3.3: locality).
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, nn

from ganbench.gan.types import BadInput

Network = TypeVar("Network", bound=nn.Module)
Watch = Callable[[int, int], object]        # steps done, of how many


@dataclass(frozen=True)
class Tuning:
    """`rate` and `locality`, the weight of what holds other images, are the paper's.  `reach`: how far from the pivot
    towards another latent images are held; the paper goes a fixed length of 30 in the W of its models."""

    steps: int = 100
    rate: float = 3e-4
    locality: float = 0.1
    reach: float = 0.5

    def __post_init__(self) -> None:
        if self.steps < 1 or not self.rate > 0 or self.locality < 0 or not 0 < self.reach <= 1:
            raise BadInput("unfit-value",
                           f"Pivotal tuning has steps from 1 on, a rate above 0, a locality from 0 on and a reach up "
                           f"to 1, got {self.steps}, {self.rate:g}, {self.locality:g} and {self.reach:g}.")


def tuned(
    original: Network, decode: Callable[[Network, Tensor, Tensor], Tensor], pivots: Tensor, targets: Tensor,
    others: Tensor, tuning: Tuning, watch: Watch = lambda done, steps: None,
) -> Network:
    """A copy of the network that was tuned to n pivots together; the original is not changed.

    decode(network, latents (m, *shape), rows (m,)) -> (m, C, H, W) float in [-1, 1], where rows say whose class and
    noise a latent has; pivots (n, *shape); targets (n, C, H, W) float in [-1, 1]; others (k, *shape): drawn latents, of
    which each step takes the next n.  Layers stay in the mode that they are in: BatchNorm keeps its statistics.
    """
    with torch.inference_mode(False), torch.enable_grad():
        pivots, targets, others, network = pivots.clone(), targets.clone(), others.clone(), deepcopy(original)
        for parameter in network.parameters():
            parameter.requires_grad_(parameter.is_floating_point())
        adam = torch.optim.Adam(network.parameters(), tuning.rate)
        rows = torch.arange(len(pivots), device=pivots.device)
        for step in range(tuning.steps):
            far = others[(step * len(pivots) + rows) % len(others)]
            near = pivots + tuning.reach * (far - pivots)
            loss = apart(decode(network, pivots, rows), targets)
            if tuning.locality:
                with torch.no_grad():
                    before = decode(original, near, rows)
                loss = loss + tuning.locality * apart(decode(network, near, rows), before)
            adam.zero_grad()
            loss.backward()
            adam.step()
            watch(step + 1, tuning.steps)
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    return network


def apart(images: Tensor, others: Tensor) -> Tensor:
    """Mean squared difference."""
    return (images - others).square().mean()
