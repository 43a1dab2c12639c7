"""How images of one set are brought to the size and the colours of another: steps, in the order in which they are done.

Every step takes NCHW uint8 and gives NCHW uint8, rounded once, as a folder of PNG files would hold it.  A step is text
(`resize 32:bicubic`, `pad 32`, `crop 28`, `grey`, `rgb`), so that it can stand in a protocol, in a key and in a report.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image

from ganbench.gan.images import from_pillow, pad_to, resize, to_pillow
from ganbench.gan.types import BadInput, ModelSpec

# Pillow's filters, all of which smooth when they shrink, but for nearest (clean-fid, arXiv:2104.11222, compares them).
METHODS = {
    "bicubic": Image.Resampling.BICUBIC, "lanczos": Image.Resampling.LANCZOS, "bilinear": Image.Resampling.BILINEAR,
    "box": Image.Resampling.BOX, "nearest": Image.Resampling.NEAREST,
}
DEFAULT = "bicubic"                     # as clean-fid
COLOURS = {"grey": 1, "rgb": 3}         # and their channels
LARGEST = 8_000                         # pixels of a side; 8,000 x 8,000 are the most that is decoded


def resize_of(text: str, where: str) -> str:
    """`32` or `32:lanczos` in full, `32:bicubic`; `where`: what the value was given to, for the message."""
    found = re.fullmatch(r"(\d+)(?::([a-z]+))?", text.strip().lower())
    method = (found[2] or DEFAULT) if found else ""
    if found is None or method not in METHODS or not 1 <= int(found[1]) <= LARGEST:
        raise BadInput("unfit-value",
                       f"The value of {where} is {text!r}, expected a number of pixels up to {LARGEST:,}, and perhaps "
                       f"a method ({', '.join(METHODS)}): 64, or 64:lanczos.")
    return f"{int(found[1])}:{method}"


def steps_of(resize: str = "", pad: int = 0, colours: str = "", crop: int = 0) -> tuple[str, ...]:
    """The steps of these options, in their order; `resize` as `resize_of` gives it."""
    steps = [f"resize {resize}" if resize else "", f"pad {pad}" if pad else "", f"crop {crop}" if crop else "", colours]
    return tuple(step for step in steps if step)


def steps_in(spec: ModelSpec) -> tuple[str, ...]:
    """What is done to a model's images: first what its model file says, then what the protocol does to all."""
    return (*steps_of(spec.resize, spec.pad, crop=spec.crop), *spec.preprocessing)


def reading_size(steps: Sequence[str]) -> str:
    """`32:bicubic` where images are resized before all else, which those of unlike sizes can only be when read."""
    return steps[0].removeprefix("resize ") if steps and steps[0].startswith("resize ") else ""


def preprocessed(images: np.ndarray, steps: Sequence[str], name: str) -> np.ndarray:
    """NCHW uint8 -> NCHW uint8 after the steps; `name`: whose images they are, for the message."""
    def resize(whole: np.ndarray, rule: str) -> np.ndarray:
        return np.stack([resized(image, rule) for image in whole])

    return stepped(images, steps, name, resize, coloured)


def stepped(
    images: np.ndarray, steps: Sequence[str], name: str, resize: Callable[[np.ndarray, str], np.ndarray],
    colour: Callable[[np.ndarray, int], np.ndarray],
) -> np.ndarray:
    """The steps one after the other; `resize` and `colour` know how images of their dtype are rounded."""
    for step in steps:
        what, _, value = step.partition(" ")
        if what == "resize":
            images = resize(images, value)
        elif what == "pad":
            images = padded(images, int(value), name)
        elif what == "crop":
            images = cropped(images, int(value), name)
        else:
            images = colour(images, COLOURS[what])
    return images


def resized(image: np.ndarray, rule: str) -> np.ndarray:
    """CHW uint8 -> (C, size, size) uint8; `rule`: `32:bicubic`.

    Not square is squeezed into a square, as clean-fid does; an image of that size stays as it is.
    """
    size, _, method = rule.partition(":")
    return resize(image, int(size), METHODS[method])


def padded(images: np.ndarray, size: int, name: str) -> np.ndarray:
    """Black around images that are smaller than `size` squares: Fashion-MNIST's way from 28 to 32 pixels."""
    height, width = images.shape[2:]
    if max(height, width) > size:
        raise BadInput("unequal-sizes",
                       f"{name} has images of {width}x{height} pixels, which do not fit into the {size}x{size} that "
                       "they were to be padded to: resize them instead.")
    return images if (height, width) == (size, size) else pad_to(images, size)


def cropped(images: np.ndarray, size: int, name: str) -> np.ndarray:
    """The square in the middle, where `padded` puts images."""
    height, width = images.shape[2:]
    if min(height, width) < size:
        raise BadInput("unequal-sizes",
                       f"{name} has images of {width}x{height} pixels, which cannot be cropped to {size}x{size}.")
    top, left = (height - size) // 2, (width - size) // 2
    return np.ascontiguousarray(images[:, :, top : top + size, left : left + size])


def coloured(images: np.ndarray, channels: int) -> np.ndarray:
    """Grey three times, or the grey of colours as Pillow weighs them (ITU-R 601: 0.299, 0.587, 0.114)."""
    if images.shape[1] == channels:
        return images
    if channels == 3:
        return images.repeat(3, axis=1)
    return np.stack([from_pillow(to_pillow(image).convert("L")) for image in images])
