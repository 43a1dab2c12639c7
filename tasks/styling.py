"""Style transfer as a Prefect task; see `ganbench.gan.applications.stylize`."""

from __future__ import annotations

from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from ganbench.gan.applications.stylize.stylizing import Stylized, stylize
from ganbench.gan.question import Opening, Styling
from ganbench.gan.types import Workspace
from ganbench.tasks.artifacts import stage_bars
from ganbench.tasks.refusals import in_words


@task(name="style", task_run_name="{styling.content} like {styling.style} by {model}", persist_result=False,
      cache_policy=NO_CACHE)
@in_words
def style_in_words(model: str, styling: Styling, out: Path, opening: Opening, workspace: Workspace) -> Stylized:
    with stage_bars(f"style by {model}") as show:
        return stylize(show, model, out, styling, opening, workspace)


def stylize_image(model: str, styling: Styling, out: Path, opening: Opening, workspace: Workspace) -> Stylized:
    """By a task, in this process; see `ganbench.tasks.stages.prepare_job`."""
    made: Stylized = style_in_words(model, styling, out, opening, workspace, return_state=True).result()
    return made
