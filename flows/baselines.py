"""The flow `baselines`: a GAN, a flow model and a transformer learn the user's images for the same time each, and are
compared, with each other and with the user's own models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from prefect import flow, runtime

from ganbench.flows.compare import compare
from ganbench.flows.options import Some, formed, in_form
from ganbench.flows.train import train
from ganbench.gan.question import Option, Training, given
from ganbench.gan.recipes.own import DESIGNS, limits
from ganbench.gan.recipes.planning import IMAGES
from ganbench.gan.types import BadInput
from ganbench.tasks.settings import settings

KINDS = "r3gan,flow,gpt"
N = 1_000                                                   # images of each model in the comparison
TRAINED = Some(Training, ("data", "resolution", "budget", "held_out", "no_classes", "augment", "seed", "threads"))
Kinds = Annotated[str, Option("Kinds", "What is trained, comma-separated; each for the whole budget.")]
Against = Annotated[list[str] | None, Option(
    "Your own models", "To compare with: checkpoints, model files (.toml), or folders, .npz or .parquet of images.",
    card="",
)]
Out = Annotated[str, Option("Folder", "For the trainings and the report; empty: in the home folder.", card="")]
Number = Annotated[int, Option("Number of images", "Of each model in the comparison.", least=4)]


def run_name() -> str:
    """`baselines on photos, 1h`"""
    asked = runtime.flow_run.parameters
    return f"baselines on {asked.get('data') or '?'}, {asked.get('budget') or '?'}"


@formed
@flow(name="baselines", flow_run_name=run_name)
@in_form(training=TRAINED)
def baselines(
    *, training: Training, against: Against = None, kinds: Kinds = KINDS, n: Number = N, out: Out = "",
) -> Any:
    """Train models of several kinds on your images, all for the same time, and compare the best snapshot of each.

    They are measured against the images that were held out. What is interrupted goes on from its last saved state.
    """
    names, folder = kinds_of(kinds), place_of(out, training)
    check_budget(training)
    for name in names:
        train(name, str(folder / name), **given(training))
    models = [str(folder / name / "best.toml") for name in names]
    return compare(models=[*models, *(against or ())], reference=held_out(folder / names[0]), n=n,
                   report=str(folder / "report"))


def kinds_of(kinds: str) -> list[str]:
    names = [name.strip() for name in kinds.split(",") if name.strip()]
    wrong = [name for name in names if name not in DESIGNS]
    if wrong or len(set(names)) < max(len(names), 1):
        found = f"{wrong[0]!r} is none" if wrong else "one is named twice" if names else "none is named"
        raise BadInput("unknown-recipe", f"Kinds of models: {found}; known are {', '.join(DESIGNS)}.")
    return names


def check_budget(training: Training) -> None:
    """Steps of unlike models are no equal share of anything."""
    if not limits(training.budget, 1)[0]:
        raise BadInput("unfit-value",
                       f"The value of --budget is {training.budget!r}, expected a time for each model, such as 1h or "
                       "30m: equal numbers of steps are unequal work.")


def place_of(out: str, training: Training) -> Path:
    return Path(out) if out else settings().root / "baselines" / Path(training.data.replace(":", "-")).stem


def held_out(folder: Path) -> str:
    return str(folder / IMAGES / "held-out.npz")

