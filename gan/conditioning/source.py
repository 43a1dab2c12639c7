"""A model as the methods see it: rows of draws, taken apart into latents and noise, and images of them.

Everything is computed in whole micro-batches, so that an image does not depend on how many are asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate, pad

from ganbench.gan.drawing import MICRO_BATCH, pictures_of
from ganbench.gan.generators.base import Generator, LatentModel, asked_classes
from ganbench.gan.images import to_nchw
from ganbench.gan.preprocessing import steps_in
from ganbench.gan.types import ModelSpec

GREY = 0.299, 0.587, 0.114          # ITU-R 601, as Pillow weighs colours


@dataclass(frozen=True, eq=False)
class Rows:
    """What n images are made of, so that they can be made again: draws `indices` of a seed and, of a model with
    latents, latents and noise instead, which a method may have moved."""

    seed: int
    indices: np.ndarray             # (n,) int64
    labels: np.ndarray | None       # (n,) int64 of a conditional model
    space: str = ""
    latents: np.ndarray | None = None       # (n, *shape) float32
    noise: np.ndarray | None = None         # (n, ...)

    def __len__(self) -> int:
        return len(self.indices)

    def chosen(self, rows: np.ndarray) -> Rows:
        """Some of them, by number or by mask."""
        arrays = {name: None if value is None else value[rows] for name, value in self.arrays().items()}
        return replace(self, **arrays)      # type: ignore[arg-type]

    def arrays(self) -> dict[str, np.ndarray | None]:
        return {"indices": self.indices, "labels": self.labels, "latents": self.latents, "noise": self.noise}


def joined(parts: Sequence[Rows]) -> Rows:
    """Rows of one seed and space, one after the other."""
    arrays = {name: None if value is None else np.concatenate([np.asarray(part.arrays()[name]) for part in parts])
              for name, value in parts[0].arrays().items()}
    return replace(parts[0], **arrays)      # type: ignore[arg-type]


@dataclass(frozen=True, eq=False)
class Source:
    """A loaded model, and the seed of its draws."""

    generator: Generator
    spec: ModelSpec
    seed: int = 0
    device: str = "cpu"

    @property
    def size(self) -> int:
        """Images of a micro-batch."""
        return MICRO_BATCH[torch.device(self.device).type]

    def rows(self, indices: Sequence[int], seed: int, label: int | None = None, space: str = "") -> Rows:
        """Draws of a seed; of a conditional model all of the class `label`, or of those that it is usually asked for.
        Latents are of the space, or of the first one."""
        labels = self.labels(indices, seed, label)
        found = Rows(seed, np.asarray(indices, np.int64), labels)
        if not isinstance(self.generator, LatentModel):
            return found
        first = next(iter(self.generator.spaces))
        with torch.no_grad():
            latents, noise = self.generator.split(self.generator.draws(indices, seed).to(self.device))
            latents = self.generator.to_space(latents, first, space or first, self.told(labels))
        return replace(found, space=space or first, latents=latents.cpu().numpy(), noise=noise.cpu().numpy())

    def labels(self, indices: Sequence[int], seed: int, label: int | None) -> np.ndarray | None:
        if not self.generator.n_classes:
            return None
        asked = asked_classes(self.generator, indices, seed).numpy()
        return asked if label is None else np.full(len(asked), label, np.int64)

    def told(self, labels: np.ndarray | None) -> Tensor | None:
        return None if labels is None else torch.from_numpy(labels).to(self.device)

    def images(self, rows: Rows) -> np.ndarray:
        """(n, C, H, W) uint8."""
        return np.concatenate([self.batch(part)[: len(part)] for part in self.batches(rows)])

    def batches(self, rows: Rows) -> Iterator[Rows]:
        for start in range(0, len(rows), self.size):
            yield rows.chosen(np.arange(start, min(start + self.size, len(rows))))

    def filled(self, rows: Rows) -> Rows:
        """A whole micro-batch, with the last row repeated."""
        return rows.chosen(np.minimum(np.arange(self.size), len(rows) - 1))

    @torch.inference_mode()
    def batch(self, rows: Rows) -> np.ndarray:
        full = self.filled(rows)
        labels = self.told(full.labels)
        if full.latents is None or full.noise is None:
            draws = self.generator.draws(full.indices.tolist(), full.seed).to(self.device)
            raw = self.generator.sample(draws, labels)
        else:
            raw = self.decode(self.tensor(full.latents), full)
        return pictures_of(self.generator, self.spec, raw.cpu(), self.size, int(full.indices[0]), independent=False)

    def decode(self, latents: Tensor, rows: Rows) -> Tensor:
        """The output of the model for latents in place of those of a row; differentiable if the model is."""
        assert isinstance(self.generator, LatentModel)
        return self.generator.decode(latents, self.tensor(rows.noise), self.told(rows.labels), rows.space)

    def tensor(self, values: np.ndarray | None) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(values)).to(self.device)

    def pixels(self, latents: Tensor, rows: Rows) -> Tensor:
        """(n, C, H, W) float 0..255: what `batch` rounds, but differentiable; resizing is torch's instead of Pillow's,
        so this is for gradients alone."""
        low, high = self.spec.output_range
        raw = to_nchw(self.decode(latents, rows), self.spec)
        found = ((raw - low) * (255 / (high - low))).clamp(0, 255)
        for step in steps_in(self.spec):
            found = stepped(found, step)
        return found


def stepped(pixels: Tensor, step: str) -> Tensor:
    """A step of `ganbench.gan.preprocessing` on NCHW float 0..255, differentiable."""
    what, _, value = step.partition(" ")
    height, width = pixels.shape[2:]
    size = int(value.partition(":")[0] or 0)
    if what == "resize":
        return interpolate(pixels, (size, size), mode="bicubic", antialias=True).clamp(0, 255)
    if what == "pad":
        top, left = (size - height) // 2, (size - width) // 2
        return pad(pixels, (left, size - width - left, top, size - height - top))
    if what == "crop":
        top, left = (height - size) // 2, (width - size) // 2
        return pixels[:, :, top : top + size, left : left + size]
    if what == "grey" and pixels.shape[1] == 3:
        return (pixels * pixels.new_tensor(GREY)[:, None, None]).sum(1, keepdim=True)
    return pixels.expand(-1, 3, -1, -1) if what == "rgb" else pixels
