"""Adversarial losses and penalties: one function each, logits (n,) in, scalars out.

LOSSES names those that a generator and its critic are trained with together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import softplus


def discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """-E log D(x) - E log(1 - D(G(z))), logits (n,).  Goodfellow et al. 2014, arXiv:1406.2661, equation 1."""
    return softplus(-real).mean() + softplus(fake).mean()


def non_saturating_loss(fake: Tensor) -> Tensor:
    """-E log D(G(z)), logits (n,).  Goodfellow et al. 2014, section 3."""
    return softplus(-fake).mean()


def hinge_critic_loss(real: Tensor, fake: Tensor) -> Tensor:
    """E max(0, 1 - D(x)) + E max(0, 1 + D(G(z))).  Lim & Ye 2017, arXiv:1705.02894; Miyato et al. 2018,
    arXiv:1802.05957, equation 16."""
    return (1 - real).relu().mean() + (1 + fake).relu().mean()


def wasserstein_critic_loss(real: Tensor, fake: Tensor) -> Tensor:
    """E D(G(z)) - E D(x).  Arjovsky et al. 2017, arXiv:1701.07875, equation 2."""
    return fake.mean() - real.mean()


def critic_score_loss(fake: Tensor) -> Tensor:
    """-E D(G(z)): the generator's side of the hinge and the Wasserstein loss."""
    return -fake.mean()


def relativistic_loss(real: Tensor, fake: Tensor) -> Tensor:
    """E softplus(D(G(z)) - D(x)), real and fake in pairs; the generator's is that of the two changed over.

    Jolicoeur-Martineau 2019, arXiv:1807.00734; RpGAN in Huang et al. 2025, arXiv:2501.05441, equation 2, whose
    logits have the other sign.
    """
    return softplus(fake - real).mean()


@dataclass(frozen=True)
class Loss:
    """Both sides of a game: each takes the logits of real and of generated images."""

    critic: Callable[[Tensor, Tensor], Tensor]
    generator: Callable[[Tensor, Tensor], Tensor]
    in_pairs: bool = False  # the generator's side looks at real images, too
    probabilities: bool = False  # logits are those of a probability, D(x)

    def seen(self, real: Tensor, fake: Tensor) -> dict[str, float]:
        """What is told beside the losses: the mean D(x) and D(G(z)), or the mean scores of a critic."""
        if self.probabilities:
            return {"d_real": real.sigmoid().mean().item(), "d_fake": fake.sigmoid().mean().item()}
        return {"score_real": real.mean().item(), "score_fake": fake.mean().item()}


LOSSES = {
    "non-saturating": Loss(discriminator_loss, lambda real, fake: non_saturating_loss(fake), probabilities=True),
    "hinge": Loss(hinge_critic_loss, lambda real, fake: critic_score_loss(fake)),
    "wasserstein": Loss(wasserstein_critic_loss, lambda real, fake: critic_score_loss(fake)),
    "relativistic": Loss(relativistic_loss, lambda real, fake: relativistic_loss(fake, real), in_pairs=True),
}


def gradient_penalty(critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, random: torch.Generator) -> Tensor:
    """E (|grad D(x)| - 1)^2 at points between real and generated images.  Gulrajani et al. 2017, arXiv:1704.00028,
    equation 3, whose weight is 10."""
    share = torch.rand(len(real), 1, 1, 1, generator=random, dtype=real.dtype).to(real.device)
    between = torch.lerp(fake.detach(), real.detach(), share).requires_grad_()
    norms = squared_gradients(critic(between), between).add(1e-12).sqrt()       # the root's slope at 0 is infinite
    return (norms - 1).square().mean()


def zero_centred_penalty(logits: Tensor, images: Tensor) -> Tensor:
    """1/2 E |grad D(x)|^2, from logits that were made of these images: R1 of real ones, R2 of generated ones.

    Mescheder et al. 2018, arXiv:1801.04406, equation 9 and section 4.1; the weight is called gamma there.
    """
    return squared_gradients(logits, images).mean() / 2


def squared_gradients(logits: Tensor, images: Tensor) -> Tensor:
    """|grad D(x)|^2 of each image, (n,), as part of the graph."""
    (gradient,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    return gradient.square().flatten(1).sum(1)
