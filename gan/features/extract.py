"""Shards of images -> shards of features; a set's features are its shards' in order."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from ganbench.gan import backend, onnx_graph
from ganbench.gan.features import EXTRACTORS, base, network, own, resize
from ganbench.gan.features.base import Extractor
from ganbench.gan.store import SHARD, Arrays, Store, extend, rows_of, source_digest, whole_batches
from ganbench.gan.types import BadInput, Features, Shard, Workspace, digest_of

_made: dict[tuple[str, str, str], Extractor] = {}
_making = Lock()


def extractor_of(name: str, workspace: Workspace) -> Extractor:
    """A row of EXTRACTORS, or a user's own by TOML file or `module:callable`, ready to use; made once per process."""
    if own.is_own(name):
        spec = own.resolve(name)
        return once((name, own.identity(spec), workspace.device),
                    lambda: own.make(spec, workspace.device, workspace.trust_pickle))
    if name not in EXTRACTORS:
        raise BadInput(f"No extractor {name!r}. Known: {', '.join(sorted(EXTRACTORS))}; a network of your own is a "
                       "TOML file, or module:callable.")
    given = given_weights(name, workspace)
    weights = Path(given).expanduser() if given else None
    return once((name, given, workspace.device),
                lambda: EXTRACTORS[name].make(weights, workspace.root / "weights", workspace.device))


def once(key: tuple[str, str, str], make: Callable[[], Extractor]) -> Extractor:
    with _making:
        if key not in _made:
            _made[key] = make()
        return _made[key]


def given_weights(name: str, workspace: Workspace) -> str:
    """The path that the user gave for an extractor, or for the network that it shares with others; or ''."""
    given, network = workspace.extractor_weights, EXTRACTORS[name].network
    shared = workspace.inception_weights if network == "inception-2015" else ""
    return given.get(name) or given.get(network) or shared


def extract_shard(
    images: Shard,
    extractor: Extractor,
    store: Store,
    tick: Callable[[int], object] = lambda n: None,
    batch_size: int = SHARD,
) -> Shard:
    """Features of a shard's images, beside their labels; computes only those that the store lacks, saving them every
    `batch_size` or so."""
    given = rows_of(images)

    def compute(start: int, stop: int) -> Arrays:
        found = extract(given["images"][:stop], extractor, start, tick)
        return {**found, "labels": given["labels"][start:stop]} if "labels" in given else found

    key = digest_of(
        {
            "stage": "features", "images": images.key, "extractor": extractor.digest,
            "engine": extractor.engine, "source": source_of(extractor),
        }
    )
    step = whole_batches(batch_size, extractor.micro_batch)
    return extend(store, "features", key, images.index, images.rows, compute, step)


def source_of(extractor: Extractor) -> str:
    """Digest of the files that decide the numbers: the common ones and the extractor's own."""
    made = extractor.network.module if isinstance(extractor, network.NetworkExtractor) else type(extractor)
    made = made.func if isinstance(made, partial) else made
    common = (sys.modules[__name__], base, backend, onnx_graph, network, resize)
    return source_digest(*common, sys.modules[made.__module__])


def extract(
    images: np.ndarray, extractor: Extractor, start: int = 0, tick: Callable[[int], object] = lambda n: None
) -> Arrays:
    """The extractor's arrays (n, length) of images[start:], NCHW uint8: features first, logits if it has them.

    Works in whole micro-batches from a multiple of their size on, so that every image keeps its
    place in its batch, and its bits, wherever a run begins.
    """
    size = extractor.micro_batch
    parts: dict[str, list[np.ndarray]] = {name: [] for name in extractor.outputs}
    for first in range(start // size * size, len(images), size):
        found = extractor(images[first : first + size])
        skip = max(0, start - first)
        for name, rows in parts.items():
            rows.append(found[name][skip:])
        tick(len(found["features"]) - skip)
    return {name: np.concatenate(rows) for name, rows in parts.items()}


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
