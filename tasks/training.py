"""Training as a Prefect task: steps are reported to listeners, losses are logged to MLflow as they arrive."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import torch
from prefect import task
from prefect.cache_policies import NO_CACHE

from ganbench.gan.datasets import DataFolders
from ganbench.gan.files import atomic_write
from ganbench.gan.recipes import check_folder, stages, train_stage
from ganbench.tasks.progress import advance
from ganbench.tasks.settings import workspace_of
from ganbench.tasks.tracking.trainings import Curve, follow_training

SECONDS = 15                                                # between two logs of losses


@dataclass(frozen=True)
class Trained:
    """The results of a training."""

    recipe: str
    steps: int
    folder: str
    run_id: str = ""
    problem: str = ""


@task(name="train", task_run_name="train {name}", persist_result=False, cache_policy=NO_CACHE)
def train_recipe(name: str, folder: str, steps: int = 0) -> Trained:
    """The last of `ganbench.gan.recipes.stages`."""
    torch.set_num_threads(1)                                # the last bit depends on it
    stage, place = stages(name, Path(folder), steps)[-1], Path(folder)
    recipe = stage.recipe
    check_folder(stage)
    curve = Curve(name, mark(place), place, {"model": name, "family": recipe.family, "reference": recipe.data,
                                             **vars(recipe.schedule)})
    told = time.monotonic()
    for _ in train_stage(stage, DataFolders.of(workspace_of())):
        advance(name, 1)
        if time.monotonic() > told + SECONDS:
            follow_training(curve)
            told = time.monotonic()
    tracked = follow_training(curve, complete=True)
    return Trained(name, recipe.schedule.steps, folder, tracked.run_id, tracked.problem)


def mark(folder: Path) -> str:
    """A random identifier of this training, stored with its state."""
    path = folder / "mlflow-key"
    if not path.exists():
        atomic_write(path, lambda file: file.write_text(uuid4().hex))
    return path.read_text("utf-8")
