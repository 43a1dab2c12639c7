"""The flow `invert`: the latents of image files, from a form."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from prefect import flow, runtime

from ganbench.flows.evaluate import short_name
from ganbench.flows.inversions import artifacts_of, numbers_of, screen_of
from ganbench.flows.options import command_line, formed, in_form
from ganbench.flows.results import AnyModel, Out, conclude, inquiry
from ganbench.gan.question import Opening, Option, Wish
from ganbench.tasks.latents import invert_images
from ganbench.tasks.settings import workspace_of

Images = Annotated[list[str], Option("Images", "Your image files, whose latents are searched.", card="")]


def run_name() -> str:
    """`boot.png by stylegan2-fashion-mnist`, `3 images by stylegan2-fashion-mnist`"""
    asked = runtime.flow_run.parameters
    images = asked["images"]
    what = Path(images[0]).name if len(images) == 1 else f"{len(images)} images"
    return f"{what} by {short_name(asked['model'])}"


@formed
@flow(name="invert", flow_run_name=run_name)
@in_form(wish=Wish, opening=Opening)
def invert(
    images: Images, model: AnyModel = "zoo:stylegan2-fashion-mnist", *, wish: Wish, out: Out = "", opening: Opening
) -> Any:
    """Find the latents from which a model makes images of yours, and test whether it could have made them.

    What is found is a picture in the home folder and a JSON file of latents beside it, or FILE.png, or a folder.
    """
    workspace = workspace_of(opening.trust_pickle)
    asked = inquiry("inversion", model, wish, opening, workspace, images)
    place = asked.place(out)
    read = invert_images(model, images, place, wish, opening, workspace)
    command = command_line("invert", [model, *images], wish, opening, out=place)
    return read, conclude(asked, f"{len(images)} images in {read.way.space} of {read.model}", screen_of(read),
                          numbers_of(read), artifacts_of(read), command, read.files[0])
