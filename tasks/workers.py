"""Workers: processes, here or on other machines, in which tasks of a flow run."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganbench.gan.types import Workspace
from ganbench.tasks.claims import claimed, place_of
from ganbench.tasks.progress import is_worker

if TYPE_CHECKING:
    from filelock import BaseFileLock

ALL = "cuda"  # the device that stands for every GPU of a machine; cuda:1 is one of them
_limits: list[Any] = []  # of BLAS, for as long as this process lives
_slots: list[tuple[int, BaseFileLock]] = []  # the one of this process


def begin_work() -> None:
    """In a worker: one thread, as in the flow's own process, so that numbers are the same."""
    if _limits or not is_worker():
        return
    import torch
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(1)
    _limits.append(threadpool_limits(1))


def placed(workspace: Workspace) -> Workspace:
    """In a worker: the workspace with one of the machine's GPUs, where its device stands for all of them.

    The worker with the k-th slot of a machine works on the GPU k modulo their number.
    """
    if workspace.device != ALL or not is_worker():
        return workspace
    import torch

    return replace(workspace, device=f"{ALL}:{slot() % max(1, torch.cuda.device_count())}")


def slot(folder: Path | None = None) -> int:
    """The lowest number that no other worker of this user has on this machine; a process keeps its number to its end,
    when the system releases the lock, however it ends."""
    if not _slots:
        found = claimed(folder or place_of("workers"), count())
        assert found is not None
        _slots.append(found)
    return _slots[0][0]
