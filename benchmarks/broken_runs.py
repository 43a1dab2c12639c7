"""Train a DCGAN wrongly, for the rules that read learning curves: its discriminator ten times too fast, or with a
logarithm that overflows.

    python benchmarks/broken_runs.py rate-x10 FOLDER [SEED]
    python benchmarks/broken_runs.py nan FOLDER [SEED]

Each writes FOLDER/NAME.csv: means of losses, as `ganbench train` writes loss.csv, and D(x) and D(G(z)); of 1,500 steps
by tens, which take a few minutes on one core, or of 120 steps one by one.  Without SEED: 3, and 4 for nan.
"""

import sys
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from ganbench.gan.datasets import DataFolders
from ganbench.gan.recipes import RECIPES
from ganbench.gan.recipes.running import batch_of
from ganbench.gan.training.adversarial import Adversarial
from ganbench.gan.training.loop import Schedule, batch_at
from ganbench.gan.training.losses import Loss


@dataclass(frozen=True)
class Wrong:
    """Rates beside the recipe's 2e-4, whether logarithms are naive, and how many steps are logged how often."""

    critic_rate: float
    rate: float
    naive: bool
    steps: int
    every: int
    seed: int


def naive_critic(real: Tensor, fake: Tensor) -> Tensor:
    """-log D(x) - log(1 - D(G(z))) as the formula reads: in float32 1 - D is 0 beyond a logit of 17."""
    return -torch.log(torch.sigmoid(real)).mean() - torch.log(1 - torch.sigmoid(fake)).mean()


def naive_generator(real: Tensor, fake: Tensor) -> Tensor:
    return -torch.log(torch.sigmoid(fake)).mean()


RUNS = {"rate-x10": Wrong(2e-3, 2e-4, False, 1_500, 10, 3), "nan": Wrong(2e-2, 2e-2, True, 120, 1, 4)}


def train(name: str, folder: Path, seed: int) -> None:
    """All steps, those after a NaN too, as loops without a check go on."""
    wrong = RUNS[name]
    recipe = RECIPES["dcgan-fashion-mnist"]
    schedule = Schedule(steps=wrong.steps, rate=wrong.rate, seed=seed)
    recipe = replace(recipe, schedule=schedule, settings={"critic_rate": wrong.critic_rate})
    task = recipe.make(recipe, folder)
    seen = watched(task, wrong.naive)
    images = batch_of(recipe, DataFolders(None, folder))
    rows, window = [], []
    for step in range(wrong.steps):
        losses = task.step([batch_at(images, schedule, step)], step, seed)
        window.append({**losses, **seen})
        if (step + 1) % wrong.every == 0:
            means = [sum(one[key] for one in window) / wrong.every for key in window[0]]
            rows.append(",".join([str(step + 1), *(f"{mean:.5f}" for mean in means)]))
            (folder / f"{name}.csv").write_text("\n".join([",".join(["step", *window[0]]), *rows, ""]), "utf-8")
            window = []


def watched(task: Adversarial, naive: bool) -> dict[str, float]:
    """Have the task note D(x) and D(G(z)) in what is returned, and take the naive logarithms if so."""
    seen: dict[str, float] = {}
    losses = Loss(naive_critic, naive_generator) if naive else task.loss

    def critic(real: Tensor, fake: Tensor) -> Tensor:
        seen.update(d_real=real.sigmoid().mean().item(), d_fake=fake.sigmoid().mean().item())
        return losses.critic(real, fake)

    task.loss = Loss(critic, losses.generator)
    return seen


if __name__ == "__main__":
    torch.set_num_threads(1)
    name, folder, *seed = sys.argv[1:]
    train(name, Path(folder), int(seed[0]) if seed else RUNS[name].seed)
