"""Features of many shards, of which only what is asked for is in memory."""

import numpy as np
import pytest

from ganbench.gan.rows import Chunks, Rows
from ganbench.gan.store import Store, extend
from ganbench.gan.types import Features

SIZES = (1_000, 1_000, 37)
ARRAY = np.random.default_rng(0).standard_normal((sum(SIZES), 3)).astype(np.float32)


@pytest.fixture
def features(tmp_path) -> Features:
    starts = np.cumsum([0, *SIZES])

    def shard(index: int, rows: int):
        def compute(start: int, stop: int):
            return {"features": ARRAY[starts[index] + start : starts[index] + stop]}

        return extend(Store(tmp_path), "features", f"{index:064d}", index, rows, compute)

    return Features("pixels", tuple(shard(*facts) for facts in enumerate(SIZES)))


@pytest.mark.parametrize("rows", [
    slice(None), slice(0, 10), slice(995, 1_005), slice(1_990, 9_999), slice(0, None, 21), slice(5, 5),
    np.array([2_036, 0, 999, 1_000, 0]), np.array([], int), np.random.default_rng(1).permutation(sum(SIZES)),
], ids=repr)
def test_rows_of_shards_are_those_of_one_array(features, rows):
    found = Rows(features)[rows]
    assert found.dtype == np.float32
    assert np.array_equal(found, ARRAY[rows])


def test_rows_know_their_shape(features):
    rows = Rows(features)
    assert rows.shape == ARRAY.shape
    assert len(rows) == len(ARRAY)


def test_chunks_are_the_shards_in_order(features):
    chunks = Chunks(features)
    assert [len(chunk) for chunk in chunks] == list(SIZES)
    assert np.array_equal(np.concatenate(chunks[1:]), ARRAY[1_000:])
    assert np.array_equal(chunks[-1], ARRAY[2_000:])
