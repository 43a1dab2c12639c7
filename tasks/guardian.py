"""Ends the children of a process that was killed: Prefect's temporary server, MLflow, workers.

`kill -9` leaves no time to end them, and an orphan would keep its port and its database. So a process that starts
servers starts this script first, in a session of its own. The script waits for the end of a pipe that only the guarded
process holds, then ends every process that carries the mark in its environment. Linux only: it reads /proc.
"""

from __future__ import annotations

import os
import signal
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

MARK = "GANBENCH_GUARDED"  # begins a name in the environment of every child, and of theirs
_pipes: list[int] = []  # the ends that only this process holds


def guard() -> None:
    """From now on nothing that this process starts outlives it by more than seconds, however it ends."""
    if _pipes or not sys.platform.startswith("linux"):
        return
    mark = f"{MARK}_{uuid.uuid4().hex}"
    end_of_pipe, held = os.pipe()
    files: list[tuple[Any, ...]] = [(os.POSIX_SPAWN_DUP2, end_of_pipe, 0)]
    files += [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_WRONLY, 0) for number in (1, 2)]
    command = [sys.executable, "-I", "-S", __file__, mark]
    os.posix_spawn(sys.executable, command, os.environ, file_actions=files, setsid=True)
    os.close(end_of_pipe)
    _pipes.append(held)
    os.environ[mark] = "1"


def marked(mark: str) -> Iterator[int]:
    """Processes, of this user, with the mark in their environment."""
    for environment in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"{mark}=1".encode() in environment.read_bytes().split(b"\0"):
                yield int(environment.parent.name)
        except OSError:
            continue


def end(mark: str, patience: float = 5) -> None:
    """Ask them to end, and make them when they do not within so many seconds."""
    last = time.monotonic() + patience
    asked: set[int] = set()
    while found := set(marked(mark)):
        late = time.monotonic() > last
        for pid in found if late else found - asked:
            send(pid, signal.SIGKILL if late else signal.SIGTERM)
        asked |= found
        time.sleep(0.1)


def send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


if __name__ == "__main__":
    sys.stdin.buffer.read()  # until the guarded process is gone
    end(sys.argv[1])
