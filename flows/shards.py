"""What the flows share: shards of images and features in tasks, and the scores that follow from them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from prefect.futures import PrefectFuture, as_completed

from ganbench.gan.evaluate import assemble, context_of, features_from, measured, samples_of
from ganbench.gan.jobs import Job, Part
from ganbench.gan.measure import Measured
from ganbench.gan.models.identity import identity
from ganbench.gan.sampling import shards_of
from ganbench.gan.types import Alert, Features, Samples, Score, Shard
from ganbench.tasks.artifacts import begin_progress, update_progress
from ganbench.tasks.stages import check_features, check_images, extract_features, sample_shard, score

Futures = dict[str, list[PrefectFuture[Shard]]]  # by role
Extracted = dict[tuple[str, str], list[PrefectFuture[Shard]]]  # by extractor and role
Scoring = dict[str, dict[str, PrefectFuture[Measured]]]  # by extractor and role


def submit(job: Job) -> tuple[Futures, Extracted]:
    """Start every shard of every part: its images, and behind them its features by every extractor."""
    return submit_all([job])[0]


def submit_all(jobs: Sequence[Job]) -> list[tuple[Futures, Extracted]]:
    """The shards of several jobs in turn, so that all advance together; what two jobs share is started once."""
    started: dict[tuple[str, int, int, int], tuple[PrefectFuture, dict[str, PrefectFuture]]] = {}
    found: list[tuple[Futures, Extracted]] = [({}, {}) for _ in jobs]
    rows = [(job, role, part, mine) for job, mine in zip(jobs, found, strict=True) for role, part in job.parts.items()]
    for turn in zip_longest(*(shards_of(part.n) for _, _, part, _ in rows)):
        for (job, role, part, (images, features)), shard in zip(rows, turn, strict=True):
            if shard is None:
                continue
            key = (identity(part.spec), part.seed, *shard)
            if key not in started:
                started[key] = begin_shard(job, label(job, role, jobs), part, *shard)
            future, extracted = started[key]
            images.setdefault(role, []).append(future)
            for name, made in extracted.items():
                features.setdefault((name, role), []).append(made)
    return found


def label(job: Job, role: str, jobs: Sequence[Job]) -> str:
    """What the tasks of a role are called: of several models, by the model's name."""
    return job.model.name if len(jobs) > 1 and role == "generated" else role


def begin_shard(
    job: Job, name: str, part: Part, index: int, rows: int
) -> tuple[PrefectFuture, dict[str, PrefectFuture]]:
    """Images, and their features by extractor."""
    shard = sample_shard.submit(name, part, index, rows, job.workspace)
    return shard, {
        extractor: extract_features.submit(name, shard, extractor, job.workspace)
        for extractor in job.extractors
    }


def follow(title: str, started: Sequence[tuple[Futures, Extracted]]) -> None:
    """Wait for all shards, keeping Prefect's progress bar up to date; the first one that fails ends the wait."""
    futures = {future.task_run_id: future for images, features in started
               for group in (*images.values(), *features.values()) for future in group}
    bar = begin_progress(f"{title}: {len(futures)} shards of images and features")
    for done, future in enumerate(as_completed(list(futures.values())), 1):
        future.result()
        if done % 4 == 0 or done == len(futures):
            update_progress(bar, done / len(futures))


def results(futures: list[PrefectFuture[Shard]]) -> list[Shard]:
    return [future.result() for future in futures]


def features_by(name: str, job: Job, images: Futures, futures: Extracted) -> dict[str, Features]:
    """The features of one extractor by role."""
    return {role: features_from(name, results(futures[name, role]), job) for role in images}


def all_features(job: Job, images: Futures, futures: Extracted) -> dict[str, dict[str, Features]]:
    """By extractor and role."""
    return {name: features_by(name, job, images, futures) for name in job.extractors}


def all_samples(job: Job, images: Futures) -> dict[str, Samples]:
    """By role."""
    return {role: samples_of(job.parts[role], results(shards)) for role, shards in images.items()}


def begin_scores(
    job: Job, images: Futures, futures: Extracted, jobs: Sequence[Job] = ()
) -> tuple[Scoring, list[Alert]]:
    """Start to measure the generated images, and held-out real ones for the floors; what is wrong with either.

    `jobs`: all of a comparison, so that the tasks can be told apart.
    """
    alerts = check_images(job, {role: results(shards) for role, shards in images.items()})
    submitted = {}
    for name, features in all_features(job, images, futures).items():
        alerts += check_features(name, job, features)
        names, convention = job.metrics(name), job.protocol.convention
        submitted[name] = {
            role: score.submit(
                label(job, role, jobs), context_of(job, role, features), features[role], names, convention,
                job.workspace,
            )
            for role in measured(job)
        }
    return submitted, alerts


def end_scores(job: Job, begun: tuple[Scoring, list[Alert]]) -> list[Score]:
    """Scores of the generated images, with the same numbers of held-out real ones as floors."""
    submitted, alerts = begun
    found = {name: {role: future.result() for role, future in roles.items()} for name, roles in submitted.items()}
    return assemble(job, found, alerts)
