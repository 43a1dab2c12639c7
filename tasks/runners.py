"""RUNNERS: where shards are processed: threads, Dask or Ray."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ganbench.gan.types import BadInput
from ganbench.tasks.settings import settings

if TYPE_CHECKING:
    from prefect.task_runners import TaskRunner


def threads(workers: int) -> TaskRunner[Any]:
    from prefect.task_runners import ThreadPoolTaskRunner

    return ThreadPoolTaskRunner(max_workers=workers)


def dask(workers: int) -> TaskRunner[Any]:
    try:
        from prefect_dask import DaskTaskRunner
    except ImportError as error:
        raise BadInput("missing-package",
                       "The runner dask needs prefect-dask: pip install prefect-dask==0.3.7.") from error
    return DaskTaskRunner(cluster_kwargs={"n_workers": workers, "threads_per_worker": 1})


def ray(workers: int) -> TaskRunner[Any]:
    try:
        from prefect_ray import RayTaskRunner
    except ImportError as error:
        raise BadInput("missing-package",
                       "The runner ray needs prefect-ray: pip install prefect-ray==0.6.0.") from error
    return RayTaskRunner(init_kwargs={"num_cpus": workers})


RUNNERS: dict[str, Callable[[int], TaskRunner[Any]]] = {"threads": threads, "dask": dask, "ray": ray}


def runner() -> TaskRunner[Any]:
    """The task runner that the settings name."""
    check_runner()
    return RUNNERS[settings().runner](settings().workers)


def check_runner() -> None:
    """Refuse an unknown name, without importing Prefect."""
    if settings().runner not in RUNNERS:
        raise BadInput("unknown-choice", f"No runner {settings().runner!r}. Known: {', '.join(RUNNERS)}.")
