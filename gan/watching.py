"""Who wants to know that files are being looked at: a folder of 100,000 takes a while, before any work begins."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

Listener = Callable[[str, int], object]     # what is looked at, and at how many files so far
EVERY = 500                                 # files between two calls

_listeners: list[Listener] = []


@contextmanager
def watching(listener: Listener) -> Iterator[None]:
    """`listener` hears of every scan of this process until the block ends."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


def looked(source: str, files: int) -> None:
    """Tell that so many files of a source have been looked at."""
    if files % EVERY == 0:
        for listener in _listeners:
            listener(source, files)
