"""What a report shows of the images themselves: walls with one class per row, and a map of their features."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ganbench.gan.findings import Analysis
from ganbench.gan.needs.sets import has
from ganbench.gan.report.components import placed
from ganbench.gan.rows import Rows
from ganbench.gan.slices import labels_of, predictions
from ganbench.gan.sources import source_digest
from ganbench.gan.store import Store, remember
from ganbench.gan.types import Features, Samples, digest_of

ACROSS, DOWN = 5, 10            # images of a wall
POINTS = 200                    # of each set, on the map: its first images
FITTED = 1_000                  # images of each set that determine the map's axes
UNKNOWN, NONE = -1, -1          # a class; an image of a wall


@dataclass(frozen=True)
class Exhibit:
    """A set of images with its features, and a classifier's outputs where there is one."""

    samples: Samples
    features: Features
    judged: Features | None = None


@dataclass(frozen=True)
class Walls:
    """Rows of sets that stand side by side: the numbers of ACROSS images for each of the classes, -1 where a set has no
    more.  Without classes: the first images.  The real images are the last set."""

    classes: tuple[str, ...]
    sets: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Cloud:
    """The first images of a set on the map; `kinds`: their classes, -1 where not known."""

    x: tuple[float, ...]
    y: tuple[float, ...]
    kinds: tuple[int, ...]


@dataclass(frozen=True)
class Map:
    """The first two principal components of the features of all sets together, each with the same weight; `explained`:
    their shares of the variance.  The real images are the last set."""

    extractor: str
    explained: tuple[float, float]
    classes: tuple[str, ...]
    sets: tuple[Cloud, ...]


def kinds_of(shown: Exhibit, n_classes: int) -> np.ndarray | None:
    """The class of each image, (n,) int64: its label, or else what the classifier takes it for."""
    labels = labels_of(shown.samples)
    if labels is None and shown.judged is not None and has(shown.judged, "logits"):
        labels = predictions(shown.judged)
    fits = labels is not None and len(labels) > 0 and 0 <= labels.min() <= labels.max() < n_classes
    return labels if fits else None


def walls_of(sets: Sequence[Exhibit], classes: Sequence[str]) -> Walls:
    """A class per row where the classes of all sets are known, and DOWN of them evenly spaced where there are more."""
    kinds = [kinds_of(shown, len(classes)) for shown in sets]
    known = [found for found in kinds if found is not None]
    if len(known) < len(sets):
        return Walls((), tuple(tuple(range(min(shown.samples.n, ACROSS * DOWN))) for shown in sets))
    rows = sorted({round(k) for k in np.linspace(0, len(classes) - 1, min(DOWN, len(classes)))})
    return Walls(tuple(classes[k] for k in rows), tuple(wall(found, rows) for found in known))


def wall(kinds: np.ndarray, rows: Sequence[int]) -> tuple[int, ...]:
    """The first ACROSS images of each class, row by row."""
    found: list[int] = []
    for k in rows:
        first = np.flatnonzero(kinds == k)[:ACROSS].tolist()
        found += [*first, *[NONE] * (ACROSS - len(first))]
    return tuple(found)


def map_of(sets: Sequence[Exhibit], classes: Sequence[str], store: Store) -> Map:
    """The map; its coordinates are stored."""
    key = digest_of({"stage": "map", "source": source_digest("map"), "counts": [FITTED, POINTS],
                     "sets": [shown.features.digest for shown in sets]})

    def compute() -> list[object]:
        return list(placed([Rows(shown.features)[:FITTED].astype(np.float64) for shown in sets], POINTS))

    (places, explained), _ = remember(store, "maps", key, compute)
    clouds = [Cloud(tuple(x), tuple(y), known_kinds(shown, len(classes), len(x)))
              for shown, (x, y) in zip(sets, places, strict=True)]
    return Map(sets[0].features.extractor, (explained[0], explained[1]), tuple(classes), tuple(clouds))


def known_kinds(shown: Exhibit, n_classes: int, count: int) -> tuple[int, ...]:
    """The classes of the first images, or UNKNOWN."""
    kinds = kinds_of(shown, n_classes)
    return (UNKNOWN,) * count if kinds is None else tuple(kinds[:count].tolist())


def sets_of(
    names: Sequence[str], samples: Mapping[str, Mapping[str, Samples]],
    features: Mapping[str, Mapping[str, Mapping[str, Features]]], lead: str, judge: str,
) -> list[Exhibit]:
    """The models in this order, then the reference if it has images.  Samples by model and role; features by model,
    extractor and role."""
    pairs = [(name, "generated") for name in names]
    pairs += [(names[0], "reference")] if "reference" in samples[names[0]] else []
    return [Exhibit(samples[name][role], features[name][lead][role], features[name].get(judge, {}).get(role))
            for name, role in pairs]


def classes_in(analyses: Iterable[Analysis | None]) -> tuple[str, ...]:
    """The names of the classes by number, as far as all analyses know them; none where they are of clusters."""
    named = [tuple(row.name for row in found.slices) if found and found.by == "class" else () for found in analyses]
    return min(named, key=len, default=())
