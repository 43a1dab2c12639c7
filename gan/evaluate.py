"""Evaluation: model + protocol -> scores.  The stages run in threads, or as Prefect tasks in the flows."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from pathlib import Path
from typing import Any, TypeVar
from typing import Protocol as Proto

import numpy as np
from torch import Tensor

from ganbench.gan import gates
from ganbench.gan.drawing import Tick, silent
from ganbench.gan.features.extract import extract_shard, extractor_of
from ganbench.gan.files import file_digest
from ganbench.gan.interchange import is_features, is_statistics
from ganbench.gan.jobs import Job, asked_protocol, keep, prepare
from ganbench.gan.measure import Measured, import_features, measure
from ganbench.gan.models.identity import identity
from ganbench.gan.models.loading import resolve
from ganbench.gan.needs.paths import SPACES
from ganbench.gan.parts import Part, samples_of
from ganbench.gan.protocols import with_count
from ganbench.gan.question import Question, protocol_of
from ganbench.gan.sampling import sample_shard, shards_of
from ganbench.gan.scoring import assemble, measured
from ganbench.gan.shown import Scores
from ganbench.gan.store import store_of
from ganbench.gan.threads import single_threaded
from ganbench.gan.types import (
    Alert,
    BadOutput,
    Context,
    Convention,
    Features,
    ModelSpec,
    Protocol,
    Samples,
    Score,
    Shard,
    Workspace,
)
from ganbench.gan.walking import walk_shard
from ganbench.gan.words import caution

NOTHING: Mapping[str, Features] = {}


def evaluate(
    model: str | ModelSpec | np.ndarray | Tensor | Callable[[], Any],
    protocol: str | Protocol | Question = "",
    *,
    n: int | None = None,
    seed: int = 0,
    workspace: Workspace | None = None,
    workers: int | None = None,
) -> Scores:
    """Scores of a model under a protocol, which a notebook shows as a table; images, features and scores are stored in
    the workspace and reused.

    `model`: what `load` takes, or images: an array or tensor, (n, channels, height, width) uint8, or a function that
    returns one.  `protocol`: a name of PROTOCOLS (default: fashion-mnist-embedded-2k), a `Question` with the options
    of the command line, such as `Question(reference="folder", metrics="fd,kid")`, or a `Protocol`.  `n`: images to
    draw, if not the protocol's own number.  `workers`: shards at a time (default: one per core); it changes no number.
    """
    workspace = workspace or Workspace()
    given = model if isinstance(model, str | ModelSpec) else keep(model, workspace)
    asked = Question(protocol) if isinstance(protocol, str) else protocol
    chosen = with_count(asked, n) if isinstance(asked, Protocol) else chosen_for(given, asked, n, workspace)
    job = prepare(given, chosen, seed, workspace)
    with single_threaded(), Threads(workers) as threads:
        started = submit([job], threads)[0]
        return Scores(end_scores(job, begin_scores(job, started, threads)))


def chosen_for(model: str | ModelSpec, asked: Question, n: int | None, workspace: Workspace) -> Protocol:
    """The protocol of a question about a model."""
    asked = replace(asked, n=n or asked.n)
    steps = protocol_of(asked).preprocessing
    spec = resolve(model, workspace, preprocessing=steps) if isinstance(model, str) else model
    return asked_protocol(asked, [spec], workspace)


T = TypeVar("T", covariant=True)


class Pending(Proto[T]):
    """What is being made."""

    def result(self) -> T:
        """Wait for it."""
        ...


class Stages(Proto):
    """How the stages of an evaluation are run: in threads, or as Prefect tasks.  `name`: the task's display name."""

    def sample(self, name: str, part: Part, index: int, rows: int, workspace: Workspace) -> Pending[Shard]: ...

    def extract(self, name: str, images: Pending[Shard], extractor: str, workspace: Workspace) -> Pending[Shard]: ...

    def walk(
        self, name: str, part: Part, index: int, rows: int, kind: str, extractor: str, workspace: Workspace
    ) -> Pending[Shard]: ...

    def look_at_images(self, job: Job, images: Mapping[str, list[Shard]]) -> list[Alert]: ...

    def look_at_features(self, job: Job, extractor: str, features: Mapping[str, Features]) -> list[Alert]: ...

    def measure(
        self, name: str, context: Context, generated: Features, names: tuple[str, ...], convention: Convention,
        workspace: Workspace,
    ) -> Pending[Measured]: ...


