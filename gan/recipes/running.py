"""Training by a recipe in a folder: snapshots, pictures, losses, scores, and a state to resume from."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import tomli_w
import torch
from safetensors.torch import save_file

from ganbench.gan.codes import FAILED
from ganbench.gan.datasets import DataFolders, open_data
from ganbench.gan.drawing import labels_of
from ganbench.gan.files import atomic_write, check_room
from ganbench.gan.images import to_uint8, write_contact_sheet
from ganbench.gan.models.loading import load
from ganbench.gan.models.toml_file import write_spec
from ganbench.gan.preprocessing import cropped
from ganbench.gan.recipes import RECIPES, Recipe, choosing
from ganbench.gan.recipes.choosing import AGAIN, Choice, Scored, choose, is_over, kid_of, scores_in
from ganbench.gan.recipes.recipe import snapshots_in
from ganbench.gan.recipes.training_set import HELD_OUT_FILE, TrainingSet, batch_in
from ganbench.gan.training import several
from ganbench.gan.training.loop import Batch, Step, fit, read_state, steps_done
from ganbench.gan.training.tokens import Writing
from ganbench.gan.types import BadInput, ModelSpec, Workspace


@dataclass(frozen=True)
class Stage:
    """A recipe that is to be trained in a folder; `training_set`: the user's images, which lie in `images`."""

    name: str
    recipe: Recipe
    folder: Path
    training_set: TrainingSet | None = None
    images: Path | None = None
    patience: int = 0

    @property
    def scored(self) -> bool:
        """Whether its snapshots are models that are measured with held-out images."""
        return bool(self.training_set and self.recipe.family)


def stages(name: str, folder: Path, steps: int = 0) -> list[Stage]:
    """What is to be trained, one after the other: last the named recipe, for so many steps instead of its own."""
    if name not in RECIPES:
        raise BadInput("unknown-recipe", f"No recipe {name!r}. Known: {', '.join(sorted(RECIPES))}.")
    recipe = RECIPES[name]
    before = stages(recipe.after, folder / recipe.after) if recipe.after else []
    return [*before, Stage(name, lasting(recipe, steps) if steps else recipe, folder)]


def lasting(recipe: Recipe, steps: int) -> Recipe:
    """The recipe for another number of steps, with snapshots as far apart as its last two, and a last one."""
    if steps < 1:
        raise BadInput("unfit-value", f"A training needs at least one step, got --budget {steps}.")
    last, gap = recipe.snapshots[-1], recipe.snapshots[-1] - (0, *recipe.snapshots)[-2]
    kept = [step for step in (*recipe.snapshots, *range(last + gap, steps, gap)) if step < steps]
    return replace(recipe, schedule=replace(recipe.schedule, steps=steps), snapshots=(*kept, steps), expected="")


def train(name: str, folder: Path, data: DataFolders, steps: int = 0) -> Iterator[Step]:
    """Train a shipped recipe into `folder`, and first what it is `after`; see `train_stage`."""
    for stage in stages(name, folder, steps):
        yield from train_stage(stage, data)


def train_stage(stage: Stage, data: DataFolders, workspace: Workspace | None = None) -> Iterator[Step]:
    """Train one recipe: step-<n>.safetensors and a picture of what it draws, loss.csv, and a state to resume from.

    With a workspace, snapshots of a model of the user's images are measured (quality.csv), and it stops when they
    become worse.
    """
    recipe, folder = stage.recipe, stage.folder
    check_folder(stage)
    if stopped(stage):
        return
    if several.is_first():
        several.tell(stage)
    hardware = replace(recipe.hardware, device=several.placed(recipe.hardware.device))
    recipe = replace(recipe, hardware=hardware)
    torch.set_num_threads(hardware.threads)                 # the last bits depend on it
    images = batch_of(recipe, data) if stage.images is None else batch_in(stage.images)
    task = recipe.make(recipe, folder)
    if isinstance(task, Writing):
        images = task.read(images)
    events = fit(task, images, recipe.schedule, folder, recipe.hardware.device, recipe.snapshots)
    yield from record(events, stage, workspace)


def take_part(workspace: Workspace) -> None:
    """In a process that is not the first: train whatever stages that one trains, until it has no more.  That a training
    diverges all processes see at once, and the first one tells it; any other failure ends this process, and the
    launcher the others."""
    while (stage := several.told()) is not None:
        try:
            deque(train_stage(stage, DataFolders.of(workspace), workspace), maxlen=0)
        except BadInput as error:
            if error.code not in FAILED:
                raise


def check_folder(stage: Stage) -> None:
    """The folder can be written to, and what it holds is not longer than what is asked for; a snapshot that a killed
    process still owed is made."""
    check_room(stage.folder)
    done, steps = steps_done(stage.folder), stage.recipe.schedule.steps
    if done > steps:
        raise BadInput("another-training",
                       f"{stage.folder} holds {done:,} steps of a training, more than the {steps:,} of {stage.name}: "
                       "give another folder, or a --budget of at least as many.")
    last = "png" if stage.recipe.family else "safetensors"
    if several.is_first() and done and owed(stage, done) and not (stage.folder / f"step-{done}.{last}").exists():
        deliver(stage, done)


def owed(stage: Stage, step: int) -> bool:
    return step in stage.recipe.snapshots or bool(read_state(stage.folder / "state.pt").get("due"))


def progress(stage: Stage) -> tuple[int, int]:
    """What is done and all that there is to do, in steps, or in seconds where time is the limit."""
    schedule, path = stage.recipe.schedule, stage.folder / "state.pt"
    if not schedule.seconds:
        return steps_done(stage.folder), schedule.steps
    done = float(read_state(path, mmap=True)["seconds"]) if path.exists() else 0.0
    return min(int(done), int(schedule.seconds)), int(schedule.seconds)


