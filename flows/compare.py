"""The flow `compare`: several models under one protocol, ranked, each logged as a run of its own."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from prefect import flow, runtime

from ganbench.flows.evaluate import Seed, command_of, flow_tags, short_name, what_of
from ganbench.flows.options import Some, formed, in_form
from ganbench.flows.shards import TASKS, follow
from ganbench.gan.compare import Ranking
from ganbench.gan.compare import compare as rankings_of
from ganbench.gan.ensemble import LEAST, Held
from ganbench.gan.evaluate import Started, all_features, all_samples, begin_scores, end_scores, submit
from ganbench.gan.findings import Analysis
from ganbench.gan.jobs import Job, asked_protocol, distinct
from ganbench.gan.metering import Cost
from ganbench.gan.published import Published, beside
from ganbench.gan.question import Opening, Option, Question, protocol_of
from ganbench.gan.reporting import provenance_of
from ganbench.gan.threads import single_threaded
from ganbench.gan.types import Estimate, Features, Score
from ganbench.tasks.artifacts import page_in
from ganbench.tasks.leaderboard import publish_leaderboard
from ganbench.tasks.pictures import contact_sheet
from ganbench.tasks.reports import galleries_in, write
from ganbench.tasks.runners import runner
from ganbench.tasks.settings import workspace_of
from ganbench.tasks.stages import analyse_model, curve_of, find_mixture, measure_costs, prepare_job
from ganbench.tasks.tracking.client import Tracked
from ganbench.tasks.tracking.evaluations import record_of, track
from ganbench.tasks.tracking.suites import suite_of, track_suite

THREE = tuple(f"zoo:{name}-fashion-mnist" for name in ("dcgan", "flow", "gpt"))     # if no model is named
OfZoo = Annotated[list[str] | None, Option(
    "Models of the zoo", "Two or more, together with your own. They come with ganbench.", choices="ZOO", shown=THREE,
    card="",
)]
Own = Annotated[list[str] | None, Option(
    "Your own models", "Checkpoints, model files (.toml), or folders, .npz or .parquet of images.", card="",
)]


@dataclass(frozen=True)
class Compared:
    """The result of a comparison; models by name, in the order given."""

    jobs: Mapping[str, Job]
    scores: Mapping[str, list[Score]]
    costs: Mapping[str, Cost]
    rankings: list[Ranking]             # of every metric that all models have, the leading one first
    analyses: Mapping[str, Analysis | None]     # None: too few images
    mixture: Held | None                # of two models and more
    published: list[Published]
    tracked: Mapping[str, Tracked]      # a run for each model
    suite: Tracked                      # and one for all of them
    report: str                         # a folder
    provenance: Mapping[str, Mapping[str, Any]]
    drawn: int                          # images of the models made now
    found: int                          # and those that the store had


def run_name() -> str:
    """`dcgan-fashion-mnist, gpt-fashion-mnist, n=2000, fashion-mnist-embedded-2k, seed 0`."""
    given = runtime.flow_run.parameters
    names = [short_name(model) for model in asked_models(given["zoo"], given["models"])]
    shown = names if len(names) <= 3 else [*names[:2], f"{len(names) - 2} more"]
    return ", ".join([*shown, *what_of(given)])


def asked_models(zoo: Sequence[str] | None, own: Sequence[str] | None) -> list[str]:
    """Of the zoo and the user's; without any, three of the zoo."""
    return [*(zoo or ()), *(own or ())] or list(THREE)


@formed
@flow(name="compare", flow_run_name=run_name, task_runner=runner())
@in_form(question=Question, opening=Some(Opening, ("trust_pickle",)))
def compare(
    *,
    zoo: OfZoo = None,
    models: Own = None,
    question: Question,
    seed: Seed = 0,
    report: Annotated[str, Option("Report", "A folder for the report; empty: in the home folder.")] = "",
    opening: Opening,
) -> Compared:
    """Compare models: scores with standard errors, ranks with significance tests, costs, and whether a mixture would be
    better than each model alone.

    Results are stored per model, so adding a model computes only that model.
    """
    since, workspace = time.time(), workspace_of(opening.trust_pickle)
    compared = asked_models(zoo, models)
    with single_threaded():
        specs = distinct(compared, workspace, protocol_of(question).preprocessing)
        chosen = asked_protocol(question, specs, workspace)
        jobs = [prepare_job(spec, chosen, seed, workspace) for spec in specs]
        started = submit(jobs, TASKS)
        follow(f"{len(jobs)} models", started)
        begun = [begin_scores(job, found, TASKS, jobs) for job, found in zip(jobs, started, strict=True)]
        scores = {job.model.name: end_scores(job, found) for job, found in zip(jobs, begun, strict=True)}
        rankings = rankings_of(scores)
        analyses = analyses_of(jobs, started)
        mixture = mixture_of(jobs, started)
        measured = measure_costs.submit([job.model for job in jobs], workspace).result()     # nothing else runs
        costs = {job.model.name: cost for job, cost in zip(jobs, measured, strict=True)}
        curves = {
            job.model.name: curve_of(leading_features(job, found), workspace)
            for job, found in zip(jobs, started, strict=True)
        }
        real = real_curve(jobs[0], started[0])
        asked = {job.model.name: model for job, model in zip(jobs, compared, strict=True)}
        return logged(jobs, started, scores, rankings, mixture, costs, curves, real, analyses, report,
                      command_of("compare", compared, question, seed), asked, since)


