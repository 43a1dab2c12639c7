"""Input that is refused, in Prefect's pages: the sentence is the message of the run's state, and stands in its log
without a traceback."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from inspect import signature
from typing import Any, TypeVar, cast

from ganbench.gan.types import BadInput

F = TypeVar("F", bound=Callable[..., Any])
ENGINE = ("prefect.flow_runs", "prefect.engine")  # loggers of what ends a flow's process


def in_words(function: F) -> F:
    """The function of a flow or task, which fails with the sentence of a `BadInput`; who calls the flow or waits for
    the task gets the error itself."""

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        from prefect.context import FlowRunContext, TaskRunContext
        from prefect.logging import get_run_logger
        from prefect.states import Failed

        try:
            return function(*args, **kwargs)
        except BadInput as error:
            if not (FlowRunContext.get() or TaskRunContext.get()):
                raise
            for name in ENGINE:
                logging.getLogger(name).addFilter(unsaid)
            get_run_logger().error(str(error))
            return Failed(message=str(error), data=error)

    call.__signature__ = signature(function, eval_str=True)  # type: ignore[attr-defined]  # Prefect would read it here
    return cast(F, call)


def unsaid(record: logging.LogRecord) -> bool:
    """Drop what Prefect logs when the process of a run ends with a `BadInput`: its traceback."""
    return not (record.exc_info and isinstance(record.exc_info[1], BadInput))
