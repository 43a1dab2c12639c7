"""What a study will do and how long it will take, decided before it begins and written down.

A study that is resumed follows the plan that it began with, so that its numbers do not depend on when it was killed:
the trainings are given numbers of steps, not times.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from ganbench.gan.files import atomic_write
from ganbench.gan.recipes.own import limits
from ganbench.gan.study.options import Study
from ganbench.gan.study.paces import Paces
from ganbench.gan.study.stages import AUGMENTED, STAGES, TRAINED, left_out
from ganbench.gan.types import BadInput

FILE = "plan.json"
SPARE = 0.12            # of the budget, for what estimates overlook
COMPARING = ("compare", "ensemble")     # stages that need another model
LOOKING = ("audit", "explore", "specialise")                # stages that need the features of all real images
LEAST_STEPS = 100       # of a training, below which nothing has been learnt
CELLS = 15              # classifiers: 5 arms of 3 seeds
LEAST_CLASSIFIER, MOST_CLASSIFIER = 400, 1_600              # steps of a classifier
SHARE = 0.35            # of what is left, at most, for the classifiers
FEATURES = 0.006        # seconds for an image's features on the machine that FIXED was measured on

# Seconds of what does not depend on the number of images.
FIXED: Mapping[str, float] = {
    "data": 1, "evaluate": 9, "audit": 6, "curves": 1, "baselines": 5, "compare": 28, "ensemble": 3, "explore": 6,
    "interpolate": 6, "augment": 6, "restore": 4, "stylize": 5, "specialise": 2, "publish": 10,
}
STARTING = 30           # Prefect's and MLflow's databases
CLASSIFIER_STEP = 0.02  # seconds


@dataclass(frozen=True)
class Row:
    """A stage: the seconds that it is expected to take, or why it is left out (a key of texts.WHY)."""

    name: str
    seconds: float
    why: str = ""


@dataclass(frozen=True)
class Plan:
    """`steps`: of every baseline; `classifier`: of every classifier of augmented images."""

    key: str                                                # of the question that it answers
    budget: float
    rows: tuple[Row, ...]
    steps: Mapping[str, int]
    classifier: int = 0

    @property
    def seconds(self) -> float:
        return STARTING + sum(row.seconds for row in self.rows)

    def why(self, name: str) -> str:
        return next(row.why for row in self.rows if row.name == name)


@dataclass(frozen=True)
class Facts:
    """What decides which stages there are."""

    real: int                       # images
    held_out: int
    classes: int
    is_images: bool                 # the model is images on disk
    searched: bool                  # its latents are searched: a GAN
    logs: int
    others: int                     # models to compare with


def seconds_of_budget(budget: str) -> float:
    seconds = limits(budget, 1)[0]
    if not seconds:
        raise BadInput("unfit-value",
                       f"The value of --budget is {budget!r}, expected a time for everything together, such as 1h or "
                       "30m.")
    return seconds


def planned(asked: Study, facts: Facts, paces: Paces, key: str) -> Plan:
    """Stages that cannot be or are not wanted are left out; then, where the budget is too small, the classifiers, the
    trainings, or both."""
    budget = seconds_of_budget(asked.budget)
    why = {name: why_not(name, asked, facts) for name in STAGES}
    for left in ((), (AUGMENTED,), (TRAINED,), (TRAINED, AUGMENTED)):
        short = {name: "budget" for name in left if not why[name]}
        found, fits = filled(asked, facts, paces, why | short, Plan(key, budget, (), {}))
        if fits:
            return found
    if found.seconds > budget:
        raise BadInput("small-budget",
                       f"The budget is {asked.budget}, and what is asked for takes about {found.seconds / 60:.0f} "
                       "minutes without any training: give a larger --budget, a smaller --n, or leave stages out with "
                       "--without.")
    return found


def filled(asked: Study, facts: Facts, paces: Paces, why: dict[str, str], empty: Plan
           ) -> tuple[Plan, bool]:
    """The plan of these stages, trainings and classifiers as long as they can be, and whether they fit."""
    if why[TRAINED] and not facts.others:
        why = why | {name: why[name] or "alone" for name in COMPARING}
    costs = {name: 0.0 if why[name] else cost for name, cost in costs_of(asked.n, facts, paces).items()}
    for name in [name for name in LOOKING if not why[name]][:1]:
        costs[name] += facts.real * paces.features          # which are stored for the others
    room = (1 - SPARE) * empty.budget - STARTING - sum(costs.values())
    classifier, steps = 0, dict[str, int]()
    if not why[AUGMENTED]:
        classifier = classifier_steps(room if why[TRAINED] else SHARE * room, scale(paces))
        costs[AUGMENTED] += CELLS * classifier * CLASSIFIER_STEP * scale(paces)
        room -= CELLS * classifier * CLASSIFIER_STEP * scale(paces)
    if not why[TRAINED]:
        each = room / len(paces.kinds)
        steps = {name: int((each - kind.fixed) / kind.step) for name, kind in paces.kinds.items()}
        costs[TRAINED] += room
    rows = tuple(Row(name, costs[name], why[name]) for name in STAGES)
    fits = room >= 0 and (bool(why[AUGMENTED]) or classifier > 0) and min(
        steps.values(), default=LEAST_STEPS) >= LEAST_STEPS
    return replace(empty, rows=rows, steps=steps, classifier=classifier), fits


def why_not(name: str, asked: Study, facts: Facts) -> str:
    """Why a stage is left out, whatever the budget is."""
    if name in left_out(asked.without):
        return "asked"
    if name == "curves" and not facts.logs:
        return "no logs"
    if name == AUGMENTED and facts.classes < 2:
        return "no classes"
    if facts.is_images and name in ("explore", "interpolate", "restore", "stylize", "specialise", "publish"):
        return "images"
    return ""


def classifier_steps(room: float, scale: float) -> int:
    """The most that fit; 0: too few to learn anything."""
    steps = int(room / (CELLS * CLASSIFIER_STEP * scale))
    return min(steps // 100 * 100, MOST_CLASSIFIER) if steps >= LEAST_CLASSIFIER else 0


def scale(paces: Paces) -> float:
    """How many times slower this machine is than that on which the constants were measured."""
    return max(paces.features / FEATURES, 0.2)


def costs_of(n: int, facts: Facts, paces: Paces) -> dict[str, float]:
    """Seconds of every stage, but for trainings and classifiers."""
    here, image = scale(paces), paces.image + paces.features
    costs = {name: seconds * here for name, seconds in FIXED.items()}
    costs["data"] += 0.001 * here * facts.real
    costs["evaluate"] += n * image + 2 * facts.held_out * paces.features
    costs["audit"] += 0.002 * here * facts.real
    costs["compare"] += sum(n * (kind.image + paces.features) for kind in paces.kinds.values())
    costs["explore"] += 2_000 * image
    costs["interpolate"] += 600 * image
    costs["restore"] += (40_000 if facts.searched else 300) * paces.image
    costs["stylize"] += (5_000 if facts.searched else 200) * paces.image
    return costs


def kept_plan(folder: Path, key: str) -> Plan | None:
    """The plan that a study in this folder began with, if it is that of the same question."""
    try:
        facts = json.loads((folder / FILE).read_text("utf-8"))
        rows = tuple(Row(**row) for row in facts.pop("rows"))
        found = Plan(**facts, rows=rows)
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return found if found.key == key else None


def write_plan(folder: Path, plan: Plan) -> None:
    text = json.dumps(asdict(plan), indent=1)
    atomic_write(folder / FILE, lambda path: path.write_text(text + "\n", "utf-8"))
