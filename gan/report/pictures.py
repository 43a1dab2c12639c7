"""The pictures of a report: walls of each set, the galleries of each analysis, and the small images of the map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np

from ganbench.gan.curves.drawing import panels_of, picture
from ganbench.gan.curves.table import Run
from ganbench.gan.findings.analysis import Analysis
from ganbench.gan.findings.gallery import Gallery, Item
from ganbench.gan.images import fitted, grid, png_bytes
from ganbench.gan.report.document import Document
from ganbench.gan.report.exhibits import ACROSS, DOWN, NONE, POINTS, Map, Walls
from ganbench.gan.store import SHARD, image_of, rows_of
from ganbench.gan.types import Samples
from ganbench.gan.words import LANGUAGES

WALL = 64                           # first images of a set: the blind test takes others
TILES = (128, 96, 64, 48, 32, 24)   # pixels of an image's longer side: the largest that keeps all below MOST
ENLARGED = 2                        # times: small images; the page enlarges further
MOST = 5_500_000                    # bytes of all pictures
WORST, MODES = 10, 4                # images of a gallery; artefact modes that are shown, the largest
CURVES, CURVES_FR = "curves", "curves-fr"       # the pictures of learning curves in both languages
SPRITES, SPRITE, COLUMNS = "map-", 32, 20       # the map's pictures: the name, pixels of an image, images side by side
BLANK = 225                         # grey of an image that is not there
GALLERIES = tuple(field.name for field in fields(Gallery))


@dataclass(frozen=True)
class Shown:
    """A model's sets of images by role: the generated ones and those that its galleries refer to."""

    samples: Mapping[str, Samples]
    analysis: Analysis | None = None


def pictures_of(
    models: Sequence[Shown], real: Samples | None, walls: Walls | None, drawn: Map | None
) -> dict[str, bytes]:
    """PNG by id: `<place>-wall` and `real-wall`, `<place>-best` and the other galleries, `<place>-mode-<k>`,
    `map-<place>` and `map-real`."""
    sets = {str(i): shown.samples["generated"] for i, shown in enumerate(models)} | ({"real": real} if real else {})
    for tile in TILES:
        found = at_size(models, sets, walls, tile)
        found |= {f"{SPRITES}{name}": sprite(samples, min(tile, SPRITE)) for name, samples in sets.items()} \
            if drawn else {}
        if sum(map(len, found.values())) <= MOST:
            break
    return found


def curves_of(runs: Sequence[Run]) -> dict[str, bytes]:
    """The learning curves of a report's models, where there are any."""
    panels = panels_of(runs)
    pairs = zip((CURVES, CURVES_FR), LANGUAGES, strict=True)
    return {name: picture(panels, runs, language=language) for name, language in pairs} if panels else {}


def at_size(
    models: Sequence[Shown], sets: Mapping[str, Samples], walls: Walls | None, tile: int
) -> dict[str, bytes]:
    rows = walls.sets if walls else [tuple(range(min(samples.n, ACROSS * DOWN))) for samples in sets.values()]
    found = {f"{name}-wall": wall(samples, numbers, tile)
             for (name, samples), numbers in zip(sets.items(), rows, strict=True)}
    for i, shown in enumerate(models):
        if shown.analysis:
            found |= {f"{i}-{name}": pairs(items[:WORST], shown.samples, tile)
                      for name, items in vars(shown.analysis.gallery).items() if items}
            found |= {f"{i}-mode-{k}": strip(mode.images[:WORST], shown.samples["generated"], tile)
                      for k, mode in enumerate(shown.analysis.modes[:MODES])}
    return found


def wall_size(document: Document) -> int:
    """How many images a wall has room for."""
    return max((len(images) for images in document.walls.sets), default=0) if document.walls else ACROSS * DOWN


def images_of(samples: Samples, numbers: Sequence[int]) -> list[np.ndarray]:
    """Images by number, CHW uint8; every shard is opened once."""
    shards = {k: rows_of(samples.shards[k])["images"] for k in {i // SHARD for i in numbers}}
    return [shards[i // SHARD][i % SHARD] for i in numbers]


def small(image: np.ndarray, tile: int) -> np.ndarray:
    """At most `tile` pixels; enlarged by whole pixels, and no more than the page needs."""
    return fitted(image, min(tile, ENLARGED * max(image.shape[1:])))


def wall(samples: Samples, numbers: Sequence[int], tile: int) -> bytes:
    """Images by number, ACROSS in a row; NONE: a grey field."""
    blank = np.full(samples.shape, BLANK, np.uint8)
    known = iter(images_of(samples, [i for i in numbers if i != NONE]))
    images = [blank if i == NONE else next(known) for i in numbers]
    return png(grid(np.stack([small(image, tile) for image in images]), ACROSS))


def pairs(items: Sequence[Item], samples: Mapping[str, Samples], tile: int) -> bytes:
    """Two rows: the images, and below each its nearest neighbour."""
    above = images_of(samples["generated"], [item.image for item in items])
    below = [image_of(samples.get(item.set, samples["reference"]), item.nearest) for item in items]
    return png(grid(np.stack([small(image, tile) for image in (*above, *below)]), len(items)))


def strip(rows: Sequence[int], samples: Samples, tile: int) -> bytes:
    return png(grid(np.stack([small(image, tile) for image in images_of(samples, rows)]), len(rows)))


def sprite(samples: Samples, tile: int) -> bytes:
    """The first POINTS images, COLUMNS side by side without gaps."""
    images = [fitted(image, tile) for image in images_of(samples, range(min(samples.n, POINTS)))]
    return png(grid(np.stack(images), COLUMNS, gap=0))


def png(picture: np.ndarray) -> bytes:
    """(height, width, 3) uint8; grey pictures with one channel."""
    grey = (picture[..., :1] == picture).all()
    return png_bytes((picture[..., :1] if grey else picture).transpose(2, 0, 1))
