"""Exponential moving average of weights."""

from __future__ import annotations

import torch
from torch import nn


@torch.no_grad()
def update(average: nn.Module, current: nn.Module, step: int, decay: float) -> None:
    """Move `average` towards `current`; buffers are copied.

    The decay warms up as (1 + step) / (10 + step), so that the random start is soon forgotten.
    """
    decay = min(decay, (1 + step) / (10 + step))
    for weight, newer in zip(average.parameters(), current.parameters(), strict=True):
        weight.lerp_(newer, 1 - decay)
    for buffer, latest in zip(average.buffers(), current.buffers(), strict=True):
        buffer.copy_(latest)
