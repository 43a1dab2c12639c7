"""The stages of an evaluation as Prefect tasks; see the functions of `gan` that they call."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import torch
from prefect import task
from prefect.cache_policies import NO_CACHE

from ganbench.gan.adaptive import Adaptive, adaptive_mixture
from ganbench.gan.attribution import Attribution, against_n, attribute
from ganbench.gan.audit import audit
from ganbench.gan.copying import Audit
from ganbench.gan.costs import costs_of
from ganbench.gan.ensemble import Held, mixture_of
from ganbench.gan.evaluate import extract_one, features_of, look_at_features, look_at_images, sample_one, walk_one
from ganbench.gan.findings import Analysis, analyse, evidence_of
from ganbench.gan.generators.base import FiniteModel
from ganbench.gan.generators.rejection import Ratio
from ganbench.gan.jobs import Job, prepare
from ganbench.gan.measure import Measured, measure
from ganbench.gan.metering import Cost
from ganbench.gan.parts import Part
from ganbench.gan.rejection import Trial, fit_ratio
from ganbench.gan.rows import Rows
from ganbench.gan.sampling import generator_of
from ganbench.gan.scoring import slice_scores
from ganbench.gan.store import store_of
from ganbench.gan.types import (
    Alert,
    Context,
    Convention,
    Estimate,
    Features,
    ModelSpec,
    Protocol,
    Samples,
    Score,
    Shard,
    Workspace,
)
from ganbench.tasks.progress import Counter
from ganbench.tasks.refusals import in_words
from ganbench.tasks.store_task import store_task
from ganbench.tasks.workers import begin_work, placed


@task(name="prepare", task_run_name="prepare {model.name}", persist_result=False, cache_policy=NO_CACHE)
@in_words
def prepare_in_words(model: ModelSpec, protocol: Protocol, seed: int, workspace: Workspace) -> Job:
    return prepare(model, protocol, seed, workspace)


def prepare_job(model: ModelSpec, protocol: Protocol, seed: int, workspace: Workspace) -> Job:
    """Load the model, find weights and data, draw the first images twice, and check that everything fits together; by a
    task, in this process.  A task that returns a failed state is not raised by Prefect where it is called."""
    found: Job = prepare_in_words(model, protocol, seed, workspace, return_state=True).result()
    return found


@store_task(name="sample shard", task_run_name="sample {role}, part {index}")
def sample_shard(role: str, part: Part, index: int, rows: int, workspace: Workspace) -> tuple[Shard, bool]:
    """See `ganbench.gan.sampling.sample_shard`."""
    torch.set_num_threads(1)
    tick = Counter(f"images: {role}", rows, workspace.root)
    shard = sample_one(part, index, rows, placed(workspace), tick)
    tick.finish()
    return shard, shard.computed > 0


@store_task(name="extract features", task_run_name="{extractor} of {role}, part {images.index}")
def extract_features(role: str, images: Shard, extractor: str, workspace: Workspace) -> tuple[Shard, bool]:
    """See `ganbench.gan.features.extract.extract_shard`."""
    torch.set_num_threads(1)
    tick = Counter(f"features: {extractor}", images.rows, workspace.root)
    shard = extract_one(images, extractor, placed(workspace), tick)
    tick.finish()
    return shard, shard.computed > 0


@store_task(name="walk", task_run_name="{extractor} of {kind} of {name}, part {index}")
def walk_paths(
    name: str, part: Part, index: int, rows: int, kind: str, extractor: str, workspace: Workspace
) -> tuple[Shard, bool]:
    """See `ganbench.gan.walking.walk_shard`."""
    torch.set_num_threads(1)
    tick = Counter(f"paths: {extractor}", rows, workspace.root)
    shard = walk_one(part, index, rows, kind, extractor, placed(workspace), tick)
    tick.finish()
    return shard, shard.computed > 0


@task(name="audit", task_run_name="search {job.model.name} for copies", persist_result=False, cache_policy=NO_CACHE)
def audit_images(job: Job, samples: dict[str, Samples], features: dict[str, Features]) -> Audit:
    """See `ganbench.gan.audit`."""
    tick = Counter("search", sum(samples[role].n for role in ("generated", job.unseen) if role))
    found = audit(samples, features, job.unseen, store_of(job.workspace), tick)
    tick.finish()
    return found


@task(name="attribute", task_run_name="attribute {job.model.name}", persist_result=False, cache_policy=NO_CACHE)
def attribute_distance(job: Job, features: dict[str, Features], labels: np.ndarray | None) -> Attribution:
    """See `ganbench.gan.attribution`."""
    return attribute(features["generated"], features["reference"], labels, store_of(job.workspace))


@store_task(name="costs", task_run_name="measure speed and memory")
def measure_costs(models: list[ModelSpec], workspace: Workspace) -> tuple[list[Cost], bool]:
    """See `ganbench.gan.costs`."""
    return costs_of(models, workspace)


@store_task(name="mixture", task_run_name="find the best mixture")
def find_mixture(models: list[Features], reference: Features, workspace: Workspace) -> tuple[Held, bool]:
    """See `ganbench.gan.ensemble.mixture_of`."""
    return mixture_of(models, reference, store_of(workspace))


@store_task(name="analyse", task_run_name="analyse {job.model.name}")
def analyse_model(
    job: Job, samples: dict[str, Samples], features: dict[str, dict[str, Features]]
) -> tuple[Analysis | None, bool]:
    """See `ganbench.gan.findings`; None where there are too few images."""
    torch.set_num_threads(1)
    given = evidence_of(job, samples, features)
    return analyse(given, store_of(job.workspace)) if given else (None, False)


@task(name="adaptive mixture", task_run_name="find the best mixture", persist_result=False, cache_policy=NO_CACHE)
def find_adaptively(jobs: list[Job], budget: int, batch: int = 100) -> Adaptive:
    """See `ganbench.gan.adaptive`; images and features are stored, so earlier draws are reused."""
    begin_work()
    torch.set_num_threads(1)
    job, extractor = jobs[0], jobs[0].lead
    real = features_of(job.parts["reference"], extractor, job.workspace, 1, Counter("images", 0))

    def drawn(part: Part) -> Callable[[int, int], np.ndarray]:
        return lambda start, stop: Rows(
            features_of(replace(part, n=stop), extractor, job.workspace, 1))[start:stop]

    parts = [one.parts["generated"] for one in jobs]
    models = [generator_of(part.spec, job.workspace) for part in parts]
    drawing = Counter("images", budget, job.workspace.root)
    limits = [model.n if isinstance(model, FiniteModel) else math.inf for model in models]
    found = adaptive_mixture([drawn(part) for part in parts], Rows(real)[:], budget, batch, limits=limits,
                             tick=lambda model, images: drawing(batch))
    drawing.finish()
    return found


@task(name="density ratio", task_run_name="fit the density ratio", persist_result=False, cache_policy=NO_CACHE)
def fit_rejection(
    reference: Features, generated: Features, rate: float, seed: int, extractor: str
) -> tuple[Ratio, Trial]:
    """See `ganbench.gan.rejection`."""
    begin_work()
    return fit_ratio(Rows(reference)[:], Rows(generated)[:], rate=rate, seed=seed, extractor=extractor)


@task(name="against n", task_run_name="distance against n",
      persist_result=False, cache_policy=NO_CACHE)
def curve_of(features: dict[str, Features], workspace: Workspace) -> list[tuple[int, Estimate]]:
    """See `ganbench.gan.attribution.against_n`; empty where the reference is a file of statistics."""
    if "reference" not in features:
        return []
    return against_n(features["generated"], features["reference"], store_of(workspace))


@task(name="check images", task_run_name="check images of {job.model.name}",
      persist_result=False, cache_policy=NO_CACHE)
def check_images(job: Job, images: Mapping[str, list[Shard]]) -> list[Alert]:
    """See `ganbench.gan.gates`."""
    return look_at_images(job, images)


@task(name="check features", task_run_name="check {extractor} of {job.model.name}",
      persist_result=False, cache_policy=NO_CACHE)
def check_features(extractor: str, job: Job, features: Mapping[str, Features]) -> list[Alert]:
    """See `ganbench.gan.gates`."""
    return look_at_features(job, extractor, features)


@task(name="score slices", task_run_name="score each {by} of {job.model.name}",
      persist_result=False, cache_policy=NO_CACHE)
def score_parts(
    job: Job, by: str, images: dict[str, list[Shard]], features: dict[str, dict[str, Features]]
) -> list[Score]:
    """See `ganbench.gan.slices`."""
    return slice_scores(job, by, images, features)


@store_task(name="score", task_run_name="score {role} by {generated.extractor}")
def score(
    role: str, context: Context, generated: Features, names: tuple[str, ...], convention: Convention,
    workspace: Workspace,
) -> tuple[Measured, bool]:
    """See `ganbench.gan.measure.measure`."""
    return measure(context, generated, names, convention, workspace)
