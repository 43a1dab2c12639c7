"""Input that is refused, in Prefect's words: the sentence is the message of the run's state, and no traceback is
logged."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from ganbench.gan.types import BadInput

F = TypeVar("F", bound=Callable[..., Any])


def in_words(function: F) -> F:
    """The function of a flow or task, which fails with the sentence of a `BadInput`; who calls the flow or waits for
    the task gets the error itself."""

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        from prefect.context import FlowRunContext, TaskRunContext
        from prefect.states import Failed

        try:
            return function(*args, **kwargs)
        except BadInput as error:
            if not (FlowRunContext.get() or TaskRunContext.get()):
                raise
            return Failed(message=str(error), data=error)

    return cast(F, call)
