"""A comparison in MLflow: a run that carries the leaderboard and the report, beside the runs of its models."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect import task
from prefect.cache_policies import NO_CACHE

from ganbench.gan.compare import Ranking
from ganbench.gan.findings import Analysis
from ganbench.gan.jobs import Job
from ganbench.gan.metering import Cost
from ganbench.gan.report.charts import COLOURS
from ganbench.gan.types import Score, digest_of
from ganbench.tasks import score_view
from ganbench.tasks.leaderboard import leaderboard, leaderboard_markdown, ranks_of, weaknesses_markdown
from ganbench.tasks.score_view import Chart, View, column
from ganbench.tasks.settings import settings
from ganbench.tasks.tracking.client import (
    COMPLETE,
    KEY,
    Tracked,
    connect,
    experiment_of,
    one_at_a_time,
    page_of_run,
    page_of_runs,
    show,
    tracked,
    unreachable,
)
from ganbench.tasks.tracking.evaluations import (
    KIND,
    PICTURE,
    SUITE,
    group_key,
    group_name,
    note_of,
    run_of,
    source_of,
    suite_id,
)
from ganbench.tasks.tracking.shown import RANK, SUITES, short, tags_of, view_of

if TYPE_CHECKING:
    from mlflow import MlflowClient

TABLE, PAGE = "leaderboard.json", "report.html"
KEPT = 100  # comparisons that a run remembers to be part of
COLOUR, NOTE = "mlflow.runColor", "mlflow.note.content"  # MLflow's own tags
BEST, ALERTS, MODELS, MADE = "best", "alerts", "models", "made"


@dataclass(frozen=True)
class Member:
    """A model of a comparison, as its own run shows that it is."""

    run_id: str
    rank: str  # `2 – 3`
    least: int  # the best of these
    colour: str
    scores: Sequence[Score]
    lead: str  # extractor


@dataclass(frozen=True)
class Suite:
    """The data of a comparison for MLflow."""

    key: str
    name: str
    params: Mapping[str, Any]
    tags: Mapping[str, str]
    table: Sequence[Mapping[str, Any]]      # the leaderboard, a row for each model
    report: str = ""                        # a folder of files
    metrics: Mapping[str, float] = field(default_factory=dict)  # of the best, and ranks: to plot nights
    members: Sequence[Member] = ()          # the best first
    views: Sequence[View] = ()              # the last one is what MLflow's page begins with
    begun: float = 0.0                      # seconds since 1970


def suite_of(
    jobs: Sequence[Job], scores: Mapping[str, Sequence[Score]], rankings: Sequence[Ranking],
    costs: Mapping[str, Cost], analyses: Mapping[str, Analysis | None], tags: Mapping[str, str], report: str = "",
    *, runs: Mapping[str, str] | None = None, begun: float = 0.0, command: str = "",
) -> Suite:
    """The same models with the same numbers have the same key, in whatever order they were given.

    `runs`: the run of each model.
    """
    protocol, lead, first = jobs[0].protocol, jobs[0].lead, rankings[0]
    found = sorted([job.digest, [row.value for row in scores[job.model.name]]] for job in jobs)
    key = digest_of(["suite", found])
    note = leaderboard_markdown(scores, rankings, costs, f"{len(jobs)} models under {protocol.name}")
    note += "\n" + weaknesses_markdown(analyses)
    best = next(row for row in scores[first.models[0]] if row.metric == first.metric)
    metrics = metrics_of(scores, rankings, analyses, lead)
    return Suite(
        key=key,
        name=f"comparison of {len(jobs)} models, {protocol.n_generated:,} images, seed {jobs[0].seed}",
        params={
            "model": ", ".join(first.models), "protocol": protocol.name, "convention": protocol.convention.name,
            "reference": protocol.reference, "n": protocol.n_generated, "seed": jobs[0].seed, "extractor": lead,
            MADE: datetime.fromtimestamp(begun or time.time(), UTC).strftime("%Y-%m-%d %H:%M:%S"),
        },
        tags={SUITE: suite_id(jobs[0]), KIND: "comparison", NOTE: note, **source_of(command),
              BEST: first.models[0], **tags_of([best], lead, None),
              ALERTS: f"{metrics[ALERTS]:.0f}", MODELS: str(len(jobs)),
              "ganbench.protocol_digest": jobs[0].protocol_digest, **tags},
        table=leaderboard(scores, rankings, costs), report=report, metrics=metrics,
        members=[
            Member((runs or {}).get(model, ""), ranks_of(first, model), first.ranks[model][0],
                   COLOURS[k % len(COLOURS)], scores[model], lead)
            for k, model in enumerate(first.models)
        ],
        views=[nights(jobs[0], best), newest(jobs[0], key, scores, first, costs)], begun=begun,
    )


def metrics_of(
    scores: Mapping[str, Sequence[Score]], rankings: Sequence[Ranking], analyses: Mapping[str, Analysis | None],
    lead: str,
) -> dict[str, float]:
    """Numbers of a night: the best value of every metric that decides, ranks and leading scores, and alerts."""
    found: dict[str, float] = {MODELS: len(scores)}
    for ranking in rankings:
        if ranking.decides:
            best = next(row for row in scores[ranking.models[0]] if row.metric == ranking.metric)
            found[f"best/{short(best, lead)}"] = best.value
    for model in rankings[0].models:
        mine = next(row for row in scores[model] if row.metric == rankings[0].metric)
        found[f"{RANK}/{sound(model)}"] = rankings[0].ranks[model][0]
        found[f"{short(mine, lead)}/{sound(model)}"] = mine.value
    findings = [finding.severity for analysis in analyses.values() if analysis for finding in analysis.findings]
    return found | {ALERTS: findings.count("alert"), "warnings": findings.count("warning")}


def sound(name: str) -> str:
    """A part of a metric's name that MLflow accepts."""
    return re.sub(r"[^\w .-]+", "-", name)


