"""Progress events: tasks emit them, the command line's progress bars and Prefect's artifact receive them.

Tasks in the flow's own process tell its listeners at once.  Those of workers in other processes, here or on other
machines, append lines to files below the home folder, which all of them see; the flow's process reads these as they
grow, and tells its listeners.  Progress that is lost changes no result.
"""

from __future__ import annotations

import json
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from pathlib import Path
from threading import Event, Thread
from typing import TypeVar, cast

from ganbench.gan.watching import Listeners

EVERY = 0.5  # seconds between two lines of a worker
ME = uuid.uuid4().hex  # the name of this process's file: two machines may have one process number
_stages = Listeners()
_conducted: list[str] = []  # runs of flows in this process
listening = _stages.listening   # a listener gets the stage, and how many images it has just done
F = TypeVar("F", bound=Callable[..., object])


class Counter:
    """Progress of one shard: rows are reported as they are computed; rows from the store at the end.

    `home`: the home folder, where a worker in another process leaves them.
    """

    def __init__(self, stage: str, rows: int, home: Path | None = None):
        self.stage, self.left, self.held = stage, rows, 0
        self.folder = folder_of(home) if home else None
        self.last = time.monotonic()

    def __call__(self, rows: int) -> None:
        rows = min(rows, self.left)
        self.left -= rows
        if self.folder is None:
            advance(self.stage, rows)
            return
        self.held += rows
        if time.monotonic() > self.last + EVERY:
            self.leave()

    def finish(self) -> None:
        self(self.left)
        if self.held:
            self.leave()

    def leave(self) -> None:
        """Write down what has been done since the last line."""
        if self.folder is not None:
            with suppress(OSError), (self.folder / ME).open("a", encoding="utf-8") as file:
                file.write(f"{json.dumps([self.stage, self.held])}\n")
        self.held, self.last = 0, time.monotonic()


def advance(stage: str, rows: int) -> None:
    """Tell the listeners of this process."""
    _stages.tell(stage, rows)


def run_of_flow() -> str:
    """The id of the run to which the code belongs; '' outside of Prefect."""
    from prefect import runtime

    return str(runtime.flow_run.id or "")


def is_worker() -> bool:
    """Whether this is a process in which tasks of a flow run, but not the flow itself."""
    run = run_of_flow()
    return bool(run) and run not in _conducted


def folder_of(home: Path) -> Path | None:
    """Where a worker of another process leaves progress; None in the flow's own process."""
    return home / "progress" / run_of_flow() if is_worker() else None


# In the flow's process

def conducted(function: F) -> F:
    """The function of a flow, during which this process hears what its workers do."""

    @wraps(function)
    def call(*args: object, **kwargs: object) -> object:
        run = run_of_flow()
        if not run:
            return function(*args, **kwargs)
        with conducting(run):
            return function(*args, **kwargs)

    return cast(F, call)


@contextmanager
def conducting(run: str) -> Iterator[None]:
    _conducted.append(run)
    try:
        if has_workers():
            from ganbench.tasks.settings import settings

            with relaying(settings().root / "progress" / run):
                yield
        else:
            yield
    finally:
        _conducted.remove(run)


def has_workers() -> bool:
    """Whether tasks of this flow may run in other processes."""
    from prefect.context import FlowRunContext
    from prefect.task_runners import ThreadPoolTaskRunner

    found = FlowRunContext.get()
    return isinstance(found, FlowRunContext) and not isinstance(found.task_runner, ThreadPoolTaskRunner)


@contextmanager
def relaying(folder: Path) -> Iterator[None]:
    """Tell the listeners of this process what workers write into a folder, until the end of the block."""
    folder.mkdir(parents=True, exist_ok=True)
    over, seen = Event(), dict[Path, int]()

    def watch() -> None:
        while not over.wait(EVERY / 2):
            relay(folder, seen)

    thread = Thread(target=watch, name="ganbench-progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        relay(folder, seen)
        shutil.rmtree(folder, ignore_errors=True)


def relay(folder: Path, seen: dict[Path, int]) -> None:
    """Tell what is new; `seen`: how many bytes of each file are not."""
    for path in sorted(folder.glob("*")):
        with suppress(OSError, ValueError), path.open("rb") as file:
            file.seek(seen.get(path, 0))
            text = file.read()
            whole = text[: text.rfind(b"\n") + 1]
            seen[path] = seen.get(path, 0) + len(whole)
            for line in whole.splitlines():
                stage, rows = json.loads(line)
                advance(stage, rows)
