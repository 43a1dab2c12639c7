"""A suite's history in MLflow: one run, whose metrics grow by a step every night."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ganbench.tasks.settings import settings
from ganbench.tasks.tracking.client import (
    COMPLETE,
    KEY,
    NOTE,
    Tracked,
    connect,
    experiment_of,
    failed,
    one_at_a_time,
    tracked,
    unreachable,
)
from ganbench.tasks.tracking.evaluations import KIND, run_of
from ganbench.tasks.tracking.suites import sound

if TYPE_CHECKING:
    from mlflow import MlflowClient

AT_ONCE = 1_000     # metrics in a request


@dataclass(frozen=True)
class Curves:
    """What a night adds to the run of its suite."""

    key: str
    name: str
    step: int
    time: float                     # seconds since 1970
    metrics: Mapping[str, float]
    note: str
    folder: str                     # of artifacts
    tags: Mapping[str, str]


def log_history(curves: Curves) -> Tracked:
    """Log a night, or return the reason for a failure; the next night logs what it can."""
    problem = unreachable(settings().tracking)
    if not problem:
        try:
            with one_at_a_time():
                return add(connect(), curves)
        except Exception as error:  # of MLflow, its client, its database or its disk
            problem = failed(error)
    return Tracked(problem=f"{problem}; the history is in the home folder")


def add(client: MlflowClient, curves: Curves) -> Tracked:
    from mlflow.entities import Metric, RunTag

    experiment = experiment_of(client)
    run = run_of(client, experiment, curves.key)
    new = run is None
    if run is None:
        run = client.create_run(experiment, None, {KEY: curves.key, KIND: "history"}, curves.name)
    rows = [Metric(sound_path(name), value, round(1000 * curves.time), curves.step)
            for name, value in curves.metrics.items()]
    for start in range(0, len(rows), AT_ONCE):
        client.log_batch(run.info.run_id, metrics=rows[start:start + AT_ONCE])
    tags = [RunTag(name, value) for name, value in {**curves.tags, NOTE: curves.note, COMPLETE: "true"}.items()]
    client.log_batch(run.info.run_id, tags=tags)
    client.log_artifacts(run.info.run_id, curves.folder)
    return tracked(experiment, run.info.run_id, new)


def sound_path(name: str) -> str:
    """A metric's name that MLflow accepts; `/` makes a section of charts."""
    return "/".join(map(sound, name.split("/", 1)))
