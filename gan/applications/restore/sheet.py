"""The contact sheet: whole and damaged images beside what the methods made of them, with numbers below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ganbench.gan.applications.restore.methods import Task
from ganbench.gan.files import atomic_write
from ganbench.gan.gallery import GAP, INK, LINE, QUIET, TILE, tile
from ganbench.gan.images import png_bytes

LEFT = 130                          # pixels of the column of names
ALARM = (190, 30, 30)
MISSING = (255, 205, 90)            # the colour of pixels that are missing
WIDEST = 64                         # levels of 255 that are white in a map of the spread


@dataclass(frozen=True)
class Cell:
    """A picture CHW uint8 with a line below; `alarm`: another one, in red."""

    image: np.ndarray | None
    text: str = ""
    alarm: str = ""


def write_sheet(path: Path, title: str, heads: Sequence[str], rows: Sequence[tuple[str, Sequence[Cell]]]) -> None:
    """`rows`: a name, and as many cells as there are heads."""
    top, tall = 3 * LINE + GAP, TILE + 2 * LINE + GAP
    font, strong = ImageFont.load_default(12), ImageFont.load_default(16)
    width = max(LEFT + len(heads) * (TILE + GAP) + GAP, round(strong.getlength(title)) + 2 * GAP)
    sheet = Image.new("RGB", (width, top + len(rows) * tall + GAP), "white")
    draw = ImageDraw.Draw(sheet)
    draw.text((GAP, GAP), title, INK, strong)
    for place, head in enumerate(heads):
        draw.text((LEFT + place * (TILE + GAP), top - LINE - 2), head, QUIET, font)
    for number, (name, cells) in enumerate(rows):
        draw.text((GAP, top + number * tall + 4), shortened(name, font, LEFT - 2 * GAP), INK, font)
        for place, cell in enumerate(cells):
            put(sheet, draw, font, cell, LEFT + place * (TILE + GAP), top + number * tall)
    content = png_bytes(np.asarray(sheet).transpose(2, 0, 1))
    atomic_write(path, lambda partial: partial.write_bytes(content))


def put(sheet: Image.Image, draw: ImageDraw.ImageDraw, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, cell: Cell,
        left: int, top: int) -> None:
    if cell.image is not None:
        sheet.paste(tile(cell.image), (left, top))
    draw.text((left, top + TILE + 1), cell.text, INK, font)
    draw.text((left, top + TILE + LINE - 1), cell.alarm, ALARM, font)


def shortened(name: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    """The end of a name that is too long: it is what differs."""
    while len(name) > 4 and font.getlength(name) > width:
        name = "..." + name.removeprefix("...")[1:]
    return name


def seen(task: Task) -> np.ndarray:
    """A measurement as a picture, CHW uint8: missing pixels coloured, small ones as they are, noise cut to [0, 1]."""
    pixels = (np.clip(task.y, 0, 1) * 255).round().astype(np.uint8)
    if task.damage.kind != "inpaint":
        return pixels
    colours = pixels.repeat(3, 0) if len(pixels) == 1 else pixels.copy()
    colours[:, task.missing] = np.array(MISSING, np.uint8)[:, None]
    return colours


def map_of(spread: np.ndarray) -> np.ndarray:
    """(H, W) levels -> (1, H, W) uint8: black where solutions agree, white where they differ by WIDEST or more."""
    return (np.clip(spread / WIDEST, 0, 1) * 255).round().astype(np.uint8)[None]


def write_image(path: Path, image: np.ndarray) -> None:
    """CHW uint8 as a PNG file."""
    content = png_bytes(image)
    atomic_write(path, lambda partial: partial.write_bytes(content))
