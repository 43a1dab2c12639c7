"""Films, inversions and images of one class as Prefect tasks; see `films`, `inverting` and `controlling` of gan."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from ganbench.gan.controlling import Control, control
from ganbench.gan.films import Film, film
from ganbench.gan.inverting import Reading, inversion
from ganbench.gan.question import Opening, Request, Route, Wish
from ganbench.gan.types import Workspace
from ganbench.tasks.artifacts import stage_bars
from ganbench.tasks.refusals import in_words


@task(name="film", task_run_name="film of {model}", persist_result=False, cache_policy=NO_CACHE)
@in_words
def film_in_words(model: str, route: Route, out: Path, opening: Opening, workspace: Workspace) -> Film:
    with stage_bars(f"film of {model}") as show:
        return film(show, model, route, out, opening, workspace)


@task(name="inversion", task_run_name="inversion by {model}", persist_result=False, cache_policy=NO_CACHE)
@in_words
def inversion_in_words(
    model: str, images: Sequence[str], out: Path, wish: Wish, opening: Opening, workspace: Workspace
) -> Reading:
    with stage_bars(f"inversion by {model}") as show:
        return inversion(show, model, images, out, wish, opening, workspace)


@task(name="class", task_run_name="{request.asked} from {model}", persist_result=False, cache_policy=NO_CACHE)
@in_words
def control_in_words(model: str, request: Request, out: Path, opening: Opening, workspace: Workspace) -> Control:
    with stage_bars(f"{request.asked} from {model}") as show:
        return control(show, model, request, out, opening, workspace)


def draw_film(model: str, route: Route, out: Path, opening: Opening, workspace: Workspace) -> Film:
    """By a task, in this process, like those below; see `ganbench.tasks.stages.prepare_job`."""
    found: Film = film_in_words(model, route, out, opening, workspace, return_state=True).result()
    return found


def invert_images(
    model: str, images: Sequence[str], out: Path, wish: Wish, opening: Opening, workspace: Workspace
) -> Reading:
    found: Reading = inversion_in_words(model, images, out, wish, opening, workspace, return_state=True).result()
    return found


def control_class(model: str, request: Request, out: Path, opening: Opening, workspace: Workspace) -> Control:
    found: Control = control_in_words(model, request, out, opening, workspace, return_state=True).result()
    return found
