"""Prefect's pool of processes, for tasks that wait for each other."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Self

from prefect.task_runners import ProcessPoolTaskRunner

WAITING = 64  # threads that only wait


class Processes(ProcessPoolTaskRunner):
    """A task is handed to the pool by a thread that waits for its inputs.  Prefect has as many of these as processes,
    so that features which wait for images kept other images from being begun."""

    def __enter__(self) -> Self:
        super().__enter__()
        if self._resolver_executor is not None:
            self._resolver_executor.shutdown()
        self._resolver_executor = ThreadPoolExecutor(max(WAITING, 4 * self._max_workers))
        return self
