"""Means and covariances, for Fréchet distances."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ganbench.gan import interchange, statistics
from ganbench.gan.metrics import frechet
from ganbench.gan.needs.sets import Sets, generated_chunks, has, once
from ganbench.gan.rows import Chunks
from ganbench.gan.sources import source_digest
from ganbench.gan.store import Store
from ganbench.gan.types import Features, Statistics, digest_of


@once
def generated_statistics(sets: Sets) -> Statistics | None:
    chunks = generated_chunks(sets)
    return statistics.accumulate(chunks).statistics() if chunks else None


def real_statistics(sets: Sets) -> Statistics | None:
    found = of_reference(sets)
    return found[0] if found else None


def real_root(sets: Sets) -> np.ndarray | None:
    found = of_reference(sets)
    return found[1] if found else None


@once
def of_reference(sets: Sets) -> tuple[Statistics, np.ndarray] | None:
    if sets.context.statistics:
        loaded = interchange.load_statistics(sets.context.statistics, sets.view, sets.d)
        return (loaded, frechet.matrix_root(loaded.sigma)) if loaded else None
    reference = sets.context.reference
    if reference is None or not has(reference, sets.view):
        return None
    return reference_statistics(reference, sets.store, sets.view)


def reference_statistics(real: Features, store: Store, view: str = "features") -> tuple[Statistics, np.ndarray]:
    """Moments of a reference and the root of its covariance: stored, since every model needs them."""
    source = source_digest("statistics")
    key = digest_of({"stage": "statistics", "features": real.digest, "view": view, "source": source})
    with store.lock("statistics", key):
        entry = store.find("statistics", key)
        if entry is None:
            made = statistics.accumulate(Chunks(real, view)).statistics()
            root = frechet.matrix_root(made.sigma)
            entry = store.commit("statistics", key, "statistics.npz", lambda path: save_reference(path, made, root))
    with np.load(entry.path) as kept:
        return Statistics(kept["mu"], kept["sigma"], int(kept["n"])), kept["root"]


def save_reference(path: Path, found: Statistics, root: np.ndarray) -> None:
    with path.open("wb") as file:
        np.savez(file, mu=found.mu, sigma=found.sigma, n=np.int64(found.n), root=root)
