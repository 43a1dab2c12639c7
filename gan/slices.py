"""Scores of parts of the images: of each class, or of each cluster of the real ones.

A slice has few images, so only metrics that work with few images are used: shares, kernel distance, precision, recall
and coverage, but not the Fréchet distance.  Every slice is compared with the same slice of the reference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.cluster.vq import ClusterError, kmeans2, vq

from ganbench.gan.metrics import kernel, manifold, neighbours
from ganbench.gan.rows import Chunks, Rows
from ganbench.gan.sources import source_digest
from ganbench.gan.store import Store, remember, rows_of
from ganbench.gan.types import BadInput, Estimate, Features, Samples, digest_of

SLICES = ("class", "cluster")
NO_CLASSES = ("Slices by class need class labels on both sides, or a protocol whose judge tells them: give --by "
              "cluster instead.")
SLICED = {"precision": manifold.precision, "recall": manifold.recall, "density": manifold.density,
          "coverage": manifold.coverage}   # and kid, by their names in METRICS
LEAST = 50          # images of a slice on either side; below it only its share is computed
CLUSTERS = 10
COMPONENTS = 50     # principal components for clustering

Sliced = dict[str, dict[str, Estimate]]     # slice -> share, share.real and metrics


@dataclass(frozen=True)
class Slicing:
    """Which slice each image belongs to, -1 for none, and the names of the slices."""

    names: tuple[str, ...]
    generated: np.ndarray       # (n,) int64
    real: np.ndarray            # (m,) int64


def by_class(
    generated: Samples, reference: Samples, classes: Sequence[str], judged: Mapping[str, Features] | None = None
) -> Slicing:
    """By the labels of both sets; if one has none, by the judge's classes of both (`judged`: its features of
    `generated` and `reference`), so that the judge's errors affect both sets."""
    labels = [labels_of(samples) for samples in (generated, reference)]
    if any(found is None for found in labels):
        if judged is None:
            raise BadInput("missing-labels", NO_CLASSES)
        labels = [predictions(judged[role]) for role in ("generated", "reference")]
    mine, real = (found for found in labels if found is not None)
    n = max(len(classes), int(max(mine.max(), real.max())) + 1)
    names = [classes[i] if i < len(classes) else f"class {i}" for i in range(n)]
    return Slicing(tuple(names), mine, real)


def labels_of(samples: Samples) -> np.ndarray | None:
    """(n,) int64, if the images have labels."""
    shards = [rows_of(shard) for shard in samples.shards]
    return np.concatenate([shard["labels"] for shard in shards]) if "labels" in shards[0] else None


def predictions(features: Features) -> np.ndarray:
    """The classifier's top class, (n,) int64."""
    return np.concatenate([logits.argmax(axis=1) for logits in Chunks(features, "logits")])


def by_cluster(generated: Features, reference: Features, k: int = CLUSTERS, seed: int = 0) -> Slicing:
    """By the nearest of k centres of a seeded k-means on the real features; largest cluster first."""
    mine, real, n = clustered(Rows(generated)[:], Rows(reference)[:], k, seed)
    return Slicing(tuple(f"cluster {i + 1}" for i in range(n)), mine, real)


def clustered(generated: np.ndarray, reference: np.ndarray, k: int, seed: int) -> tuple[np.ndarray, np.ndarray, int]:
    """The cluster of each row of both, from 0 on, of (n, d) and (m, d) features, and the number of clusters."""
    real, mine = (found.astype(np.float64) for found in (reference, generated))
    centre = real.mean(axis=0)
    _, _, axes = np.linalg.svd((real - centre)[:: -(-len(real) // 5_000)], full_matrices=False)
    real, mine = ((found - centre) @ axes[:COMPONENTS].T for found in (real, mine))
    centres = centres_of(real, k, seed)
    where = [vq(found, centres)[0].astype(np.int64) for found in (mine, real)]
    order = np.argsort(-np.bincount(where[1], minlength=len(centres)), kind="stable")
    rank = np.argsort(order)
    return rank[where[0]], rank[where[1]], len(centres)


def centres_of(points: np.ndarray, k: int, seed: int) -> np.ndarray:
    """The centres of a seeded k-means (k, d); fewer if there are fewer distinct points."""
    for fewer in range(min(k, len(np.unique(points, axis=0))), 1, -1):
        try:
            return kmeans2(points, fewer, minit="++", missing="raise", rng=np.random.default_rng(seed))[0]
        except ClusterError:        # one is empty
            continue
    return points.mean(axis=0, keepdims=True)


def measure_slices(
    slicing: Slicing, generated: Features, reference: Features, settings: Mapping[str, Mapping], store: Store
) -> tuple[Sliced, bool]:
    """Share and metrics of every slice, and whether they were computed now."""
    source = source_digest("slices")
    key = digest_of({
        "stage": "slices", "names": slicing.names, "mine": slicing.generated.tolist(), "real": slicing.real.tolist(),
        "generated": generated.digest, "reference": reference.digest, "source": source,
        "settings": {name: settings.get(name, {}) for name in ("kid", *SLICED)},
    })

    def compute() -> dict[str, dict[str, tuple[float, float]]]:
        sets = Rows(reference), Rows(generated)
        found = {name: slice_of(i, slicing, *sets, settings) for i, name in enumerate(slicing.names)}
        return {name: {metric: (value.value, value.se) for metric, value in row.items()} for name, row in found.items()}

    rows, computed = remember(store, "scores", key, compute)
    return {name: {metric: Estimate(*pair) for metric, pair in row.items()} for name, row in rows.items()}, computed


def slice_of(
    i: int, slicing: Slicing, real: Rows, generated: Rows, settings: Mapping[str, Mapping]
) -> dict[str, Estimate]:
    """One slice: its share of both sets, and the metrics that its number of images allows."""
    mine, theirs = np.flatnonzero(slicing.generated == i), np.flatnonzero(slicing.real == i)
    row = {"share": share(len(mine), len(slicing.generated)), "share.real": share(len(theirs), len(slicing.real))}
    if min(len(mine), len(theirs)) < LEAST:
        return row
    x, y = real[theirs], generated[mine]
    around = neighbours.overlap(x, y, neighbours.nearest(x))
    chosen = settings.get("kid", {})
    enough = min(len(mine), len(theirs)) >= (chosen.get("subset_size", 0) if chosen.get("subsets") else 0)
    row["kid"] = kernel.kid(x, y, None, **(chosen if enough else {}))
    return row | {name: compute(around, **settings.get(name, {})) for name, compute in SLICED.items()}


def share(count: int, n: int) -> Estimate:
    """A binomial share; for an empty slice the error is that of one image."""
    p = count / n
    spread = max(p * (1 - p), 1 / n * (1 - 1 / n))
    return Estimate(p, float(np.sqrt(spread / n)))
