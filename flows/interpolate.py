"""The flow `interpolate`: a film through images of a model, from a form."""

from __future__ import annotations

from typing import Any

from prefect import flow, runtime

from ganbench.flows.evaluate import short_name
from ganbench.flows.interpolations import numbers_of, screen_of
from ganbench.flows.options import command_line, formed, in_form
from ganbench.flows.results import AnyModel, Out, conclude, inquiry
from ganbench.gan.films import photos_in, write_strip
from ganbench.gan.question import Opening, Route
from ganbench.tasks.latents import draw_film
from ganbench.tasks.settings import workspace_of


def run_name() -> str:
    """`film of dcgan-fashion-mnist, 120 frames`"""
    asked = runtime.flow_run.parameters
    return f"film of {short_name(asked['model'])}, {asked['frames']} frames"


@formed
@flow(name="interpolate", flow_run_name=run_name)
@in_form(route=Route, opening=Opening)
def interpolate(
    model: AnyModel = "zoo:dcgan-fashion-mnist", *, route: Route, out: Out = "", opening: Opening
) -> Any:
    """Draw a film that passes through images of a model, evenly paced, and say how smooth such paths are.

    The film is a .webp in the home folder, or FILE.webp, .gif, .mp4, a sheet in .png, or a folder of frames.
    """
    workspace = workspace_of(opening.trust_pickle)
    asked = inquiry("film", model, route, opening, workspace, photos_in(route.photos))
    place = asked.place(out, ".webp")
    film = draw_film(model, route, place, opening, workspace)
    write_strip(film, asked.picture)
    command = command_line("interpolate", [model], route, opening, out=place)
    return film, conclude(asked, f"Film of {film.model} in {film.space}", screen_of(film), numbers_of(film),
                          [place, asked.picture], command, str(asked.picture))
