"""What a report shows of the images themselves: walls with one class per row, and a map of their features."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from scipy.sparse.linalg import svds

from ganbench.gan.findings import Analysis
from ganbench.gan.needs.sets import has
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
    """The map; stored."""
    key = digest_of({"stage": "map", "source": source_digest("map"), "classes": list(classes),
                     "sets": [[shown.features.digest, shown.samples.digest,
                               shown.judged.digest if shown.judged else ""] for shown in sets]})
    found, _ = remember(store, "scores", key, lambda: asdict(drawn(sets, classes)))
    clouds = tuple(Cloud(**{name: tuple(row) for name, row in cloud.items()}) for cloud in found["sets"])
    return Map(found["extractor"], tuple(found["explained"]), tuple(found["classes"]), clouds)


def drawn(sets: Sequence[Exhibit], classes: Sequence[str]) -> Map:
    features = [Rows(shown.features)[: FITTED].astype(np.float64) for shown in sets]
    centre, axes, explained = components(features)
    clouds = []
    for shown, rows in zip(sets, features, strict=True):
        places = np.round((rows[:POINTS] - centre) @ axes, 3)
        kinds = kinds_of(shown, len(classes))
        known = np.full(len(places), UNKNOWN) if kinds is None else kinds[: len(places)]
        clouds.append(Cloud(tuple(places[:, 0].tolist()), tuple(places[:, 1].tolist()), tuple(known.tolist())))
    return Map(sets[0].features.extractor, explained, tuple(classes), tuple(clouds))


def components(sets: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray, tuple[float, float]]:
    """(n, d) each -> the common mean (d,), two axes (d, 2), and their shares of the variance; each set has weight 1."""
    centre = np.mean([rows.mean(axis=0) for rows in sets], axis=0)
    spread = np.concatenate([(rows - centre) / np.sqrt(len(rows)) for rows in sets])
    total = float((spread**2).sum()) or 1.0
    _, lengths, axes = svds(spread, k=2, v0=np.ones(min(spread.shape)))
    order = np.argsort(-lengths)
    axes = axes[order].T
    axes *= np.sign(axes[np.abs(axes).argmax(axis=0), [0, 1]])      # the sign of a component is arbitrary
    first, second = (lengths[order] ** 2 / total).tolist()
    return centre, axes, (first, second)


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
