"""Restored images as a Prefect task; see `ganbench.gan.applications.restore.files`."""

from __future__ import annotations

from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from ganbench.gan.applications.restore.files import restoration
from ganbench.gan.applications.restore.running import Restored
from ganbench.gan.question import Opening, Repair
from ganbench.gan.types import Workspace
from ganbench.tasks.artifacts import stage_bars
from ganbench.tasks.refusals import in_words

Made = tuple[Restored, tuple[str, ...]]


@task(name="restoration", task_run_name="{wish.damage} by {model}", persist_result=False, cache_policy=NO_CACHE)
@in_words
def restoration_in_words(
    model: str, image: Path, out: Path, wish: Repair, opening: Opening, workspace: Workspace
) -> Made:
    with stage_bars(f"{wish.damage} by {model}") as show:
        return restoration(show, model, image, out, wish, opening, workspace)


def restore_images(
    model: str, image: Path, out: Path, wish: Repair, opening: Opening, workspace: Workspace
) -> Made:
    """By a task, in this process; see `ganbench.tasks.stages.prepare_job`."""
    found: Made = restoration_in_words(model, image, out, wish, opening, workspace, return_state=True).result()
    return found
