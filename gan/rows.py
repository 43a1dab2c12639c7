"""Stored features as arrays, of which only the rows in use are in memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ganbench.gan.store import rows_of
from ganbench.gan.types import Features


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
    """All shards as one array (n, d), of which only the requested rows are in memory.

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