def newest(
    job: Job, key: str, scores: Mapping[str, Sequence[Score]], ranking: Ranking, costs: Mapping[str, Cost]
) -> View:
    """The models of this comparison, the best first."""
    ordered = {model: scores[model] for model in ranking.models}
    return view_of(f"suite-{group_key(job)}", f"Comparison: {group_name(job)}", filter_of(key), ordered, job.lead,
                   True, [PICTURE], costs)


def filter_of(key: str) -> str:
    return f"tags.{SUITES} LIKE '%{key[:8]}%'"


def nights(job: Job, best: Score) -> View:
    """All comparisons under this protocol, the newest first: the best value against time."""
    name = short(best, job.lead)
    columns = {column("tags", BEST): 26, column("tags", name): 19, column("tags", ALERTS): 6, column("tags", MODELS): 6}
    charted = [Chart(score_view.MODELS, f"best/{name}", f"best {name} against time", over=MADE),
               Chart(score_view.MODELS, ALERTS, "alerts against time", over=MADE)]
    chosen = f"tags.`ganbench.protocol_digest` = '{job.protocol_digest}' AND tags.`{KIND}` = 'comparison'"
    return View(f"nights-{group_key(job)}", f"All comparisons: {group_name(job)}", chosen, "attributes.start_time",
                False, columns, charted)


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
    from mlflow.entities import Metric, Param, RunTag

    experiment = experiment_of(client)
    run = run_of(client, experiment, suite.key)
    if run is None:
        run = client.create_run(experiment, round(1000 * suite.begun) or None, {KEY: suite.key}, suite.name)
    run_id = run.info.run_id
    done = run.data.tags.get(COMPLETE) == "true"
    if not done or not run.data.metrics:  # earlier versions of ganbench logged no metrics
        note = links_of(experiment, run_id, suite) + "\n\n" + suite.tags[NOTE]
        params = [Param(name, str(value)[:6_000]) for name, value in suite.params.items()]
        metrics = [Metric(name, value, run.info.start_time, 0) for name, value in suite.metrics.items()]
        tags = [RunTag(name, value) for name, value in (dict(suite.tags) | {NOTE: note}).items()]
        client.log_batch(run_id, metrics, params, tags)
        client.log_dict(run_id, as_table(suite.table), TABLE)
        client.set_tag(run_id, "mlflow.loggedArtifacts", json.dumps([{"path": TABLE, "type": "table"}]))
    if suite.report and Path(suite.report).is_dir():
        client.log_artifacts(run_id, suite.report)
    for member in suite.members:
        if member.run_id:
            join(client, experiment, run_id, suite, member)
    for view in suite.views:
        show(client, experiment, {"key": view.key, "tag": score_view.saved(view, round(1000 * time.time()))})
    if not done:
        client.set_tag(run_id, COMPLETE, "true")
        client.set_terminated(run_id)
    return tracked(experiment, run_id, new=not done)


def links_of(experiment: str, run_id: str, suite: Suite) -> str:
    """The first line of a comparison's description: where its report and its models are."""
    report = [f"[Report]({page_of_run(experiment, run_id, f'/artifacts/{PAGE}')})"] if suite.report else []
    models = [f"[the models, best first]({page_of_runs(experiment, score_view.facets(suite.views[-1]))})"
              ] if suite.views else []
    best = f"Best: **{suite.tags[BEST]}**." if BEST in suite.tags else ""
    return " \u00b7 ".join([*report, *models, best])


def join(client: MlflowClient, experiment: str, run_id: str, suite: Suite, member: Member) -> None:
    """Let the run of a model say what it is in this comparison: its rank, its colour in the report, and where that is.

    A run that is part of several comparisons shows what it is in the one that was made last.
    """
    from mlflow.entities import Metric, RunTag

    known = client.get_run(member.run_id).data.tags.get(SUITES, "").split()
    suites = [*(key for key in known if key != suite.key[:8]), suite.key[:8]][-KEPT:]
    report = f" \u00b7 [report]({page_of_run(experiment, run_id, f'/artifacts/{PAGE}')})" if suite.report else ""
    head = (f"**Rank {member.rank} of {len(suite.members)}** in a "
            f"[comparison]({page_of_run(experiment, run_id)}){report}")
    tags = {SUITES: " ".join(suites), RANK: member.rank, COLOUR: member.colour,
            NOTE: note_of(member.scores, member.lead, head)}
    client.log_batch(member.run_id, [Metric(RANK, member.least, round(1000 * time.time()), 0)], [],
                     [RunTag(name, value) for name, value in tags.items()])


def as_table(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    columns = list(rows[0]) if rows else []
    return {"columns": columns, "data": [[row[name] for name in columns] for row in rows]}
