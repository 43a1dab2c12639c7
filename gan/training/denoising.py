"""Learning to undo noise: flow matching, DDPM's noise prediction, and EDM's preconditioned denoising."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ganbench.gan.generators.diffusion import Denoiser
from ganbench.gan.training import ema
from ganbench.gan.training.adapters import plain
from ganbench.gan.training.consolidation import Anchor
from ganbench.gan.training.loop import PLAIN, Batch, Hardware, Schedule, descend, learned, to_float
from ganbench.gan.training.several import draws_at

Network = Callable[[Tensor, Tensor], Tensor]                # noisy images, times -> what the process asks for


class Denoising:
    """AdamW after a linear warm-up; a tenth of the labels is dropped, for guidance without a classifier."""

    batches = 1
    dropped = 0.1

    def __init__(self, network: Denoiser, schedule: Schedule, process: str = "flow", warm_up: int = 500,
                 hardware: Hardware = PLAIN, anchor: Anchor | None = None):
        self.hardware, self.anchor = hardware, anchor
        self.network, self.loss, self.schedule = network, LOSSES[process], schedule
        self.average = plain(network)
        self.adam = torch.optim.AdamW(learned(network), schedule.rate, schedule.betas, weight_decay=0.0, fused=True)
        self.rate = torch.optim.lr_scheduler.LambdaLR(self.adam, lambda step: min(1.0, (step + 1) / warm_up))
        self.parts = {"network": network, "ema": self.average, "adam": self.adam, "rate": self.rate}
        if anchor is not None:
            self.parts["anchor"] = anchor

    def step(self, batches: Sequence[Batch], at: int, seed: int) -> dict[str, float]:
        (batch,) = batches
        random = draws_at(seed, at)
        labels = dropped(batch.labels, self.network.n_classes, self.dropped, random)
        with self.hardware.mixed():
            loss = self.loss(lambda x, time: self.network(x, time, labels), to_float(batch.images), random)
        if self.anchor is not None:
            loss = loss + self.anchor.penalty(self.network)
        losses = {"denoising": descend(self.adam, loss)}
        self.rate.step()
        ema.update(self.average, self.network, at, self.schedule.ema)
        return losses


def dropped(labels: Tensor | None, n_classes: int, share: float, random: torch.Generator) -> Tensor | None:
    """Labels with a share of them replaced by the null class; None for a network without classes."""
    if not n_classes or labels is None:
        return None
    lost = (torch.rand(len(labels), generator=random) < share).to(labels.device)
    return torch.where(lost, n_classes, labels)


def flow_matching(network: Network, x: Tensor, random: torch.Generator) -> Tensor:
    """E |v(x_t, t) - (e - x)|^2 with x_t = (1 - t) x + t e.  Lipman et al. 2023, arXiv:2210.02747, equation 23
    with time reversed; t is logit-normal (Esser et al. 2024, arXiv:2403.03206, equation 19)."""
    t = torch.sigmoid(torch.randn(len(x), generator=random)).to(x)
    noise = torch.randn(x.shape, generator=random).to(x)
    x_t = torch.lerp(x, noise, t[:, None, None, None])
    return (network(x_t, 1000 * t) - (noise - x)).square().mean()


def noise_prediction(network: Network, x: Tensor, random: torch.Generator) -> Tensor:
    """E |e - e(x_t, t)|^2 with x_t = sqrt(a_t) x + sqrt(1 - a_t) e.  Ho et al. 2020, arXiv:2006.11239, equation 14."""
    t = torch.randint(0, 1000, (len(x),), generator=random).to(x.device)
    noise = torch.randn(x.shape, generator=random).to(x)
    a = alphas().to(x)[t][:, None, None, None]
    return (network(a.sqrt() * x + (1 - a).sqrt() * noise, t.float()) - noise).square().mean()


def alphas() -> Tensor:
    """Cumulative products of 1 - beta for beta from 1e-4 to .02 in 1,000 steps, (1000,) float32."""
    return torch.cumprod(1 - torch.linspace(1e-4, 0.02, 1000), 0)


def edm(network: Network, x: Tensor, random: torch.Generator, sigma_data: float = 0.5) -> Tensor:
    """E w(s) |D(x + s e, s) - x|^2 with ln s ~ N(-1.2, 1.2^2).  Karras et al. 2022, arXiv:2206.00364, table 1.

    w c_out^2 = 1, so it is the error of what the network says.
    """
    s = (1.2 * torch.randn(len(x), generator=random) - 1.2).exp()[:, None, None, None].to(x)
    noisy = x + s * torch.randn(x.shape, generator=random).to(x)
    total = (s**2 + sigma_data**2).sqrt()
    skip, out = sigma_data**2 / total**2, s * sigma_data / total
    said = network(noisy / total, s.flatten().log() / 4)
    return (said - (x - skip * noisy) / out).square().mean()


LOSSES = {"flow": flow_matching, "ddpm": noise_prediction, "edm": edm}
