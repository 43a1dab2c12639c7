"""Adversarial losses: one function each, logits in, scalars out."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import softplus


def discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """-E log D(x) - E log(1 - D(G(z))), logits (n,).  Goodfellow et al. 2014, arXiv:1406.2661, equation 1."""
    return softplus(-real).mean() + softplus(fake).mean()


def non_saturating_loss(fake: Tensor) -> Tensor:
    """-E log D(G(z)), logits (n,).  Goodfellow et al. 2014, section 3."""
    return softplus(-fake).mean()
