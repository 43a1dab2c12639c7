"""A generator whose network is run by ONNX Runtime, in batches of a fixed size."""

from __future__ import annotations

from collections.abc import Sequence
from inspect import signature
from typing import Any

import torch
from torch import Tensor

from ganbench.gan.backend import fold, start_onnx
from ganbench.gan.generators.base import Generator


class Compiled:
    """Makes the images of a generator up to rounding; it must be a module whose `forward` is its `sample`."""

    def __init__(self, generator: Any, batch: int):
        self.generator: Generator = generator
        self.n_classes, self.output_range = generator.n_classes, generator.output_range
        self.zeros = torch.zeros(batch, dtype=torch.int64)      # the one class of those that have none
        self.labelled = "labels" in signature(generator.forward).parameters
        self.run = start_onnx(fold(generator), self.inputs(generator.draws(range(batch), 0), None))

    def inputs(self, draws: Tensor, labels: Tensor | None) -> list[Tensor]:
        return [draws, self.zeros if labels is None else labels] if self.labelled else [draws]

    def draws(self, indices: Sequence[int], seed: int) -> Tensor:
        return self.generator.draws(indices, seed)

    def sample(self, draws: Tensor, labels: Tensor | None = None) -> Tensor:
        """Exactly `batch` images."""
        (images,) = self.run(*self.inputs(draws, labels))
        return torch.from_numpy(images)
