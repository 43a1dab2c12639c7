"""Progress events: tasks emit them, the command line's progress bars and Prefect's artifact receive them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

Listener = Callable[[str, int], object]  # the stage, and how many images it has just done

_listeners: list[Listener] = []


def advance(stage: str, images: int) -> None:
    """Notify all listeners in this process."""
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
    """Progress of one shard: rows are reported as they are computed; rows from the store at the end."""

    def __init__(self, stage: str, rows: int):
        self.stage, self.left = stage, rows

    def __call__(self, rows: int) -> None:
        rows = min(rows, self.left)
        self.left -= rows
        advance(self.stage, rows)

    def finish(self) -> None:
        self(self.left)
