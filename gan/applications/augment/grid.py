"""The grid: arms x seeds, with the steps and the usual change that the real images alone have chosen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256

import numpy as np

from ganbench.gan.applications.augment.arms import (
    FLIPS,
    NONE,
    ORACLE,
    SHIFTS,
    USUAL,
    Arm,
    Round,
    arms_of,
    generated,
)
from ganbench.gan.applications.augment.cells import Cell, Pictures, Task, cell, classified_by
from ganbench.gan.applications.augment.data import Real, alike, first_of_each
from ganbench.gan.applications.augment.judging import Outcome
from ganbench.gan.applications.augment.learnt import Learnt
from ganbench.gan.applications.augment.synthetic import Pool, labels_by_guide, realism_in
from ganbench.gan.features.base import Extractor
from ganbench.gan.types import BadInput, Workspace

Show = Callable[..., None]          # stage, how much was just done, total
FIRST, LAST = 500, 8_000            # steps
ENOUGH = 0.3                        # points that a doubling of steps must gain
SEEDS = 2                           # at least
CHECKED = 2_000                     # synthetic images that classifiers of real ones are tested with


@dataclass(frozen=True)
class Plan:
    """The options of a grid.  `steps` 0: chosen.  `arms`: only these, beside those that the verdict needs; (): all."""

    per_class: int = 50
    seeds: int = 5
    factors: tuple[int, ...] = (1, 4, 16)
    steps: int = 0
    most_steps: int = LAST
    seed: int = 0
    arms: tuple[str, ...] = ()

    @property
    def of_cells(self) -> range:
        return range(self.seed, self.seed + self.seeds)


@dataclass(frozen=True, eq=False)
class Steps:
    """How long every classifier learns.  `tried`: mean accuracy of the reference on the validation images, in points,
    by the number of steps; empty: the number was given."""

    chosen: int
    tried: Mapping[int, float]

    @property
    def gain(self) -> float:
        """Of the last doubling, in points."""
        values = list(self.tried.values())
        return values[-1] - values[-2] if len(values) > 1 else 0.0


@dataclass(frozen=True, eq=False)
class Grid:
    """All that was found, by arm in the order of `arms_of`."""

    arms: tuple[Arm, ...]
    outcomes: Mapping[str, Outcome]
    skipped: Mapping[str, str]                  # arm -> why there is nothing of it
    reference: str                              # the arm that the others are compared with
    steps: Steps
    real: int                                   # images that the reference learns from
    added: Mapping[str, np.ndarray]             # arm -> numbers of the pool's images, of the first seed
    labels: np.ndarray                          # (n,) the classes of the pool's images, as the first seed sees them
    shown: Pictures                             # the real images of the first seed
    on_synthetic: tuple[float, ...]             # accuracy of the reference on synthetic images, by seed; (): no classes
    computed: int                               # cells that were not in the store
    total: int


@dataclass(frozen=True, eq=False)
class Lab:
    """What the work needs."""

    real: Real
    task: Task
    pool: Pool
    learnt: Learnt
    eyes: Extractor
    plan: Plan
    workspace: Workspace
    show: Show

    def reals(self, seed: int) -> Pictures:
        return self.real.learn.pictures(self.real.places(seed, self.plan.per_class or len(self.real.learn)))

    def run(self, learnt: Pictures, change: str, steps: int, seed: int) -> Cell:
        return cell(learnt, change, steps, seed, self.task, self.workspace, partial(self.show, "classifiers"))


def run(lab: Lab) -> Grid:
    """Choose, then train every cell that is not in the store."""
    plan, arms = lab.plan, chosen_arms(lab.plan)
    reals = {seed: lab.reals(seed) for seed in plan.of_cells}
    lab.show("classifiers", 0, len(arms) * plan.seeds * (plan.steps or plan.most_steps))
    steps = steps_of(lab, reals)
    reference = reference_of(lab, reals, steps.chosen)
    cells: dict[str, list[Cell]] = {}
    counts, added, skipped, shown = dict[str, int](), dict[str, np.ndarray](), dict[str, str](), None
    for seed in plan.of_cells:
        base = lab.run(reals[seed], reference, steps.chosen, seed)
        one = round_of(lab, seed, reals[seed], base)
        shown = shown or one
        for arm in arms:
            learnt = arm.learnt(one)
            if learnt is None:
                skipped[arm.name] = arm.why_not
                continue
            counts.setdefault(arm.name, len(learnt[0]))
            if learnt[1] is not None:
                added.setdefault(arm.name, learnt[1])
            change = reference if arm.change == USUAL else arm.change
            cells.setdefault(arm.name, []).append(lab.run(learnt[0], change, steps.chosen, seed))
    assert shown is not None
    whole = {name: found for name, found in cells.items() if len(found) == plan.seeds}
    outcomes = {name: outcome(lab.task, found, counts[name]) for name, found in whole.items()}
    every = [one for found in cells.values() for one in found]
    return Grid(tuple(arms), outcomes, skipped, reference, steps, counts[reference], added, shown.labels, shown.real,
                on_synthetic(lab, whole[reference]), sum(one.computed for one in every), len(every))


def chosen_arms(plan: Plan) -> list[Arm]:
    """Those that are asked for, and those that the verdict needs.  BadInput: one that there is not."""
    arms = arms_of(plan.factors)
    names = [arm.name for arm in arms]
    wrong = next((name for name in plan.arms if name not in names), None)
    if wrong is not None:
        raise BadInput("unknown-choice", f"No arm {wrong!r}, only {', '.join(names)}.")
    return [arm for arm in arms if not plan.arms or arm.name in plan.arms or is_needed(arm)]


def is_needed(arm: Arm) -> bool:
    return arm.name in (SHIFTS, FLIPS, ORACLE) or (arm.added is generated and not arm.alone)


def outcome(task: Task, cells: Sequence[Cell], images: int) -> Outcome:
    validation = [float((one.validation.predicted == task.validation.labels).mean()) for one in cells]
    return Outcome(np.stack([one.test.predicted for one in cells]), np.stack([one.test.confidence for one in cells]),
                   task.test.labels, np.array(validation), images)


# Choices that the real images alone make, by the validation images

def accuracy(lab: Lab, reals: Mapping[int, Pictures], change: str, steps: int) -> float:
    """The mean over seeds of the accuracy on the validation images, in points."""
    found = [lab.run(real, change, steps, seed) for seed, real in reals.items()]
    return 100 * float(np.mean([(one.validation.predicted == lab.task.validation.labels).mean() for one in found]))


def steps_of(lab: Lab, reals: Mapping[int, Pictures]) -> Steps:
    """Doubled until a doubling gains less than ENOUGH points for real images with flips and shifts."""
    plan = lab.plan
    if plan.steps:
        return Steps(plan.steps, {})
    steps = min(FIRST, plan.most_steps)
    tried = {steps: accuracy(lab, reals, FLIPS, steps)}
    while 2 * steps <= plan.most_steps:
        steps *= 2
        tried[steps] = accuracy(lab, reals, FLIPS, steps)
        if tried[steps] - tried[steps // 2] < ENOUGH:
            break
    return Steps(steps, tried)


def reference_of(lab: Lab, reals: Mapping[int, Pictures], steps: int) -> str:
    """Shifts with or without flips, whichever does better: mirrored digits, letters or shoes are others."""
    return max((FLIPS, SHIFTS), key=lambda change: accuracy(lab, reals, change, steps))


# Rounds

def round_of(lab: Lab, seed: int, real: Pictures, base: Cell) -> Round:
    """What the arms of a seed need; `base`: the reference's cell."""
    counts = np.bincount(lab.real.learn.labels, minlength=lab.real.classes)
    have = np.bincount(real.labels, minlength=lab.real.classes)
    most = int((counts[have > 0] // have[have > 0]).min()) - 1
    labels = lab.pool.asked
    if labels is None:
        labels = labels_by_guide(lab.pool, real, lab.real.classes, lab.workspace)
    candidates = 2 * middle(lab.plan) * len(real)
    realism = realism_in(lab.pool, candidates, real, lab.eyes, lab.workspace)
    return Round(seed, lab.real.classes, real, lab.pool.images, labels, realism, errors_of(lab.task, base),
                 partial(more_of, lab, seed, real, have), most, lab.real.unseen.pictures(),
                 learnt_pictures(lab, seed, real))


def middle(plan: Plan) -> int:
    return plan.factors[len(plan.factors) // 2]


def errors_of(task: Task, one: Cell) -> np.ndarray:
    """(classes,) the share of each class's validation images that a cell has wrong."""
    labels = task.validation.labels
    wrong = np.bincount(labels, weights=one.validation.predicted != labels, minlength=task.classes)
    return wrong / np.maximum(1, np.bincount(labels, minlength=task.classes))


def more_of(lab: Lab, seed: int, real: Pictures, have: np.ndarray, factor: int) -> Pictures:
    """Others of the images to learn from, `factor` times as many of each class."""
    labels = lab.real.learn.labels
    more = first_of_each(labels, seed, (1 + factor) * have, "real images")
    return lab.real.learn.pictures(np.setdiff1d(more, first_of_each(labels, seed, have, "real images")))


def learnt_pictures(lab: Lab, seed: int, real: Pictures) -> Pictures:
    """Some of the generator's training images, without the real images of the round; none where they have no classes,
    or other ones."""
    nothing = Pictures(real.images[:0], real.labels[:0])
    images = lab.learnt.images
    if images is None or images.labels is None or images.shape != real.images.shape[1:]:
        return nothing
    try:
        images = alike(images, lab.real.names, images.name)
    except BadInput:
        return nothing
    counts = (1 + middle(lab.plan)) * np.bincount(real.labels, minlength=lab.real.classes)
    rows = first_of_each(np.asarray(images.labels), seed, counts, "training images")
    found = Pictures(images.read(rows.tolist()), np.asarray(images.labels)[rows])
    known = set(prints(real))
    return found.chosen(np.array([i for i, one in enumerate(prints(found)) if one not in known], np.int64))


def prints(pictures: Pictures) -> Iterator[bytes]:
    return (sha256(image.tobytes()).digest() for image in pictures.images)


def on_synthetic(lab: Lab, cells: Sequence[Cell]) -> tuple[float, ...]:
    """Train on real images, test on synthetic ones whose classes were asked for: the reference's accuracy by seed."""
    asked = lab.pool.asked
    if asked is None:
        return ()
    images, labels = lab.pool.images[:CHECKED], asked[:CHECKED]
    return tuple(float((classified_by(one, images, lab.real.classes).predicted == labels).mean()) for one in cells)


def check_plan(plan: Plan) -> None:
    if plan.seeds < SEEDS:
        raise BadInput("unfit-value", f"The value of --seeds is {plan.seeds}, expected at least {SEEDS}: differences "
                       "between seeds tell how sure they are.")
    for name, least in (("per_class", 0), ("steps", 0), ("most_steps", 1), ("seed", 0)):
        if getattr(plan, name) < least:
            raise BadInput("unfit-value",
                           f"The value of --{name.replace('_', '-')} is {getattr(plan, name)}, expected a whole number "
                           f"from {least} on.")
    if not plan.factors or list(plan.factors) != sorted(set(plan.factors)) or min(plan.factors) < 1:
        raise BadInput("unfit-value", "The value of --factors is expected to be whole numbers from 1 on, ascending, "
                       f"such as 1,4,16, got {','.join(map(str, plan.factors)) or 'nothing'}.")
    chosen_arms(plan)


def main_arms(grid: Grid) -> list[str]:
    """The arms that the verdict may be about: real and synthetic images together, at several shares."""
    return [arm.name for arm in grid.arms if arm.added is generated and not arm.alone and arm.name in grid.outcomes]


def curve_of(grid: Grid) -> list[Outcome]:
    """With more and more real images, ascending."""
    names = [grid.reference, *(arm.name for arm in grid.arms if arm.name.startswith("real x"))]
    return sorted((grid.outcomes[name] for name in names if name in grid.outcomes), key=lambda one: one.images)


def is_of_real(name: str) -> bool:
    return name in (NONE, SHIFTS, FLIPS, "RandAugment")
