"""The two images: files of any size, or images of the model itself, and the latents that they are made from."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ganbench.gan.drawing import draw, labels_of
from ganbench.gan.generators.base import LatentModel
from ganbench.gan.inversion import Inverted, Way, as_floats, first_space, invert
from ganbench.gan.photos import photos
from ganbench.gan.range_test import plain
from ganbench.gan.types import BadInput, ModelSpec

OWN = re.compile(r"([0-9]{1,18}):([0-9]{1,18})")


@dataclass(frozen=True, eq=False)
class Picture:
    """An image of the model's size; `place`: its seed and number, if it is the model's own; `label`: its class, as the
    model has classes, if it is known."""

    name: str
    pixels: np.ndarray                          # (C, H, W) uint8
    place: tuple[int, int] | None = None
    label: int | None = None


def place_in(text: str) -> tuple[int, int] | None:
    """`3:17` -> (3, 17): image 17 of seed 3, as `ganbench sample` numbers them; None of everything else."""
    found = OWN.fullmatch(text.strip())
    return (int(found[1]), int(found[2])) if found else None


def files_in(*texts: str) -> list[str]:
    """Those that name files."""
    return [text for text in texts if place_in(text) is None]


def picture_of(
    text: str, option: str, model: LatentModel, spec: ModelSpec, shape: tuple[int, int, int], fit: str, device: str
) -> Picture:
    """A file, or SEED:IMAGE.  BadInput: neither, or no image."""
    place = place_in(text)
    if place is None:
        if not text or (not Path(text).exists() and not Path(text).suffix):
            raise BadInput("no-such-file",
                           f"The value of --{option} is {text!r}, expected an image file, or SEED:IMAGE of the model's "
                           "own images, such as 0:3.")
        return Picture(Path(text).name, photos([text], shape, fit)[0])
    seed, image = place
    pixels = draw(model, plain(spec), seed, image, image + 1, device)["images"][0]
    labels = labels_of(model, [image], seed, "cpu")
    return Picture(text, pixels, place, None if labels is None else int(labels[0]))


@torch.no_grad()
def known(model: LatentModel, spec: ModelSpec, picture: Picture, space: str, device: str) -> Inverted:
    """The latent of an image of the model's own in a space, and what the model makes of it."""
    seed, image = picture.place or (0, 0)
    latents, noise = model.split(model.draws([image], seed).to(device))
    labels = () if picture.label is None else (picture.label,)
    told = torch.tensor(labels, device=device) if labels else None
    latents = model.to_space(latents, first_space(model), space, told)
    images = as_floats(model.decode(latents, noise, told, space), spec)
    return Inverted(space, latents.cpu().numpy(), noise.cpu(), labels, images.cpu().numpy())


def placed(
    model: LatentModel, spec: ModelSpec, picture: Picture, way: Way, device: str,
    watch: Callable[..., object],
) -> Inverted:
    """The latent of an image: known, or found by inversion (`ganbench.gan.inversion`)."""
    if picture.place is not None:
        return known(model, spec, picture, way.space, device)
    labels = () if picture.label is None or not model.n_classes else (picture.label,)
    return invert(model, spec, picture.pixels[None], way, labels, device=device, watch=watch)
