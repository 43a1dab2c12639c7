"""RECIPES: how the shipped models were trained; each can be trained again by `ganbench train`."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from inspect import signature
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from ganbench.gan.datasets import DataFolders, open_data
from ganbench.gan.drawing import labels_of
from ganbench.gan.features.judge import Judge
from ganbench.gan.files import atomic_write, check_room
from ganbench.gan.generators import GENERATORS, dcgan, diffusion, r3gan, stylegan2, transformer, wgan_gp
from ganbench.gan.images import to_uint8, write_contact_sheet
from ganbench.gan.models.loading import load
from ganbench.gan.training.adversarial import Adversarial
from ganbench.gan.training.classifier import Classifier
from ganbench.gan.training.denoising import Denoising
from ganbench.gan.training.loop import Batch, Schedule, Step, Task, fit, read_state, steps_done
from ganbench.gan.training.tokens import PatchCritic, Tokenizing, Writing
from ganbench.gan.types import BadInput, ModelSpec


@dataclass(frozen=True)
class Recipe:
    """What is trained on which data for how long; `snapshots` are the steps at which weights are kept."""

    make: Callable[[Recipe, Path], Task]                    # fresh networks; the folder holds what it is `after`
    data: str
    schedule: Schedule
    ships: str = "ema"                                      # the part of the task whose weights are the model
    family: str = ""                                        # a row of GENERATORS, or empty for a part of a model
    arguments: Mapping[str, Any] = field(default_factory=dict)      # of the family
    settings: Mapping[str, Any] = field(default_factory=dict)       # of the task
    after: str = ""                                         # another recipe, whose model this one begins with
    first: int = 0                                          # images before this one are left out
    snapshots: tuple[int, ...] = ()
    expected: str = ""                                      # what the last snapshot scores, and under which protocol


CRITICS = {                                                 # of each adversarial family
    "dcgan": dcgan.Discriminator, "wgan-gp": wgan_gp.Critic, "r3gan": r3gan.Discriminator,
    "stylegan2": stylegan2.Discriminator,
}


def make_gan(recipe: Recipe, folder: Path) -> Task:
    """Both networks drawn from one source, the generator first; the critic takes those arguments that it has."""
    random = torch.Generator().manual_seed(recipe.schedule.seed)
    make, critic = GENERATORS[recipe.family].make, CRITICS[recipe.family]
    shared = {name: value for name, value in recipe.arguments.items() if name in signature(critic).parameters}
    with torch.random.fork_rng(devices=[]):
        networks: tuple[Any, Any] = make(**recipe.arguments), critic(**shared)
    for network in networks:
        sys.modules[make.__module__].initialise(network, random)
        network.to(memory_format=torch.channels_last)       # after it: numbers are drawn in the order of memory
    return Adversarial(*networks, recipe.schedule, **recipe.settings)


def make_judge(recipe: Recipe, folder: Path) -> Task:
    return Classifier(seeded(Judge, recipe).to(memory_format=torch.channels_last), recipe.schedule)


def make_diffusion(recipe: Recipe, folder: Path) -> Task:
    network = seeded(diffusion.Diffusion, recipe)
    return Denoising(network, recipe.schedule, network.process)


def make_tokenizer(recipe: Recipe, folder: Path) -> Task:
    tokenizer = seeded(transformer.Tokenizer, recipe)
    return Tokenizing(tokenizer, seeded(PatchCritic, recipe, channels=1), recipe.schedule, **recipe.settings)


def make_writer(recipe: Recipe, folder: Path) -> Task:
    masked = recipe.family == "maskgit"
    model = seeded(transformer.MaskGIT if masked else transformer.GPT, recipe)
    transformer.initialise(model, torch.Generator().manual_seed(recipe.schedule.seed))
    before = RECIPES[recipe.after]
    model.tokenizer.load_state_dict(load_file(folder / recipe.after / f"step-{before.schedule.steps}.safetensors"))
    return Writing(model, recipe.schedule, masked)


def seeded(make: Callable[..., Any], recipe: Recipe, **arguments: Any) -> Any:
    """A network whose first weights follow from the recipe's seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.schedule.seed)
        return make(**(arguments or recipe.arguments))


