"""Nearest neighbours, for the metrics of `manifold` and `memorisation`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ganbench.gan.metrics import neighbours
from ganbench.gan.metrics.neighbours import Neighbours, Overlap
from ganbench.gan.needs.sets import (
    Sets,
    generated_features,
    has,
    once,
    real_features,
    rows,
    test_features,
    training_features,
)
from ganbench.gan.sources import source_digest
from ganbench.gan.store import read_arrays, write_arrays
from ganbench.gan.types import Features, digest_of


@once
def real_neighbours(sets: Sets) -> Neighbours | None:
    return among_themselves(sets.context.reference, sets)


@once
def training_neighbours(sets: Sets) -> Neighbours | None:
    return among_themselves(sets.context.training, sets)


@once
def training_matches(sets: Sets) -> Neighbours | None:
    return matches(generated_features(sets), sets)


@once
def test_matches(sets: Sets) -> Neighbours | None:
    """The nearest training image of every test image: stored, since it is the same for every model."""
    test, training = sets.context.test, sets.context.training
    if test is None or training is None or not has(test, sets.view):
        return None
    said = {"stage": "matches", "of": test.digest, "among": training.digest, "view": sets.view}
    return kept(said, lambda: matches(test_features(sets), sets), sets)


@once
def overlap(sets: Sets) -> Overlap | None:
    real, around = real_features(sets), real_neighbours(sets)
    return None if real is None or around is None else neighbours.overlap(real, generated_features(sets), around)


def matches(x: Any, sets: Sets) -> Neighbours | None:
    """The nearest training image of every row."""
    training = training_features(sets)
    return None if x is None or training is None else neighbours.nearest_across(x, training)


def among_themselves(features: Features | None, sets: Sets) -> Neighbours | None:
    """The nearest other rows of every row: stored, since every model needs those of the reference."""
    if features is None or not has(features, sets.view):
        return None
    said = {"stage": "neighbours", "features": features.digest, "view": sets.view}
    return kept(said, lambda: neighbours.nearest(rows(features, sets.view)), sets)


def kept(what: Mapping[str, str], find: Callable[[], Any], sets: Sets) -> Neighbours:
    key = digest_of({**what, "source": source_digest("neighbours")})
    with sets.store.lock("neighbours", key):
        entry = sets.store.find("neighbours", key)
        if entry is None:
            found = find()
            arrays = {"distances": found.distances, "indices": found.indices}
            entry = sets.store.commit("neighbours", key, "nearest.arrow", lambda path: write_arrays(path, arrays))
        return Neighbours(**read_arrays(entry.path))
