"""The pictures of a report: the first images of each model, and the galleries of its analysis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np

from ganbench.gan.findings.analysis import Analysis
from ganbench.gan.findings.gallery import Gallery, Item
from ganbench.gan.images import contact_sheet, fitted, grid, png_bytes
from ganbench.gan.store import image_of, rows_of
from ganbench.gan.types import Samples

WALL = 64                           # images
TILES = (128, 96, 64, 48, 32, 24)   # pixels of an image's longer side: the largest that keeps all below MOST
MOST = 6_000_000                    # bytes of all pictures
GALLERIES = tuple(field.name for field in fields(Gallery))


@dataclass(frozen=True)
class Shown:
    """A model's sets of images by role: the generated ones and those that its galleries refer to."""

    samples: Mapping[str, Samples]
    analysis: Analysis | None = None


def pictures_of(models: Sequence[Shown], real: Samples | None) -> dict[str, bytes]:
    """PNG by id: `<place>-wall` and `real-wall`, `<place>-best` and the other galleries, `<place>-mode-<k>`."""
    for tile in TILES:
        found = at_size(models, real, tile)
        if sum(map(len, found.values())) <= MOST:
            break
    return found


def at_size(models: Sequence[Shown], real: Samples | None, tile: int) -> dict[str, bytes]:
    found = {f"{i}-wall": wall(shown.samples["generated"], tile) for i, shown in enumerate(models)}
    found |= {"real-wall": wall(real, tile)} if real else {}
    for i, shown in enumerate(models):
        if shown.analysis:
            found |= {f"{i}-{name}": pairs(items, shown.samples, tile)
                      for name, items in vars(shown.analysis.gallery).items() if items}
            found |= {f"{i}-mode-{k}": strip(mode.images, shown.samples["generated"], tile)
                      for k, mode in enumerate(shown.analysis.modes)}
    return found


def wall(samples: Samples, tile: int) -> bytes:
    """The first images of a set."""
    images = rows_of(samples.shards[0])["images"][:WALL]
    return png(contact_sheet(np.stack([fitted(image, tile) for image in images]), tile=tile))


def pairs(items: Sequence[Item], samples: Mapping[str, Samples], tile: int) -> bytes:
    """Two rows: the images, and below each its nearest neighbour."""
    above = [image_of(samples["generated"], item.image) for item in items]
    below = [image_of(samples.get(item.set, samples["reference"]), item.nearest) for item in items]
    return png(grid(np.stack([fitted(image, tile // 2) for image in (*above, *below)]), len(items)))


def strip(rows: Sequence[int], samples: Samples, tile: int, columns: int = 12) -> bytes:
    return png(grid(np.stack([fitted(image_of(samples, row), tile // 2) for row in rows]), min(columns, len(rows))))


def png(picture: np.ndarray) -> bytes:
    return png_bytes(picture.transpose(2, 0, 1))
