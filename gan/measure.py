"""Features -> estimates: computes the arguments that each metric needs, and stores the results."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from ganbench.gan import interchange
from ganbench.gan.metrics import METRICS, Metric
from ganbench.gan.needs import moments, nearest, paths, sets, similarity
from ganbench.gan.needs.sets import Sets
from ganbench.gan.sources import source_digest
from ganbench.gan.store import SHARD, Store, digest_of_rows, extend, remember, store_of
from ganbench.gan.types import BadInput, Context, Convention, Estimate, Features, Shard, Workspace, digest_of

# Functions that compute the arguments of metrics, by the names that `Metric.needs` uses.
NEEDS: Mapping[str, Callable[[Sets], Any]] = {
    make.__name__: make
    for make in (
        sets.real_features, sets.training_features, sets.test_features, sets.generated_features,
        sets.generated_chunks, sets.generated_logits, sets.generated_labels,
        moments.real_statistics, moments.real_root, moments.generated_statistics,
        similarity.real_self_similarity,
        nearest.real_neighbours, nearest.training_neighbours, nearest.training_matches, nearest.test_matches,
        nearest.overlap,
        paths.paths, paths.w_paths,
    )
}
# Which sets an argument is computed from, by the prefix of its name.
ROLES = {"reference": ("real_", "overlap"), "training": ("training_", "test_matches"), "test": ("test_",),
         **{need: (need,) for need in paths.SPACES}}


@dataclass(frozen=True)
class Measured:
    """Estimates by metric; for metrics that could not be computed, the error's code and sentence."""

    estimates: dict[str, Estimate]
    left_out: dict[str, tuple[str, str]] = field(default_factory=dict)


def measure(
    context: Context, generated: Features, names: tuple[str, ...], convention: Convention, workspace: Workspace
) -> tuple[Measured, bool]:
    """The metrics of these names, and whether any of them was computed now rather than read from the store.

    Metrics whose arguments are missing (features, if the reference is a file of statistics; logits, if the extractor
    has none; the training set, if the protocol does not name it) are skipped.
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
        if value is None:
            continue
        if isinstance(value[0], str):
            found.left_out[name] = tuple(value)
        else:
            found.estimates[name] = Estimate(*value)
    return found, fresh


def estimate(
    row: Metric, looked_at: Sets, settings: dict[str, Any]
) -> tuple[float, float] | tuple[str, str] | None:
    """One metric: (value, standard error); None when an argument is missing, and (code, sentence) of the error when
    the metric cannot be computed from these images and may be left out."""
    try:
        needed = {need: NEEDS[need](looked_at) for need in row.needs}
        if any(value is None for value in needed.values()):
            return None
        found = row.compute(**needed, **settings)
    except BadInput as problem:
        if not row.spare:
            raise
        return problem.code, str(problem)
    return found.value, found.se


def key_of(row: Metric, settings: dict[str, Any], context: Context, generated: Features) -> str:
    """sha256 over the metric, its settings, its source files, and the sets that it is computed from."""
    digests: dict[str, str] = {"generated": generated.digest}
    for role in roles_of(row.name):
        features = getattr(context, role)
        digests[role] = features.digest if features else ""
        digests["statistics"] = context.statistics_digest
    source = source_digest("scores", *makers_of(row))
    return digest_of({"stage": "scores", "metric": row.name, "settings": settings, "sets": digests, "source": source})


def makers_of(row: Metric) -> tuple[str, ...]:
    """The modules that hold a metric's formula and compute its arguments."""
    return (row.compute.__module__, *(NEEDS[need].__module__ for need in row.needs))


def roles_of(metric: str) -> set[str]:
    """The sets that a metric is computed from, besides the generated images."""
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
