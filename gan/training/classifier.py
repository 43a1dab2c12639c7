"""Learning to tell classes apart: how the judge is trained."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from ganbench.gan.training.loop import Batch, Schedule, descend, random_at, to_float
from ganbench.gan.types import BadInput


class Classifier:
    """Cross-entropy with smoothed labels, random horizontal flips, AdamW on a one-cycle schedule."""

    batches = 1

    def __init__(self, network: nn.Module, schedule: Schedule):
        self.network = network
        self.adam = torch.optim.AdamW(network.parameters(), schedule.rate, weight_decay=1e-2, fused=True)
        self.rate = torch.optim.lr_scheduler.OneCycleLR(self.adam, schedule.rate, schedule.steps)
        self.parts = {"classifier": network, "adam": self.adam, "rate": self.rate}

    def step(self, batches: Sequence[Batch], at: int, seed: int) -> dict[str, float]:
        (batch,) = batches
        if batch.labels is None:
            raise BadInput("missing-labels", "A classifier learns from images with labels; these have none.")
        images = to_float(batch.images)
        flip = torch.rand(len(images), generator=random_at(seed, at)) < 0.5
        images = torch.where(flip[:, None, None, None], images.flip(3), images)
        loss = nn.functional.cross_entropy(self.network(images), batch.labels, label_smoothing=0.1)
        losses = {"cross_entropy": descend(self.adam, loss)}
        self.rate.step()
        return losses