class Threads:
    """Runs the stages in threads of this process; the first failure cancels those not yet started."""

    def __init__(self, workers: int | None = None):
        self.pool = ThreadPoolExecutor(workers or os.cpu_count())

    def __enter__(self) -> Threads:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self.pool.shutdown(cancel_futures=kind is not None)

    def sample(self, name: str, part: Part, index: int, rows: int, workspace: Workspace) -> Pending[Shard]:
        return self.pool.submit(sample_one, part, index, rows, workspace)

    def extract(self, name: str, images: Pending[Shard], extractor: str, workspace: Workspace) -> Pending[Shard]:
        return self.pool.submit(lambda: extract_one(images.result(), extractor, workspace))

    def walk(
        self, name: str, part: Part, index: int, rows: int, kind: str, extractor: str, workspace: Workspace
    ) -> Pending[Shard]:
        return self.pool.submit(walk_one, part, index, rows, kind, extractor, workspace)

    def look_at_images(self, job: Job, images: Mapping[str, list[Shard]]) -> list[Alert]:
        return look_at_images(job, images)

    def look_at_features(self, job: Job, extractor: str, features: Mapping[str, Features]) -> list[Alert]:
        return look_at_features(job, extractor, features)

    def measure(
        self, name: str, context: Context, generated: Features, names: tuple[str, ...], convention: Convention,
        workspace: Workspace,
    ) -> Pending[Measured]:
        return self.pool.submit(lambda: measure(context, generated, names, convention, workspace)[0])


@dataclass(frozen=True)
class Started:
    """The shards of a job: images by role, features by extractor and role, steps by extractor and kind of path."""

    images: dict[str, list[Pending[Shard]]] = field(default_factory=dict)
    features: dict[tuple[str, str], list[Pending[Shard]]] = field(default_factory=dict)
    paths: dict[tuple[str, str], list[Pending[Shard]]] = field(default_factory=dict)

    @property
    def shards(self) -> list[Pending[Shard]]:
        """All of them."""
        return [one for kind in (self.images, self.features, self.paths) for shards in kind.values() for one in shards]


def submit(jobs: Sequence[Job], stages: Stages) -> list[Started]:
    """Start every shard of several jobs in turn, first its images, then its features by every extractor, so that all
    jobs advance together; shards that several jobs share are started once."""
    begun: dict[tuple[str, int, int, int], tuple[Pending[Shard], dict[str, Pending[Shard]]]] = {}
    found = [Started() for _ in jobs]
    rows = [(job, role, part, mine) for job, mine in zip(jobs, found, strict=True) for role, part in job.parts.items()]
    for turn in zip_longest(*(shards_of(part.n) for _, _, part, _ in rows)):
        for (job, role, part, mine), shard in zip(rows, turn, strict=True):
            if shard is None:
                continue
            key = (identity(part.spec), part.seed, *shard)
            if key not in begun:
                begun[key] = begin_shard(job, label(job, role, jobs), part, shard, stages)
            images, extracted = begun[key]
            mine.images.setdefault(role, []).append(images)
            for name, made in extracted.items():
                mine.features.setdefault((name, role), []).append(made)
    for job, mine in zip(jobs, found, strict=True):
        mine.paths.update(begin_paths(job, label(job, "generated", jobs), stages))
    return found


def begin_paths(job: Job, name: str, stages: Stages) -> dict[tuple[str, str], list[Pending[Shard]]]:
    """Steps along as many paths as there are generated images, by extractor and kind of path."""
    part = job.parts["generated"]
    return {
        (extractor, kind): [stages.walk(name, part, *shard, kind, extractor, job.workspace)
                            for shard in shards_of(part.n)]
        for extractor in job.extractors for kind in job.paths(extractor)
    }


def label(job: Job, role: str, jobs: Sequence[Job]) -> str:
    """The display name of a role's tasks: with several models, the model's name."""
    return job.model.name if len(jobs) > 1 and role == "generated" else role


def begin_shard(
    job: Job, name: str, part: Part, shard: tuple[int, int], stages: Stages
) -> tuple[Pending[Shard], dict[str, Pending[Shard]]]:
    """Images, and their features by extractor."""
    images = stages.sample(name, part, *shard, job.workspace)
    return images, {extractor: stages.extract(name, images, extractor, job.workspace) for extractor in job.extractors}


def shards_in(pending: Sequence[Pending[Shard]]) -> list[Shard]:
    return [one.result() for one in pending]


def all_samples(job: Job, started: Started) -> dict[str, Samples]:
    """By role."""
    return {role: samples_of(job.parts[role], shards_in(shards)) for role, shards in started.images.items()}


def all_features(job: Job, started: Started) -> dict[str, dict[str, Features]]:
    """By extractor and role."""
    return {
        name: {role: features_from(name, shards_in(started.features[name, role]), job) for role in started.images}
        for name in job.extractors
    }


Begun = tuple[dict[str, dict[str, Pending[Measured]]], list[Alert]]  # results by extractor and role; alerts


