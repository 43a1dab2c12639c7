"""The flow `evaluate`: a model under a protocol, in cached tasks, with an MLflow run at the end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from prefect import flow, runtime
from pydantic import Field

from ganbench.flows.shards import Extracted, Futures, all_features, begin_scores, end_scores, follow, results, submit
from ganbench.gan.evaluate import samples_of
from ganbench.gan.features.extract import extractor_of
from ganbench.gan.jobs import Job
from ganbench.gan.models.loading import resolve
from ganbench.gan.protocols import CONVENTIONS, PROTOCOLS, choose
from ganbench.gan.published import Published, beside
from ganbench.gan.threads import single_threaded
from ganbench.gan.types import Samples, Score, Workspace
from ganbench.tasks.artifacts import publish_scores
from ganbench.tasks.pictures import contact_sheet
from ganbench.tasks.runners import runner
from ganbench.tasks.settings import workspace_of
from ganbench.tasks.stages import prepare_job, score_parts
from ganbench.tasks.tracking.client import Tracked
from ganbench.tasks.tracking.evaluations import record_of, track

ProtocolName = Literal[tuple(PROTOCOLS)]  # type: ignore[valid-type]
ConventionName = Literal[tuple(CONVENTIONS)]  # type: ignore[valid-type]


@dataclass(frozen=True)
class Outcome:
    """What an evaluation leaves: its scores, and where the rest is."""

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


def form(title: str, description: str, **limits: Any) -> Any:
    """A field of Prefect's form; a field's own title would give way to the parameter's name."""
    return Field(json_schema_extra={"title": title, "description": description}, **limits)


def run_name() -> str:
    """`dcgan-fashion-mnist, fashion-mnist-embedded-2k, n=300, seed 0`, from the parameters of the run."""
    given = runtime.flow_run.parameters
    against = given["reference"] or given["protocol"] or "the default protocol"
    count = [f"n={given['n']}"] if given["n"] else []
    return ", ".join([Path(given["model"].removeprefix("zoo:")).name, against, *count, f"seed {given['seed']}"])


@flow(name="evaluate", flow_run_name=run_name, task_runner=runner())
def evaluate(
    model: Annotated[
        str, form("Model", "zoo:NAME, a TOML model file, a file of weights, or a folder, .npz or .parquet of images")
    ] = "zoo:dcgan-fashion-mnist",
    protocol: Annotated[
        ProtocolName | None, form("Protocol", "A named measurement; does not count when a reference is given below")
    ] = "fashion-mnist-embedded-2k",
    n: Annotated[int | None, form("Images", "How many to draw, if not the protocol's own number", ge=2)] = None,
    seed: Annotated[int, form("Seed", "Image i depends on the model, the seed and i alone")] = 0,
    reference: Annotated[
        str, form("Reference", "Instead of a protocol: a data set's name, or a folder, .npz or .parquet")
    ] = "",
    convention: Annotated[
        ConventionName | None, form("Convention", "With a reference: how the numbers are made")
    ] = None,
    held_out: Annotated[
        str, form("Held-out images", "Real images outside the reference, for the floor of every score")
    ] = "",
    training: Annotated[
        str, form("Training images", "What the model learned from, for the metrics of memorisation")
    ] = "",
    metrics: Annotated[
        str, form("Metrics", "Others than the convention's: names of `ganbench metrics`, with commas between them")
    ] = "",
    extractor: Annotated[
        str, form("Extractor", "Another than the convention's, or a file or module:callable of your own network")
    ] = "",
    by: Annotated[
        Literal["class", "cluster"] | None, form("Slices", "Scores of each class, or of clusters of real images, too")
    ] = None,
    family: Annotated[str, form("Family", "For a bare file of weights: its architecture")] = "",
    factory: Annotated[
        str, form("Factory", "For a bare file of weights: module:callable that builds the generator")
    ] = "",
    weights_key: Annotated[
        str, form("Weights key", "Where in a checkpoint the generator's weights lie, when it has several")
    ] = "",
    trust_pickle: Annotated[
        bool, form("Trust pickle", "Load pickled checkpoints, which run code: only files that you trust")
    ] = False,
) -> Outcome:
    """Scores of an image generator with standard errors, a picture of what it makes, and an MLflow run.

    Everything is kept as it is made: a run that was stopped goes on where it was, and a larger number of
    images only adds the missing ones.
    """
    workspace = workspace_of(trust_pickle)
    preset = "" if reference or convention else protocol or ""
    chosen = choose(preset, convention or "", reference, n, held_out, training, metrics, extractor)
    with single_threaded():
        job = prepare_job(
            resolve(model, workspace, family=family, factory=factory, weights_key=weights_key), chosen, seed, workspace
        )
        images, features = submit(job)
        follow(job.model.name, [(images, features)])
        scores = end_scores(job, begin_scores(job, images, features))
        sliced = score_slices(job, by, images, features) if by else []
        samples = samples_of(job.parts["generated"], results(images["generated"]))
        picture = contact_sheet(job, samples)
        tracked = track(record_of(job, scores, sliced, picture, flow_tags()))
    made = [shard.computed > 0 for shards in features.values() for shard in results(shards)]
    outcome = outcome_of(job, scores, sliced, samples, made, picture, tracked)
    publish_scores(scores, f"{job.model.name} under {chosen.name}", notes_of(outcome))
    return outcome


def score_slices(job: Job, by: str, images: Futures, futures: Extracted) -> list[Score]:
    """Scores of every class or cluster."""
    shards = {role: results(found) for role, found in images.items()}
    return score_parts(job, by, shards, all_features(job, images, futures))


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
    """Which run of Prefect this is, for the reader of MLflow."""
    return {"prefect.flow_run": str(runtime.flow_run.name), "prefect.flow_run_id": str(runtime.flow_run.id)}


def facts_of(name: str, workspace: Workspace) -> dict[str, Any]:
    """Which network made the features, to the last bit."""
    extractor = extractor_of(name, workspace)
    return {"weights_sha256": extractor.weights, "digest": extractor.digest, "engine": dict(extractor.engine)}


def provenance_of(job: Job, samples: Samples) -> dict[str, Any]:
    """What one needs to make the same numbers again."""
    from importlib.metadata import version

    return {
        "model": job.model.name, "model_digest": job.model_digest, "samples_digest": samples.digest,
        "protocol": job.protocol.name, "protocol_digest": job.protocol_digest, "seed": job.seed,
        "n": job.protocol.n_generated, "reference": job.protocol.reference, "device": job.workspace.device,
        "extractors": {name: facts_of(name, job.workspace) for name in job.protocol.extractors},
        "versions": {name: version(name) for name in ("ganbench", "torch", "numpy", "scipy", "onnxruntime")},
    }


def notes_of(outcome: Outcome) -> list[str]:
    """What the reader of the table should know besides the numbers."""
    drawn = f"{outcome.drawn:,} images drawn now, {outcome.found:,} found in the store."
    run = outcome.tracked
    logged = run.problem or (f"[MLflow run]({run.url})" if run.url else f"MLflow run {run.run_id}")
    picture = f"![samples]({run.picture})" if run.picture else f"Samples: {outcome.picture}"
    return [drawn, logged, picture, *map(sentence, outcome.published)]


def sentence(row: Published) -> str:
    """`Published: fid = 1.97 of EDM (Karras et al. 2022, arXiv:2206.00364).`"""
    return f"Published: {row.metric} = {row.value:g} of {row.model} ({row.paper}, arXiv:{row.arxiv})."
