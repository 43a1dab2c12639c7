"""Exponential moving average of weights."""

from __future__ import annotations

import torch
from torch import nn

from ganbench.gan.training.adapters import merged


@torch.no_grad()
def update(average: nn.Module, current: nn.Module, step: int, decay: float) -> None:
    """Move `average` towards `current`; buffers are copied.

    The decay warms up as (1 + step) / (10 + step), so that the random start is soon forgotten.  Where `current` has
    adapters, `average` is `adapters.plain` and follows the sums that they make with its weights: an average of factors
    would be no average of products.
    """
    decay = min(decay, (1 + step) / (10 + step))
    weights, buffers = merged(current), dict(current.named_buffers())
    for name, weight in average.named_parameters():
        weight.lerp_(weights[name], 1 - decay)
    for name, buffer in average.named_buffers():
        buffer.copy_(buffers[name])
