"""Runs of MLflow as learning curves: every value that was logged of every metric."""

from __future__ import annotations

import numpy as np

from ganbench.gan.curves.names import canonical
from ganbench.gan.curves.table import Points, Run, run_of
from ganbench.gan.types import BadInput
from ganbench.tasks.settings import settings, without_user
from ganbench.tasks.tracking.client import connect, unreachable


def run_of_mlflow(run_id: str) -> Run:
    """The run of this id, or the newest one of this name, on the settings' MLflow."""
    problem = unreachable(settings().tracking)
    if problem:
        raise BadInput("no-answer", f"{problem}.")
    from mlflow.exceptions import MlflowException

    client = connect()
    try:
        run = client.get_run(run_id)
    except MlflowException:
        places = [one.experiment_id for one in client.search_experiments()]
        name = run_id.replace("'", "")
        found = client.search_runs(places, f"attributes.run_name = '{name}'", max_results=1) if places else []
        if not found:
            raise BadInput("unknown-log",
                           f"MLflow at {without_user(settings().tracking)} has no run {run_id!r}, expected the id or "
                           "the name of one, as in mlflow:RUN.") from None
        run = found[0]
    metrics: dict[str, Points] = {}
    for name in sorted(run.data.metrics):
        if name == "step" or (name == "seconds" and len(run.data.metrics) > 2):
            continue                                        # what `ganbench train` logs beside its losses
        history = client.get_metric_history(run.info.run_id, name)
        metrics.setdefault(canonical(name), Points()).add(
            np.array([one.step for one in history]), np.array([one.timestamp / 1_000 for one in history]),
            np.array([one.value for one in history]))
    return run_of(run.info.run_name or run.info.run_id, "mlflow", metrics)
