"""Galleries of images, each image with the row of its nearest neighbour."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ganbench.gan.findings.copies import Matches
from ganbench.gan.metrics.neighbours import Overlap

SHOWN = 12          # images of each gallery


@dataclass(frozen=True)
class Item:
    """`nearest` is a row of `set`: reference, training or generated; `value` is what the gallery is sorted by."""

    image: int
    nearest: int
    set: str
    value: float


@dataclass(frozen=True)
class Gallery:
    """Images sorted by: best, worst: realism (Kynkäänniemi et al. 2019, arXiv:1904.06991), above 1 inside the estimated
    support of the real images; typical: number of real images' balls that contain the image; novel: distance to the
    nearest training image, among images inside that support; duplicated: distance to another generated image; copies:
    distance to the nearest training image."""

    best: list[Item]
    worst: list[Item]
    typical: list[Item]
    novel: list[Item]
    duplicated: list[Item]
    copies: list[Item]


def gallery(found: Overlap, matches: Matches) -> Gallery:
    near, inside = found.nearest.indices[:, 0], found.inside[1, :, -1]
    original = np.where(found.inside[1, :, 2] > 0, matches.distance, -np.inf)
    twins, apart = found.generated.indices[:, 0], found.generated.distances[:, 0]
    return Gallery(
        _items(-found.realism, found.realism, near, "reference"),
        _items(found.realism, found.realism, near, "reference"),
        _items(-inside.astype(np.float64), inside, near, "reference"),
        _items(-original, matches.distance, matches.row, matches.set),
        _pairs(apart, twins),
        _items(matches.distance, matches.distance, matches.row, matches.set),
    )


def _items(order: np.ndarray, values: np.ndarray, nearest: np.ndarray, of: str) -> list[Item]:
    """The SHOWN lowest by `order`, without those at infinity."""
    rows = np.argsort(order, kind="stable")[:SHOWN]
    return [Item(int(i), int(nearest[i]), of, float(values[i])) for i in rows if np.isfinite(order[i])]


def _pairs(apart: np.ndarray, twins: np.ndarray) -> list[Item]:
    """Near-duplicates, each pair once."""
    rows = np.argsort(apart, kind="stable")[: 4 * SHOWN]
    seen: set[frozenset[int]] = set()
    items = []
    for i in rows:
        pair = frozenset((int(i), int(twins[i])))
        if pair not in seen:
            items.append(Item(int(i), int(twins[i]), "generated", float(apart[i])))
        seen.add(pair)
    return items[:SHOWN]
