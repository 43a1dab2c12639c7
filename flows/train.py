"""The flow `train`: a recipe from its first step or from where it was stopped, its losses and scores in MLflow."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from prefect import flow

from ganbench.flows.options import formed, in_form
from ganbench.gan.datasets import DataFolders
from ganbench.gan.question import Option, Training
from ganbench.gan.recipes.planning import Plan, default_folder, plan
from ganbench.gan.recipes.running import progress
from ganbench.gan.threads import single_threaded
from ganbench.tasks.artifacts import begin_progress, update_progress
from ganbench.tasks.progress import listening
from ganbench.tasks.settings import settings, workspace_of
from ganbench.tasks.training import Trained, train_recipe

Recipe = Annotated[str, Option(
    "Recipe", "What to train: r3gan, dcgan, wgan-gp, stylegan2, flow, ddpm, edm, dit, gpt or maskgit on your images; a "
    "recipe file (.toml) or the folder of a training; or a shipped model's recipe, see `ganbench recipes`.",
    choices="RECIPES", text="Name, file or folder", card="",
)]
Out = Annotated[str, Option(
    "Folder", "For snapshots, losses and the state to resume from; empty: in the home folder.", card="",
)]


@formed
@flow(name="train", flow_run_name="train {recipe}")
@in_form(training=Training)
def train(recipe: Recipe = "r3gan", *, training: Training, out: Out = "") -> Any:
    """Train a model on your images, or a shipped recipe again, and first what it builds on.

    An interrupted run is resumed from its last saved state.
    """
    planned = planned_at(recipe, out, training)
    bar = begin_progress(f"training of {planned.name}")
    progresses = [progress(stage) for stage in planned.stages]
    done, total = (sum(column) for column in zip(*progresses, strict=True))

    def follow(stage: str, more: int) -> None:
        nonlocal done
        done += more
        if more and (done % 250 < more or done == total):
            update_progress(bar, min(done / total, 1.0))

    with single_threaded(), listening(follow):
        found: list[Trained] = [train_recipe(stage) for stage in planned.stages]
    return found[-1]


def planned_at(recipe: str, out: str, training: Training) -> Plan:
    """The plan, in a folder of the home where none is named."""
    workspace = workspace_of()
    folder = Path(out) if out else default_folder(recipe, training, settings().root / "training")
    return plan(recipe, training, folder, DataFolders.of(workspace), workspace.device, workspace)
