"""The failure gallery of a card: a model's least realistic images, each beside the real image that is nearest."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ganbench.gan.findings import Analysis
from ganbench.gan.gallery import write_gallery
from ganbench.gan.store import image_of
from ganbench.gan.types import Samples

TITLE = "The least realistic images, each beside the nearest real one"


def write_failures(path: Path, found: Analysis, samples: Mapping[str, Samples]) -> bool:
    """`samples` by role; whether there were any to write."""
    rows = [((image_of(samples["generated"], item.image), image_of(samples["reference"], item.nearest)),
             f"image {item.image:,}\nrealism {item.value:.2f}") for item in found.gallery.worst if item.set in samples]
    if rows:
        write_gallery(path, TITLE, ("generated", "real"), rows)
    return bool(rows)
