"""Prefect tasks whose results are artefacts in the store, without Prefect's cache.

Prefect's cache would return paths of deleted files, and would not notice an edit in `gan/`; so the stage function
itself reads the store, and the task only reports whether the result was cached.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from prefect import Task, task
from prefect.cache_policies import NO_CACHE
from prefect.states import Completed

from ganbench.gan.types import BadInput
from ganbench.tasks.workers import begin_work


def store_task(**options: Any) -> Callable[[Callable[..., tuple[Any, bool]]], Task]:
    """Make a task of a function that returns (value, computed): state `Cached` when nothing was computed."""

    def decorate(function: Callable[..., tuple[Any, bool]]) -> Task:
        @wraps(function)
        def run(*args: Any, **kwargs: Any) -> Any:
            begin_work()
            value, computed = function(*args, **kwargs)
            return value if computed else Completed(name="Cached", message="Found in the store.", data=value)

        return task(
            persist_result=False, cache_policy=NO_CACHE, retries=2, retry_delay_seconds=[1, 10],
            retry_condition_fn=worth_retrying, **options,
        )(run)

    return decorate


def worth_retrying(task: Task, run: Any, state: Any) -> bool:
    """Retry, except after a `BadInput`."""
    try:
        state.result()
    except (BadInput, MemoryError, NotImplementedError, TypeError):
        return False
    except Exception:
        return True
    return False