# The judge leaves out the first 10,000 training images: those travel with the project as held-out
# real data, and a floor measured on images that the judge has learnt would flatter.
RECIPES = {
    "dcgan-fashion-mnist": Recipe(
        make_gan, "fashion-mnist:train", Schedule(steps=60_000), family="dcgan",
        arguments={"z_dim": 100, "width": 32, "resolution": 32, "channels": 1},
        snapshots=(250, 500, 1_000, 2_000, *range(4_000, 60_001, 4_000)),
        expected="fd_efficientnet_lite0 = 12.51, fd_judge = 0.646 (fashion-mnist-embedded-2k)",
    ),
    "wgan-gp-fashion-mnist": Recipe(
        make_gan, "fashion-mnist:train", Schedule(steps=3_000, rate=4e-4, betas=(0.0, 0.9)), family="wgan-gp",
        arguments={"n_classes": 10}, settings={"loss": "wasserstein", "critic_steps": 3, "gp": 10.0},
        snapshots=(500, *range(1_000, 3_001, 1_000)),
        expected="fd_efficientnet_lite0 = 64.8, fd_judge = 2.58, accuracy_judge = 0.831 (fashion-mnist-embedded-2k)",
    ),
    "r3gan-fashion-mnist": Recipe(
        make_gan, "fashion-mnist:train", Schedule(steps=6_000, rate=8e-4, betas=(0.0, 0.99)), family="r3gan",
        arguments={"n_classes": 10},
        settings={"loss": "relativistic", "r1": 0.3, "r2": 0.3, "penalty_every": 4},
        snapshots=(500, *range(1_000, 6_001, 1_000)),
        expected="fd_efficientnet_lite0 = 24.5, fd_judge = 0.362, accuracy_judge = 0.951 (fashion-mnist-embedded-2k)",
    ),
    "stylegan2-fashion-mnist": Recipe(
        make_gan, "fashion-mnist:train", Schedule(steps=3_000, rate=2e-3, betas=(0.0, 0.99)), family="stylegan2",
        arguments={"n_classes": 10, "noise": "none"},
        settings={"loss": "relativistic", "r1": 0.3, "r2": 0.3, "penalty_every": 4},
        snapshots=(500, *range(1_000, 3_001, 1_000)),
        expected="fd_efficientnet_lite0 = 45.5, fd_judge = 1.67, accuracy_judge = 0.851 (fashion-mnist-embedded-2k)",
    ),
    "flow-fashion-mnist": Recipe(
        make_diffusion, "fashion-mnist:train", Schedule(steps=5_000, rate=1e-3, betas=(0.9, 0.999)),
        family="diffusion", arguments={"n_classes": 10}, snapshots=(500, *range(1_000, 5_001, 1_000)),
        expected="fd_efficientnet_lite0 = 35.3, fd_judge = 1.04, accuracy_judge = 0.878 (fashion-mnist-embedded-2k)",
    ),
    "tokenizer-fashion-mnist": Recipe(
        make_tokenizer, "fashion-mnist:train", Schedule(steps=8_000, rate=5e-4), snapshots=(2_000, 4_000, 8_000),
    ),
    "gpt-fashion-mnist": Recipe(
        make_writer, "fashion-mnist:train", Schedule(steps=5_000, rate=1e-3, betas=(0.9, 0.99)), family="gpt",
        arguments={"n_classes": 10}, after="tokenizer-fashion-mnist",
        snapshots=(500, *range(1_000, 5_001, 1_000)),
        expected="fd_efficientnet_lite0 = 18.9, fd_judge = 0.803, accuracy_judge = 0.836 (fashion-mnist-embedded-2k)",
    ),
    "maskgit-fashion-mnist": Recipe(
        make_writer, "fashion-mnist:train", Schedule(steps=5_000, rate=1e-3, betas=(0.9, 0.99)), family="maskgit",
        arguments={"n_classes": 10}, after="tokenizer-fashion-mnist",
        snapshots=(500, *range(1_000, 5_001, 1_000)),
        expected="fd_efficientnet_lite0 = 27.7, fd_judge = 1.1, accuracy_judge = 0.894 (fashion-mnist-embedded-2k)",
    ),
    # Colour at 64x64 from few images, which the critic sees changed at random.
    "r3gan-emoji": Recipe(
        make_gan, "emoji:train", Schedule(steps=3_000, rate=8e-4, betas=(0.0, 0.99)), family="r3gan",
        arguments={"n_classes": 9, "widths": [384, 128, 64, 32], "channels": 3},
        settings={"loss": "relativistic", "r1": 1.0, "r2": 1.0, "penalty_every": 4,
                  "augment": "color,translation,cutout"},
        snapshots=(500, *range(1_000, 3_001, 1_000)),
        expected="fd_efficientnet_lite0 = 154 (emoji-embedded-650)",
    ),
    # A negative control: one number cannot carry the variety of clothes, so it draws a handful of them.
    "collapsed-fashion-mnist": Recipe(
        make_gan, "fashion-mnist:train", Schedule(steps=3_000, rate=5e-4, ema=0.99), family="dcgan",
        arguments={"z_dim": 1, "width": 32, "resolution": 32, "channels": 1}, snapshots=(500, 1_000, 2_000, 3_000),
        expected="fd_efficientnet_lite0 = 178, fd_judge = 12.9 (fashion-mnist-embedded-2k)",
    ),
    "judge-fashion-mnist": Recipe(
        make_judge, "fashion-mnist:train", Schedule(steps=4_000, batch=128, rate=3e-3), ships="classifier",
        first=10_000, snapshots=(4_000,), expected="93.76 % of fashion-mnist:test",
    ),
}


