"""Augmentation as a Prefect task; see `augmenting` of gan.applications.augment."""

from __future__ import annotations

from prefect import task
from prefect.cache_policies import NO_CACHE

from ganbench.gan.applications.augment.augmenting import Augmented, augment
from ganbench.gan.applications.augment.options import Augmentation
from ganbench.gan.question import Opening
from ganbench.gan.types import Workspace
from ganbench.tasks.artifacts import stage_bars
from ganbench.tasks.refusals import in_words


@task(name="augmentation", task_run_name="augmentation by {model}", persist_result=False, cache_policy=NO_CACHE)
@in_words
def augment_in_words(
    model: str, request: Augmentation, out: str, opening: Opening, workspace: Workspace
) -> Augmented:
    with stage_bars(f"augmentation by {model}") as show:
        return augment(show, model, request, out, opening, workspace)


def augment_data(model: str, request: Augmentation, out: str, opening: Opening, workspace: Workspace) -> Augmented:
    """By a task, in this process; see `ganbench.tasks.stages.prepare_job`."""
    found: Augmented = augment_in_words(model, request, out, opening, workspace, return_state=True).result()
    return found
