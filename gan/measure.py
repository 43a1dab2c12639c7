"""Features -> estimates: supplies each metric with what its row needs, and keeps what it costs to make."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from ganbench.gan import interchange
from ganbench.gan.metrics import METRICS, Metric
from ganbench.gan.needs import moments, nearest, sets, similarity
from ganbench.gan.needs.sets import Sets
from ganbench.gan.sources import source_digest
from ganbench.gan.store import SHARD, Store, digest_of_rows, extend, remember, store_of
from ganbench.gan.types import BadInput, Context, Convention, Estimate, Features, Shard, Workspace, digest_of

# What makes the arguments that metrics need: the vocabulary of `Metric.needs`.
NEEDS: Mapping[str, Callable[[Sets], Any]] = {
    make.__name__: make
    for make in (
        sets.real_features, sets.training_features, sets.test_features, sets.generated_features,
        sets.generated_chunks, sets.generated_logits, sets.generated_labels,
        moments.real_statistics, moments.real_root, moments.generated_statistics,
        similarity.real_self_similarity,
        nearest.real_neighbours, nearest.training_neighbours, nearest.training_matches, nearest.test_matches,
        nearest.overlap,
    )
}
# Which sets an argument is made of, by how its name begins.
ROLES = {"reference": ("real_", "overlap"), "training": ("training_", "test_matches"), "test": ("test_",)}


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
    looked_at = {view: Sets(context, generated, store, view) for view in views}
    found, fresh = Measured({}), False
    for name in names:
        row, settings = METRICS[name], dict(convention.settings.get(name, {}))
        compute = partial(estimate, row, looked_at[row.view], settings)
        value, computed = remember(store, "scores", key_of(row, settings, context, generated), compute)
        fresh |= computed
        if isinstance(value, str):
            found.left_out[name] = value
        elif value is not None:
            found.estimates[name] = Estimate(*value)
    return found, fresh


def estimate(row: Metric, looked_at: Sets, settings: dict[str, Any]) -> tuple[float, float] | str | None:
    """One metric, (value, standard error), from what its row needs; None when the sets do not have it, and a
    sentence when these images do not suffice and others may do without it."""
    try:
        needed = {need: NEEDS[need](looked_at) for need in row.needs}
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
    digests: dict[str, str] = {"generated": generated.digest}
    for role in roles_of(row.name):
        features = getattr(context, role)
        digests[role] = features.digest if features else ""
        digests["statistics"] = context.statistics_digest
    source = source_digest("scores", *makers_of(row))
    return digest_of({"stage": "scores", "metric": row.name, "settings": settings, "sets": digests, "source": source})


def makers_of(row: Metric) -> tuple[str, ...]:
    """The modules of a metric's formula, and of what makes the arguments that it needs."""
    return (row.compute.__module__, *(NEEDS[need].__module__ for need in row.needs))


def roles_of(metric: str) -> set[str]:
    """The sets beside the generated one that a metric looks at."""
    needs = METRICS[metric].needs
    return {role for role, prefixes in ROLES.items() if any(need.startswith(prefixes) for need in needs)}


def import_features(path: str, extractor: str, store: Store) -> Features:
    """Features that another tool made, as shards of the store."""
    array = interchange.load_features(path)
    parts = [array[start : start + SHARD] for start in range(0, len(array), SHARD)]
    return Features(extractor, tuple(import_shard(index, part, extractor, store) for index, part in enumerate(parts)))


def import_shard(index: int, features: np.ndarray, extractor: str, store: Store) -> Shard:
    arrays = {"features": features}
    key = digest_of({"stage": "imported", "extractor": extractor, "digest": digest_of_rows(arrays, len(features))})
    return extend(store, "features", key, index, len(features), lambda start, stop: {"features": features[start:stop]})