def begin_scores(job: Job, started: Started, stages: Stages, jobs: Sequence[Job] = ()) -> Begun:
    """Start to measure the generated images, and held-out real images for the floors; also returns alerts about either.

    `jobs`: all jobs of a comparison, for the tasks' names.
    """
    alerts = stages.look_at_images(job, {role: shards_in(shards) for role, shards in started.images.items()})
    begun = {}
    for name, features in all_features(job, started).items():
        alerts += stages.look_at_features(job, name, features)
        paths = {kind: features_from(name, shards_in(started.paths[name, kind]), job) for kind in job.paths(name)}
        begun[name] = {
            role: stages.measure(label(job, role, jobs), context_of(job, role, features, paths), features[role],
                                 job.metrics(name), job.protocol.convention, job.workspace)
            for role in measured(job)
        }
    return begun, alerts


def end_scores(job: Job, begun: Begun) -> list[Score]:
    """Scores of the generated images, with the scores of held-out real images as floors."""
    pending, alerts = begun
    found = {name: {role: one.result() for role, one in roles.items()} for name, roles in pending.items()}
    return assemble(job, found, alerts)


def features_from(extractor: str, shards: Iterable[Shard], job: Job) -> Features:
    """Under the extractor's own name: the given one may be a path, and paths must not be part of keys."""
    return Features(extractor_of(extractor, job.workspace).name, tuple(shards))


def stop_at_failures(alerts: Iterable[Alert]) -> None:
    """Refuse to compute scores that would be meaningless."""
    causes = [caution(cause) for cause in gates.failures(alerts)]
    if causes:
        raise BadOutput("meaningless-scores", f"No scores, since they would be meaningless: {'; '.join(causes)}.")


def look_at_images(job: Job, images: Mapping[str, Sequence[Shard]]) -> list[Alert]:
    """Alerts about the images; raises BadOutput where scores would be meaningless."""
    samples = {role: samples_of(job.parts[role], images[role]) for role in ("generated", "reference") if role in images}
    alerts = gates.check_images(samples["generated"], samples.get("reference"), store_of(job.workspace))
    stop_at_failures(alerts)
    return alerts


def look_at_features(job: Job, extractor: str, features: Mapping[str, Features]) -> list[Alert]:
    """Alerts about the features of one extractor; raises BadOutput where scores would be meaningless."""
    alerts = gates.check_features(features["generated"], extractor, store_of(job.workspace))
    stop_at_failures(alerts)
    return alerts


def context_of(
    job: Job, role: str, features: Mapping[str, Features], paths: Mapping[str, Features] = NOTHING
) -> Context:
    """The sets with which the features of a role are compared.  For held-out images, the training set is used only if
    they are not part of it, and unseen images only if they are different ones.  `paths`: the model's steps by kind."""
    reference = features.get("reference")
    if reference is None and is_features(job.given):
        reference = import_features(job.given, features[role].extractor, store_of(job.workspace))
    given = job.given if is_statistics(job.given) else ""
    training, unseen = job.parts.get("training"), job.unseen
    same = role == "held_out" and training and job.is_learned(role)
    return Context(
        reference=reference,
        statistics=given,
        statistics_digest=file_digest(Path(given)) if given else "",
        training=None if same else features.get("training"),
        test=features.get(unseen) if unseen != role else None,
        **(paths if role == "generated" else {}),
    )


def extract_one(images: Shard, extractor: str, workspace: Workspace, tick: Tick = silent) -> Shard:
    """Features of one shard of images, by the name of an extractor."""
    made = extractor_of(extractor, workspace)
    return extract_shard(images, made, store_of(workspace), tick, workspace.batch_size)


def sample_one(part: Part, index: int, rows: int, workspace: Workspace, tick: Tick = silent) -> Shard:
    """One shard of a part's images."""
    return sample_shard(part.spec, part.seed, index, rows, workspace, store_of(workspace), tick)


def walk_one(
    part: Part, index: int, rows: int, kind: str, extractor: str, workspace: Workspace, tick: Tick = silent
) -> Shard:
    """Steps along one shard of a model's paths, a row of SPACES, by the name of an extractor."""
    made, store = extractor_of(extractor, workspace), store_of(workspace)
    return walk_shard(part.spec, part.seed, index, rows, SPACES[kind], made, workspace, store, tick)


def features_of(part: Part, extractor: str, workspace: Workspace, workers: int, tick: Tick = silent) -> Features:
    """The features of a part's images, several shards at a time."""

    def extract(index: int, rows: int) -> Shard:
        shard = extract_one(sample_one(part, index, rows, workspace), extractor, workspace, tick)
        tick(rows - shard.computed)  # rows that were already in the store
        return shard

    with single_threaded(), ThreadPoolExecutor(workers) as pool:
        shards = pool.map(extract, *zip(*shards_of(part.n), strict=True))
        return Features(extractor_of(extractor, workspace).name, tuple(shards))
