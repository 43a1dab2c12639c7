"""A comparison in MLflow: a run that carries the leaderboard and the report, beside the runs of its models."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
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
from ganbench.gan.tables import ranks_of
from ganbench.gan.types import Score, digest_of
from ganbench.tasks import score_view
from ganbench.tasks.leaderboard import leaderboard, weaknesses_markdown
from ganbench.tasks.score_view import Chart, View, column
from ganbench.tasks.tracking.client import (
    COMPLETE,
    KEY,
    NOTE,
    Tracked,
    attempt,
    experiment_of,
    page_of_run,
    page_of_runs,
    show,
    tracked,
)
from ganbench.tasks.tracking.evaluations import (
    KIND,
    PICTURE,
    SUITE,
    group_key,
    group_name,
    note_of,
    quoted,
    run_of,
    source_of,
    suite_id,
)
from ganbench.tasks.tracking.shown import RANK, SUITES, legend, short, tags_of, text_of, view_of

if TYPE_CHECKING:
    from mlflow import MlflowClient

TABLE, PAGE = "leaderboard.json", "report.html"
KEPT = 100  # comparisons that a run remembers to be part of
COLOUR = "mlflow.runColor"  # MLflow's own tag
SHOWN, GAP = 5, "&emsp;"  # metrics in a description, and what keeps its columns apart
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
    newest: View | None = None              # its models, the best first; without a filter
    nights: View | None = None              # it and all others under this protocol
    legend: str = ""
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
    note = table_of(scores, rankings, lead) + "\n" + weaknesses_markdown(analyses)
    best = next(row for row in scores[first.models[0]] if row.metric == first.metric)
    metrics = metrics_of(scores, rankings, analyses, lead)
    longest = max(scores.values(), key=len)
    return Suite(
        key=key,
        name=f"comparison of {len(jobs)} models, {protocol.n_generated:,} images, seed {jobs[0].seed}",
        params={
            "model": ", ".join(first.models), "protocol": protocol.name, "convention": protocol.convention.name,
            "reference": protocol.reference, "n": protocol.n_generated, "seed": jobs[0].seed, "extractor": lead,
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
        newest=view_of(f"suite-{group_key(jobs[0])}", f"Comparison: {group_name(jobs[0])}", "",
                       {model: scores[model] for model in first.models}, lead, True, [PICTURE], costs),
        nights=nights(jobs[0], best, list(metrics)),
        legend=f"{len(jobs)} models, {protocol.n_generated:,} images each, best first; {legend(longest, lead)}",
        begun=begun,
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


def table_of(scores: Mapping[str, Sequence[Score]], rankings: Sequence[Ranking], lead: str) -> str:
    """Ranks and the first few scores; MLflow's page has no room for all of them."""
    shown = [ranking.metric for ranking in rankings if ranking.decides][:SHOWN] or [rankings[0].metric]
    found = {model: {score.metric: score for score in rows} for model, rows in scores.items()}
    heads = [short(found[rankings[0].models[0]][metric], lead) for metric in shown]
    lines = [f"| rank | model | {' | '.join(heads)} |", "|---|---|" + "---:|" * len(heads)]
    for model in rankings[0].models:
        texts = [text_of(found[model][metric]) + GAP for metric in shown]
        lines.append(f"| {ranks_of(rankings[0], model)} | {model} | {' | '.join(texts)} |")
    return "\n".join(lines)


def filter_of(made: str) -> str:
    return f"tags.{SUITES} LIKE '%{made}%'"


def nights(job: Job, best: Score, metrics: Sequence[str]) -> View:
    """All comparisons under this protocol, the newest first: the best value against time."""
    name = short(best, job.lead)
    columns = {column("tags", BEST): 26, column("tags", name): 19, column("tags", ALERTS): 6, column("tags", MODELS): 6}
    charted = [f"best/{name}", ALERTS]
    chosen = f"tags.{SUITE} = {quoted(suite_id(job))} AND tags.`{KIND}` = 'comparison'"
    return View(f"nights-{group_key(job)}", f"All comparisons: {group_name(job)}", chosen, "attributes.start_time",
                False, columns, [Chart(score_view.TIME, metric, over=MADE) for metric in charted],
                metrics, names=46)


