"""The log of a training that lies beside a model's weights, and the recipe that the training followed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from ganbench.gan.curves.band import ZOO
from ganbench.gan.curves.diagnosis import LOSSES, Verdict, diagnose
from ganbench.gan.curves.names import is_score
from ganbench.gan.curves.readers import read_file, together
from ganbench.gan.curves.table import Run
from ganbench.gan.types import BadInput
from ganbench.gan.usercode import read_toml


def logs_beside(weights: str) -> list[Path]:
    """loss.csv and quality.csv in the folder of the weights, or CSV files of their name; empty without losses."""
    path = Path(weights)
    pairs = ((path.parent / "loss.csv", path.parent / "quality.csv"),
             (path.parent / f"{path.stem}.csv", path.parent / f"{path.stem}-quality.csv"))
    found = next((pair for pair in pairs if pair[0].is_file()), ()) if weights else ()
    return [log for log in found if log.is_file()]


def run_beside(name: str, weights: str) -> Run | None:
    """The run of that name; None where no readable log of losses or scores lies beside the weights."""
    parts = []
    for log in logs_beside(weights):
        try:
            parts += read_file(log)[:1]
        except BadInput:                                    # somebody's table of another kind
            continue
    run = next(iter(together(name, parts)), None)
    known = run is not None and any(metric in LOSSES or is_score(metric) for metric in run.series)
    return replace(run, name=name) if run and known else None


def trainings_beside(models: Mapping[str, str]) -> list[tuple[Run, list[Verdict]]]:
    """The runs of those models, name -> weights, that have a readable log, with the verdicts of the rules."""
    runs = [(run_beside(name, weights), weights) for name, weights in models.items()]
    return [(run, diagnose(run, loss_of_recipe(recipe_beside(weights)))) for run, weights in runs if run]


def recipe_beside(weights: str) -> str:
    """The shipped recipe that made weights of the zoo, or whose kind their folder's recipe.toml is; '' otherwise."""
    from ganbench.gan.recipes import RECIPES

    path = Path(weights)
    if path.parent == ZOO and path.stem in RECIPES:
        return path.stem
    try:
        return recipe_in(path.parent)
    except BadInput:                                        # somebody's recipe.toml
        return ""


def recipe_in(folder: Path) -> str:
    """The shipped recipe whose kind a training of a user's images is; '' of other folders."""
    path = folder / "recipe.toml"
    if not path.is_file():
        return ""
    from ganbench.gan.recipes.own import DESIGNS

    design = DESIGNS.get(str(read_toml(path).get("recipe")))
    return design.like if design else ""


def loss_of_recipe(recipe: str) -> str:
    """Of a recipe of a game; of others what is logged says it."""
    if not recipe:
        return ""
    from ganbench.gan.recipes import RECIPES
    from ganbench.gan.recipes.recipe import loss_of

    return loss_of(RECIPES[recipe])
