"""Learning a VQ tokenizer, and transformers over its tokens."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, mse_loss

from ganbench.gan.generators.transformer import Tokenizer, TokenModel
from ganbench.gan.training import ema
from ganbench.gan.training.adapters import plain
from ganbench.gan.training.consolidation import Anchor
from ganbench.gan.training.loop import PLAIN, Batch, Hardware, Schedule, descend, learned, to_float
from ganbench.gan.training.several import average, draws_at, from_first


class Tokenizing:
    """VQ-VAE: reconstruction and commitment, a codebook of moving averages, and a critic of patches.

    The codebook follows van den Oord et al. 2017, appendix A.1; a code that fewer than one vector in `rare` batches
    falls to is replaced by an encoded one.  After `alone` steps the critic joins: hinge losses on overlapping
    patches, as in VQ-GAN (Esser et al. 2021, arXiv:2012.09841, section 3.1), with a fixed weight.
    """

    batches = 1
    commitment, decay, rare = 0.25, 0.99, 0.02

    def __init__(self, tokenizer: Tokenizer, critic: nn.Module, schedule: Schedule, alone: int = 2_000,
                 weight: float = 0.05):
        self.tokenizer, self.critic, self.schedule, self.alone, self.weight = tokenizer, critic, schedule, alone, weight
        self.average = copy.deepcopy(tokenizer).requires_grad_(False)
        tokenizer.codebook.requires_grad_(False)
        self.counts = Codes(tokenizer.codebook)
        self.adam = torch.optim.Adam(learned(tokenizer), schedule.rate, schedule.betas, fused=True)
        self.critic_adam = torch.optim.Adam(critic.parameters(), schedule.rate, schedule.betas, fused=True)
        self.parts = {"tokenizer": tokenizer, "ema": self.average, "codes": self.counts, "critic": critic,
                      "adam": self.adam, "critic_adam": self.critic_adam}

    def step(self, batches: Sequence[Batch], at: int, seed: int) -> dict[str, float]:
        images = to_float(batches[0].images)
        code = self.tokenizer.encoder(images)
        tokens = self.tokenizer.nearest(code.detach())
        vectors = self.tokenizer.vectors(tokens)
        made = torch.tanh(self.tokenizer.decoder(code + (vectors - code).detach()))     # straight through
        reconstruction = (made - images).abs().mean() + mse_loss(made, images)
        loss = reconstruction + self.commitment * mse_loss(code, vectors)
        judged = at >= self.alone
        if judged:
            loss = loss - self.weight * self.critic(made).mean()
        losses = {"tokenizer": descend(self.adam, loss), "reconstruction": reconstruction.item()}
        losses["critic"] = self.learn_to_judge(images, made.detach()) if judged else 0.0
        self.counts.follow(code.detach(), tokens, self.decay, self.rare, draws_at(seed, at))
        ema.update(self.average, self.tokenizer, at, self.schedule.ema)
        self.average.codebook.copy_(self.tokenizer.codebook)
        return losses

    def learn_to_judge(self, real: Tensor, made: Tensor) -> float:
        loss = (1 - self.critic(real)).relu().mean() + (1 + self.critic(made)).relu().mean()
        return descend(self.critic_adam, loss)


class Codes(nn.Module):
    """The moving averages that a codebook is made of: how many vectors fall to each code, and their sum."""

    codebook: Tensor
    number: Tensor
    total: Tensor

    def __init__(self, codebook: Tensor):
        super().__init__()
        self.codebook = codebook
        self.register_buffer("number", torch.ones(len(codebook)))
        self.register_buffer("total", codebook.detach().clone())

    @torch.no_grad()
    def follow(self, code: Tensor, tokens: Tensor, decay: float, rare: float, random: torch.Generator) -> None:
        flat, chosen = code.transpose(0, 1).flatten(1).T, tokens.flatten()
        number = torch.bincount(chosen, minlength=len(self.number)).float()
        total = torch.zeros_like(self.total).index_add_(0, chosen, flat)
        average([number, total])
        self.number.lerp_(number, 1 - decay)
        self.total.lerp_(total, 1 - decay)
        dead = self.number < rare
        others = flat[torch.randint(len(flat), (int(dead.sum()),), generator=random).to(flat.device)]
        self.number[dead], self.total[dead] = 1.0, from_first(others)
        self.codebook.copy_(self.total / self.number[:, None])


class PatchCritic(nn.Module):
    """Images (n, channels, h, w) -> logits of overlapping patches of 22 pixels (n, 1, h / 4, w / 4)."""

    def __init__(self, channels: int, width: int = 32):
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(channels, width, 4, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(width, 2 * width, 4, 2, 1),
            nn.GroupNorm(8, 2 * width), nn.LeakyReLU(0.2), nn.Conv2d(2 * width, 1, 3, 1, 1),
        )

    def forward(self, images: Tensor) -> Tensor:
        return self.main(images)


class Writing:
    """Cross-entropy of tokens: of the next one (`GPT`), or of masked ones (`MaskGIT`), the tokenizer at rest."""

    batches = 1

    def __init__(self, model: TokenModel, schedule: Schedule, masked: bool, warm_up: int = 500,
                 hardware: Hardware = PLAIN, anchor: Anchor | None = None):
        self.hardware, self.anchor = hardware, anchor
        self.model, self.schedule, self.masked = model, schedule, masked
        model.tokenizer.requires_grad_(False)
        self.average = plain(model)
        self.adam = torch.optim.AdamW(learned(model), schedule.rate, schedule.betas, weight_decay=0.05, fused=True)
        self.rate = torch.optim.lr_scheduler.LambdaLR(self.adam, lambda step: min(1.0, (step + 1) / warm_up))
        self.parts = {"model": model, "ema": self.average, "adam": self.adam, "rate": self.rate}
        if anchor is not None:
            self.parts["anchor"] = anchor

    def step(self, batches: Sequence[Batch], at: int, seed: int) -> dict[str, float]:
        (batch,) = batches
        tokens = batch.images if batch.images.ndim == 2 else self.encode(batch.images)
        with self.hardware.mixed():
            loss = (masked_tokens if self.masked else next_tokens)(self.model, tokens, batch.labels,
                                                                   draws_at(seed, at))
        if self.anchor is not None:
            loss = loss + self.anchor.penalty(self.model)
        losses = {"cross_entropy": descend(self.adam, loss)}
        self.rate.step()
        ema.update(self.average, self.model, at, self.schedule.ema)
        return losses

    def read(self, data: Batch) -> Batch:
        """Tokens (n, grid * grid) int64 instead of images: the tokenizer rests, so that once is enough."""
        tokens = [self.encode(part).cpu() for part in data.images.split(self.schedule.batch)]
        return Batch(torch.cat(tokens), data.labels)

    @torch.no_grad()
    def encode(self, images: Tensor) -> Tensor:
        return self.model.tokenizer.encode(to_float(images.to(self.hardware.device)))


def next_tokens(model: TokenModel, tokens: Tensor, labels: Tensor | None, random: torch.Generator) -> Tensor:
    """-E ln p(token | the ones before).  Esser et al. 2021, equation 9."""
    return cross_entropy(model(tokens, labels).flatten(0, 1), tokens.flatten())


def masked_tokens(model: TokenModel, tokens: Tensor, labels: Tensor | None, random: torch.Generator) -> Tensor:
    """-E ln p(masked token | the others), cos(pi r / 2) of them masked for uniform r.  Chang et al. 2022,
    arXiv:2202.04200, equation 1."""
    share = torch.cos(math.pi / 2 * torch.rand(len(tokens), 1, generator=random)).to(tokens.device)
    order = torch.rand(tokens.shape, generator=random).argsort(1).to(tokens.device)
    masked = order < (share * tokens.shape[1]).ceil().clamp(min=1)
    logits = model(tokens.masked_fill(masked, model.codes), labels)
    return cross_entropy(logits[masked], tokens[masked])
