"""Drawing images from a generator.  Image i depends only on the model, the seed and i."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from weakref import WeakKeyDictionary

import numpy as np
import torch

from ganbench.gan import images as image_rules
from ganbench.gan.generators.base import FiniteModel, Generator, asked_classes
from ganbench.gan.preprocessing import preprocessed, steps_in
from ganbench.gan.types import BadOutput, ModelSpec

MICRO_BATCH = {"cpu": 20, "cuda": 250}  # fixed, because convolutions round differently at other sizes
_outputs: WeakKeyDictionary[Generator, tuple[torch.dtype, tuple[int, ...]]] = WeakKeyDictionary()
Tick = Callable[[int], object]  # called with the number of rows that have just been computed


def silent(rows: int) -> None:
    """A `Tick` that does nothing."""


@torch.inference_mode()
def draw(
    generator: Generator, spec: ModelSpec, seed: int, start: int, stop: int, device: str = "cpu", tick: Tick = silent
) -> dict[str, np.ndarray]:
    """Images [start, stop): `images` (n, C, H, W) uint8, and `labels` (n,) int64 of a conditional model.

    Works in whole micro-batches that start at multiples of their size, so that every image has the same position in its
    batch, and the same bits, wherever a run begins or ends.
    """
    size = MICRO_BATCH[torch.device(device).type]
    parts: list[np.ndarray] = []
    for first in range(start // size * size, stop, size):
        pixels = images_of(generator, spec, range(first, first + size), seed, device)
        parts.append(pixels[max(0, start - first) : stop - first])
        tick(len(parts[-1]))
    drawn = {"images": np.concatenate(parts)}
    labels = labels_of(generator, range(start, stop), seed, "cpu")
    return drawn if labels is None else {**drawn, "labels": labels.numpy()}


@torch.inference_mode()
def images_of(
    generator: Generator, spec: ModelSpec, indices: Sequence[int], seed: int, device: str = "cpu"
) -> np.ndarray:
    """One batch, (n, C, H, W) uint8.  BadOutput: not as many images as were asked for, or not like those before."""
    labels = labels_of(generator, indices, seed, device)
    raw = generator.sample(generator.draws(indices, seed).to(device), labels).cpu()
    return pictures_of(generator, spec, raw, len(indices), indices[0])


def pictures_of(
    generator: Generator, spec: ModelSpec, raw: torch.Tensor, n: int, first: int, independent: bool = True
) -> np.ndarray:
    """What a generator gave for n latents, on the CPU -> (n, C, H, W) uint8, after the spec's own preprocessing.

    `first`: the number of the first image, for messages; `independent`: see `ganbench.gan.images.from_model`.
    """
    images = image_rules.from_model(raw, spec, first, independent)
    if len(images) != n:
        raise BadOutput("wrong-number",
                        f"{spec.name} gave {len(images)} images when asked for {n}, from image {first} on; expected "
                        "one per latent.")
    check_alike(generator, spec, raw, first)
    return preprocessed(images.numpy(), steps_in(spec), spec.name)


def check_alike(generator: Generator, spec: ModelSpec, raw: torch.Tensor, first: int) -> None:
    """Shape and dtype are those of the first batch that this generator gave."""
    found = raw.dtype, tuple(raw.shape[1:])
    with suppress(TypeError):                               # an object of the user's that cannot be a key
        before = _outputs.setdefault(generator, found)
        if before != found:
            (dtype, shape), (new_dtype, new_shape) = before, found
            raise BadOutput("unequal-batches",
                            f"{spec.name} gave {new_dtype} images of shape {new_shape} from image {first} on, and "
                            f"{dtype} images of shape {shape} before; expected one shape and dtype.")


def labels_of(generator: Generator, indices: Sequence[int], seed: int, device: str) -> torch.Tensor | None:
    """One class per image, drawn equally often or by shares, or known for images on disk; (n,) int64; None without
    classes."""
    if isinstance(generator, FiniteModel):
        return generator.labels(generator.draws(indices, seed))
    if not generator.n_classes:
        return None
    return asked_classes(generator, indices, seed).to(device)
