"""Shards of images -> shards of features; a set's features are its shards' in order."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from gan.features import EXTRACTORS, backend, base, network, resize
from gan.features.base import Extractor
from gan.store import SHARD, Arrays, Store, extend, rows_of, source_digest, whole_batches
from gan.types import BadInput, Features, Shard, Workspace, digest_of

_made: dict[tuple[str, str, str], Extractor] = {}
_making = Lock()


def extractor_of(name: str, workspace: Workspace) -> Extractor:
    """A row of EXTRACTORS, ready to use; made once per process."""
    if name not in EXTRACTORS:
        raise BadInput(f"No extractor {name!r}. Known: {', '.join(sorted(EXTRACTORS))}.")
    given = workspace.inception_weights if EXTRACTORS[name].network == "inception-2015" else ""
    with _making:
        key = (name, given, workspace.device)
        if key not in _made:
            weights = Path(given).expanduser() if given else None
            _made[key] = EXTRACTORS[name].make(weights, workspace.root / "weights", workspace.device)
        return _made[key]


def extract_shard(
    images: Shard,
    extractor: Extractor,
    store: Store,
    tick: Callable[[int], object] = lambda n: None,
    batch_size: int = SHARD,
) -> Shard:
    """Features of a shard's images; computes only those that the store lacks, saving them every `batch_size` or so."""
    pixels = rows_of(images)["images"]

    def compute(start: int, stop: int) -> Arrays:
        return extract(pixels[:stop], extractor, start, tick)

    key = digest_of(
        {
            "stage": "features", "images": images.key, "extractor": extractor.digest,
            "engine": extractor.engine, "source": source_of(extractor),
        }
    )  # fmt: skip
    step = whole_batches(batch_size, extractor.micro_batch)
    return extend(store, "features", key, images.index, images.rows, compute, step)


def source_of(extractor: Extractor) -> str:
    """Digest of the files that decide the numbers: the common ones and the extractor's own."""
    own = extractor.network.prepare if isinstance(extractor, network.NetworkExtractor) else type(extractor)
    return source_digest(sys.modules[__name__], base, backend, network, resize, sys.modules[own.__module__])


def extract(
    images: np.ndarray, extractor: Extractor, start: int = 0, tick: Callable[[int], object] = lambda n: None
) -> Arrays:
    """Features (n, d) and, where there are any, logits (n, c) of images[start:], NCHW uint8.

    Works in whole micro-batches from a multiple of their size on, so that every image keeps its
    place in its batch, and its bits, wherever a run begins.
    """
    size = extractor.micro_batch
    parts: dict[str, list[np.ndarray]] = {"features": [], "logits": []}
    for first in range(start // size * size, len(images), size):
        features, logits = extractor(images[first : first + size])
        skip = max(0, start - first)
        parts["features"].append(features[skip:])
        if logits is not None:
            parts["logits"].append(logits[skip:])
        tick(len(features) - skip)
    return {name: np.concatenate(rows) for name, rows in parts.items() if rows}


class Chunks(Sequence[np.ndarray]):
    """The feature (or logit) arrays of all shards, 1,000 rows each: mapped when asked for, unmapped when dropped."""

    def __init__(self, features: Features, what: str = "features"):
        self.shards, self.what = features.shards, what

    def __len__(self) -> int:
        return len(self.shards)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(len(self))[index]]
        return rows_of(self.shards[index])[self.what]


class Rows:
    """The same as one array (n, d) of which only the rows that are asked for are in memory.

    `len(rows)`, `rows.shape`, and `rows[...]` with a slice or an array of row numbers, which copies.
    """

    def __init__(self, features: Features, what: str = "features"):
        self.chunks = Chunks(features, what)
        self.starts = np.cumsum([0, *(shard.rows for shard in features.shards)])
        self.shape = (features.n, *self.chunks[0].shape[1:])
        self.dtype = self.chunks[0].dtype

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice | np.ndarray) -> np.ndarray:
        wanted = np.arange(len(self))[rows]
        found = np.empty((len(wanted), *self.shape[1:]), self.dtype)
        places = np.searchsorted(self.starts, wanted, side="right") - 1
        for place in np.unique(places):
            here = places == place
            found[here] = self.chunks[place][wanted[here] - self.starts[place]]
        return found
