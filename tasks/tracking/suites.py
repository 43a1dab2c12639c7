"""A comparison in MLflow: a run that carries the leaderboard and the report, beside the runs of its models."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect import task
from prefect.cache_policies import NO_CACHE

from ganbench.gan.compare import Ranking
from ganbench.gan.findings import Analysis
from ganbench.gan.jobs import Job
from ganbench.gan.metering import Cost
from ganbench.gan.types import Score, digest_of
from ganbench.tasks.leaderboard import leaderboard, leaderboard_markdown, weaknesses_markdown
from ganbench.tasks.settings import settings
from ganbench.tasks.tracking.client import (
    COMPLETE,
    KEY,
    Tracked,
    connect,
    experiment_of,
    one_at_a_time,
    tracked,
    unreachable,
)
from ganbench.tasks.tracking.evaluations import KIND, SUITE, suite_id

if TYPE_CHECKING:
    from mlflow import MlflowClient


@dataclass(frozen=True)
class Suite:
    """The data of a comparison for MLflow."""

    key: str
    name: str
    params: Mapping[str, Any]
    tags: Mapping[str, str]
    table: Sequence[Mapping[str, Any]]      # the leaderboard, a row for each model
    report: str = ""                        # a folder of files


def suite_of(
    jobs: Sequence[Job], scores: Mapping[str, Sequence[Score]], rankings: Sequence[Ranking],
    costs: Mapping[str, Cost], analyses: Mapping[str, Analysis | None], tags: Mapping[str, str], report: str = "",
) -> Suite:
    """The same models with the same numbers have the same key, in whatever order they were given."""
    protocol = jobs[0].protocol
    found = sorted([job.digest, [row.value for row in scores[job.model.name]]] for job in jobs)
    note = leaderboard_markdown(scores, rankings, costs, f"{len(jobs)} models under {protocol.name}")
    note += "\n" + weaknesses_markdown(analyses)
    return Suite(
        key=digest_of(["suite", found]),
        name=f"comparison of {len(jobs)} models, {protocol.n_generated:,} images, seed {jobs[0].seed}",
        params={
            "model": ", ".join(rankings[0].models), "protocol": protocol.name, "convention": protocol.convention.name,
            "reference": protocol.reference, "n": protocol.n_generated, "seed": jobs[0].seed,
        },
        tags={SUITE: suite_id(jobs[0]), KIND: "comparison", "mlflow.note.content": note,
              "ganbench.protocol_digest": jobs[0].protocol_digest, **tags},
        table=leaderboard(scores, rankings, costs), report=report,
    )


@task(name="track suite", persist_result=False, cache_policy=NO_CACHE)
def track_suite(suite: Suite) -> Tracked:
    """Log a comparison, or return the reason for a failure: the same command can log it again from the store."""
    problem = unreachable(settings().tracking)
    if not problem:
        try:
            with one_at_a_time():
                return log_suite(connect(), suite)
        except Exception as error:  # of MLflow, its client, its database or its disk
            problem = f"MLflow at {settings().tracking} failed ({' '.join(str(error).split())[:200]})"
    return Tracked(problem=f"{problem}; the same command logs the comparison when it is back")


def log_suite(client: MlflowClient, suite: Suite) -> Tracked:
    """The run of this key: as it is when complete, else begun or resumed, and completed."""
    from mlflow.entities import Param, RunTag

    experiment = experiment_of(client)
    found = client.search_runs([experiment], f"tags.`{KEY}` = '{suite.key}'", max_results=1)
    run = found[0] if found else client.create_run(experiment, tags={KEY: suite.key}, run_name=suite.name)
    run_id = run.info.run_id
    done = run.data.tags.get(COMPLETE) == "true"
    if not done:
        params = [Param(name, str(value)[:6_000]) for name, value in suite.params.items()]
        client.log_batch(run_id, params=params, tags=[RunTag(name, value) for name, value in suite.tags.items()])
        client.log_dict(run_id, as_table(suite.table), "leaderboard.json")
        client.set_tag(run_id, "mlflow.loggedArtifacts", json.dumps([{"path": "leaderboard.json", "type": "table"}]))
    if suite.report and Path(suite.report).is_dir():
        client.log_artifacts(run_id, suite.report)
    if not done:
        client.set_tag(run_id, COMPLETE, "true")
        client.set_terminated(run_id)
    return tracked(experiment, run_id, new=not done)


def as_table(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    columns = list(rows[0]) if rows else []
    return {"columns": columns, "data": [[row[name] for name in columns] for row in rows]}


