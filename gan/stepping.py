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

import numpy as np
import torch

from ganbench.gan.drawing import MICRO_BATCH, Tick, labels_of, silent
from ganbench.gan.features.base import Extractor
from ganbench.gan.generators.base import Generator, LatentModel, seed_of
from ganbench.gan.latent.paths import lerp, slerp
from ganbench.gan.types import ModelSpec
from ganbench.gan.unrounded import is_rounded, unrounded

EPSILON = 1e-4
GOAL = "path"               # name of the seed of the latents that paths lead to


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
        here, there = (features_of(images, extractor) for images in
                       ends_of_steps(model, spec, range(first, first + size), seed, space, device))
        found = ((there - here) ** 2).sum(axis=1) / EPSILON**2
        parts.append(found[max(0, start - first) : stop - first])
        tick(len(parts[-1]))
    return {"steps": np.concatenate(parts)}


def ends_of_steps(
    model: LatentModel, spec: ModelSpec, indices: Sequence[int], seed: int, space: str, device: str
) -> list[np.ndarray]:
    """Images at t = 0 and t = epsilon of paths, (n, C, H, W) float32 in [0, 255] each."""
    first = next(iter(model.spaces))
    space, labels = space or first, labels_of(model, indices, seed, device)
    here, noise = model.split(model.draws(indices, seed).to(device))
    goal, _ = model.split(model.draws(indices, seed_of(seed, GOAL)).to(device))
    begin, end = (model.to_space(latent, first, space, labels).cpu().numpy() for latent in (here, goal))
    return [unrounded(model.decode(torch.from_numpy(latents).to(device), noise, labels, space).cpu(), spec, indices[0])
            for latents in (begin, moved(begin, end, EPSILON, model.spaces[space].distribution))]


def moved(begin: np.ndarray, end: np.ndarray, t: float, distribution: str) -> np.ndarray:
    """Latents (n, *shape) at t of the paths from `begin` to `end`, computed in float64; of the dtype of `begin`."""
    between = slerp if distribution == "normal" else lerp
    a, b = (np.asarray(latents, np.float64).reshape(len(latents), -1) for latents in (begin, end))
    return between(a, b, np.full(len(a), t)).reshape(begin.shape).astype(begin.dtype)


def features_of(images: np.ndarray, extractor: Extractor) -> np.ndarray:
    """(n, C, H, W) float32 in [0, 255] -> features (n, d) float64."""
    size = extractor.micro_batch
    parts = [extractor.unrounded(images[first : first + size])["features"] for first in range(0, len(images), size)]
    return np.concatenate(parts).astype(np.float64)


def latent_spaces(generator: Generator) -> frozenset[str]:
    """The names of a model's latent spaces, and "" for that of its draws; none where it has none."""
    return frozenset(["", *generator.spaces]) if isinstance(generator, LatentModel) else frozenset()


@torch.inference_mode()
def rounds(generator: Generator, device: str) -> bool:
    """Whether a model's images come in 8 bits, so that small steps are lost; draws the first ones."""
    first = range(MICRO_BATCH[torch.device(device).type])
    return is_rounded(generator.sample(generator.draws(first, 0).to(device), labels_of(generator, first, 0, device)))
