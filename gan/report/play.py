"""A blind test as a web page: a person decides for each image whether it is real or generated.

The rate of human errors is a metric: Zhou et al. 2019, HYPE, arXiv:1904.01121.  Half of the images are real, so
guessing gives 50 % errors.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ganbench.gan.images import fitted, png_bytes
from ganbench.gan.report.document import Document
from ganbench.gan.report.pictures import WALL, Shown
from ganbench.gan.report.templates import render
from ganbench.gan.store import image_of
from ganbench.gan.types import Samples, digest_of

ROUNDS, LEAST = 60, 10      # generated images in total, and the least number of each model
SIDE = 128                  # pixels: larger images are reduced
REAL = -1


@dataclass(frozen=True)
class Round:
    """One image: `of` is the model's index in the report, or REAL; `row` is the image's row in its set."""

    of: int
    row: int
    png: bytes


def rounds_of(models: Sequence[Shown], real: Samples | None, seed: int = 0) -> list[Round]:
    """The same number of images of each model, and as many real images as generated ones in total, in random order;
    images that the report already shows as samples are avoided where there are enough others."""
    if real is None:
        return []
    each = max(LEAST, ROUNDS // len(models))
    random = np.random.default_rng(seed)
    sets = [(k, shown.samples["generated"], each) for k, shown in enumerate(models)]
    sets.append((REAL, real, each * len(models)))
    found = [Round(of, row, png(image_of(samples, row)))
             for of, samples, count in sets for row in unseen(random, samples.n, count)]
    return [found[i] for i in random.permutation(len(found))]


def unseen(random: np.random.Generator, n: int, count: int) -> list[int]:
    """Rows after the images that the report shows as samples."""
    first = WALL if n >= WALL + count else 0
    return (first + random.choice(n - first, min(count, n - first), replace=False)).tolist()


def png(image: np.ndarray) -> bytes:
    return png_bytes(fitted(image, SIDE) if max(image.shape[1:]) > SIDE else image)


def play_page(document: Document, rounds: Sequence[Round]) -> str:
    """A self-contained HTML page; the answers can be saved as JSON, with Wilson's confidence intervals."""
    return render("play.html", count=str(len(rounds)), models=str(len(document.models)),
                  rounds=data_of(document, rounds))


def data_of(document: Document, rounds: Sequence[Round]) -> dict[str, Any]:
    """The data of the page's script; the truth about each image is encoded, so that nobody reads it by accident."""
    models = [{"name": model.name, "digest": model.digest} for model in document.models]
    protocol = {name: getattr(document.protocol, name) for name in ("name", "digest", "seed")}
    return {
        "digest": digest_of([models, protocol]), "protocol": protocol, "models": models,
        "rows": [one.row for one in rounds],
        "sealed": base64.b64encode(",".join(str(one.of) for one in rounds).encode()).decode(),
        "images": [f"data:image/png;base64,{base64.b64encode(one.png).decode()}" for one in rounds],
    }
