"""Adversarial training: a generator, and a critic that discriminates its images from real ones.

One task for all adversarial families; the loss is a row of `LOSSES`, penalties and augmentation are numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ganbench.gan.training import ema
from ganbench.gan.training.adapters import plain
from ganbench.gan.training.augmentation import Adaptive, augmentation
from ganbench.gan.training.consolidation import Anchor
from ganbench.gan.training.loop import Batch, Schedule, descend, learned, to_float
from ganbench.gan.training.losses import LOSSES, gradient_penalty, zero_centred_penalty
from ganbench.gan.training.several import draws_at


class Adversarial:
    """`critic_steps` steps of the critic, each on a batch of its own, then one of the generator on the last batch.

    `generator`, a module, makes images of its `training_draws(n, random)`, and `discriminator` logits (n,) of images;
    where the generator has classes (`n_classes`), both take labels (n,) int64 as well.  Each has its Adam, the critic's
    with the schedule's rate and betas unless its own are given.

    `gp` weighs the gradient penalty, `r1` and `r2` (gamma) the zero-centred ones on real and on generated images.
    Those count `penalty_every` times in every so many steps (lazy regularisation: Karras et al. 2020,
    arXiv:1912.04958, section 3.1).  `augment` is a policy of `ganbench.gan.training.augmentation`; if
    `adaptive`, each of its changes happens with a probability that follows from the critic.  An `anchor` holds the
    generator near the weights that it began with; the critic learns `alone` for so many steps.
    """

    def __init__(
        self, generator: Any, discriminator: nn.Module, schedule: Schedule, loss: str = "non-saturating",
        critic_steps: int = 1, gp: float = 0.0, r1: float = 0.0, r2: float = 0.0, penalty_every: int = 1,
        augment: str = "", adaptive: bool = False, critic_rate: float | None = None,
        critic_betas: tuple[float, float] | None = None, anchor: Anchor | None = None,
        alone: int = 0,
    ):
        if loss not in LOSSES:
            raise ValueError(f"No adversarial loss {loss!r}. Known: {', '.join(LOSSES)}.")
        self.generator, self.discriminator, self.schedule = generator, discriminator, schedule
        self.loss, self.batches = LOSSES[loss], critic_steps
        self.gp, self.r1, self.r2, self.penalty_every = gp, r1, r2, penalty_every
        self.augment = Adaptive(augment) if adaptive else augmentation(augment)
        self.alone = alone
        self.anchor, self.average = anchor, plain(generator)
        self.generator_adam = torch.optim.Adam(learned(generator), schedule.rate, schedule.betas, fused=True)
        self.discriminator_adam = torch.optim.Adam(
            learned(discriminator), critic_rate or schedule.rate, critic_betas or schedule.betas, fused=True
        )
        self.parts = {"generator": generator, "discriminator": discriminator, "ema": self.average,
                      "generator_adam": self.generator_adam, "discriminator_adam": self.discriminator_adam}
        if isinstance(self.augment, Adaptive):
            self.parts["augment"] = self.augment
        if anchor is not None:
            self.parts["anchor"] = anchor

    def step(self, batches: Sequence[Batch], at: int, seed: int) -> dict[str, float]:
        """The losses told of the critic are those of its last step."""
        random = draws_at(seed, at)
        for k, batch in enumerate(batches):
            real = to_float(batch.images).contiguous(memory_format=torch.channels_last)
            labels = self.labels_of(batch)
            with torch.set_grad_enabled(k + 1 == len(batches)):         # only the last fakes teach the generator
                fake = self.generator(self.generator.training_draws(len(real), random).to(real.device), *labels)
            losses = self.improve_critic(real, fake.detach(), labels, at % self.penalty_every == 0, random)
        losses["generator"] = self.improve_generator(real, fake, labels, random, learns=at >= self.alone)
        ema.update(self.average, self.generator, at, self.schedule.ema)
        return losses

    def labels_of(self, batch: Batch) -> tuple[Tensor, ...]:
        """What networks take beside draws and images: nothing, or labels."""
        if not self.generator.n_classes:
            return ()
        if batch.labels is None:
            raise ValueError(f"The generator has {self.generator.n_classes} classes, but the images have no labels.")
        return (batch.labels,)

    def judge(self, images: Tensor, labels: tuple[Tensor, ...], random: torch.Generator) -> Tensor:
        """Logits (n,) of images as the critic may see them."""
        return self.discriminator(self.augment(images, random), *labels)

    def improve_critic(
        self, real: Tensor, fake: Tensor, labels: tuple[Tensor, ...], penalised: bool, random: torch.Generator
    ) -> dict[str, float]:
        of_real = self.judge(real.requires_grad_(penalised and self.r1 > 0), labels, random)
        of_fake = self.judge(fake.requires_grad_(penalised and self.r2 > 0), labels, random)
        loss = self.loss.critic(of_real, of_fake)
        penalties = []
        if real.requires_grad:
            penalties.append(self.r1 * self.penalty_every * zero_centred_penalty(of_real, real))
        if fake.requires_grad:
            penalties.append(self.r2 * self.penalty_every * zero_centred_penalty(of_fake, fake))
        if self.gp:
            penalties.append(
                self.gp * gradient_penalty(lambda images: self.judge(images, labels, random), real, fake, random)
            )
        descend(self.discriminator_adam, sum(penalties, start=loss))
        losses = {"discriminator": loss.item()}
        if self.gp or self.r1 or self.r2:
            losses["penalty"] = sum(penalty.item() for penalty in penalties)
        if isinstance(self.augment, Adaptive):
            self.augment.follow(of_real, of_fake, relative=not self.loss.probabilities)
            losses["augment"] = self.augment.p.item()
        return losses | self.loss.seen(of_real.detach(), of_fake.detach())

    def improve_generator(
        self, real: Tensor, fake: Tensor, labels: tuple[Tensor, ...], random: torch.Generator, learns: bool
    ) -> float:
        of_real = real.new_zeros(len(real))
        if self.loss.in_pairs:
            with torch.no_grad():
                of_real = self.judge(real, labels, random)
        loss = self.loss.generator(of_real, self.judge(fake, labels, random))
        if self.anchor is not None:
            loss = loss + self.anchor.penalty(self.generator)
        return descend(self.generator_adam, loss) if learns else loss.item()