def mixture_of(jobs: Sequence[Job], started: Sequence[Started]) -> Held | None:
    """The shares of the mixture nearest to the reference, by the leading extractor's features; None for too few
    images."""
    sets = [leading_features(job, found) for job, found in zip(jobs, started, strict=True)]
    if "reference" not in sets[0] or min(sets[0]["reference"].n, jobs[0].protocol.n_generated) < LEAST:
        return None
    models = [features["generated"] for features in sets]
    return find_mixture.submit(models, sets[0]["reference"], jobs[0].workspace).result()


def analyses_of(jobs: Sequence[Job], started: Sequence[Started]) -> dict[str, Analysis | None]:
    """Strengths and weaknesses of each model."""
    futures = [analyse_model.submit(job, all_samples(job, found), all_features(job, found))
               for job, found in zip(jobs, started, strict=True)]
    return {job.model.name: future.result() for job, future in zip(jobs, futures, strict=True)}


def leading_features(job: Job, started: Started) -> dict[str, Features]:
    return all_features(job, started)[job.lead]


def real_curve(job: Job, started: Started) -> list[tuple[int, Estimate]]:
    """The same of held-out real images, if there are any."""
    features = leading_features(job, started)
    return curve_of({**features, "generated": features["held_out"]}, job.workspace) if "held_out" in features else []


def logged(
    jobs: Sequence[Job], started: Sequence[Started], scores: Mapping[str, list[Score]],
    rankings: list[Ranking], mixture: Held | None, costs: Mapping[str, Cost],
    curves: Mapping[str, list[tuple[int, Estimate]]], real: list[tuple[int, Estimate]],
    analyses: Mapping[str, Analysis | None], report: str, command: str, asked: Mapping[str, str], since: float,
) -> Compared:
    """The report, pictures, MLflow's runs, and the tables in Prefect's UI."""
    sets = [all_samples(job, found) for job, found in zip(jobs, started, strict=True)]
    samples = [roles["generated"] for roles in sets]
    metrics = {score.metric for score in scores[jobs[0].model.name]}
    published = [row for row in beside(jobs[0].protocol) if row.metric in metrics]
    provenance = {job.model.name: provenance_of(job, images) for job, images in zip(jobs, samples, strict=True)}
    folder = write(
        report, command, asked,
        {"jobs": jobs, "scores": scores, "rankings": rankings, "costs": costs, "mixture": mixture,
         "published": published, "curves": curves, "real_curve": real, "analyses": analyses},
        provenance,
        {job.model.name: roles for job, roles in zip(jobs, sets, strict=True)},
        {job.model.name: all_features(job, found) for job, found in zip(jobs, started, strict=True)},
    )
    tracked, pictures = {}, {}
    for job, images in zip(jobs, samples, strict=True):
        name = job.model.name
        galleries = galleries_in(folder, rankings[0].models.index(name))
        pictures[name] = contact_sheet(job, images)
        tracked[name] = track(record_of(job, scores[name], [], pictures[name], flow_tags(), costs[name], galleries,
                                        begun=since, command=command))
    runs = {name: logged.run_id for name, logged in tracked.items()}
    drawn = sum(shard.computed for images in samples for shard in images.shards)
    compared = Compared(
        jobs={job.model.name: job for job in jobs}, scores=scores, costs=costs, rankings=rankings, analyses=analyses,
        mixture=mixture,
        published=published, tracked=tracked, report=folder,
        suite=track_suite(suite_of(jobs, scores, rankings, costs, analyses, flow_tags(), folder, runs=runs,
                                   begun=since, command=command)),
        provenance=provenance,
        drawn=drawn, found=sum(images.n for images in samples) - drawn,
    )
    publish_leaderboard(scores, rankings, costs, analyses, f"{len(jobs)} models under {jobs[0].protocol.name}",
                        pictures, links_of(compared.suite, folder))
    return compared


def links_of(suite: Tracked, folder: str) -> dict[str, str]:
    """From Prefect's pages to the report and to MLflow; without a server, to the report's file."""
    if not suite.url:
        return {"Report": (Path(folder) / "report.html").as_uri()}
    return {"Report": page_in(suite, "report.html"), "Comparison in MLflow": suite.url}
