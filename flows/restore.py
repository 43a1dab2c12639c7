"""The flow `restore`: damaged images and what a model makes of them, from a form."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from prefect import flow, runtime

from ganbench.flows.evaluate import short_name
from ganbench.flows.options import command_line, formed, in_form
from ganbench.flows.restorations import artifacts_of, numbers_of, screen_of
from ganbench.flows.results import AnyModel, Out, conclude, inquiry
from ganbench.gan.applications.restore.running import images_at
from ganbench.gan.question import Opening, Option, Repair
from ganbench.tasks.restorations import restore_images
from ganbench.tasks.settings import workspace_of

Image = Annotated[str, Option("Images", "An image file of yours, or a folder of images.", card="")]


def run_name() -> str:
    """`inpaint:box=12 by flow-fashion-mnist`"""
    asked = runtime.flow_run.parameters
    return f"{asked['damage']} by {short_name(asked['model'])}"


@formed
@flow(name="restore", flow_run_name=run_name)
@in_form(wish=Repair, opening=Opening)
def restore(
    image: Image, model: AnyModel = "zoo:flow-fashion-mnist", *, wish: Repair, out: Out = "", opening: Opening
) -> Any:
    """Restore damaged images with a model, beside classical methods: holes, low resolution, noise, blur.

    What is found is a sheet in the home folder and a JSON file of numbers beside it, or FILE.png, or a folder.
    """
    workspace = workspace_of(opening.trust_pickle)
    files = [*map(str, images_at(Path(image))), *([wish.mask] if wish.mask else [])]
    asked = inquiry("restoration", model, wish, opening, workspace, files)
    place = asked.place(out)
    made, written = restore_images(model, Path(image), place, wish, opening, workspace)
    command = command_line("restore", [model], wish, opening, image=image, out=place)
    return made, conclude(asked, f"{made.damage.text} by {made.model}", screen_of(made, written), numbers_of(made),
                          artifacts_of(written), command, written[0])
