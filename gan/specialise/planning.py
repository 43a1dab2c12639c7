"""All trainings of a specialisation, checked before the first one begins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ganbench.gan.datasets import DataFolders
from ganbench.gan.drawing import Tick, silent
from ganbench.gan.models.loading import resolve
from ganbench.gan.parts import Part, real_part
from ganbench.gan.question import Training
from ganbench.gan.recipes.planning import Plan, plan
from ganbench.gan.recipes.running import Stage
from ganbench.gan.recipes.transfer import TOML as START
from ganbench.gan.recipes.transfer import file_of
from ganbench.gan.sampling import check_device
from ganbench.gan.specialise.nearness import MOST, Nearness, nearness
from ganbench.gan.specialise.specialists import AGAIN, SEED, drawn, training_images
from ganbench.gan.specialise.target import Target, design_of, strategies_of, target_of
from ganbench.gan.types import CompleteSpec, Workspace


@dataclass(frozen=True)
class Specialisation:
    """A model, its target, and a training for each strategy, in a folder of its name."""

    source: CompleteSpec
    design: str
    target: Target
    trainings: Mapping[str, Training]
    plans: Mapping[str, Plan]

    @property
    def stages(self) -> dict[str, Stage]:
        """The model's stage of each strategy."""
        return {name: found.last for name, found in self.plans.items()}


def planned(
    model: str, asked: Training, cluster: int, folder: Path, workspace: Workspace, tick: Tick = silent
) -> Specialisation:
    """`asked.strategy`: comma-separated; BadInput before anything is trained."""
    check_device(workspace.device)
    names = strategies_of(asked.strategy)
    design = design_of(model, resolve(file_of(model), workspace))
    target = target_of(model, asked, cluster, folder, workspace, tick)
    trainings = {name: replace(target.training, start=model, strategy=name) for name in names}
    plans = {name: plan(design, training, folder / name, DataFolders.of(workspace), workspace.device, workspace)
             for name, training in trainings.items()}
    source = resolve(str(folder / names[0] / START), workspace)         # as the first training began with it
    return Specialisation(source, design, target, trainings, plans)


def distance_to(found: Specialisation, n: int, workspace: Workspace, tick: Tick = silent) -> Nearness:
    """Of the training images to `n` images of the source; features are stored."""
    path = training_images(next(iter(found.stages.values())))
    whole = real_part(str(path), None, workspace)
    target = real_part(str(path), min(MOST, whole.n), workspace)
    source, again = (drawn(Part(found.source, seed, n), workspace, tick).rows for seed in (SEED, AGAIN))
    return nearness(source, again, drawn(target, workspace, tick).rows)
