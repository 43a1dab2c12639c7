"""Training as a Prefect task: steps are reported to listeners, losses are logged to MLflow as they arrive."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from prefect import task
from prefect.cache_policies import NO_CACHE

from ganbench.gan.datasets import DataFolders
from ganbench.gan.files import atomic_write
from ganbench.gan.recipes.choosing import Choice
from ganbench.gan.recipes.recipe import loss_of
from ganbench.gan.recipes.running import Stage, check_folder, conclude, progress, stopped, train_stage
from ganbench.gan.training.loop import steps_done
from ganbench.tasks.progress import advance
from ganbench.tasks.settings import workspace_of
from ganbench.tasks.tracking.trainings import Curve, follow_training

SECONDS = 15                                                # between two logs of losses


@dataclass(frozen=True)
class Trained:
    """The results of a training; `choice`: of a model of the user's images, its best snapshot."""

    recipe: str
    steps: int
    folder: str
    run_id: str = ""
    problem: str = ""
    choice: Choice | None = None
    stopped: bool = False                                   # since its snapshots became worse


@task(name="train", task_run_name="train {stage.name}", persist_result=False, cache_policy=NO_CACHE)
def train_recipe(stage: Stage) -> Trained:
    """One stage, from where it was stopped; its losses and scores go to MLflow as they arrive."""
    check_folder(stage)
    workspace, recipe = workspace_of(), stage.recipe
    curve = Curve(stage.name, mark(stage.folder), stage.folder, {
        "model": stage.name, "family": recipe.family, "reference": recipe.data, **vars(recipe.schedule),
        **vars(recipe.hardware), **recipe.settings}, loss_of(recipe))
    told, (done, _) = time.monotonic(), progress(stage)
    for event in train_stage(stage, DataFolders.of(workspace), workspace):
        now = int(event.seconds) if recipe.schedule.seconds else event.step
        advance(stage.name, now - done)
        done = now
        if time.monotonic() > told + SECONDS:
            follow_training(curve)
            told = time.monotonic()
    choice = conclude(stage, workspace)
    tracked = follow_training(curve, complete=True)
    return Trained(stage.name, steps_done(stage.folder), str(stage.folder), tracked.run_id, tracked.problem, choice,
                   stopped(stage))


def mark(folder: Path) -> str:
    """A random identifier of this training, stored with its state."""
    path = folder / "mlflow-key"
    if not path.exists():
        atomic_write(path, lambda file: file.write_text(uuid4().hex))
    return path.read_text("utf-8")
