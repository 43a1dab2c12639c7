"""Elastic weight consolidation: weights that mattered for many images stay near what they were while few are learned.

Kirkpatrick et al. 2017, arXiv:1612.00796; for generators of few images Li et al. 2020, arXiv:2012.02780.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn


def fisher(losses: Iterable[Tensor], parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The diagonal of the Fisher information: F_i = E (d loss / d theta_i)^2, of the shapes of the parameters.

    `losses`: -ln p of one sample each, scalars; a generator has those of its critic, as in Li et al., equation 3.
    They may be made one after the other, so that one graph is held at a time.
    """
    found = {name: torch.zeros_like(value) for name, value in parameters.items()}
    n = 0
    for loss in losses:
        gradients = torch.autograd.grad(loss, list(parameters.values()), retain_graph=True, allow_unused=True)
        for total, gradient in zip(found.values(), gradients, strict=True):
            if gradient is not None:
                total.addcmul_(gradient, gradient)
        n += 1
    if not n:
        raise ValueError("Fisher information needs the loss of at least 1 sample, got none.")
    return {name: total / n for name, total in found.items()}


class Anchor(nn.Module):
    """What the weights of a network are bound to: their values when it is made, and their Fisher information.

    Both are buffers, so that they are kept with a training's state.
    """

    weights: Tensor                                         # (k,), of all named parameters one after the other
    information: Tensor                                     # (k,)

    def __init__(self, network: nn.Module, fisher: Mapping[str, Tensor], weight: float):
        super().__init__()
        self.names, self.weight = tuple(fisher), weight
        self.register_buffer("weights", flat(self.of(network)).detach().clone())
        self.register_buffer("information", flat(fisher).detach().clone())
        if self.weights.shape != self.information.shape:
            raise ValueError(f"The Fisher information has {len(self.information):,} numbers, expected one for each of "
                             f"the {len(self.weights):,} weights.")

    def penalty(self, network: nn.Module) -> Tensor:
        """weight / 2 sum F_i (theta_i - theta*_i)^2.  Kirkpatrick et al. 2017, equation 3, whose weight is lambda."""
        moved = flat(self.of(network)) - self.weights
        return self.weight / 2 * (self.information * moved.square()).sum()

    def of(self, network: nn.Module) -> dict[str, Tensor]:
        parameters = dict(network.named_parameters())
        return {name: parameters[name] for name in self.names}


def flat(tensors: Mapping[str, Tensor]) -> Tensor:
    return torch.cat([value.flatten() for value in tensors.values()])
