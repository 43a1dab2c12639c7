"""Specialisation as Prefect tasks; see `ganbench.gan.specialise`."""

from __future__ import annotations

from prefect import task
from prefect.cache_policies import NO_CACHE

from ganbench.gan.copying import Audit
from ganbench.gan.recipes.running import Stage
from ganbench.gan.specialise.nearness import Nearness
from ganbench.gan.specialise.planning import Specialisation, distance_to
from ganbench.gan.specialise.specialists import (
    Drawn,
    Sets,
    Specialist,
    images_of,
    measured,
    reference_rows,
    sets_of,
)
from ganbench.gan.types import Workspace
from ganbench.tasks.progress import advance


def counting(rows: int) -> None:
    advance("images", rows)


@task(name="distance", task_run_name="distance to the target", persist_result=False, cache_policy=NO_CACHE)
def compare_with_target(found: Specialisation, n: int, workspace: Workspace) -> Nearness:
    """See `ganbench.gan.specialise.nearness`."""
    return distance_to(found, n, workspace, counting)


@task(name="references", task_run_name="images of the source and of the target", persist_result=False,
      cache_policy=NO_CACHE)
def draw_references(found: Specialisation, n: int, workspace: Workspace) -> tuple[Sets, list[Specialist]]:
    """What the specialists are compared with, and how the source and real images do."""
    sets = sets_of(found.source, next(iter(found.stages.values())), n, workspace, counting)
    return sets, reference_rows(sets)


@task(name="measure specialist", task_run_name="measure {name}", persist_result=False, cache_policy=NO_CACHE)
def measure_specialist(
    name: str, stage: Stage, sets: Sets, n: int, workspace: Workspace
) -> tuple[Specialist, Drawn, Audit | None]:
    """The best snapshot of a strategy."""
    images = images_of(stage, n, workspace, counting)
    row, found = measured(name, images, sets)
    return row, images, found
