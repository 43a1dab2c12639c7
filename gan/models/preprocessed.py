"""A model whose images are resized, padded or cropped by its model file, where it is a part of another model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from ganbench.gan.generators.base import Generator, shares_of
from ganbench.gan.images import from_model, to_float
from ganbench.gan.preprocessing import preprocessed, steps_in
from ganbench.gan.types import ModelSpec


class Preprocessed:
    """The same draws and labels, and the images after the steps, which quantise to the very bytes that they have."""

    output_range = (-1.0, 1.0)

    def __init__(self, model: Generator, spec: ModelSpec):
        self.model, self.spec, self.n_classes = model, spec, model.n_classes
        self.class_shares = shares_of(model)

    def draws(self, indices: Sequence[int], seed: int) -> Tensor:
        return self.model.draws(indices, seed)

    def sample(self, draws: Tensor, labels: Tensor | None = None) -> Tensor:
        raw = self.model.sample(draws, labels) if self.n_classes else self.model.sample(draws)
        pixels = from_model(raw.cpu(), self.spec).numpy()
        return to_float(torch.from_numpy(preprocessed(pixels, steps_in(self.spec), self.spec.name))).to(raw.device)


def with_preprocessing(model: Generator, spec: ModelSpec) -> Generator:
    """The model, as `spec` says that its images are to be resized, padded or cropped."""
    return Preprocessed(model, spec) if steps_in(spec) else model


def plain(spec: ModelSpec) -> ModelSpec:
    """What describes the images of `with_preprocessing`."""
    if not steps_in(spec):
        return spec
    return replace(spec, output_range=Preprocessed.output_range, layout="NCHW", channels=None, resolution=None,
                   resize="", pad=0, crop=0, preprocessing=())
