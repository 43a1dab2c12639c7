"""Progress events: tasks emit them, the command line's progress bars and Prefect's artifact receive them."""

from __future__ import annotations

from ganbench.gan.watching import Listeners

_stages = Listeners()
listening = _stages.listening   # a listener gets the stage, and how many images it has just done
advance = _stages.tell


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
