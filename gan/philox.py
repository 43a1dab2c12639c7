"""The random numbers of image i: a function of (seed, i, name) alone, and no two such triples share any.

Philox4x64-10 is a function of a key and a counter (Salmon et al. 2011, "Parallel Random Numbers: As Easy as 1, 2, 3",
SC11).  The key is 128 bits of a hash of seed and name; the image and the place in its row are in the counter, so that
within a key nothing can meet.  `docs/seeds.md` says it in full, with a listing in plain Python.
"""

from __future__ import annotations

import hashlib
import math
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

BLOCK = 4                                                   # words of 64 bits that one counter gives
CHUNK = 16_384                                              # words that become numbers at a time: they stay in cache
IMAGES = 2**48                                              # as many per seed
AHEAD = 32                                                  # rows made at once for who asks for one after the other
TURN, MINUS_TWO = 2 * math.pi / 2**32, np.float32(-2)
own = threading.local()                                     # of each thread: a Philox, its state, rows made ahead
Into = Callable[[np.ndarray, np.ndarray], None]             # halves of words, (n, count or more), -> (n, count) numbers


def words(indices: Sequence[int], seed: int, count: int, name: str = "z") -> np.ndarray:
    """(n, count) uint64, one row per image; images count from 0, and any whole number is a seed."""
    return rows(indices, seed, -(-count // BLOCK), name)[:, :count]


def uniforms(indices: Sequence[int], seed: int, count: int, name: str = "z") -> np.ndarray:
    """(n, count) float32 in [0, 1): multiples of 2^-24, exact."""
    return filled(indices, seed, count, name, uniform_rows)


def normals(indices: Sequence[int], seed: int, count: int, name: str = "z") -> np.ndarray:
    """(n, count) float32 of N(0, 1), by Box & Muller 1958; within 1e-6 of what the formula gives."""
    return filled(indices, seed, count, name, normal_rows)


def uniform_rows(halves: np.ndarray, rows: np.ndarray) -> None:
    """Words of 32 bits -> numbers, into `rows` (n, count) float32."""
    np.multiply((halves[:, : rows.shape[1]] >> 8).astype(np.float32), np.float32(2**-24), out=rows)


def normal_rows(halves: np.ndarray, rows: np.ndarray) -> None:
    """Words of 32 bits -> numbers, into `rows` (n, count) float32."""
    count = rows.shape[1]
    pairs = (count + 1) // 2
    uniform = (halves[:, :pairs] | 1).astype(np.float64)                # float64: near 1 the logarithm is short
    uniform *= 2.0**-32
    radius = np.log(uniform, out=uniform).astype(np.float32)
    radius *= MINUS_TWO
    np.sqrt(radius, out=radius)
    turned = halves[:, pairs : 2 * pairs].view(np.int32).astype(np.float64)
    turned *= TURN
    angle = turned.astype(np.float32)                                   # in [-pi, pi]
    np.multiply(radius, np.cos(angle), out=rows[:, :pairs])
    sine = np.sin(angle, out=angle)
    sine *= radius
    rows[:, pairs:] = sine[:, : count - pairs]


def filled(indices: Sequence[int], seed: int, count: int, name: str, into: Into) -> np.ndarray:
    """(n, count) float32 that `into` makes of rows of uint32, `count` of them or more: words, the lower half first."""
    if len(indices) == 1:
        return one(indices[0], seed, count, name, into)
    blocks = -(-count // (2 * BLOCK))
    step = rows_at_once(count)
    found = np.empty((len(indices), count), np.float32)
    for k in range(0, len(indices), step):
        into(rows(indices[k : k + step], seed, blocks, name).view("<u4"), found[k : k + step])
    return found


def one(index: int, seed: int, count: int, name: str, into: Into) -> np.ndarray:
    """(1, count) of one image.  In a loop over images that follow each other, rows are made several at a time."""
    asked = seed, count, name, into
    before, first, ahead = getattr(own, "ahead", (None, 0, np.empty((0, 0))))
    if before == asked and first <= index < first + len(ahead):
        return ahead[index - first : index - first + 1].copy()
    follows = before == asked and index == first + len(ahead) < IMAGES
    made = np.empty((min(AHEAD, rows_at_once(count), IMAGES - index) if follows else 1, count), np.float32)
    into(raw(index, len(made), seed, -(-count // (2 * BLOCK)), name).view("<u4"), made)
    own.ahead = asked, index, made
    return made[:1].copy()


def rows_at_once(count: int) -> int:
    """Rows of `count` numbers that stay in cache while they are made."""
    return max(1, CHUNK // max(1, -(-count // (2 * BLOCK)) * BLOCK))


def rows(indices: Sequence[int], seed: int, blocks: int, name: str) -> np.ndarray:
    """(n, 4 blocks) words."""
    if len(indices) == 1:
        return raw(indices[0], 1, seed, blocks, name)
    parts = [raw(first, last - first, seed, blocks, name) for first, last in runs(indices)]
    return np.concatenate(parts) if parts else np.empty((0, blocks * BLOCK), np.uint64)


def raw(first: int, n: int, seed: int, blocks: int, name: str) -> np.ndarray:
    """(n, 4 blocks) words of images first, first + 1, ...: their counters follow each other, so it is one call."""
    if not 0 <= first <= first + n <= IMAGES:
        raise ValueError(f"Images are numbered from 0 to 2^48 - 1, got {first if first < 0 else first + n - 1}.")
    philox, state, inner = stream()
    place = first * blocks
    inner["counter"][:3] = place % 2**64, place // 2**64, blocks        # numpy counts up before it draws
    inner["key"] = key_of(seed, name)
    philox.state = state
    return philox.random_raw(n * blocks * BLOCK).reshape(n, blocks * BLOCK)


def stream() -> tuple[Any, Any, Any]:
    """The thread's own Philox, its state, and what in it changes: setting these is faster than making a new one."""
    try:
        return own.stream
    except AttributeError:
        philox = np.random.Philox(key=0)
        state = philox.state
        own.stream = philox, state, state["state"]
        return own.stream


@lru_cache(maxsize=4_096)
def key_of(seed: int, name: str) -> np.ndarray:
    """(2,) uint64: 128 bits of BLAKE2b over "seed/name", little-endian."""
    return np.frombuffer(hashlib.blake2b(f"{seed}/{name}".encode(), digest_size=16).digest(), "<u8")


def runs(indices: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Stretches of indices that follow each other, (first, last + 1)."""
    if isinstance(indices, range) and indices.step == 1:
        yield from [(indices.start, indices.stop)] if indices else []
        return
    place = 0
    while place < len(indices):
        begun = place
        place += 1
        while place < len(indices) and indices[place] == indices[place - 1] + 1:
            place += 1
        yield indices[begun], indices[place - 1] + 1
