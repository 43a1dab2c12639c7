"""Shards of images -> shards of features; a set's features are its shards' in order."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Lock

import numpy as np

from ganbench.gan.features import EXTRACTORS, own
from ganbench.gan.features.base import Extractor, Shape
from ganbench.gan.features.network import NetworkExtractor
from ganbench.gan.features.passing import extract
from ganbench.gan.sources import source_digest
from ganbench.gan.store import SHARD, Arrays, Store, extend, rows_of, whole_batches
from ganbench.gan.types import BadInput, Shard, Workspace, digest_of

_made: dict[tuple[str, str, str], Extractor] = {}
_making = Lock()


def extractor_of(name: str, workspace: Workspace) -> Extractor:
    """An extractor by its row of EXTRACTORS, TOML file or `module:callable`; loaded once per process."""
    if own.is_own(name):
        spec = own.resolve(name)
        if spec.name in EXTRACTORS:
            raise own.misnamed(spec, name)
        return once((name, own.identity(spec), workspace.device),
                    lambda: own.make(spec, workspace.device, workspace.trust_pickle))
    if name not in EXTRACTORS:
        raise BadInput("unknown-extractor",
                       f"No extractor {name!r}. Known: {', '.join(sorted(EXTRACTORS))}; a network of your own is a "
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
    """The path that the user gave for an extractor, or for its network; or ''."""
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
    """Features of a shard's images, with their labels; computes only those that are not in the store, and saves about
    every `batch_size` rows."""
    given = rows_of(images)

    def compute(start: int, stop: int) -> Arrays:
        found = extract(given["images"][:stop], extractor, start, tick)
        return {**found, "labels": given["labels"][start:stop]} if "labels" in given else found

    key = digest_of(
        {
            "stage": "features", "images": images.key, "extractor": extractor.digest,
            "engine": extractor.engine, "source": source_digest("features", module_of(extractor)),
        }
    )
    step = whole_batches(batch_size, extractor.micro_batch)
    return extend(store, "features", key, images.index, images.rows, compute, step)


def pace(extractor: Extractor, shape: Shape, workers: int, batches: int = 2) -> float:
    """Images per second of `workers` threads together, on this machine as busy as it is now; takes a second or two."""
    images = np.zeros((extractor.micro_batch, *shape), np.uint8)
    extractor(images)  # whatever is made once
    begun = time.perf_counter()
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(extractor, [images] * (workers * batches)))
    return workers * batches * len(images) / (time.perf_counter() - begun)


def module_of(extractor: Extractor) -> str:
    """The module that makes an extractor."""
    made = extractor.network.module if isinstance(extractor, NetworkExtractor) else type(extractor)
    return made.func.__module__ if isinstance(made, partial) else made.__module__
