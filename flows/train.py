"""The flow `train`: a recipe from its first step or from where it was stopped, its losses in MLflow."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from prefect import flow

from ganbench.flows.options import formed
from ganbench.gan.question import Option
from ganbench.gan.recipes import RECIPES, stages
from ganbench.gan.threads import single_threaded
from ganbench.gan.training.loop import steps_done
from ganbench.tasks.artifacts import begin_progress, update_progress
from ganbench.tasks.progress import listening
from ganbench.tasks.refusals import in_words
from ganbench.tasks.settings import settings
from ganbench.tasks.training import Trained, train_recipe

RecipeName: Any = Literal[tuple(RECIPES)]


@formed
@flow(name="train", flow_run_name="train {recipe}")
@in_words
def train(
    recipe: Annotated[RecipeName, Option("Recipe", "What to train: a row of `ganbench recipes`.", card="")],
    out: Annotated[
        str, Option("Folder", "For snapshots, losses and the state to resume from; empty: in the home folder.", card="")
    ] = "",
    steps: Annotated[int, Option("Steps", "Instead of the recipe's own; 0: those.", card="")] = 0,
) -> Trained:
    """Train a recipe, and first what it builds on.

    An interrupted run is resumed from its last saved state and ends with the same weights.
    """
    planned = stages(recipe, Path(out) if out else settings().root / "training" / recipe, steps)
    bar = begin_progress(f"steps of {recipe}")
    total = sum(stage.recipe.schedule.steps for stage in planned)
    done = sum(steps_done(stage.folder) for stage in planned)

    def follow(stage: str, more: int) -> None:
        nonlocal done
        done += more
        if done % 250 < more or done == total:
            update_progress(bar, done / total)

    with single_threaded(), listening(follow):
        for stage in planned[:-1]:
            train_recipe(stage.name, str(stage.folder))
        return train_recipe(recipe, str(planned[-1].folder), steps)
