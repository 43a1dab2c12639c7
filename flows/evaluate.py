"""The flow `evaluate`: a model under a protocol, in cached tasks, with an MLflow run at the end."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from prefect import flow, runtime

from ganbench.flows.options import as_given, command_line, formed, in_form
from ganbench.flows.shards import TASKS, follow
from ganbench.gan.evaluate import Started, all_features, all_samples, begin_scores, end_scores, shards_in, submit
from ganbench.gan.jobs import Job, asked_model, asked_protocol, check_slices
from ganbench.gan.protocols import PROTOCOLS
from ganbench.gan.published import Published, beside
from ganbench.gan.question import PRESET, Opening, Option, Question, protocol_of
from ganbench.gan.reporting import provenance_of
from ganbench.gan.threads import single_threaded
from ganbench.gan.types import Samples, Score
from ganbench.tasks.artifacts import publish_scores
from ganbench.tasks.pictures import contact_sheet
from ganbench.tasks.runners import runner
from ganbench.tasks.settings import workspace_of
from ganbench.tasks.stages import prepare_job, score_parts
from ganbench.tasks.tracking.client import Tracked
from ganbench.tasks.tracking.evaluations import record_of, track

STUDY_TAG, STUDY = "ganbench.study", ContextVar("study", default="")     # the name of the study that is running
OneModel = Annotated[str, Option(
    "Model", "Your checkpoint, model file (.toml), or folder, .npz or .parquet of images; or zoo:NAME. A checkpoint "
    "that does not say its architecture needs a family, under More settings.",
    choices="ZOO", text="Name or path", card="",
)]
Seed = Annotated[int, Option("Seed", "Image i depends only on the model, the seed and i.", card="Images")]


@dataclass(frozen=True)
class Outcome:
    """The result of an evaluation: its scores, and the locations of other results."""

    scores: list[Score]
    slices: list[Score]  # of classes or clusters, when asked for
    drawn: int  # images of the model made now
    found: int  # images of the model that the store had
    features_made: int  # shards of features, all sets and extractors
    features_found: int
    picture: str
    tracked: Tracked
    provenance: Mapping[str, Any]
    published: list[Published]  # of other models, under the very same protocol


def run_name() -> str:
    """`dcgan-fashion-mnist, n=2000, fashion-mnist-embedded-2k, seed 0`, from the parameters of the run."""
    given = runtime.flow_run.parameters
    return ", ".join([short_name(given["model"]), *what_of(given)])


def short_name(model: str) -> str:
    return Path(model.removeprefix("zoo:")).name


def what_of(parameters: Mapping[str, Any]) -> list[str]:
    """What a run measures: `n=2000`, `fashion-mnist-embedded-2k`, `seed 0`."""
    asked = as_given(parameters)
    against = Path(asked["reference"]).name if asked["reference"] else asked["protocol"] or PRESET
    n = asked["n"] or (None if asked["reference"] or against not in PROTOCOLS else PROTOCOLS[against].n_generated)
    return [*([f"n={n}"] if n else []), against, f"seed {asked['seed']}"]


@formed
@flow(name="evaluate", flow_run_name=run_name, task_runner=runner())
@in_form(question=Question, opening=Opening)
def evaluate(
    model: OneModel = "zoo:dcgan-fashion-mnist",
    *,
    question: Question,
    seed: Seed = 0,
    by: Annotated[
        Literal["class", "cluster"] | None,
        Option("Slices", "Scores of each class, or of clusters of real images, too.", card="Scores"),
    ] = None,
    opening: Opening,
) -> Outcome:
    """Scores of an image generator with standard errors, a picture of its images, and an MLflow run.

    Intermediate results are stored: an interrupted run is resumed, and a larger number of images only computes the
    additional ones.
    """
    since, workspace = time.time(), workspace_of(opening.trust_pickle)
    with single_threaded():
        spec = asked_model(model, opening, workspace, protocol_of(question).preprocessing)
        chosen = asked_protocol(question, [spec], workspace)
        job = prepare_job(spec, chosen, seed, workspace)
        check_slices(job, by or "")
        (started,) = submit([job], TASKS)
        follow(job.model.name, [started])
        scores = end_scores(job, begin_scores(job, started, TASKS))
        sliced = score_slices(job, by, started) if by else []
        samples = all_samples(job, started)["generated"]
        picture = contact_sheet(job, samples)
        command = command_of("evaluate", [model], question, seed)
        tracked = track(record_of(job, scores, sliced, picture, flow_tags(), begun=since, command=command))
    made = [shard.computed > 0 for shards in started.features.values() for shard in shards_in(shards)]
    outcome = outcome_of(job, scores, sliced, samples, made, picture, tracked)
    links = {"Run in MLflow": tracked.url} if tracked.url else {}
    publish_scores(scores, f"{job.model.name} under {chosen.name}", notes_of(outcome), picture, links)
    return outcome


def command_of(name: str, models: Sequence[str], question: Question, seed: int) -> str:
    """The command line that does the same."""
    return command_line(name, models, question, seed=seed)


def score_slices(job: Job, by: str, started: Started) -> list[Score]:
    """Scores of every class or cluster."""
    shards = {role: shards_in(found) for role, found in started.images.items()}
    return score_parts(job, by, shards, all_features(job, started))


def outcome_of(
    job: Job, scores: list[Score], sliced: list[Score], samples: Samples, made: list[bool], picture: str,
    tracked: Tracked,
) -> Outcome:
    drawn = sum(shard.computed for shard in samples.shards)
    return Outcome(
        scores=scores,
        slices=sliced,
        drawn=drawn,
        found=samples.n - drawn,
        features_made=sum(made),
        features_found=len(made) - sum(made),
        picture=picture,
        tracked=tracked,
        provenance=provenance_of(job, samples),
        published=[row for row in beside(job.protocol) if row.metric in {score.metric for score in scores}],
    )


def flow_tags() -> dict[str, str]:
    """Which run of Prefect this is, and of which study it is a part, for the reader of MLflow."""
    tags = {"prefect.flow_run": str(runtime.flow_run.name), "prefect.flow_run_id": str(runtime.flow_run.id)}
    return tags | ({STUDY_TAG: STUDY.get()} if STUDY.get() else {})


def notes_of(outcome: Outcome) -> list[str]:
    """Notes below the table of scores."""
    drawn = f"{outcome.drawn:,} images drawn now, {outcome.found:,} found in the store."
    run = outcome.tracked
    logged = [] if run.url else [run.problem or f"MLflow run {run.run_id}"]
    return [drawn, *logged, f"All images of the picture: {outcome.picture}", *map(sentence, outcome.published)]


def sentence(row: Published) -> str:
    """`Published: fid = 1.97 of EDM (Karras et al. 2022, arXiv:2206.00364).`"""
    return f"Published: {row.metric} = {row.value:g} of {row.model} ({row.paper}, arXiv:{row.arxiv})."
