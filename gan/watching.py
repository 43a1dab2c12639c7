"""Listeners of a process: whoever wants to hear how far some work is, for as long as a block lasts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

Listener = Callable[[str, int], object]     # what is worked on, and how much of it
Show = Callable[..., None]                  # a stage, how much was just done, and how much it is in all


class Listeners:
    """All that are told of one kind of work."""

    def __init__(self) -> None:
        self.all: list[Listener] = []

    @contextmanager
    def listening(self, listener: Listener) -> Iterator[None]:
        self.all.append(listener)
        try:
            yield
        finally:
            self.all.remove(listener)

    def tell(self, what: str, n: int) -> None:
        for listener in self.all:
            listener(what, n)


EVERY = 500                                 # files between two calls
_scans = Listeners()
watching = _scans.listening                 # of every scan of this process: a folder of 100,000 files takes a while


def looked(source: str, files: int) -> None:
    """Tell that so many files of a source have been looked at."""
    if files % EVERY == 0:
        _scans.tell(source, files)


def hundredths(show: Show, stage: str) -> Callable[..., None]:
    """A `Watch` of a search that shows a bar of 100."""
    shown = 0

    def watch(done: int, steps: int, *rest: float) -> None:
        nonlocal shown
        now = 100 * done // steps
        show(stage, max(0, now - shown))
        shown = max(shown, now)

    return watch
