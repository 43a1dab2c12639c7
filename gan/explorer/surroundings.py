"""Real images beside an image that is explored: the nearest ones, and how realistic it is, in an extractor's features.

Realism: see `ganbench.gan.metrics.realism`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ganbench.gan.datasets.base import ImageSet
from ganbench.gan.explorer.explored import Explored
from ganbench.gan.explorer.state import State
from ganbench.gan.features.base import Extractor
from ganbench.gan.features.extract import module_of
from ganbench.gan.features.passing import extract
from ganbench.gan.metrics.neighbours import REALISM, nearest, nearest_across
from ganbench.gan.metrics.realism import realism_in_balls
from ganbench.gan.philox import words
from ganbench.gan.photos import photo
from ganbench.gan.sources import source_digest
from ganbench.gan.store import Arrays, Store, extend, rows_of, whole_batches
from ganbench.gan.types import BadInput, digest_of

MOST = 5_000        # real images
LEAST = 10
SHOWN = 6
STEP = 500          # images between two saves

Tick = Callable[[int], object]      # images just measured


@dataclass(frozen=True)
class Near:
    """A real image, by its number in its set, and how far away it is."""

    number: int
    distance: float
    image: np.ndarray       # (C, H, W) uint8
    label: int | None


@dataclass(frozen=True)
class Surroundings:
    """m real images, a random part of a set, fitted to what the model draws."""

    data: ImageSet
    numbers: np.ndarray     # (m,) their numbers in the set
    shape: tuple[int, int, int]
    extractor: Extractor
    features: np.ndarray    # (m, d) float32
    radii: np.ndarray       # (m,) of their balls

    def __len__(self) -> int:
        return len(self.numbers)

    def around(self, explored: Explored, state: State) -> tuple[float, list[Near]]:
        """The realism of a state's image, and the real images that are nearest to it, the nearest first."""
        features = extract(explored.image(state)[None], self.extractor)["features"]
        found = nearest_across(features, self.features, min(SHOWN, len(self)))
        rows = self.numbers[found.indices[0]]
        images = fitted(self.data, rows, self.shape)
        labels = None if self.data.labels is None else self.data.labels[rows]
        return float(self.realism(features)[0]), [
            Near(int(row), float(distance), image, None if labels is None else int(labels[k]))
            for k, (row, distance, image) in enumerate(zip(rows, found.distances[0], images, strict=True))
        ]

    def realism(self, features: np.ndarray) -> np.ndarray:
        """(n, d) -> (n,): see the module; at most 1e6, which a copy of a real image has."""
        return realism_in_balls(features, self.features, self.radii)

    def labels_near(self, features: np.ndarray) -> list[int] | None:
        """(n, d) -> the label of the nearest real image of each; None: real images without labels."""
        if self.data.labels is None:
            return None
        found = nearest_across(features, self.features, 1).indices[:, 0]
        return [int(label) for label in self.data.labels[self.numbers[found]]]


def surroundings_of(
    explored: Explored, data: ImageSet, extractor: Extractor, store: Store, tick: Tick = lambda n: None
) -> Surroundings:
    """At most 5,000 images of a set, in a random order that is always the same; features that are in the store are not
    computed again.

    BadInput: a set of fewer than 10 images.
    """
    check_enough(data)
    numbers = np.argsort(words(range(data.n), 0, 1, "surroundings")[:, 0], kind="stable")[:MOST]
    shape = explored.image(State()).shape

    def compute(start: int, stop: int) -> Arrays:
        found = extract(fitted(data, numbers[start:stop], shape), extractor, tick=tick)["features"]
        return {"features": found}

    key = digest_of({
        "stage": "surroundings", "data": data.digest, "shape": list(shape), "extractor": extractor.digest,
        "engine": extractor.engine, "source": source_digest("features", module_of(extractor)),
    })
    shard = extend(store, "features", key, 0, len(numbers), compute, whole_batches(STEP, extractor.micro_batch))
    tick(len(numbers) - shard.computed)
    features = np.array(rows_of(shard)["features"])
    return Surroundings(data, numbers, shape, extractor, features, nearest(features, REALISM).distances[:, -1])


def check_enough(data: ImageSet) -> None:
    if data.n < LEAST:
        raise BadInput("too-few-images", f"{data.name} has {data.n:,} images, expected at least {LEAST}.")


def fitted(data: ImageSet, numbers: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """(n, *shape) uint8."""
    return np.stack([photo(image, shape) for image in data.read([int(one) for one in numbers])])
