"""The flow `condition`: images of one class from a model, from a form."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow, runtime

from ganbench.flows.conditions import artifacts_of, numbers_of, screen_of
from ganbench.flows.evaluate import short_name
from ganbench.flows.options import command_line, formed, in_form
from ganbench.flows.results import AnyModel, Out, conclude, inquiry
from ganbench.gan.controlling import write_picture
from ganbench.gan.question import Opening, Request
from ganbench.tasks.latents import control_class
from ganbench.tasks.settings import workspace_of


def run_name() -> str:
    """`boot from dcgan-fashion-mnist`"""
    asked = runtime.flow_run.parameters
    return f"{asked['asked']} from {short_name(asked['model'])}"


@formed
@flow(name="condition", flow_run_name=run_name)
@in_form(request=Request, opening=Opening)
def condition(
    model: AnyModel = "zoo:dcgan-fashion-mnist", *, request: Request, out: Out = "", opening: Opening
) -> Any:
    """Images of one class from any model, judged by a classifier that the search has not used; or: unreachable.

    They are a sheet in the home folder and their latents beside it, or FILE.png, .npz, .parquet, or a folder.
    """
    workspace = workspace_of(opening.trust_pickle)
    classifiers = [path for path in (request.guide, request.judge) if Path(path).is_file()]
    asked = inquiry("condition", model, request, opening, workspace, classifiers)
    place = asked.place(out)
    made = control_class(model, request, place, opening, workspace)
    picture = write_picture(made, asked.picture)
    command = command_line("condition", [model], request, opening, out=place)
    return made, conclude(asked, f"{made.name} from {made.model}", screen_of(made), numbers_of(made),
                          [*artifacts_of(made), *([Path(picture)] if picture else [])], command, picture,
                          {"verdict": made.found.verdict.state})
