"""The flow `baselines`: a GAN, a flow model and a transformer learn the user's images for the same time each, and are
compared, with each other and with the user's own models."""

from __future__ import annotations

from typing import Annotated, Any

from prefect import flow, runtime

from ganbench.flows.compare import compare
from ganbench.flows.options import Some, formed, in_form
from ganbench.flows.train import train
from ganbench.flows.trainings import check_budget, kinds_of, place_of
from ganbench.gan.question import COMPARED, FOR_ALL, KINDS, Option, Training, given
from ganbench.gan.recipes.planning import IMAGES
from ganbench.gan.recipes.training_set import HELD_OUT_FILE, as_images

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
@in_form(training=Some(Training, FOR_ALL))
def baselines(
    *, training: Training, against: Against = None, kinds: Kinds = KINDS, n: Number = COMPARED, out: Out = "",
) -> Any:
    """Train models of several kinds on your images, all for the same time, and compare the best snapshot of each.

    They are measured against the images that were held out, and so are as many of those that were learnt from, where
    there are as many. What is interrupted goes on from its last saved state.
    """
    names, folder = kinds_of(kinds), place_of(out, training)
    check_budget(training)
    for name in names:
        train(name, **given(training), out=str(folder / name))
    models = [str(folder / name / "best.toml") for name in names]
    images = folder / names[0] / IMAGES
    return compare(models=[*models, *(against or ())], reference=str(images / HELD_OUT_FILE), n=n,
                   held_out=str(as_images(images)), report=str(folder / "report"))

