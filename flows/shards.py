"""The stages of an evaluation as Prefect's tasks, and how far they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from prefect.futures import PrefectFuture, as_completed

from ganbench.gan.evaluate import Pending, Started
from ganbench.gan.jobs import Job
from ganbench.gan.measure import Measured
from ganbench.gan.parts import Part
from ganbench.gan.types import Alert, Context, Convention, Features, Shard, Workspace
from ganbench.tasks.artifacts import begin_progress, update_progress
from ganbench.tasks.stages import check_features, check_images, extract_features, sample_shard, score, walk_paths


class Tasks:
    """See `ganbench.gan.evaluate.Stages`."""

    def sample(self, name: str, part: Part, index: int, rows: int, workspace: Workspace) -> Pending[Shard]:
        return sample_shard.submit(name, part, index, rows, workspace)

    def extract(self, name: str, images: Pending[Shard], extractor: str, workspace: Workspace) -> Pending[Shard]:
        return extract_features.submit(name, images, extractor, workspace)

    def walk(
        self, name: str, part: Part, index: int, rows: int, kind: str, extractor: str, workspace: Workspace
    ) -> Pending[Shard]:
        return walk_paths.submit(name, part, index, rows, kind, extractor, workspace)

    def look_at_images(self, job: Job, images: Mapping[str, list[Shard]]) -> list[Alert]:
        return check_images(job, images)

    def look_at_features(self, job: Job, extractor: str, features: Mapping[str, Features]) -> list[Alert]:
        return check_features(extractor, job, features)

    def measure(
        self, name: str, context: Context, generated: Features, names: tuple[str, ...], convention: Convention,
        workspace: Workspace,
    ) -> Pending[Measured]:
        return score.submit(name, context, generated, names, convention, workspace)


TASKS = Tasks()


def follow(title: str, started: Sequence[Started]) -> None:
    """Wait for all shards, keeping Prefect's progress bar up to date; the first one that fails ends the wait."""
    pending = [one for mine in started for one in mine.shards]
    futures = {one.task_run_id: one for one in pending if isinstance(one, PrefectFuture)}
    bar = begin_progress(f"{title}: {len(futures)} shards of images and features")
    for done, future in enumerate(as_completed(list(futures.values())), 1):
        future.result()
        if done % 4 == 0 or done == len(futures):
            update_progress(bar, done / len(futures))
