"""Write the zoo's cards from what was measured: python benchmarks/cards.py [--home DIR]

Scores come from `gan.evaluate` (cached in the home folder), training facts from the CSV files that
`ganbench train` wrote, sha256 from the weights.  Nothing in a card is typed in by hand.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

from machine import hardware, versions

from gan import Workspace, evaluate
from gan.datasets import fashion_mnist
from gan.features.extract import extractor_of
from gan.files import file_digest
from gan.generators.loading import ZOO, resolve
from gan.images import write_contact_sheet
from gan.recipes import RECIPES
from gan.sampling import draw, generator_of
from gan.types import Score

LADDER = {
    "dcgan-fashion-mnist-start": 1_000,
    "dcgan-fashion-mnist-early": 2_000,
    "dcgan-fashion-mnist": 60_000,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", default="~/.ganbench")
    workspace = Workspace(parser.parse_args().home)
    for name in LADDER:
        spec = resolve(f"zoo:{name}", workspace)
        images = draw(generator_of(spec, workspace), spec, 0, 0, 64)["images"]
        write_contact_sheet(ZOO / f"{name}.png", images)
    (ZOO / "dcgan-fashion-mnist.md").write_text(dcgan_card(workspace))
    (ZOO / "judge-fashion-mnist.md").write_text(judge_card(workspace))


def dcgan_card(workspace: Workspace) -> str:
    recipe = RECIPES["dcgan-fashion-mnist"]
    schedule = recipe.schedule
    seconds = last_row(ZOO / "dcgan-fashion-mnist.csv")["seconds"]
    scores = {
        protocol: {name: evaluate(f"zoo:{name}", protocol, workspace=workspace) for name in LADDER}
        for protocol in ("fashion-mnist-embedded-2k", "fashion-mnist-embedded-10k")
    }
    tables = "\n\n".join(f"`{name}`:\n\n{score_table(found)}" for name, found in scores.items())
    parameters = sum(p.numel() for p in generator_of(resolve("zoo:dcgan-fashion-mnist"), workspace).parameters())
    files = "\n".join(
        f"| `{name}.safetensors` | {steps:,} | `{file_digest(ZOO / f'{name}.safetensors')}` |"
        for name, steps in LADDER.items()
    )
    return f"""# DCGAN on Fashion-MNIST, and its ladder

![64 images, seed 0](dcgan-fashion-mnist.png)

An unconditional DCGAN (Radford, Metz & Chintala 2016, arXiv:1511.06434), {parameters:,} parameters: 100 normal
numbers become a grey picture of 32x32 pixels in [-1, 1]. It is here to be measured: a real model with real faults.

| model | step | sha256 |
|---|---:|---|
{files}

## Training

| | |
|---|---|
| command | `ganbench train dcgan-fashion-mnist --out DIR` |
| data | Fashion-MNIST's 60,000 training images, zero-padded to 32x32, no augmentation |
| loss | non-saturating (Goodfellow et al. 2014), one discriminator step per generator step |
| optimiser | Adam, rate {schedule.rate}, betas {schedule.betas}, batches of {schedule.batch} |
| averaging | the shipped weights are the moving average, decay {schedule.ema} with warm-up |
| seed | {schedule.seed} |
| steps | {schedule.steps:,} ({schedule.steps * schedule.batch / 60_000:.1f} epochs) |
| time | {float(seconds):,.0f} seconds of training steps on one thread of a busy machine |
| hardware | {hardware()} |

Losses are in [`dcgan-fashion-mnist.csv`](dcgan-fashion-mnist.csv), means over 50 steps. The quality of the snapshots
(2,000 images each, `benchmarks/snapshots.py`) is in [`dcgan-fashion-mnist-quality.csv`](dcgan-fashion-mnist-quality.csv):

{quality_table()}

The run was planned for 40,000 steps and went on to {schedule.steps:,}, since it still improved slowly; over the last
4,000 no score moved by more than its error. The last snapshot is the shipped one; none was chosen by its score.

## Scores

