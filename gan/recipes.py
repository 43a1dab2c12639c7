"""RECIPES: how the shipped models were trained; each can be trained again by `ganbench train`."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file

from gan.datasets import fashion_mnist
from gan.features.judge import Judge
from gan.generators import dcgan
from gan.training.loop import Schedule, Step, train_classifier, train_gan
from gan.types import BadInput


@dataclass(frozen=True)
class Recipe:
    """What is trained on which data for how long; `snapshots` are the steps at which weights are kept."""

    family: str
    data: str
    schedule: Schedule
    first: int = 0  # images before this one are left out
    snapshots: tuple[int, ...] = ()


# The judge leaves out the first 10,000 training images: those travel with the project as held-out
# real data, and a floor measured on images that the judge has learnt would flatter.
RECIPES = {
    # fashion-mnist-embedded-2k: fd_efficientnet_lite0 = 12.48, fd_judge = 0.639
    "dcgan-fashion-mnist": Recipe(
        "dcgan",
        "fashion-mnist:train",
        Schedule(steps=60_000),
        snapshots=(250, 500, 1_000, 2_000, *range(4_000, 60_001, 4_000)),
    ),
    # accuracy on fashion-mnist:test = 93.76 %
    "judge-fashion-mnist": Recipe(
        "judge",
        "fashion-mnist:train",
        Schedule(steps=4_000, batch=128, rate=3e-3),
        first=10_000,
        snapshots=(4_000,),
    ),
}


def train(name: str, folder: Path, data: list[Path]) -> Iterator[Step]:
    """Train a recipe into `folder`: step-<n>.safetensors, loss.csv and a state to resume from.

    `data`: folders that may hold Fashion-MNIST's idx files.
    """
    if name not in RECIPES:
        raise BadInput(f"No recipe {name!r}. Known: {', '.join(sorted(RECIPES))}.")
    recipe = RECIPES[name]
    folder.mkdir(parents=True, exist_ok=True)
    images, labels = (torch.from_numpy(part[recipe.first :]) for part in fashion_mnist.load("train", data))
    random = torch.Generator().manual_seed(recipe.schedule.seed)
    if recipe.family == "dcgan":
        generator = dcgan.DCGAN(z_dim=100, width=32, resolution=32, channels=1)
        discriminator = dcgan.Discriminator(width=32, resolution=32, channels=1)
        for network in (generator, discriminator):
            dcgan.initialise(network, random)
            network.to(memory_format=torch.channels_last)
        steps, part = train_gan(generator, discriminator, generator.z_dim, images, recipe.schedule, folder), "ema"
    else:
        torch.manual_seed(recipe.schedule.seed)
        steps, part = train_classifier(Judge(), images, labels.long(), recipe.schedule, folder), "classifier"
    yield from record(steps, recipe, folder, part)


def record(steps: Iterator[Step], recipe: Recipe, folder: Path, part: str) -> Iterator[Step]:
    """Pass events on, writing the mean losses of every 50 steps and the snapshots."""
    window: list[Step] = []
    for event in steps:
        window.append(event)
        if event.step % 50 == 0:
            log(folder / "loss.csv", window)
            window = []
        if event.step in recipe.snapshots:
            snapshot(folder, part, event.step)
        yield event


def log(path: Path, window: list[Step]) -> None:
    """Append one row: step, seconds, mean losses; a resumed run repeats no row."""
    names = list(window[-1].losses)
    if not path.exists():
        path.write_text(",".join(["step", "seconds", *names]) + "\n")
    with path.open(newline="") as file:
        last = max((int(row["step"]) for row in csv.DictReader(file)), default=0)
    if window[-1].step > last:
        means = [sum(event.losses[name] for event in window) / len(window) for name in names]
        with path.open("a") as file:
            file.write(
                ",".join([str(window[-1].step), f"{window[-1].seconds:.1f}", *(f"{m:.5f}" for m in means)]) + "\n"
            )


def snapshot(folder: Path, part: str, step: int) -> None:
    """Weights of one part of the kept state, as safetensors."""
    state = torch.load(folder / "state.pt", weights_only=True, map_location="cpu")
    if state["step"] != step:
        raise RuntimeError(f"The state kept in {folder} is of step {state['step']}, expected {step}.")
    save_file({k: v.contiguous() for k, v in state[part].items()}, folder / f"step-{step}.safetensors")
