"""The images that a generator adds: drawn once, with a class each, and with how realistic they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ganbench.gan.applications.augment.cells import Pictures
from ganbench.gan.applications.augment.data import Real, unlike
from ganbench.gan.applications.augment.learnt import Learnt
from ganbench.gan.conditioning.classifiers import trained
from ganbench.gan.conditioning.judging import check_counts
from ganbench.gan.datasets import fashion_mnist as fashion
from ganbench.gan.datasets.base import of_array
from ganbench.gan.datasets.classes import matching, numbers_of
from ganbench.gan.features.base import Extractor
from ganbench.gan.features.extract import extract_shard
from ganbench.gan.features.passing import extract
from ganbench.gan.generators.base import FiniteModel
from ganbench.gan.metrics.neighbours import REALISM
from ganbench.gan.metrics.realism import realism_of
from ganbench.gan.models.identity import identity
from ganbench.gan.models.images import open_images
from ganbench.gan.philox import words
from ganbench.gan.sampling import generator_of, sample_shard, shards_of
from ganbench.gan.store import SHARD, rows_of, store_of
from ganbench.gan.types import BadInput, CompleteSpec, Shard, Workspace

Tick = Callable[[int], object]


@dataclass(frozen=True, eq=False)
class Pool:
    """n images of a model, by their number among its draws of a seed."""

    spec: CompleteSpec
    digest: str                     # of the model
    seed: int
    images: np.ndarray              # (n, C, H, W) uint8
    asked: np.ndarray | None        # (n,) the class that each was asked for, or has; None: only a guide can tell
    shards: tuple[Shard, ...]       # where they are stored

    def __len__(self) -> int:
        return len(self.images)


def pool_of(
    spec: CompleteSpec, seed: int, n: int, real: Real, learnt: Learnt, workspace: Workspace,
    tick: Tick = lambda n: None,
) -> Pool:
    """The first n images of a seed, or all that there are of a model that is images on disk."""
    generator, store = generator_of(spec, workspace), store_of(workspace)
    numbers = numbers_for(spec, real, learnt, workspace)
    n = min(n, generator.n) if isinstance(generator, FiniteModel) else n
    shards = [sample_shard(spec, seed, index, rows, workspace, store, tick) for index, rows in shards_of(n)]
    parts = [rows_of(shard) for shard in shards]
    asked = np.concatenate([part["labels"] for part in parts]) if "labels" in parts[0] else None
    return Pool(spec, identity(spec), seed, np.concatenate([part["images"] for part in parts]),
                asked if asked is None or not len(numbers) else np.asarray(numbers, np.int64)[asked], tuple(shards))


def numbers_for(spec: CompleteSpec, real: Real, learnt: Learnt, workspace: Workspace) -> Sequence[int]:
    """The number among the real images' classes of each class of the model; empty: they are the same, or it has none.

    BadInput: they are other classes.
    """
    generator = generator_of(spec, workspace)
    if isinstance(generator, FiniteModel):
        images = open_images(spec, workspace).images
        return numbers_by_name(images.classes, real, spec.name) if images.labels is not None else ()
    if not generator.n_classes:
        return ()
    check_counts(generator.n_classes, real.names, spec.name, real.name)
    same = learnt.classes == real.names or (learnt.classes == fashion.CLASSES and real.names == fashion.PUBLISHED)
    return () if same or not learnt.classes else numbers_by_name(learnt.classes, real, spec.name)


def numbers_by_name(mine: tuple[str, ...], real: Real, name: str) -> Sequence[int]:
    match = matching(real.names, mine)
    if match.added:
        raise unlike(name, match.added, real.names)
    return numbers_of(mine, real.names) if match.renumber else ()


def labels_by_guide(
    pool: Pool, learnt: Pictures, classes: int, workspace: Workspace, tick: Tick = lambda n: None
) -> np.ndarray:
    """(n,) classes that a guide sees in the images; it is trained on these real images alone."""
    found = of_array("real images", learnt.images, learnt.labels)
    return trained("guide", found, classes, workspace, tick).probabilities(pool.images).argmax(axis=1)


def realism_in(
    pool: Pool, n: int, learnt: Pictures, eyes: Extractor, workspace: Workspace, tick: Tick = lambda n: None
) -> np.ndarray:
    """(n,) the realism of the pool's first images beside the real ones, in the features of an extractor."""
    if len(learnt) <= REALISM:
        return np.zeros(min(n, len(pool)))
    whole = pool.shards[: -(-min(n, len(pool)) // SHARD)]
    parts = [rows_of(extract_shard(shard, eyes, store_of(workspace), tick))["features"] for shard in whole]
    return realism_of(np.concatenate(parts)[:n], extract(learnt.images, eyes)["features"])


# Choosing

def quotas(n: int, weights: np.ndarray) -> np.ndarray:
    """n divided in proportion to weights (classes,), as whole numbers: largest remainders."""
    exact = n * weights / weights.sum()
    found = np.floor(exact).astype(np.int64)
    found[np.argsort(found - exact, kind="stable")[: n - found.sum()]] += 1
    return found


def choice(labels: np.ndarray, n: int, weights: np.ndarray, seed: int, among: np.ndarray | None = None) -> np.ndarray:
    """Places of n images, of the classes in proportion to `weights` as far as there are any; what is missing is filled
    up with others of the classes that are wanted.  `among`: places that may be taken."""
    order = np.argsort(words(range(len(labels)), seed, 1, "synthetic")[:, 0], kind="stable")
    order = order[np.isin(order, among)] if among is not None else order
    wanted = quotas(n, weights)
    rank = np.zeros(len(order), np.int64)
    for k in range(len(weights)):
        mine = labels[order] == k
        rank[mine] = np.arange(mine.sum())
    fitting = weights[labels[order]] > 0
    first = fitting & (rank < wanted[labels[order]])
    return np.sort(np.concatenate([order[first], order[fitting & ~first][: n - int(first.sum())]]))


def realest(realism: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Places of the more realistic half of every class."""
    found = [mine[np.argsort(-realism[mine], kind="stable")][: -(-len(mine) // 2)]
             for mine in (np.flatnonzero(labels == k) for k in np.unique(labels))]
    return np.sort(np.concatenate(found))


def check_pool(pool: Pool, least: int) -> None:
    if len(pool) < least:
        raise BadInput("too-few-images",
                       f"{pool.spec.name} has {len(pool):,} images, expected at least {least:,} beside the real ones: "
                       "give a smaller --per-class.")
