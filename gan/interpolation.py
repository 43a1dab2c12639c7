"""Images along a path between latents: which latents, the frames, and how smoothly they change.

Frames at equal steps of a path change at an uneven pace, since a network stretches its latent space.  They are
re-timed: many images along the path are measured with one extractor, and frames are put at equal distances there.  How
smooth the result is, is said by another extractor, which has not set the pace.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ganbench.gan.drawing import MICRO_BATCH, Tick, pictures_of, silent
from ganbench.gan.features.base import Extractor
from ganbench.gan.features.passing import extract
from ganbench.gan.generators.base import Generator, LatentModel, Space, asked_classes, mixes_classes
from ganbench.gan.inversion import Watch, Way, invert
from ganbench.gan.latent.inversion import unwatched
from ganbench.gan.latent.pace import distances, even, unevenness
from ganbench.gan.latent.paths import KINDS, LatentPath
from ganbench.gan.types import BadInput, ModelSpec

DENSER = 4          # images that are measured for the pace, for each frame


@dataclass(frozen=True)
class Place:
    """Image `image` of the draws of a seed, as `ganbench sample --seed` numbers them."""

    seed: int
    image: int = 0

    @property
    def name(self) -> str:
        return f"{self.seed}:{self.image}" if self.image else str(self.seed)


@dataclass(frozen=True)
class Keys:
    """What a path goes through: latents (k, *shape) of a space, one noise for all frames, and a class for each."""

    space: str
    latents: np.ndarray
    noise: Tensor           # (1, ...)
    labels: tuple[int, ...] = ()


@dataclass(frozen=True)
class Walk:
    """Frames along a path, with the smoothness of both paces: `unevenness` by the judging extractor."""

    kind: str
    frames: np.ndarray      # (n, C, H, W) uint8, re-timed if it was asked for
    at: np.ndarray          # (n,) their parameters on the path
    own: float              # at equal steps of the path
    timed: float            # re-timed


def places_in(text: str) -> list[Place]:
    """`3,8,21` or `3:5,8`: a seed and, behind the colon, which of its images."""
    found = []
    for word in text.split(","):
        parts = re.fullmatch(r"([0-9]+)(?::([0-9]+))?", word.strip())
        if not parts or int(parts[1]) >= 2**63 or int(parts[2] or 0) >= 2**63:
            raise BadInput("unfit-value",
                           f"The value of --seeds has {word.strip()!r}, expected SEED or SEED:IMAGE, whole numbers "
                           "from 0 on, comma-separated.")
        found.append(Place(int(parts[1]), int(parts[2] or 0)))
    if len(found) < 2:
        raise BadInput("too-few-keys", f"A path needs at least 2 key images, --seeds {text} names {len(found)}.")
    return found


def latent_model(generator: Generator, name: str) -> LatentModel:
    if not isinstance(generator, LatentModel):
        raise BadInput("no-latent-space",
                       f"{name} has no latent space to move through, as GANs and diffusion models of ganbench's "
                       "families and factories with latents have.")
    return generator


def space_named(model: LatentModel, asked: str) -> str:
    """The space that is asked for; by default W where there is one, as paths there are the smoothest."""
    if asked and asked not in model.spaces:
        raise BadInput("unknown-latent-space", f"No latent space {asked!r}, only {', '.join(model.spaces)}.")
    return asked or ("w" if "w" in model.spaces else next(iter(model.spaces)))


def kinds_for(space: Space, asked: str, closed: bool) -> list[str]:
    """The kinds that are compared, that which is drawn first: arcs between normal latents, splines through mapped ones
    that end where they began, and straight lines otherwise."""
    mapped = space.distribution == "mapped"
    usual = "slerp" if space.distribution == "normal" else "spline" if closed and mapped else "lerp"
    if asked and asked not in KINDS:
        raise BadInput("unknown-choice", f"The value of --path is {asked!r}, expected one of {', '.join(KINDS)}.")
    return list(dict.fromkeys([asked or usual, "lerp", "slerp"]))


@torch.inference_mode()
def keys_of(
    generator: Generator, places: Sequence[Place], space: str = "", classes: Sequence[int] = (), device: str = "cpu",
    name: str = "the model",
) -> Keys:
    """The latents of images that the model draws; noise is that of the first one.  `classes`: one for each or for all,
    by default those that the images are drawn of or, where the model cannot mix them, that of the first one."""
    model, n = latent_model(generator, name), generator.n_classes
    space, first = space_named(model, space), next(iter(model.spaces))
    parts = [model.split(generator.draws([place.image], place.seed).to(device)) for place in places]
    labels = tuple(classes) * (len(places) if len(classes) == 1 else 1)
    if not labels and n:
        labels = tuple(int(asked_classes(generator, [place.image], place.seed)) for place in places)
        labels = labels if mixes_classes(generator) else labels[:1] * len(places)
    check_classes(labels, n, len(places), name)
    if len(set(labels)) > 1 and not mixes_classes(generator):
        raise cannot_mix(name)
    told = torch.tensor(labels, device=device) if labels else None
    latents = model.to_space(torch.cat([latent for latent, _ in parts]), first, space, told)
    return Keys(space, latents.cpu().numpy(), parts[0][1], labels)


def keys_of_photos(
    generator: Generator, spec: ModelSpec, photos: np.ndarray, space: str = "", classes: Sequence[int] = (),
    seed: int = 0, device: str = "cpu", watch: Watch = unwatched,
) -> tuple[Keys, np.ndarray]:
    """The latents that are found for images (n, C, H, W) uint8 of the model's size, and the PSNR in dB that they reach.

    `classes`: one for each or for all; otherwise every class is tried, of a model that cannot mix them for the first
    image alone.  Noise beside the latents is 0.
    """
    model, n = latent_model(generator, spec.name), len(photos)
    way = Way(space_named(model, space), seed=seed)
    labels = tuple(classes) * (n if len(classes) == 1 else 1)
    check_classes(labels, generator.n_classes, n, spec.name)
    if generator.n_classes and not labels and not mixes_classes(generator):
        labels = invert(model, spec, photos[:1], way, device=device, watch=watch).labels * n
    if len(set(labels)) > 1 and not mixes_classes(generator):
        raise cannot_mix(spec.name)
    found = invert(model, spec, photos, way, labels, device=device, watch=watch)
    return Keys(way.space, found.latents, found.noise[:1], found.labels), found.decibels(photos)


def cannot_mix(name: str) -> BadInput:
    return BadInput("conflicting-options",
                    f"{name} cannot mix classes, so a film keeps to one of them: give --classes one number.")


def check_classes(labels: Sequence[int], n_classes: int, places: int, name: str) -> None:
    if labels and not n_classes:
        raise BadInput("missing-labels", f"{name} has no classes: leave --classes out.")
    if labels and len(labels) != places:
        raise BadInput("unfit-value",
                       f"The option --classes names {len(labels)} classes for {places} key images, expected one for "
                       "each, or one for all.")
    wrong = next((label for label in labels if not 0 <= label < n_classes), None)
    if wrong is not None:
        raise BadInput("unfit-value", f"{name} has no class {wrong}, only 0 to {n_classes - 1}.")


def numbers_in(text: str) -> list[int]:
    """`7` or `3,8,8`: class numbers."""
    words = [word.strip() for word in text.split(",")] if text else []
    wrong = next((word for word in words if not word.isdecimal()), None)
    if wrong is not None:
        raise BadInput("unfit-value", f"The value of --classes has {wrong!r}, expected class numbers from 0 on.")
    return [int(word) for word in words]


def weights_at(labels: Sequence[int], at: np.ndarray, closed: bool, n_classes: int) -> Tensor | None:
    """The classes of frames: (n,) int64 where all keys have the same, otherwise mixtures (n, n_classes) float32 that
    go straight from one to the next."""
    if not labels:
        return None
    if len(set(labels)) == 1:
        return torch.full((len(at),), labels[0])
    ones = np.eye(n_classes, dtype=np.float32)[list(labels)]
    return torch.from_numpy(LatentPath(ones, "lerp", closed)(at))


def render(
    generator: Generator, spec: ModelSpec, keys: Keys, path: LatentPath, at: np.ndarray, device: str = "cpu",
    tick: Tick = silent,
) -> Iterator[np.ndarray]:
    """Images of a path at parameters (n,), in batches (rows, C, H, W) uint8: of one size, as draws are, of which the
    last one is cut."""
    size = MICRO_BATCH[torch.device(device).type]
    for first in range(0, len(at), size):
        rows = at[first : first + size]
        filled = np.pad(rows, (0, size - len(rows)), mode="edge")
        labels = weights_at(keys.labels, filled, path.closed, generator.n_classes)
        yield images_of(generator, spec, keys, path(filled), labels, first, device)[: len(rows)]
        tick(len(rows))


@torch.inference_mode()
def images_of(
    generator: Generator, spec: ModelSpec, keys: Keys, latents: np.ndarray, labels: Tensor | None = None,
    first: int = 0, device: str = "cpu",
) -> np.ndarray:
    """One batch of latents (n, *shape) of the keys' space, with their noise -> (n, C, H, W) uint8."""
    model = latent_model(generator, spec.name)
    noise = keys.noise.to(device).expand(len(latents), *keys.noise.shape[1:])
    told = None if labels is None else labels.to(device)
    raw = model.decode(torch.from_numpy(latents).to(device), noise, told, keys.space).cpu()
    return pictures_of(generator, spec, raw, len(latents), first, independent=False)


