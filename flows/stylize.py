"""The flow `stylize`: the content of one image in the style of another, from a form."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow, runtime

from ganbench.flows.evaluate import short_name
from ganbench.flows.options import command_line, formed, in_form
from ganbench.flows.results import AnyModel, Out, conclude, inquiry
from ganbench.flows.stylizations import artifacts_of, numbers_of, screen_of, strip_of
from ganbench.gan.applications.stylize.pictures import files_in
from ganbench.gan.question import Opening, Styling
from ganbench.tasks.settings import workspace_of
from ganbench.tasks.styling import stylize_image


def run_name() -> str:
    """`0:0 in the style of boot.png by dcgan-fashion-mnist`"""
    asked = runtime.flow_run.parameters
    content, style = (Path(asked[name]).name for name in ("content", "style"))
    return f"{content} in the style of {style} by {short_name(asked['model'])}"


@formed
@flow(name="stylize", flow_run_name=run_name)
@in_form(styling=Styling, opening=Opening)
def stylize(
    model: AnyModel = "zoo:dcgan-fashion-mnist", *, styling: Styling, out: Out = "", opening: Opening
) -> Any:
    """Show the content of one image in the style of another, at several strengths, and say what became of both.

    It is a strip in the home folder and its numbers beside it, or FILE.png, or a folder of all images.
    """
    workspace = workspace_of(opening.trust_pickle)
    named = [path for path in (styling.judge, styling.vgg) if path and Path(path).is_file()]
    asked = inquiry("style", model, styling, opening, workspace, [*files_in(styling.content, styling.style), *named])
    place = asked.place(out)
    made = stylize_image(model, styling, place, opening, workspace)
    command = command_line("stylize", [model], styling, opening, out=place)
    name = f"{made.content.name} in the style of {made.style.name} by {made.model}"
    return made, conclude(asked, name, screen_of(made), numbers_of(made), artifacts_of(made), command, strip_of(made))
