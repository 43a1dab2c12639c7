"""What the command line checks before a training and says of it: what was decided, and what came of it."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from ganbench.gan.question import Training
from ganbench.gan.recipes.choosing import LEVEL, Choice
from ganbench.gan.recipes.own import DESIGNS, limits
from ganbench.gan.recipes.planning import Plan
from ganbench.gan.recipes.recipe import loss_of
from ganbench.gan.recipes.training_set import TrainingSet
from ganbench.gan.recipes.transfer import steps_alone
from ganbench.gan.training.loop import Schedule
from ganbench.gan.types import BadInput
from ganbench.gan.uncertainty import interval
from ganbench.tasks.settings import settings

if TYPE_CHECKING:
    from ganbench.tasks.training import Trained


def what_is_trained(plan: Plan) -> str:
    """The images and what follows from them, in two lines; a shipped recipe in one."""
    recipe, training_set = plan.last.recipe, plan.last.training_set
    if training_set is None:
        return f"{plan.name}: {limit_of(recipe.schedule)} on {recipe.data}."
    facts = [f"batches of {recipe.schedule.batch}", *augmented(dict(recipe.settings)),
             threads_of(recipe.hardware.threads) if recipe.hardware.device == "cpu" else recipe.hardware.device]
    return (f"Images: {said_of(training_set)}.\n"
            f"{plan.recipe}: {limit_of(recipe.schedule)}{' after a tokenizer of as much' * (len(plan.stages) > 1)}, "
            f"{', '.join(facts)}. The whole recipe is in {plan.last.folder / 'recipe.toml'}."
            + (f"\n{taken_sentence(plan)}" if plan.taken else ""))


def taken_sentence(plan: Plan) -> str:
    """What of the model that the training begins with its network has, and what it has not."""
    taken, asked = plan.taken, plan.training
    if taken is None or asked is None:
        return ""
    parts = [f"{len(names):,} tensors {what} ({listed(names)})" for names, what in (
        (taken.remade, "re-made"), (taken.fresh, "begun anew"), (taken.unused, "of the model left out")) if names]
    alone = steps_alone(plan.last.folder, plan.last.recipe.schedule) if loss_of(plan.last.recipe) else 0
    fresh = f" It came without its critic: a fresh one learns alone for the first {alone} steps." if alone else ""
    return (f"Begins with {asked.start} ({plan.last.recipe.strategy}): {100 * taken.share:.1f} % of the parameters are "
            f"taken{''.join(f'; {part}' for part in parts)}.{fresh}")


def listed(names: Collection[str], most: int = 4) -> str:
    return ", ".join(sorted(names)[:most]) + (f" and {len(names) - most:,} more" if len(names) > most else "")


def said_of(training_set: TrainingSet) -> str:
    colours = "grey" if training_set.channels == 1 else "RGB"
    size = f"{training_set.resolution}x{training_set.resolution}"
    classes = f", {len(training_set.classes)} classes" if training_set.classes else ", without classes"
    notes = [f"padded to {training_set.side}x{training_set.side} for the networks"] * bool(training_set.crop)
    notes += [f"{training_set.squeezed:,} were not square and are squeezed"] * bool(training_set.squeezed)
    notes += [f"{training_set.repeated:,} repeat another one"] * bool(training_set.repeated)
    return (f"{training_set.n:,} to learn from and {training_set.held_out:,} held out, {size} {colours}{classes}"
            f"{''.join(f'; {note}' for note in notes)}")


def limit_of(schedule: Schedule) -> str:
    return span(schedule.seconds) if schedule.seconds else f"{schedule.steps:,} steps"


def span(seconds: float) -> str:
    """`90 s`, `2.5 min`, `1 h`: a time that was asked for."""
    unit, size = ("h", 3_600) if seconds >= 3_600 else ("min", 60) if seconds >= 120 else ("s", 1)
    return f"{seconds / size:.3g} {unit}"


def threads_of(number: int) -> str:
    return f"{number} thread{'s' * (number != 1)}"


def augmented(settings: dict[str, object]) -> list[str]:
    if not settings.get("augment"):
        return []
    return ["adaptive augmentation" if settings.get("adaptive") else "DiffAugment"]


def trained_lines(trained: Trained) -> list[str]:
    """The result, the best snapshot, where MLflow has it, and what to do next."""
    first = f"{trained.recipe}: {trained.steps:,} steps; weights, pictures, losses and state are in {trained.folder}."
    tracked = f"MLflow: {trained.problem or f'run {trained.run_id}'}"
    if trained.choice is None:
        return [first, tracked]
    folder = Path(trained.folder)
    early = "It was stopped early: the last snapshots all are significantly worse than the best one."
    return [first, *[early] * trained.stopped, best_sentence(trained.choice), tracked, "",
            f"Next: ganbench evaluate {folder / 'best.toml'} --reference {folder / 'images' / 'held-out.npz'}"]


def best_sentence(choice: Choice) -> str:
    """The best snapshot, KID of a fresh draw with its interval, and those that may be as good."""
    kid = choice.again or choice.best.kid
    low, high = interval(kid, 1 - LEVEL)
    ties = ", ".join(f"{row.step:,}" for row in choice.ties)
    tied = f" Not significantly worse: step{'s' * (len(choice.ties) > 1)} {ties}." if ties else ""
    return (f"Best snapshot: step {choice.best.step:,}, KID {kid.value:.4f} ({low:.4f} to {high:.4f}) against the "
            f"held-out images on a fresh draw.{tied}")


# Baselines

def kinds_of(kinds: str) -> list[str]:
    names = [name.strip() for name in kinds.split(",") if name.strip()]
    wrong = [name for name in names if name not in DESIGNS]
    if wrong or len(set(names)) < max(len(names), 1):
        found = f"{wrong[0]!r} is none" if wrong else "one is named twice" if names else "none is named"
        raise BadInput("unknown-recipe", f"Kinds of models: {found}; known are {', '.join(DESIGNS)}.")
    return names


def check_budget(training: Training) -> None:
    """Steps of unlike models are no equal share of anything."""
    if not limits(training.budget, 1)[0]:
        raise BadInput("unfit-value",
                       f"The value of --budget is {training.budget!r}, expected a time for each model, such as 1h or "
                       "30m: equal numbers of steps are unequal work.")


def place_of(out: str, training: Training) -> Path:
    return Path(out) if out else settings().root / "baselines" / Path(training.data.replace(":", "-")).stem
