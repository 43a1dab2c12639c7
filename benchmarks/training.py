"""Training steps per second of the recipes: our loop beside the plain one that a user writes for the same model.

    python benchmarks/training.py [--recipes dcgan-fashion-mnist flow-fashion-mnist] [--steps 20] [--rounds 3]
        [--threads 1]

Ours is `fit`, as `ganbench train` calls it: batches, the average of weights, the check of losses, and its share of
writing the state every `keep_every` steps, which is measured apart.  The plain one is a row of `loops.py`: a DataLoader
over the same images with torchvision's ToTensor and Normalize, and the loop that the model's users start from.

Both with the same number of threads, from the same weights.  The first steps do not count: both go through the same
batches and draws, and the last column says how far their losses are then apart, as a share of the loss.  (Rounding
alone: 1e-4 or less where ours has another memory layout, 1e-3 of WGAN-GP, whose Adam has no momentum, 1e-5 or less
elsewhere; the collapsed GAN, of one latent, 2e-4.)  The tokenizer is measured with its critic, which takes part in
three quarters of its steps.
"""

from __future__ import annotations

import argparse
import math
import statistics
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from loops import LOOPS, Labelled, Plain, endless, fresh
from machine import in_turn, measuring, number, temporary, threads

from ganbench import Workspace
from ganbench.gan.datasets import DataFolders
from ganbench.gan.recipes import RECIPES
from ganbench.gan.recipes.running import batch_of
from ganbench.gan.training.loop import Batch, Step, batch_at, fit, keep, to_float

WARM_UP = 4                                                 # steps, as many as lie between two lazy penalties
HEADER = "| recipe | ours, steps/s | range | plain loop, steps/s | range | ours is faster | losses apart |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipes", nargs="+", choices=RECIPES, default=list(RECIPES), metavar="NAME")
    parser.add_argument("--steps", type=int, default=20, help="per round, a multiple of 4: penalties may be lazy")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    title = f"Training steps per second, {given.threads} thread{'s' * (given.threads != 1)}"
    with threads(given.threads), measuring(title, "torch", "torchvision", "diffusers"):
        print(f"{HEADER}\n|---|---:|---:|---:|---:|---:|---:|", flush=True)
        for name in given.recipes:
            with temporary() as folder:
                print(measure(name, Path(folder), given.steps, given.rounds), flush=True)


def measure(name: str, folder: Path, steps: int, rounds: int) -> str:
    """One row of the table."""
    recipe, data = RECIPES[name], batch_of(RECIPES[name], DataFolders.of(Workspace()))
    ours, theirs = task_of(name, folder), task_of(name, folder)
    events = fit(ours, data, replace(recipe.schedule, keep_every=recipe.schedule.steps), folder)
    plain = LOOPS[recipe.family or name](theirs, recipe)
    apart = warm_up(events, plain, data, name, ours.batches)
    later = continued(plain, endless(data, recipe.schedule.batch), ours.batches)
    seconds = in_turn({
        "ours": lambda: list(islice(events, steps)),
        "state": lambda: keep(folder, ours.parts, 0, 0.0),
        "plain": lambda: list(islice(later, steps)),
    }, rounds)
    share = steps / recipe.schedule.keep_every
    ours_rates = [steps / (s + share * kept) for s, kept in zip(seconds["ours"], seconds["state"], strict=True)]
    return row(name, ours_rates, [steps / s for s in seconds["plain"]], apart)


def task_of(name: str, folder: Path) -> Any:
    task = fresh(name, folder)
    if name == "tokenizer-fashion-mnist":
        task.alone = 0
    return task


def warm_up(events: Iterator[Step], plain: Plain, data: Batch, name: str, batches: int) -> float:
    """First steps of both, on the same batches and draws: the largest difference of their last losses over the loss."""
    schedule = RECIPES[name].schedule
    for at, event in enumerate(islice(events, WARM_UP)):
        seen = [batch_at(data, schedule, at * batches + k) for k in range(batches)]
        torch.manual_seed(schedule.seed * 1_000_003 + at)   # as `random_at`
        told = plain([(to_float(batch.images), batch.labels) for batch in seen], at)
        apart = difference(event.losses, told)
    return apart


def difference(ours: Mapping[str, float], theirs: Mapping[str, float]) -> float:
    return max(abs(ours[key] - theirs[key]) / max(abs(ours[key]), 1e-3) for key in theirs)


def continued(plain: Plain, pairs: Iterator[Labelled], batches: int) -> Iterator[dict[str, float]]:
    """The plain loop after the warm-up; stops where losses are no numbers, so that nobody measures those."""
    at = WARM_UP
    while True:
        losses = plain([next(pairs) for _ in range(batches)], at)
        if not all(map(math.isfinite, losses.values())):
            raise FloatingPointError(f"The plain loop diverged at step {at}: {losses}.")
        yield losses
        at += 1


def row(name: str, ours: list[float], plain: list[float], apart: float) -> str:
    better = statistics.median(ours) / statistics.median(plain)
    return f"| {name} | {middle_and_range(ours)} | {middle_and_range(plain)} | {better:.2f} times | {apart:.0e} |"


def middle_and_range(rates: list[float]) -> str:
    return f"{number(statistics.median(rates))} | {number(min(rates))}–{number(max(rates))}"


if __name__ == "__main__":
    main()
