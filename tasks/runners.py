"""RUNNERS: where shards are processed: threads, processes, Dask or Ray."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ganbench.gan.types import BadInput
from ganbench.tasks.settings import settings

if TYPE_CHECKING:
    from prefect.task_runners import TaskRunner

LOOPBACK = "127.0.0.1"
REFERENCES = 100_000_000  # bytes of Ray's memory for results: they are references to files


def threads(workers: int, cluster: str) -> TaskRunner[Any]:
    from prefect.task_runners import ThreadPoolTaskRunner

    return ThreadPoolTaskRunner(max_workers=workers)


def processes(workers: int, cluster: str) -> TaskRunner[Any]:
    from ganbench.tasks.processes import Processes

    return Processes(max_workers=workers)


def dask(workers: int, cluster: str) -> TaskRunner[Any]:
    """A cluster that is there already, or one of this machine, which listens on loopback alone."""
    try:
        from prefect_dask import DaskTaskRunner
    except ImportError as error:
        raise BadInput("missing-package",
                       "The runner dask needs prefect-dask: pip install 'ganbench[dask]'.") from error
    if cluster:
        return DaskTaskRunner(address=cluster)
    return DaskTaskRunner(cluster_kwargs={
        "n_workers": workers, "threads_per_worker": 1, "host": LOOPBACK, "dashboard_address": f"{LOOPBACK}:0"})


def ray(workers: int, cluster: str) -> TaskRunner[Any]:
    """A cluster that is there already, or one of this machine, which listens on loopback alone (see `settings`)."""
    try:
        from prefect_ray import RayTaskRunner
    except ImportError as error:
        raise BadInput("missing-package",
                       "The runner ray needs prefect-ray: pip install 'ganbench[ray]'.") from error
    if cluster:
        return RayTaskRunner(address=cluster)
    return RayTaskRunner(init_kwargs={
        "num_cpus": workers, "include_dashboard": False, "log_to_driver": False,
        "object_store_memory": REFERENCES})


RUNNERS: dict[str, Callable[[int, str], TaskRunner[Any]]] = {
    "threads": threads, "processes": processes, "dask": dask, "ray": ray}
CLUSTERS = ("dask", "ray")


def runner() -> TaskRunner[Any]:
    """The task runner that the settings name."""
    check_runner()
    return RUNNERS[settings().runner](settings().workers, settings().cluster)


def check_runner() -> None:
    """Refuse an unknown name, without importing Prefect."""
    found = settings()
    if found.runner not in RUNNERS:
        raise BadInput("unknown-choice", f"No runner {found.runner!r}. Known: {', '.join(RUNNERS)}.")
    if found.cluster and found.runner not in CLUSTERS:
        raise BadInput("conflicting-options",
                       f"GANBENCH_CLUSTER is the address of a cluster, and the runner is {found.runner}: "
                       f"expected {' or '.join(CLUSTERS)}.")
