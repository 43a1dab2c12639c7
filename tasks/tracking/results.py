"""A result of any kind in MLflow: one run with its numbers as metrics, its files as artifacts, and a description."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ganbench.tasks.tracking.client import COMPLETE, KEY, NOTE, Tracked, attempt, experiment_of, tracked
from ganbench.tasks.tracking.evaluations import KIND, run_of, source_of

if TYPE_CHECKING:
    from mlflow import MlflowClient

AT_ONCE = 500           # metrics in a request; MLflow takes 1,000
LONGEST = 5_000         # characters of a description, and
WORDS = 500             # of a parameter


@dataclass(frozen=True)
class Record:
    """What is logged of a result."""

    kind: str                                               # specialisation, film, inversion or condition
    key: str                                                # the same result has the same run
    name: str
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    note: str                                               # Markdown
    files: Sequence[Path]                                   # and folders, which are logged by their names
    command: str = ""                                       # the command line that makes it again
    tags: Mapping[str, str] = field(default_factory=dict)


def track_result(record: Record) -> Tracked:
    return attempt(lambda client: log(client, record), "the files are written; the same once more logs it")


def log(client: MlflowClient, record: Record) -> Tracked:
    """The run of this record: as it is when complete, else begun or resumed, and completed."""
    from mlflow.entities import RunTag

    experiment = experiment_of(client)
    run = run_of(client, experiment, record.key)
    if run is not None and run.data.tags.get(COMPLETE):
        return tracked(experiment, run.info.run_id, new=False)
    if run is None:
        run = client.create_run(experiment, None, {KEY: record.key, **tags_of(record)}, record.name)
    log_numbers(client, run.info.run_id, run.info.start_time, record)
    for path in record.files:
        if path.is_dir():
            client.log_artifacts(run.info.run_id, str(path), path.name)
        else:
            client.log_artifact(run.info.run_id, str(path))
    client.log_batch(run.info.run_id, tags=[RunTag(COMPLETE, "true")])
    client.set_terminated(run.info.run_id)
    return tracked(experiment, run.info.run_id, new=True)


def log_numbers(client: MlflowClient, run_id: str, begun: int, record: Record) -> None:
    from mlflow.entities import Metric, Param

    client.log_batch(run_id, params=[Param(name, value[:WORDS]) for name, value in record.params.items()])
    numbers = [Metric(name, value, begun, 0) for name, value in record.metrics.items()]
    for first in range(0, len(numbers), AT_ONCE):
        client.log_batch(run_id, numbers[first : first + AT_ONCE])


def tags_of(record: Record) -> dict[str, str]:
    again = f"\n\nAgain: `{record.command}`" if record.command else ""
    return {KIND: record.kind, NOTE: record.note[: LONGEST - len(again)] + again, **source_of(record.command),
            **record.tags}