def walk(
    generator: Generator, spec: ModelSpec, keys: Keys, kind: str, frames: int, closed: bool,
    pacer: Extractor, judge: Extractor, retime: bool = True, device: str = "cpu", tick: Tick = silent,
) -> Walk:
    """The frames of a path.  `pacer` measures distances for the pace, `judge` how even the frames of both paces are."""
    path = LatentPath(keys.latents, kind, closed)
    dense = np.linspace(0, path.length, dense_images(frames, closed))
    own: list[np.ndarray] = []
    features: list[np.ndarray] = []
    for images in render(generator, spec, keys, path, dense, device, tick):
        own.append(images[-sum(map(len, features)) % DENSER :: DENSER])
        features.append(extract(images, pacer)["features"])
    at = even(dense, distances(np.concatenate(features)), frames, closed)
    films = np.concatenate(own)[:frames], np.concatenate([*render(generator, spec, keys, path, at, device, tick)])
    found = [unevenness(distances(extract(film, judge)["features"], closed)) for film in films]
    return Walk(kind, films[retime], at if retime else path.steps(frames), *found)


def dense_images(frames: int, closed: bool) -> int:
    """How many images are drawn to measure the pace: every one of DENSER is a frame at equal steps."""
    return DENSER * (frames if closed else frames - 1) + 1
