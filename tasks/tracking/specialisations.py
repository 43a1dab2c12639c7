"""A specialisation in MLflow: one run, with a metric for each strategy, and the table and picture as artifacts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ganbench.tasks.tracking.client import COMPLETE, KEY, NOTE, Tracked, attempt, experiment_of, tracked
from ganbench.tasks.tracking.evaluations import KIND, run_of

if TYPE_CHECKING:
    from mlflow import MlflowClient


@dataclass(frozen=True)
class Record:
    """What is logged of a specialisation."""

    key: str                                                # the same result has the same run
    name: str
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    note: str
    files: Sequence[Path]


def track_specialisation(record: Record) -> Tracked:
    return attempt(lambda client: log(client, record), "the table is in the folder")


def log(client: MlflowClient, record: Record) -> Tracked:
    from mlflow.entities import Metric, Param, RunTag

    experiment = experiment_of(client)
    run = run_of(client, experiment, record.key)
    if run is not None and run.data.tags.get(COMPLETE):
        return tracked(experiment, run.info.run_id, new=False)
    if run is None:
        tags = {KEY: record.key, KIND: "specialisation", NOTE: record.note}
        run = client.create_run(experiment, None, tags, record.name)
    client.log_batch(
        run.info.run_id, [Metric(name, value, run.info.start_time, 0) for name, value in record.metrics.items()],
        [Param(name, value) for name, value in record.params.items()])
    for path in record.files:
        client.log_artifact(run.info.run_id, str(path))
    client.log_batch(run.info.run_id, tags=[RunTag(COMPLETE, "true")])
    client.set_terminated(run.info.run_id)
    return tracked(experiment, run.info.run_id, new=True)
