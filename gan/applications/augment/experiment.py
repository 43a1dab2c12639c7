"""From a model and real images to the grid and what follows from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

from ganbench.gan.applications.augment.arms import ORACLE
from ganbench.gan.applications.augment.cells import batch_for
from ganbench.gan.applications.augment.data import Part, Real, check_left, real_images
from ganbench.gan.applications.augment.grid import Grid, Lab, Plan, check_plan, curve_of, main_arms, run
from ganbench.gan.applications.augment.judging import Exchange, Verdict, exchange, verdict_of
from ganbench.gan.applications.augment.learnt import (
    Learnt,
    check_copies,
    check_named,
    copies_in,
    learnt_of,
    openness,
)
from ganbench.gan.applications.augment.synthetic import Pool, check_pool, pool_of
from ganbench.gan.datasets import DataFolders, ImageSet, dataset_names
from ganbench.gan.datasets.base import of_array
from ganbench.gan.features.base import Extractor
from ganbench.gan.trials import check_output
from ganbench.gan.types import BadInput, CompleteSpec, Workspace

Show = Callable[..., None]
TASKS = ("classify",)


@dataclass(frozen=True)
class Asked:
    """What is asked for: real images, and how the grid is laid out.  `test`, `unseen` '': see `data.real_images`."""

    data: str
    test: str = ""
    unseen: str = ""
    leave_out: bool = False         # images that were seen, instead of refusing them; always of a named data set
    plan: Plan = field(default_factory=Plan)


@dataclass(frozen=True, eq=False)
class Experiment:
    """All that was found."""

    spec: CompleteSpec
    asked: Asked
    real: Real
    learnt: Learnt
    openness: str                   # open, closed or unknown
    pool: Pool
    grid: Grid
    verdict: Verdict
    exchange: Exchange | None       # of the verdict's arm
    left_out: int                   # images that the generator has seen


def experiment(
    spec: CompleteSpec, model: str, asked: Asked, eyes: Extractor, workspace: Workspace, show: Show
) -> Experiment:
    """Check everything, draw, train what is missing, and judge.  `model`: as the user named it; `eyes`: features for
    realism."""
    check_plan(asked.plan)
    plan = asked.plan
    shape = check_output(spec, plan.seed, workspace)
    folders = DataFolders.of(workspace)
    learnt = learnt_of(model, shape, folders)
    real = real_images(asked.data, asked.test, asked.unseen, plan.per_class, shape, folders, spec.name)
    check_named(learnt, spec.name, unseen=asked.unseen, test=real.test.images.name)
    leave_out = asked.leave_out or real.test.images.name in dataset_names()         # these have twins themselves
    real, left_out = unseen_by(real, learnt, spec.name, leave_out, workspace, show)
    n = images_of(real, plan)
    show("images", 0, 2 * plan.factors[-1] * n)
    pool = pool_of(spec, plan.seed, 2 * plan.factors[-1] * n, real, learnt, workspace, partial(show, "images"))
    check_pool(pool, plan.factors[0] * n)
    plan = replace(plan, factors=tuple(factor for factor in plan.factors if factor * n <= len(pool)))
    real, more = unmade_by(real, pool, leave_out, workspace, show)
    check_left(real, left_out + more)
    lab = Lab(real, real.task(batch_for(n)), pool, learnt, eyes, plan, workspace, show)
    grid = run(lab)
    verdict = verdict_of(grid.outcomes, main_arms(grid), grid.reference, ORACLE)
    found = grid.outcomes[verdict.arm]
    return Experiment(
        spec, replace(asked, plan=plan), real, learnt, openness(learnt, real, grid.real), pool, grid, verdict,
        exchange(found, found.images - grid.real, curve_of(grid)), left_out + more)


def images_of(real: Real, plan: Plan) -> int:
    """How many real images a classifier learns from."""
    return len(real.places(plan.seed, plan.per_class or len(real.learn)))


# Images that must not be tested with

def unseen_by(
    real: Real, learnt: Learnt, model: str, leave_out: bool, workspace: Workspace, show: Show
) -> tuple[Real, int]:
    """The real images without those that are also learnt from, by the classifier or the generator, and how many these
    were.  BadInput: there are some, and they are not to be left out."""
    sources = [(real.learn.chosen, "the classifier learns from it")]
    if learnt.images is not None:
        sources.append((learnt.images, f"{model} has learnt from it"))
    return cleaned(real, sources, leave_out, workspace, show, "test images")


def unmade_by(real: Real, pool: Pool, leave_out: bool, workspace: Workspace, show: Show) -> tuple[Real, int]:
    """The same for images that the generator makes: it can only know them by heart."""
    drawn = of_array(f"{pool.spec.name}'s draws", pool.images)
    return cleaned(real, [(drawn, f"{pool.spec.name} makes it")], leave_out, workspace, show, "draws")


def cleaned(
    real: Real, sources: list[tuple[ImageSet, str]], leave_out: bool, workspace: Workspace, show: Show, stage: str
) -> tuple[Real, int]:
    parts: dict[str, Part] = {"test": real.test, "validation": real.validation, "unseen": real.unseen}
    show(stage, 0, len(sets_of(parts)) * sum(images.n for images, _ in sources))
    tick, before = partial(show, stage), sum(map(len, parts.values()))
    for images, why in sources:
        for names in sets_of(parts):
            together = parts[names[0]].beside(*(parts[name] for name in names[1:]))
            if not leave_out:
                check_copies(together, images, why, workspace, tick)
            taken = {int(together.rows[place]) for place, _ in copies_in(together, images, workspace, tick)}
            parts |= {name: parts[name].without(taken) for name in names}
    cleaner = replace(real, test=parts["test"], validation=parts["validation"], unseen=parts["unseen"])
    return cleaner, before - sum(map(len, parts.values()))


def sets_of(parts: dict[str, Part]) -> list[list[str]]:
    """The names of parts of the same set together, so that each set is looked through once."""
    digests = {name: part.images.digest for name, part in parts.items()}
    return [[name for name in parts if digests[name] == one] for one in dict.fromkeys(digests.values())]


def check_task(task: str) -> None:
    if task not in TASKS:
        raise BadInput("unknown-choice", f"The value of --task is {task!r}, expected {' or '.join(TASKS)}.")
