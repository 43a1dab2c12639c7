"""Image files of any size, fitted to what a model draws."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from ganbench.gan.images import from_pillow, pad_to, read_image, to_pillow
from ganbench.gan.preprocessing import coloured
from ganbench.gan.types import BadInput

FITS = ("squeeze", "crop", "pad")


def photos(paths: Sequence[str | Path], shape: tuple[int, int, int], fit: str = "squeeze") -> np.ndarray:
    """Image files -> (n, C, H, W) uint8 of `shape` = (C, H, W); see `photo`."""
    if not paths:
        raise BadInput("no-images", "No image was given, expected the paths of image files.")
    return np.stack([photo(read_image(Path(path)), shape, fit, str(path)) for path in paths])


def photo(image: np.ndarray, shape: tuple[int, int, int], fit: str = "squeeze", name: str = "The image") -> np.ndarray:
    """CHW uint8 -> `shape`.  Grey becomes colour, or colour grey; then by `fit`:

    squeeze: resized to the model's height and width, whatever its own were, as images are read everywhere here;
    crop: the largest part in its middle that has the model's proportions, resized;
    pad: black around it, as Fashion-MNIST's 28 pixels become 32; refused if it is larger.
    Resizing is Pillow's bicubic filter, which antialiases.
    """
    if fit not in FITS:
        raise BadInput("unknown-choice", f"The value of --fit is {fit!r}, expected one of {', '.join(FITS)}.")
    image, (height, width) = coloured(image[None], shape[0])[0], shape[1:]
    if fit == "pad":
        return padded(image, height, width, name)
    if fit == "crop":
        image = middle(image, height, width)
    if image.shape[1:] == (height, width):
        return image
    return from_pillow(to_pillow(image).resize((width, height), Image.Resampling.BICUBIC))


def padded(image: np.ndarray, height: int, width: int, name: str) -> np.ndarray:
    if image.shape[1] > height or image.shape[2] > width:
        raise BadInput("wrong-size",
                       f"{name} has {image.shape[2]}x{image.shape[1]} pixels, which do not fit into the model's "
                       f"{width}x{height}: give --fit squeeze or crop.")
    return pad_to(image, height) if height == width else edged(image, height, width)


def edged(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Black around it, not square; the odd pixel goes right and below."""
    top, left = (height - image.shape[1]) // 2, (width - image.shape[2]) // 2
    return np.pad(image, ((0, 0), (top, height - image.shape[1] - top), (left, width - image.shape[2] - left)))


def middle(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """The largest part in the middle with the proportions width : height."""
    _, tall, wide = image.shape
    part = min(tall / height, wide / width)
    rows, columns = max(1, round(part * height)), max(1, round(part * width))
    top, left = (tall - rows) // 2, (wide - columns) // 2
    return np.ascontiguousarray(image[:, top : top + rows, left : left + columns])
