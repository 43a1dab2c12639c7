"""Small steps along paths between latents, and how far apart the features of their ends are.

The terms of perceptual path length (Karras, Laine & Aila 2019, arXiv:1812.04948, section 4.1),
d(G(p(t)), G(p(t + epsilon))) / epsilon^2, with

- t = 0, which StyleGAN2 and later call "end" (arXiv:1912.04958, section 3): a step begins at an image that the model
  draws.  Latents in the middle of a line through W may be none of the model's; those of an arc between normal latents
  are distributed like its ends, so that t makes no difference there;
- epsilon = 1e-4;
- arcs (slerp) between normal latents, straight lines (lerp) between others;
- d: the squared Euclidean distance of an extractor's features, where the authors have LPIPS.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ganbench.gan.drawing import MICRO_BATCH, Tick, labels_of, silent
from ganbench.gan.features.base import Extractor
from ganbench.gan.generators.base import Generator, LatentModel, seed_of
from ganbench.gan.latent.paths import Between, lerp, slerp
from ganbench.gan.types import ModelSpec
from ganbench.gan.unrounded import is_rounded, unrounded

EPSILON = 1e-4
COARSE = 1.25               # times as much for a tenth of the step: of a path, at least a fifth of it is rounding,
BROKEN = 5.0                # and of all paths, most of it: few pixels that are rounded change rarely, but by much
GOAL = "path"               # name of the seed of the latents that paths lead to


@dataclass(frozen=True)
class Paths:
    """Paths between latents (n, *shape) of a space; noise and classes are the same all along."""

    space: str
    begin: np.ndarray
    end: np.ndarray
    between: Between            # slerp or lerp
    noise: Tensor               # (n, ...)
    labels: Tensor | None       # (n,) int64

    def at(self, t: np.ndarray) -> np.ndarray:
        """Latents at t (n,), from 0 to 1, computed in float64; of the dtype of `begin`."""
        a, b = (np.asarray(latents, np.float64).reshape(len(latents), -1) for latents in (self.begin, self.end))
        return self.between(a, b, t).reshape(self.begin.shape).astype(self.begin.dtype)


@torch.inference_mode()
def steps(
    model: LatentModel, spec: ModelSpec, seed: int, space: str, start: int, stop: int, extractor: Extractor,
    device: str = "cpu", tick: Tick = silent,
) -> dict[str, np.ndarray]:
    """`steps` (n,) float64: d / epsilon^2 of paths [start, stop) through a space ("": that of the draws).

    Path i begins at image i of the seed and keeps its noise and class.  Works in whole micro-batches that start at
    multiples of their size, so that every path has the same bits wherever a run begins or ends; the ends of a step have
    the same place in two batches of one size, so that both are rounded alike.
    """
    size = MICRO_BATCH[torch.device(device).type]
    parts: list[np.ndarray] = []
    for first in range(start // size * size, stop, size):
        paths = paths_from(model, range(first, first + size), seed, space, device)
        found = squared_speed(model, spec, paths, np.zeros(size), EPSILON, extractor, device, first)
        parts.append(found[max(0, start - first) : stop - first])
        tick(len(parts[-1]))
    return {"steps": np.concatenate(parts)}


def paths_from(model: LatentModel, indices: Sequence[int], seed: int, space: str, device: str) -> Paths:
    """From the latents of images to as many others, drawn like them."""
    first = next(iter(model.spaces))
    space, labels = space or first, labels_of(model, indices, seed, device)
    here, noise = model.split(model.draws(indices, seed).to(device))
    goal, _ = model.split(model.draws(indices, seed_of(seed, GOAL)).to(device))
    begin, end = (model.to_space(latent, first, space, labels).cpu().numpy() for latent in (here, goal))
    return Paths(space, begin, end, slerp if model.spaces[space].distribution == "normal" else lerp, noise, labels)


def squared_speed(
    model: LatentModel, spec: ModelSpec, paths: Paths, t: np.ndarray, epsilon: float, extractor: Extractor,
    device: str = "cpu", first: int = 0,
) -> np.ndarray:
    """d / epsilon^2 of a step from t (n,) on, (n,) float64."""
    here, there = (features_of(images_at(model, spec, paths, at, device, first), extractor) for at in (t, t + epsilon))
    return np.asarray(((there - here) ** 2).sum(axis=1) / epsilon**2)


def images_at(
    model: LatentModel, spec: ModelSpec, paths: Paths, t: np.ndarray, device: str = "cpu", first: int = 0
) -> np.ndarray:
    """Images of paths at t (n,), (n, C, H, W) float32 in [0, 255]; `first`: the number of the first, for messages."""
    raw = model.decode(torch.from_numpy(paths.at(t)).to(device), paths.noise, paths.labels, paths.space)
    return unrounded(raw.cpu(), spec, first)


def features_of(images: np.ndarray, extractor: Extractor) -> np.ndarray:
    """(n, C, H, W) float32 in [0, 255] -> features (n, d) float64."""
    size = extractor.micro_batch
    parts = [extractor.unrounded(images[first : first + size])["features"] for first in range(0, len(images), size)]
    return np.concatenate(parts).astype(np.float64)


def latent_spaces(generator: Generator) -> frozenset[str]:
    """The names of a model's latent spaces, and "" for that of its draws; none where it has none."""
    return frozenset(["", *generator.spaces]) if isinstance(generator, LatentModel) else frozenset()


@torch.inference_mode()
def rounds(model: LatentModel, spec: ModelSpec, extractor: Extractor, device: str = "cpu") -> bool:
    """Whether small steps are lost in rounding, of images to 8 bits or of a network to half precision.

    What changes smoothly has moved about ten times as far after a step ten times as long; what is rounded has not, and
    d / epsilon^2 grows as epsilon shrinks.  Looked at along the paths of the first images.
    """
    first = range(MICRO_BATCH[torch.device(device).type])
    if is_rounded(model.sample(model.draws(first, 0).to(device), labels_of(model, first, 0, device))):
        return True
    paths = paths_from(model, first, 0, "", device)
    short, long = (squared_speed(model, spec, paths, np.zeros(len(first)), epsilon, extractor, device)
                   for epsilon in (EPSILON, 10 * EPSILON))
    return bool(np.median(short - COARSE * long) > 0 or short.sum() > BROKEN * long.sum())
