"""A suite's history in MLflow: one run, whose metrics grow by a step every night."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ganbench.tasks.tracking.client import (
    COMPLETE,
    KEY,
    NOTE,
    Tracked,
    attempt,
    experiment_of,
    tracked,
)
from ganbench.tasks.tracking.evaluations import KIND, run_of
from ganbench.tasks.tracking.suites import sound

if TYPE_CHECKING:
    from mlflow import MlflowClient

AT_ONCE = 1_000     # metrics in a request


LAST = "ganbench.last_night"        # a tag: the last step that the run has


@dataclass(frozen=True)
class Step:
    """The metrics of one night."""

    number: int
    time: float                     # seconds since 1970
    metrics: Mapping[str, float]


@dataclass(frozen=True)
class Curves:
    """All nights of a suite; those that the run has already are not logged again."""

    key: str
    name: str
    steps: Sequence[Step]
    note: str
    folder: str                     # of artifacts
    tags: Mapping[str, str]


def log_history(curves: Curves) -> Tracked:
    """Log the nights that MLflow does not have yet, or return the reason for a failure; the next night logs them."""
    return attempt(lambda client: add(client, curves), "the history is in the home folder")


def add(client: MlflowClient, curves: Curves) -> Tracked:
    from mlflow.entities import Metric, RunTag

    experiment = experiment_of(client)
    run = run_of(client, experiment, curves.key)
    new = run is None
    if run is None:
        run = client.create_run(experiment, None, {KEY: curves.key, KIND: "history"}, curves.name)
    last = 0 if new else int(run.data.tags.get(LAST, 0))
    rows = [Metric(sound_path(name), value, round(1000 * step.time), step.number)
            for step in curves.steps if step.number > last for name, value in step.metrics.items()]
    for start in range(0, len(rows), AT_ONCE):
        client.log_batch(run.info.run_id, metrics=rows[start:start + AT_ONCE])
    said = {**curves.tags, NOTE: curves.note, LAST: str(curves.steps[-1].number), COMPLETE: "true"}
    client.log_batch(run.info.run_id, tags=[RunTag(name, value) for name, value in said.items()])
    client.log_artifacts(run.info.run_id, curves.folder)
    client.set_terminated(run.info.run_id)      # until the next night
    return tracked(experiment, run.info.run_id, new)


def sound_path(name: str) -> str:
    """A metric's name that MLflow accepts; `/` makes a section of charts."""
    return "/".join(map(sound, name.split("/", 1)))