@task(name="track suite", task_run_name="log {suite.name}", persist_result=False, cache_policy=NO_CACHE)
def track_suite(suite: Suite) -> Tracked:
    """Log a comparison, or return the reason for a failure: the same command can log it again from the store."""
    return attempt(lambda client: log_suite(client, suite), "the same command logs the comparison when it is back")


def log_suite(client: MlflowClient, suite: Suite) -> Tracked:
    """The run of this key: as it is when complete, else begun or resumed, and completed."""
    from mlflow.entities import Metric, Param, RunTag

    experiment = experiment_of(client)
    run = run_of(client, experiment, suite.key)
    if run is None:
        run = client.create_run(experiment, round(1000 * suite.begun) or None, {KEY: suite.key}, suite.name)
    run_id = run.info.run_id
    made = datetime.fromtimestamp(run.info.start_time / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
    newest = replace(suite.newest, filter=filter_of(made)) if suite.newest else None
    done = run.data.tags.get(COMPLETE) == "true"
    if not done or not run.data.metrics:  # earlier versions of ganbench logged no metrics
        note = f"{links_of(experiment, run_id, suite, newest)}\n\n{suite.tags[NOTE]}"
        params = [Param(name, str(value)[:6_000]) for name, value in {**suite.params, MADE: made}.items()]
        metrics = [Metric(name, value, run.info.start_time, 0) for name, value in suite.metrics.items()]
        tags = [RunTag(name, value) for name, value in (dict(suite.tags) | {NOTE: note}).items()]
        client.log_batch(run_id, metrics, params, tags)
        client.log_dict(run_id, as_table(suite.table), TABLE)
        client.set_tag(run_id, "mlflow.loggedArtifacts", json.dumps([{"path": TABLE, "type": "table"}]))
    if suite.report and Path(suite.report).is_dir():
        client.log_artifacts(run_id, suite.report)
    for member in suite.members:
        if member.run_id:
            join(client, experiment, run_id, made, suite, member)
    links = f"[Comparison]({page_of_run(experiment, run_id)}), {report_of(experiment, run_id, suite)}"
    for view in (suite.nights, newest):
        if view:
            tag = score_view.saved(view, round(1000 * time.time()))
            show(client, experiment, {"key": view.key, "tag": tag}, f"{links} of {suite.legend}.")
    if not done:
        client.set_tag(run_id, COMPLETE, "true")
        client.set_terminated(run_id)
    return tracked(experiment, run_id, new=not done)


def report_of(experiment: str, run_id: str, suite: Suite, name: str = "report") -> str:
    """A link to the report; without one, where the scores are."""
    return f"[{name}]({page_of_run(experiment, run_id, f'/artifacts/{PAGE if suite.report else TABLE}')})"


def links_of(experiment: str, run_id: str, suite: Suite, newest: View | None) -> str:
    """The first line of a comparison's description: where its report and its models are."""
    found = [report_of(experiment, run_id, suite, "Report")]
    if newest:
        found.append(f"[the models, best first]({page_of_runs(experiment, score_view.facets(newest))})")
    return " \u00b7 ".join([*found, f"best: **{suite.tags[BEST]}**"])


def join(client: MlflowClient, experiment: str, run_id: str, made: str, suite: Suite, member: Member) -> None:
    """Let the run of a model say what it is in this comparison: its rank, its colour in the report, and where that is.

    A run that is part of several comparisons shows what it is in the one that was made last.
    """
    from mlflow.entities import Metric, RunTag

    known = [text for text in client.get_run(member.run_id).data.tags.get(SUITES, "").split(", ") if text != made]
    suites = [*filter(None, known), made][-KEPT:]
    head = (f"**Rank {member.rank} of {len(suite.members)}** in a [comparison]({page_of_run(experiment, run_id)}) "
            f"\u00b7 {report_of(experiment, run_id, suite)}")
    tags = {SUITES: ", ".join(suites), RANK: member.rank, COLOUR: member.colour,
            NOTE: note_of(member.scores, member.lead, head)}
    client.log_batch(member.run_id, [Metric(RANK, member.least, round(1000 * time.time()), 0)], [],
                     [RunTag(name, value) for name, value in tags.items()])


def as_table(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    columns = list(rows[0]) if rows else []
    return {"columns": columns, "data": [[row[name] for name in columns] for row in rows]}
