"""Features -> estimates: supplies each metric with what its row needs, and keeps what it costs to make."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property, partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from ganbench.gan import interchange, statistics
from ganbench.gan.features.extract import Chunks, Rows
from ganbench.gan.metrics import METRICS, Metric, frechet, kernel, neighbours
from ganbench.gan.metrics.neighbours import Neighbours, Overlap
from ganbench.gan.store import (
    SHARD,
    Store,
    digest_of_rows,
    extend,
    read_arrays,
    remember,
    rows_of,
    source_digest,
    store_of,
    write_arrays,
)
from ganbench.gan.types import (
    BadInput,
    Context,
    Convention,
    Estimate,
    Features,
    Shard,
    Statistics,
    Workspace,
    digest_of,
)

# Which sets an argument is made of, by how its name begins.
ROLES = {"reference": ("real_", "overlap"), "training": ("training_", "test_matches"), "test": ("test_",)}
ROOMS = ("ganbench.gan.metrics.", "ganbench.gan.statistics")  # whose edits change numbers


@dataclass(frozen=True)
class Measured:
    """Estimates by metric, and of metrics that could not be computed from these images why not."""

    estimates: dict[str, Estimate]
    left_out: dict[str, str] = field(default_factory=dict)


def measure(
    context: Context, generated: Features, names: tuple[str, ...], convention: Convention, workspace: Workspace
) -> tuple[Measured, bool]:
    """The metrics of these names, and whether any of them was computed now and not found in the store.

    Metrics that need what is not there (features, if the reference is a file of statistics; logits, if the extractor
    has none; the training set, if the protocol does not name it) are not mentioned.
    """
    store = store_of(workspace)
    views = {METRICS[name].view for name in names}
    evidence = {view: Evidence(context, generated, store, view) for view in views}
    found, fresh = Measured({}), False
    for name in names:
        row, settings = METRICS[name], dict(convention.settings.get(name, {}))
        compute = partial(estimate, row, evidence[row.view], settings)
        value, computed = remember(store, "scores", key_of(row, settings, context, generated), compute)
        fresh |= computed
        if isinstance(value, str):
            found.left_out[name] = value
        elif value is not None:
            found.estimates[name] = Estimate(*value)
    return found, fresh


def estimate(row: Metric, evidence: Evidence, settings: dict[str, Any]) -> tuple[float, float] | str | None:
    """One metric, (value, standard error), from what its row needs; None when the evidence does not have it, and a
    sentence when these images do not suffice and others may do without it."""
    try:
        needed = {need: getattr(evidence, need) for need in row.needs}
        if any(value is None for value in needed.values()):
            return None
        found = row.compute(**needed, **settings)
    except BadInput as problem:
        if not row.spare:
            raise
        return str(problem)
    return found.value, found.se


def key_of(row: Metric, settings: dict[str, Any], context: Context, generated: Features) -> str:
    """sha256 over the metric, its settings, its source files, and the sets that it looks at."""
    sets: dict[str, str] = {"generated": generated.digest}
    for role in roles_of(row.name):
        features = getattr(context, role)
        sets[role] = features.digest if features else ""
        sets["statistics"] = context.statistics_digest
    source = source_digest(sys.modules[__name__], *sources_of(sys.modules[row.compute.__module__]))
    return digest_of({"stage": "scores", "metric": row.name, "settings": settings, "sets": sets, "source": source})


def roles_of(metric: str) -> set[str]:
    """The sets beside the generated one that a metric looks at."""
    needs = METRICS[metric].needs
    return {role for role, prefixes in ROLES.items() if any(need.startswith(prefixes) for need in needs)}


@cache
def sources_of(module: ModuleType) -> tuple[ModuleType, ...]:
    """A module of formulas and those that it uses, by name."""
    found = {module.__name__: module}
    for value in vars(module).values():
        name = value.__name__ if inspect.ismodule(value) else getattr(value, "__module__", None) or ""
        if name.startswith(ROOMS) and name not in found:
            found |= {used.__name__: used for used in sources_of(sys.modules[name])}
    return tuple(found[name] for name in sorted(found))


class Evidence:
    """What metrics may need, made when one asks for it: the vocabulary of `Metric.needs`."""

    def __init__(self, context: Context, generated: Features, store: Store, view: str = "features"):
        self.context, self.generated, self.store, self.view = context, generated, store, view

    @cached_property
    def real_statistics(self) -> Statistics | None:
        return self._reference[0] if self._reference else None

    @cached_property
    def real_root(self) -> np.ndarray | None:
        return self._reference[1] if self._reference else None

    @cached_property
    def _reference(self) -> tuple[Statistics, np.ndarray] | None:
        if self.context.statistics:
            loaded = interchange.load_statistics(self.context.statistics, self.view, self.d)
            return (loaded, frechet.matrix_root(loaded.sigma)) if loaded else None
        reference = self.context.reference
        if reference is None or not has(reference, self.view):
            return None
        return reference_statistics(reference, self.store, self.view)

    @property
    def d(self) -> int:
        return int(rows_of(self.generated.shards[0])[self.view].shape[1])

    @cached_property
    def real_features(self) -> Any:
        return rows(self.context.reference, self.view)

    @cached_property
    def training_features(self) -> Any:
        return rows(self.context.training, self.view)

    @cached_property
    def test_features(self) -> Any:
        return rows(self.context.test, self.view)

    @cached_property
    def real_self_similarity(self) -> float | None:
        reference, features = self.context.reference, self.real_features
        if reference is None or features is None:
            return None
        key = digest_of({"stage": "self-similarity", **self._of(reference), "source": source_digest(kernel)})
        value, _ = remember(self.store, "statistics", key, lambda: kernel.mean_self_similarity(features))
        return float(value)

    @cached_property
    def real_neighbours(self) -> Neighbours | None:
        reference = self.context.reference
        return None if reference is None or not has(reference, self.view) else self._neighbours(reference)

    @cached_property
    def training_neighbours(self) -> Neighbours | None:
        training = self.context.training
        return None if training is None or not has(training, self.view) else self._neighbours(training)

    @cached_property
    def training_matches(self) -> Neighbours | None:
        return self._matches(self.generated_features)

    @cached_property
    def test_matches(self) -> Neighbours | None:
        """The same for every model, so they are kept."""
        test, training = self.context.test, self.context.training
        if test is None or training is None or not has(test, self.view):
            return None
        sets = {"of": test.digest, "among": training.digest, "view": self.view}
        return self._kept({"stage": "matches", **sets}, lambda: self._matches(self.test_features))

    @cached_property
    def overlap(self) -> Overlap | None:
        if self.real_features is None or self.real_neighbours is None:
            return None
        return neighbours.overlap(self.real_features, self.generated_features, self.real_neighbours)

    @cached_property
    def generated_chunks(self) -> Chunks | None:
        return Chunks(self.generated, self.view) if has(self.generated, self.view) else None

    @cached_property
    def generated_statistics(self) -> Statistics | None:
        return statistics.accumulate(self.generated_chunks).statistics() if self.generated_chunks else None

    @cached_property
    def generated_features(self) -> Any:
        return rows(self.generated, self.view)

    @cached_property
    def generated_logits(self) -> Any:
        return rows(self.generated, "logits")

    @cached_property
    def generated_labels(self) -> Any:
        return rows(self.generated, "labels")

    def _matches(self, x: Any) -> Neighbours | None:
        """The nearest training image of every row."""
        if x is None or self.training_features is None:
            return None
        return neighbours.nearest_across(x, self.training_features)

    def _of(self, features: Features) -> dict[str, str]:
        return {"features": features.digest, "view": self.view}

    def _neighbours(self, features: Features) -> Neighbours:
        """The nearest others of every row: computed once per set, since every model needs those of the reference."""
        return self._kept({"stage": "neighbours", **self._of(features)},
                          lambda: neighbours.nearest(rows(features, self.view)))

    def _kept(self, what: Mapping[str, str], find: Callable[[], Any]) -> Neighbours:
        key = digest_of({**what, "source": source_digest(neighbours)})
        with self.store.lock("neighbours", key):
            entry = self.store.find("neighbours", key)
            if entry is None:
                found = find()
                arrays = {"distances": found.distances, "indices": found.indices}
                entry = self.store.commit("neighbours", key, "nearest.arrow", lambda path: write_arrays(path, arrays))
            return Neighbours(**read_arrays(entry.path))


def import_features(path: str, extractor: str, store: Store) -> Features:
    """Features that another tool made, as shards of the store."""
    array = interchange.load_features(path)
    parts = [array[start : start + SHARD] for start in range(0, len(array), SHARD)]
    return Features(extractor, tuple(import_shard(index, part, extractor, store) for index, part in enumerate(parts)))


def import_shard(index: int, features: np.ndarray, extractor: str, store: Store) -> Shard:
    arrays = {"features": features}
    key = digest_of({"stage": "imported", "extractor": extractor, "digest": digest_of_rows(arrays, len(features))})
    return extend(store, "features", key, index, len(features), lambda start, stop: {"features": features[start:stop]})


def has(features: Features, what: str) -> bool:
    """Whether this array is among what the extractor gives."""
    return what in rows_of(features.shards[0])


def rows(features: Features | None, what: str) -> Any:
    """Rows, which metrics take for an array; None where there are none."""
    return Rows(features, what) if features and has(features, what) else None


def reference_statistics(real: Features, store: Store, view: str = "features") -> tuple[Statistics, np.ndarray]:
    """Moments of a reference and the root of its covariance: computed once, since every model needs them."""
    source = source_digest(statistics, frechet)
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
