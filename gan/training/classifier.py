"""Learning to tell classes apart: how judges and guides are trained."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from ganbench.gan.training.loop import Batch, Schedule, descend, random_at, to_float
from ganbench.gan.types import BadInput

MOST = 2            # pixels that `moved` moves images by, up or down and to a side
Change = Callable[[Tensor, torch.Generator], Tensor]


def flipped(images: Tensor, random: torch.Generator) -> Tensor:
    """A half of the images as in a mirror; NCHW."""
    flip = torch.rand(len(images), generator=random) < 0.5
    return torch.where(flip[:, None, None, None], images.flip(3), images)


def moved(images: Tensor, random: torch.Generator) -> Tensor:
    """All images of a batch moved by the same few pixels, with their edges repeated; NCHW.  Classes that are each
    other's mirror images, as letters may be, remain classes."""
    height, width = images.shape[2:]
    top, left = torch.randint(2 * MOST + 1, (2,), generator=random).tolist()
    padded = nn.functional.pad(images, (MOST,) * 4, mode="replicate")
    return padded[:, :, top : top + height, left : left + width]


class Classifier:
    """Cross-entropy with smoothed labels, images changed at random, AdamW on a one-cycle schedule.

    `smoothing` makes probabilities less sure than they should be: 0 where calibration is measured.
    """

    batches = 1

    def __init__(self, network: nn.Module, schedule: Schedule, change: Change = flipped,
                 smoothing: float = 0.1):
        self.network, self.change, self.smoothing = network, change, smoothing
        self.adam = torch.optim.AdamW(network.parameters(), schedule.rate, weight_decay=1e-2, fused=True)
        self.rate = torch.optim.lr_scheduler.OneCycleLR(self.adam, schedule.rate, schedule.steps)
        self.parts = {"classifier": network, "adam": self.adam, "rate": self.rate}

    def step(self, batches: Sequence[Batch], at: int, seed: int) -> dict[str, float]:
        (batch,) = batches
        if batch.labels is None:
            raise BadInput("missing-labels", "A classifier learns from images with labels; these have none.")
        images = self.change(to_float(batch.images), random_at(seed, at))
        loss = nn.functional.cross_entropy(self.network(images), batch.labels, label_smoothing=self.smoothing)
        losses = {"cross_entropy": descend(self.adam, loss)}
        self.rate.step()
        return losses
