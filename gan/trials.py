"""A model's first images, drawn several times: they must be images, and depend on model, seed and number alone."""

from __future__ import annotations

import numpy as np

from ganbench.gan.drawing import draw, images_of
from ganbench.gan.sampling import generator_of, shard_key
from ganbench.gan.store import read_arrays, store_of
from ganbench.gan.types import BadOutput, ModelSpec, Workspace
from ganbench.gan.usercode import patiently

FIRST = 20                  # images that are drawn twice
AMONG_OTHERS = range(12, 16)    # of those, the ones that are drawn among others, too:
AROUND = (*range(8), *range(8))     # a half of the first, each twice
APART = 0.5                 # levels of 255, in the mean: more than rounding in batches of other images makes


def check_output(spec: ModelSpec, seed: int, workspace: Workspace) -> tuple[int, int, int]:
    """(channels, height, width) of the first images, which must be the same whenever they are drawn.

    A user's own code is also asked for some of them among other images, and held against the store.
    BadOutput: they are no images, or depend on anything but the model, the seed and their number.
    """
    generator = generator_of(spec, workspace)
    with patiently(f"the first batch of {spec.name}"):
        first, again = (draw(generator, spec, seed, 0, FIRST, workspace.device)["images"] for _ in range(2))
    if not np.array_equal(first, again):
        raise BadOutput(
            "unseeded-randomness",
            f"{spec.name} makes different images from the same draws: something in it is random (dropout in training "
            "mode, or noise that it draws itself); with latent = \"none\" it gets a seed for each image."
        )
    if spec.factory:
        check_among_others(spec, seed, first, workspace)
        check_store(spec, seed, first, workspace)
    channels, height, width = first.shape[1:]
    return channels, height, width


def check_among_others(spec: ModelSpec, seed: int, first: np.ndarray, workspace: Workspace) -> None:
    """Some of the first images, in another place of a batch, and with others around them."""
    indices = [*AMONG_OTHERS, *AROUND]
    moved = images_of(generator_of(spec, workspace), spec, indices, seed, workspace.device)[: len(AMONG_OTHERS)]
    apart = distance(moved, first[AMONG_OTHERS.start : AMONG_OTHERS.stop])
    if apart > APART:
        raise BadOutput(
            "depends-on-batch",
            f"{spec.name} makes another image {AMONG_OTHERS.start} when other images are drawn with it ({apart:.1f} "
            "levels of 255 apart on average): either it draws noise from a generator that it seeds itself (with "
            "latent = \"none\" it gets a seed for each image instead), or a layer looks at the whole batch, like "
            "BatchNorm in training mode (call eval()) or without running statistics (average them over many batches, "
            "with momentum=None in training mode, and save them with the weights)."
        )


def check_store(spec: ModelSpec, seed: int, first: np.ndarray, workspace: Workspace) -> None:
    """What the store holds under this model's name is what it makes now."""
    entry = store_of(workspace).find("samples", shard_key(spec, seed, 0, workspace))
    if entry is None:
        return
    stored = read_arrays(entry.path)["images"][: len(first)]
    if stored.shape[1:] != first.shape[1:] or distance(stored, first[: len(stored)]) > APART:
        raise BadOutput(
            "stale-images",
            f"{spec.name} makes other images now than those that are stored: something that its code reads has changed "
            "and is no part of its identity, such as a data file or an environment variable. Give it in [arguments] or "
            "as weights, or remove stored images with `ganbench cache collect --older-than 0`."
        )


def distance(a: np.ndarray, b: np.ndarray) -> float:
    """Mean absolute difference of uint8 images, in levels."""
    return float(np.abs(a.astype(np.int16) - b.astype(np.int16)).mean())