def batch_of(recipe: Recipe, data: DataFolders) -> Batch:
    """All images that a shipped recipe learns from."""
    images = open_data(recipe.data, data)
    rows = range(recipe.first, images.n)
    labels = None if images.labels is None else torch.from_numpy(images.labels[recipe.first :]).long()
    return Batch(torch.from_numpy(images.read(rows)), labels)


def stopped(stage: Stage) -> bool:
    """Whether its snapshots had become worse for so long that it was stopped."""
    return stage.scored and is_over(scores_in(stage.folder), stage.patience)


def record(steps: Iterator[Step], stage: Stage, workspace: Workspace | None = None) -> Iterator[Step]:
    """Pass events on, writing the mean losses of every 50 steps, and of what is left at the end, and the snapshots."""
    window: list[Step] = []
    for event in steps:
        window.append(event)
        if event.step % 50 == 0 or event.last:
            log(stage.folder / "loss.csv", window)
            window = []
        if event.step in stage.recipe.snapshots or event.due:
            if several.is_first():
                deliver(stage, event.step)
                if workspace and stage.scored:
                    score(stage, event, workspace)
            if several.decided(bool(workspace) and several.is_first() and stopped(stage)):
                if window:
                    log(stage.folder / "loss.csv", window)
                yield replace(event, last=True)
                return
        yield event


def deliver(stage: Stage, step: int) -> None:
    """The snapshot of the kept state, and what it draws."""
    snapshot(stage.folder, stage.recipe.ships, step)
    if stage.recipe.family:
        picture(stage, step)


def score(stage: Stage, event: Step, workspace: Workspace) -> None:
    """Measure a snapshot with the held-out images."""
    if stage.images is None:
        raise ValueError(f"{stage.name} has no held-out images.")
    kid = kid_of(spec_of(stage, event.step), stage.images / HELD_OUT_FILE, workspace)
    choosing.add(stage.folder, Scored(event.step, event.seconds, kid))


def conclude(stage: Stage, workspace: Workspace) -> Choice | None:
    """The best snapshot, measured again, as best.toml, and the last one as last.toml; None without a measured one."""
    if not stage.recipe.family:                             # a part of a model
        return None
    write_model(stage, max(snapshots_in(stage.folder)), "last", {})
    choice = choose(scores_in(stage.folder)) if stage.scored and stage.images else None
    if choice is None or stage.images is None:
        return None
    step = choice.best.step
    again = kid_of(spec_of(stage, step), stage.images / HELD_OUT_FILE, workspace, AGAIN)
    ties = [row.step for row in choice.ties]
    write_model(stage, step, "best", {"step": step, "kid": again.value, "kid_se": again.se, "ties": ties})
    return replace(choice, again=again)


def write_model(stage: Stage, step: int, name: str, about: Mapping[str, Any]) -> None:
    """A model file beside the snapshot."""
    spec = replace(spec_of(stage, step), weights=f"step-{step}.safetensors")
    data = {"data": stage.training_set.data} if stage.training_set else {"data": stage.recipe.data}
    text = write_spec(spec) + "\n" + tomli_w.dumps({"about": {"what": f"{stage.name} after {step:,} steps", **data,
                                                              **about}})
    atomic_write(stage.folder / f"{name}.toml", lambda path: path.write_text(text, "utf-8"))


def spec_of(stage: Stage, step: int) -> ModelSpec:
    """The model of a snapshot; of a user's images, it draws classes as often as they come and crops what was padded."""
    recipe, known = stage.recipe, stage.training_set
    shares = known.shares if known and recipe.arguments.get("n_classes") else ()
    return ModelSpec(stage.name, recipe.family, arguments=recipe.arguments, crop=known.crop if known else 0,
                     weights=str((stage.folder / f"step-{step}.safetensors").absolute()), class_shares=shares)


def log(path: Path, window: list[Step]) -> None:
    """Append one row: step, seconds, mean losses; a resumed run repeats no row."""
    if not several.is_first():
        return
    names = list(window[-1].losses)
    if not path.exists():
        path.write_text(",".join(["step", "seconds", *names]) + "\n", encoding="utf-8")
    with path.open(encoding="utf-8", newline="") as file:
        last = max((int(row["step"]) for row in csv.DictReader(file)), default=0)
    if window[-1].step > last:
        means = [sum(event.losses[name] for event in window) / len(window) for name in names]
        with path.open("a", encoding="utf-8") as file:
            file.write(
                ",".join([str(window[-1].step), f"{window[-1].seconds:.1f}", *(f"{m:.5f}" for m in means)]) + "\n"
            )


def snapshot(folder: Path, part: str, step: int) -> None:
    """Weights of one part of the kept state, as safetensors."""
    state = read_state(folder / "state.pt")
    if state["step"] != step:
        raise RuntimeError(f"The state kept in {folder} is of step {state['step']}, expected {step}.")
    weights = {name: value.contiguous() for name, value in state[part].items()}
    atomic_write(folder / f"step-{step}.safetensors", lambda path: save_file(weights, path))


def picture(stage: Stage, step: int) -> None:
    """A contact sheet of the first 64 images of seed 0: the same latents at every step, wherever their range ends."""
    spec = spec_of(stage, step)
    generator, rows = load(spec), range(64)
    with torch.inference_mode():
        images = to_uint8(generator.sample(generator.draws(rows, 0), labels_of(generator, rows, 0, "cpu"))).numpy()
    images = cropped(images, spec.crop, spec.name) if spec.crop else images
    write_contact_sheet(stage.folder / f"step-{step}.png", images)