@dataclass(frozen=True)
class Stage:
    """A recipe that is to be trained in a folder."""

    name: str
    recipe: Recipe
    folder: Path


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
        raise BadInput("unfit-value", f"A training needs at least one step, got --steps {steps}.")
    last, gap = recipe.snapshots[-1], recipe.snapshots[-1] - (0, *recipe.snapshots)[-2]
    kept = [step for step in (*recipe.snapshots, *range(last + gap, steps, gap)) if step < steps]
    return replace(recipe, schedule=replace(recipe.schedule, steps=steps), snapshots=(*kept, steps), expected="")


def train(name: str, folder: Path, data: DataFolders, steps: int = 0) -> Iterator[Step]:
    """Train a recipe into `folder`, and first what it is `after`; see `train_stage`."""
    for stage in stages(name, folder, steps):
        yield from train_stage(stage, data)


def train_stage(stage: Stage, data: DataFolders) -> Iterator[Step]:
    """Train one recipe: step-<n>.safetensors and a picture of what it draws, loss.csv, and a state to resume from."""
    recipe, folder = stage.recipe, stage.folder
    check_folder(stage)
    task, images = recipe.make(recipe, folder), batch_of(recipe, data)
    if isinstance(task, Writing):
        images = task.read(images)
    yield from record(fit(task, images, recipe.schedule, folder), recipe, folder)


def check_folder(stage: Stage) -> None:
    """The folder can be written to, and what it holds is not longer than what is asked for; a snapshot that a killed
    process still owed is made."""
    check_room(stage.folder)
    done, steps = steps_done(stage.folder), stage.recipe.schedule.steps
    if done > steps:
        raise BadInput("another-training",
                       f"{stage.folder} holds {done:,} steps of a training, more than the {steps:,} of {stage.name}: "
                       "give another folder, or at least as many --steps.")
    last = "png" if stage.recipe.family else "safetensors"
    if done in stage.recipe.snapshots and not (stage.folder / f"step-{done}.{last}").exists():
        deliver(stage.folder, stage.recipe, done)


def batch_of(recipe: Recipe, data: DataFolders) -> Batch:
    """All images that a recipe learns from."""
    images = open_data(recipe.data, data)
    rows = range(recipe.first, images.n)
    labels = None if images.labels is None else torch.from_numpy(images.labels[recipe.first :]).long()
    return Batch(torch.from_numpy(images.read(rows)), labels)


def record(steps: Iterator[Step], recipe: Recipe, folder: Path) -> Iterator[Step]:
    """Pass events on, writing the mean losses of every 50 steps, and of what is left at the end, and the snapshots."""
    window: list[Step] = []
    for event in steps:
        window.append(event)
        if event.step % 50 == 0 or event.step == recipe.schedule.steps:
            log(folder / "loss.csv", window)
            window = []
        if event.step in recipe.snapshots:
            deliver(folder, recipe, event.step)
        yield event


def deliver(folder: Path, recipe: Recipe, step: int) -> None:
    """The snapshot of the kept state, and what it draws."""
    snapshot(folder, recipe.ships, step)
    if recipe.family:
        picture(folder, recipe, step)


def log(path: Path, window: list[Step]) -> None:
    """Append one row: step, seconds, mean losses; a resumed run repeats no row."""
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


def picture(folder: Path, recipe: Recipe, step: int) -> None:
    """A contact sheet of the first 64 images of seed 0: the same latents at every step, wherever their range ends."""
    spec = ModelSpec(recipe.family, recipe.family, arguments=recipe.arguments,
                     weights=str(folder / f"step-{step}.safetensors"))
    generator, rows = load(spec), range(64)
    with torch.inference_mode():
        images = generator.sample(generator.draws(rows, 0), labels_of(generator, rows, 0, "cpu"))
    write_contact_sheet(folder / f"step-{step}.png", to_uint8(images).numpy())
