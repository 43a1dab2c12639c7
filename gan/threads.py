"""One thread per worker, so that results do not depend on the number of free cores."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from threadpoolctl import threadpool_limits


@contextmanager
def single_threaded() -> Iterator[None]:
    """Cap torch and BLAS at one thread in this process, and put both back afterwards.

    Parallelism comes from working on several shards at a time; two workers of two threads on two
    cores are several times slower than two of one.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(before)
