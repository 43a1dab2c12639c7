"""Who wants to know how far the work is: tasks tell, the command line's bars and Prefect's artifact listen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

Listener = Callable[[str, int], object]  # the stage, and how many images it has just done

_listeners: list[Listener] = []


def advance(stage: str, images: int) -> None:
    """Tell everybody in this process."""
    for listener in _listeners:
        listener(stage, images)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


class Counter:
    """Rows of one shard: told while they are made, and the rest, found in the store, at the end."""

    def __init__(self, stage: str, rows: int):
        self.stage, self.left = stage, rows

    def __call__(self, rows: int) -> None:
        rows = min(rows, self.left)
        self.left -= rows
        advance(self.stage, rows)

    def finish(self) -> None:
        self(self.left)
