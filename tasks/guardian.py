"""Stops the children of a killed process: Prefect's temporary server, MLflow, workers.

After `kill -9` a process cannot stop its children, and an orphan would keep its port and its database. So a process
that starts servers first starts this script in a new session. The script waits until a pipe that only the guarded
process holds is closed, then stops every process that has the mark in its environment. Linux only: it reads /proc.
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

MARK = "GANBENCH_GUARDED"  # prefix of an environment variable that all descendants inherit
_pipes: list[int] = []  # write ends that only this process holds


def guard() -> None:
    """From now on, all children of this process are stopped within seconds after it ends, however it ends."""
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
    """This user's processes with the mark in their environment."""
    for environment in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"{mark}=1".encode() in environment.read_bytes().split(b"\0"):
                yield int(environment.parent.name)
        except OSError:
            continue


def end(mark: str, patience: float = 5) -> None:
    """Terminate them, and kill those that do not end within some seconds."""
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
