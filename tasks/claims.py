"""Numbers that processes of a user share out on a machine: slots of workers, ports of servers.

A number belongs to the process that locks its file, until that process ends, however it ends: the system releases it.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from filelock import BaseFileLock


def place_of(what: str) -> Path:
    """The folder of the files; one for each user."""
    folder = Path(tempfile.gettempdir()) / f"ganbench-{what}-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def claimed(folder: Path, numbers: Iterable[int]) -> tuple[int, BaseFileLock] | None:
    """The first of the numbers that nobody has, and its lock, which must be kept; None: all are taken."""
    from filelock import FileLock, Timeout

    for k in numbers:
        lock = FileLock(folder / str(k), blocking=False, fallback_to_soft=False)
        try:
            lock.acquire()
        except Timeout:
            continue
        return k, lock
    return None
