"""The sets of features that a measurement uses, and arguments computed from them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, TypeVar

from ganbench.gan.rows import Chunks, Rows
from ganbench.gan.store import Store, rows_of
from ganbench.gan.types import Context, Features

Made = TypeVar("Made")


@dataclass
class Sets:
    """Generated features and their context; `view`: which array of the extractor is used."""

    context: Context
    generated: Features
    store: Store
    view: str = "features"
    made: dict[str, Any] = field(default_factory=dict)

    @property
    def d(self) -> int:
        return int(rows_of(self.generated.shards[0])[self.view].shape[1])


def once(make: Callable[[Sets], Made]) -> Callable[[Sets], Made]:
    """Cache the result in the sets."""

    @wraps(make)
    def kept(sets: Sets) -> Made:
        name = f"{make.__module__}.{make.__qualname__}"
        if name not in sets.made:
            sets.made[name] = make(sets)
        found: Made = sets.made[name]
        return found

    return kept


def has(features: Features, what: str) -> bool:
    """Whether this array is among what the extractor gives."""
    return what in rows_of(features.shards[0])


def rows(features: Features | None, what: str) -> Any:
    """`Rows`, which metrics use like an array; None where there are no features."""
    return Rows(features, what) if features and has(features, what) else None


def real_features(sets: Sets) -> Any:
    return rows(sets.context.reference, sets.view)


def training_features(sets: Sets) -> Any:
    return rows(sets.context.training, sets.view)


def test_features(sets: Sets) -> Any:
    return rows(sets.context.test, sets.view)


def generated_features(sets: Sets) -> Any:
    return rows(sets.generated, sets.view)


def generated_chunks(sets: Sets) -> Chunks | None:
    return Chunks(sets.generated, sets.view) if has(sets.generated, sets.view) else None


def generated_logits(sets: Sets) -> Any:
    return rows(sets.generated, "logits")


def generated_labels(sets: Sets) -> Any:
    return rows(sets.generated, "labels")
