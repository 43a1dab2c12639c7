"""Contact sheets: rows of images with captions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ganbench.gan.files import atomic_write
from ganbench.gan.images import fitted, png_bytes, to_pillow
from ganbench.gan.types import BadInput

TILE, GAP, LINE = 96, 12, 16        # pixels: an image, between images, a line of text
INK, QUIET = (20, 20, 20), (110, 110, 110)


def write_gallery(
    path: Path, title: str, heads: Sequence[str], rows: Sequence[tuple[Sequence[np.ndarray], str]], across: int = 3
) -> None:
    """`rows`: CHW uint8 images under the `heads`, each with a caption beside it; `across` rows per line."""
    tall, wide = 2 * LINE + GAP, len(heads) * (TILE + GAP)
    text = 150
    lines = max(1, math.ceil(len(rows) / across))
    across = min(across, max(1, len(rows)))
    sheet = Image.new("RGB", (GAP + across * (wide + text), tall + LINE + GAP + lines * (TILE + GAP)), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    draw.text((GAP, GAP), title, INK, ImageFont.load_default(16))
    for column in range(across):
        for place, head in enumerate(heads):
            draw.text((GAP + column * (wide + text) + place * (TILE + GAP), tall), head, QUIET, font)
    for number, (images, caption) in enumerate(rows):
        left = GAP + number % across * (wide + text)
        top = tall + LINE + 4 + number // across * (TILE + GAP)
        for place, image in enumerate(images):
            sheet.paste(tile(image), (left + place * (TILE + GAP), top))
        draw.multiline_text((left + wide, top), caption, INK, font, spacing=5)
    content = png_bytes(np.asarray(sheet).transpose(2, 0, 1))
    atomic_write(path, lambda partial: partial.write_bytes(content))


def sheet(
    images: np.ndarray, columns: int | None = None, captions: Sequence[str] = (), side: int = TILE
) -> Image.Image:
    """Images, (n, channels, height, width) uint8, in rows, as a picture that a notebook shows.

    `columns`: in a row, by default a square-ish grid; `captions`: a text below each of the first images; `side`: the
    pixels of an image, of which small ones are enlarged by whole pixels.  BadInput: these are no such images.
    """
    images = checked(images)
    columns = columns or math.ceil(math.sqrt(len(images)))
    columns, gap, font = min(columns, len(images)), max(2, side // 32), ImageFont.load_default(12)
    wide, tall = side + gap, side + gap + LINE * bool(captions)
    found = Image.new("RGB", (columns * wide + gap, math.ceil(len(images) / columns) * tall + gap), "white")
    draw = ImageDraw.Draw(found)
    for k, image in enumerate(images):
        left, top = gap + k % columns * wide, gap + k // columns * tall
        found.paste(tile(image, side), (left, top))
        if k < len(captions):
            draw.text((left, top + side), shortened(captions[k], font, side), INK, font)
    return found


def checked(images: np.ndarray) -> np.ndarray:
    """One image is a sheet, too."""
    images = np.asarray(images)
    images = images[None] if images.ndim == 3 else images
    if images.ndim != 4 or images.dtype != np.uint8 or not len(images) or images.shape[1] not in (1, 3):
        raise BadInput("not-images",
                       f"A sheet shows uint8 images of shape (n, 1 or 3, height, width), got {images.dtype} of shape "
                       f"{images.shape}.")
    return images


def shortened(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    """The beginning of a text that is too long."""
    while len(text) > 4 and font.getlength(text) > width:
        text = text.removesuffix("...")[:-1] + "..."
    return text


def tile(image: np.ndarray, side: int = TILE) -> Image.Image:
    """`side` pixels: small images enlarged by whole pixels and centred, large ones reduced."""
    picture = to_pillow(fitted(image, side)).convert("RGB")
    found = Image.new("RGB", (side, side), (235, 235, 235))
    found.paste(picture, ((side - picture.width) // 2, (side - picture.height) // 2))
    return found
