"""Features -> estimates: supplies each metric with what its row needs, and keeps what it costs to make."""

from __future__ import annotations

import sys
from functools import cached_property
from pathlib import Path

import numpy as np

from gan import statistics
from gan.features import EXTRACTORS
from gan.features.extract import Chunks, Rows
from gan.files import file_digest
from gan.metrics import METRICS, frechet, inception_score, jackknife, kernel
from gan.store import Store, remember, source_digest, store_of
from gan.types import Convention, Estimate, Features, Statistics, Workspace, digest_of

Reference = Features | Path  # features of real images, or a file of their statistics


def measure(
    real: Reference, generated: Features, convention: Convention, workspace: Workspace
) -> tuple[dict[str, Estimate], bool]:
    """Estimates by metric, and whether they were computed now or found in the store.

    Metrics that need what the reference does not have (features, if it is a file of statistics; logits, if the
    extractor has none) are left out.
    """
    store = store_of(workspace)
    reference = file_digest(real) if isinstance(real, Path) else real.digest
    key = digest_of(
        {
            "stage": "scores", "real": reference, "generated": generated.digest,
            "metrics": convention.metrics, "settings": convention.settings,
            "source": source_digest(
                sys.modules[__name__], frechet, inception_score, jackknife, kernel, statistics
            ),
        }
    )  # fmt: skip

    def compute() -> dict[str, tuple[float, float]]:
        evidence = Evidence(real, generated, store)
        found = {name: estimate(name, evidence, convention) for name in convention.metrics}
        return {name: (value.value, value.se) for name, value in found.items() if value is not None}

    pairs, computed = remember(store, "scores", key, compute)
    return {name: Estimate(*pair) for name, pair in pairs.items()}, computed


def estimate(name: str, evidence: Evidence, convention: Convention) -> Estimate | None:
    """One metric from what its row needs; None when the evidence does not have it."""
    metric = METRICS[name]
    needed = {need: getattr(evidence, need) for need in metric.needs}
    if any(value is None for value in needed.values()):
        return None
    return metric.compute(**needed, **convention.settings.get(name, {}))


class Evidence:
    """What metrics may need, made when one asks for it: the vocabulary of `Metric.needs`."""

    def __init__(self, real: Reference, generated: Features, store: Store):
        self.real, self.generated, self.store = real, generated, store

    @cached_property
    def real_statistics(self) -> Statistics:
        return self._reference[0]

    @cached_property
    def real_root(self) -> np.ndarray:
        return self._reference[1]

    @cached_property
    def _reference(self) -> tuple[Statistics, np.ndarray]:
        if isinstance(self.real, Path):
            loaded = statistics.load(self.real)
            return loaded, frechet.matrix_root(loaded.sigma)
        return reference_statistics(self.real, self.store)

    @cached_property
    def real_features(self) -> Rows | None:
        return None if isinstance(self.real, Path) else Rows(self.real)

    @cached_property
    def real_self_similarity(self) -> float | None:
        features = self.real_features
        if features is None or isinstance(self.real, Path):
            return None
        key = digest_of({"stage": "self-similarity", "features": self.real.digest, "source": source_digest(kernel)})
        value, _ = remember(
            self.store, "statistics", key, lambda: kernel.mean_self_similarity(features)  # type: ignore[arg-type]
        )
        return float(value)

    @cached_property
    def generated_chunks(self) -> Chunks:
        return Chunks(self.generated)

    @cached_property
    def generated_statistics(self) -> Statistics:
        return statistics.accumulate(self.generated_chunks).statistics()

    @cached_property
    def generated_features(self) -> Rows:
        return Rows(self.generated)

    @cached_property
    def generated_logits(self) -> Rows | None:
        if not EXTRACTORS[self.generated.extractor].logits:
            return None
        return Rows(self.generated, "logits")


def reference_statistics(real: Features, store: Store) -> tuple[Statistics, np.ndarray]:
    """Moments of a reference and the root of its covariance: computed once, since every model needs them."""
    source = source_digest(statistics, frechet)
    key = digest_of({"stage": "statistics", "features": real.digest, "source": source})
    with store.lock("statistics", key):
        entry = store.find("statistics", key)
        if entry is None:
            made = statistics.accumulate(Chunks(real)).statistics()
            root = frechet.matrix_root(made.sigma)
            entry = store.commit("statistics", key, "statistics.npz", lambda path: save_reference(path, made, root))
    with np.load(entry.path) as kept:
        return Statistics(kept["mu"], kept["sigma"], int(kept["n"])), kept["root"]


def save_reference(path: Path, found: Statistics, root: np.ndarray) -> None:
    with path.open("wb") as file:
        np.savez(file, mu=found.mu, sigma=found.sigma, n=np.int64(found.n), root=root)