Value and standard error, seed 0; *real images* is the same number for as many training images.

{tables}

Below {5 * 1280:,} images, five times the features, `fd_efficientnet_lite0` is biased upwards.

Printed by `python benchmarks/cards.py` on {hardware()}, {versions("torch")}.

## Faults to expect

Frayed edges on shoes and bags, holes in dark and patterned fabrics, some garments between two classes (a dress that
ends in trouser legs). The training images are people's clothes photographed by a shop; nothing about people can be learnt from them.

Licence of the weights: Apache-2.0. Data: MIT, Zalando SE.
"""


def judge_card(workspace: Workspace) -> str:
    recipe = RECIPES["judge-fashion-mnist"]
    schedule = recipe.schedule
    weights = ZOO / "judge-fashion-mnist.safetensors"
    rows = "\n".join(
        f"| `fashion-mnist:{split}` | {accuracy(split, workspace):.2%} |" for split in ("test", "train10k")
    )
    return f"""# The judge of Fashion-MNIST

A classifier (five convolutions with BatchNorm, 128 features, 10 classes; {weights.stat().st_size / 1e6:.1f} MB) that gives
`fd_judge`, `kid_judge` and `is_judge`. No model is trained on it or chosen by it.

| | |
|---|---|
| file | `judge-fashion-mnist.safetensors`, sha256 `{file_digest(weights)}` |
| command | `ganbench train judge-fashion-mnist --out DIR` |
| data | training images 10,001 to 60,000, padded to 32x32, flipped at random; the first 10,000 are left out, since they give the floor |
| loss | cross-entropy, labels smoothed by 0.1 |
| optimiser | AdamW, one-cycle rate up to {schedule.rate}, {schedule.steps:,} steps of {schedule.batch}, seed {schedule.seed} |
| time | {float(last_row(ZOO / "judge-fashion-mnist.csv")["seconds"]):,.0f} seconds of training steps on one thread of a busy machine |
| hardware | {hardware()} |

| never seen in training | accuracy |
|---|---:|
{rows}

Losses are in [`judge-fashion-mnist.csv`](judge-fashion-mnist.csv). Printed by `python benchmarks/cards.py`, {versions("torch")}.
"""


def accuracy(split: str, workspace: Workspace) -> float:
    images, labels = fashion_mnist.load(split, [fashion_mnist.EMBEDDED])
    judge = extractor_of("judge", workspace)
    size = judge.micro_batch
    right = 0
    for first in range(0, len(images), size):
        logits = judge(images[first : first + size])["logits"]
        right += int((logits.argmax(1) == labels[first : first + size]).sum())
    return right / len(images)


def score_table(found: dict[str, list[Score]]) -> str:
    names = [score.metric for score in found["dcgan-fashion-mnist"]]
    lines = ["| score | " + " | ".join(f"step {step:,}" for step in LADDER.values()) + " | real images |"]
    lines.append("|---|" + "---:|" * (len(LADDER) + 1))
    for row, name in enumerate(names):
        cells = [f"{found[model][row].value:.4g} ± {found[model][row].se:.2g}" for model in LADDER]
        floor = found["dcgan-fashion-mnist"][row].floor
        lines.append(f"| `{name}` | {' | '.join(cells)} | {'-' if floor is None else f'{floor:.4g}'} |")
    return "\n".join(lines)


def quality_table() -> str:
    with (ZOO / "dcgan-fashion-mnist-quality.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    names = [name for name in rows[0] if name != "step" and not name.endswith(".se")]
    lines = ["| step | " + " | ".join(f"`{name}`" for name in names) + " |", "|---:|" + "---:|" * len(names)]
    lines += [
        f"| {int(row['step']):,} | "
        + " | ".join(f"{float(row[n]):.4g} ± {float(row[n + '.se']):.2g}" for n in names)
        + " |"
        for row in rows
    ]
    return "\n".join(lines)


def last_row(path: Path) -> dict[str, str]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))[-1]


if __name__ == "__main__":
    main()
