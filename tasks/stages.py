"""The stages of an evaluation as Prefect tasks; see the functions of `gan` that they call."""

from __future__ import annotations

import torch
from prefect import task
from prefect.cache_policies import NO_CACHE

from gan.evaluate import Job, Part, extract_one, prepare, sample_one
from gan.measure import Reference, measure
from gan.types import Convention, Estimate, Features, ModelSpec, Protocol, Shard, Workspace
from tasks.progress import Counter
from tasks.store_task import store_task


@task(name="prepare", task_run_name="prepare {model.name}", persist_result=False, cache_policy=NO_CACHE)
def prepare_job(model: ModelSpec, protocol: Protocol, seed: int, workspace: Workspace) -> Job:
    """Load the model, find weights and data, draw two images, and check that all of it fits."""
    return prepare(model, protocol, seed, workspace)


@store_task(name="sample shard", task_run_name="sample {role} {index}")
def sample_shard(role: str, part: Part, index: int, rows: int, workspace: Workspace) -> tuple[Shard, bool]:
    """See `gan.sampling.sample_shard`."""
    torch.set_num_threads(1)
    tick = Counter(f"images: {role}", rows)
    shard = sample_one(part, index, rows, workspace, tick)
    tick.finish()
    return shard, shard.computed > 0


@store_task(name="extract features", task_run_name="{extractor} {role} {images.index}")
def extract_features(role: str, images: Shard, extractor: str, workspace: Workspace) -> tuple[Shard, bool]:
    """See `gan.features.extract.extract_shard`."""
    torch.set_num_threads(1)
    tick = Counter(f"features: {extractor}", images.rows)
    shard = extract_one(images, extractor, workspace, tick)
    tick.finish()
    return shard, shard.computed > 0


@store_task(name="score", task_run_name="score {role}, {generated.extractor}")
def score(
    role: str, real: Reference, generated: Features, convention: Convention, workspace: Workspace
) -> tuple[dict[str, Estimate], bool]:
    """See `gan.measure.measure`."""
    return measure(real, generated, convention, workspace)
