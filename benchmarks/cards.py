"""Write the zoo's cards from what was measured: python benchmarks/cards.py [NAME ...] [--home DIR]

Scores come from `ganbench.evaluate` (cached in the home folder), training facts from the recipe and from the CSV files that
`ganbench train` and `snapshots.py` wrote, sha256 from the weights.  No number in a card is typed in by hand.
"""

from __future__ import annotations

import argparse
import csv
from dataclasses import dataclass, field
from pathlib import Path

from machine import hardware, versions
from torch import nn

from ganbench import Workspace, evaluate
from ganbench.gan.datasets import DATASETS, fashion_mnist
from ganbench.gan.drawing import draw
from ganbench.gan.features.extract import extractor_of
from ganbench.gan.files import file_digest
from ganbench.gan.images import write_contact_sheet
from ganbench.gan.models.loading import resolve
from ganbench.gan.models.names import ZOO
from ganbench.gan.recipes import RECIPES, Recipe
from ganbench.gan.sampling import generator_of
from ganbench.gan.types import Score

TRAINED_ON = "AMD EPYC, 2 cores, no GPU"                    # every model of the zoo
CLOTHES = "The training images are people's clothes photographed by a shop; nothing about people can be learnt from them."


SHORT = ("The length of the run was what an hour or less of one processor core allowed; scores were still improving at "
         "its end.")


@dataclass(frozen=True)
class Card:
    """What a person says of a model; the name is the recipe's."""

    title: str
    about: str
    loss: str
    faults: str
    rungs: dict[str, int]                                   # zoo name -> step, the last one the model itself
    protocols: tuple[str, ...] = ("fashion-mnist-embedded-2k",)
    note: str = ""                                          # on the training
    after: dict[str, str] = field(default_factory=dict)     # another recipe whose losses are shipped, too -> what it is


@dataclass(frozen=True)
class Control:
    """A model whose fault is known."""

    title: str
    about: str
    recipe: str = ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="cards to be written; all of them unless given")
    parser.add_argument("--home", default="~/.ganbench")
    given = parser.parse_args()
    workspace = Workspace(given.home)
    for name in given.names or [*CARDS, *CONTROLS, "judge-fashion-mnist"]:
        if name in CARDS:
            text = card(name, CARDS[name], workspace)
        elif name in CONTROLS:
            text = control_card(name, CONTROLS[name], workspace)
        else:
            text = judge_card(workspace)
        (ZOO / f"{name}.md").write_text(text)
        print(f"{name}.md", flush=True)
    (ZOO / "README.md").write_text(overview(workspace))


def overview(workspace: Workspace) -> str:
    """All models in one table."""
    names = ("kid", "fd", "precision", "recall", "vendi", "copies")
    shown = [f"{name}_efficientnet_lite0" for name in names] + ["accuracy_judge"]
    heads = [name.removesuffix("_efficientnet_lite0") for name in shown]
    lines = ["| model | what | parameters | " + " | ".join(f"`{head}`" for head in heads) + " |",
             "|---|---|---:|" + "---:|" * len(shown)]
    for name, about in (*CARDS.items(), *CONTROLS.items()):
        protocol = "emoji-embedded-650" if "emoji" in name else "fashion-mnist-embedded-2k"
        found = {score.metric: score for score in evaluate(f"zoo:{name}", protocol, workspace=workspace)}
        cells = [f"{found[metric].value:.3g} ± {found[metric].se:.1g}" if metric in found else "-" for metric in shown]
        lines.append(f"| [`{name}`]({name}.md) | {about.title} | {parameters(name, workspace):,} | {' | '.join(cells)} |")
    return f"""# The zoo

Models that were trained here, small enough to travel, with cards that say how. `ganbench models` lists them, early
snapshots too; `ganbench evaluate zoo:NAME` measures one. Scores: 2,000 images of seed 0, protocol
`fashion-mnist-embedded-2k` (of emoji 650, `emoji-embedded-650`), value and standard error; features of
`efficientnet_lite0`, but for the judge's accuracy, which is the share of images in the class that was asked for.

{chr(10).join(lines)}

Runs were as long as an hour or less of one core allowed, but for the DCGAN's: this table says what is shipped, and not
which family is best. The judge, which measures classes, has [a card](judge-fashion-mnist.md) as well; the data lie in
`fashion-mnist` and `emoji`, each with its licence.

Printed by `python benchmarks/cards.py` on {hardware()}, {versions("torch")}.
"""


def card(name: str, about: Card, workspace: Workspace) -> str:
    recipe, rungs = RECIPES[name], about.rungs
    for rung in rungs:
        contact_sheet(rung, workspace)
    tables = "\n\n".join(scores_of(list(rungs), protocol, workspace, rungs) for protocol in about.protocols)
    files = "\n".join(file_row(rung, f"{steps:,}") for rung, steps in rungs.items())
    spec = resolve(f"zoo:{name}", workspace)
    size = f"{spec.channels}x{spec.resolution}x{spec.resolution}"
    return f"""# {about.title}

![64 images, seed 0]({name}.png)

{about.about} {parameters(name, workspace):,} parameters; images of {size}{classes(recipe)}.

| model | step | sha256 |
|---|---:|---|
{files}

## Training

{training_table(name, about, workspace)}

Losses are in [`{name}.csv`]({name}.csv), means over 50 steps{shipped_beside(about)}. The quality of the snapshots
(`benchmarks/snapshots.py`) is in [`{name}-quality.csv`]({name}-quality.csv):

{quality_table(ZOO / f"{name}-quality.csv")}
{paragraph(about.note)}
The last snapshot is the shipped one; none was chosen by its score.

## Scores

Value and standard error, seed 0; *real images* is the same number for as many held-out real images.

{tables}

Below {5 * 1280:,} images, five times the features, `fd_efficientnet_lite0` is biased upwards.

Printed by `python benchmarks/cards.py` on {hardware()}, {versions("torch")}.

## Faults to expect

{about.faults}

Licence of the weights: Apache-2.0. Data: {DATASETS[recipe.data.partition(":")[0]].licence}.
"""


def control_card(name: str, about: Control, workspace: Workspace) -> str:
    contact_sheet(name, workspace)
    files = "\n\n| model | step | sha256 |\n|---|---:|---|\n"
    made = ""
    if about.recipe:
        steps = RECIPES[about.recipe].schedule.steps
        made = files + file_row(name, f"{steps:,}") + f"\n\nTrained by `ganbench train {about.recipe} --out DIR`."
    return f"""# {about.title}

![64 images, seed 0]({name}.png)

{about.about}{made}

## Scores

Value and standard error, seed 0; *real images* is the same number for as many held-out real images.

{scores_of([name], "fashion-mnist-embedded-2k", workspace, {name: 0})}

Printed by `python benchmarks/cards.py` on {hardware()}, {versions("torch")}.
"""


def contact_sheet(name: str, workspace: Workspace) -> None:
    spec = resolve(f"zoo:{name}", workspace)
    write_contact_sheet(ZOO / f"{name}.png", draw(generator_of(spec, workspace), spec, 0, 0, 64)["images"])


def parameters(name: str, workspace: Workspace) -> int:
    generator = generator_of(resolve(f"zoo:{name}", workspace), workspace)
    return sum(p.numel() for p in generator.parameters()) if isinstance(generator, nn.Module) else 0


def classes(recipe: Recipe) -> str:
    count = recipe.arguments.get("n_classes")
    return f", {count} classes by label" if count else ", without classes"


def file_row(name: str, step: str) -> str:
    return f"| `{name}.safetensors` | {step} | `{file_digest(ZOO / f'{name}.safetensors')}` |"


def training_table(name: str, about: Card, workspace: Workspace) -> str:
    recipe, schedule = RECIPES[name], RECIPES[name].schedule
    images = DATASETS[recipe.data.partition(":")[0]].splits[recipe.data.partition(":")[2]]
    epochs = schedule.steps * schedule.batch / images
    settings = ", ".join(f"{key} {value}" for key, value in recipe.settings.items())
    rows = {
        "command": f"`ganbench train {name} --out DIR`",
        "data": f"`{recipe.data}`, {images:,} images",
        "loss": about.loss + (f" ({settings})" if settings else ""),
        "optimiser": f"rate {schedule.rate}, betas {schedule.betas}, batches of {schedule.batch}",
        "averaging": f"the shipped weights are the moving average, decay {schedule.ema} with warm-up",
        "seed": str(schedule.seed),
        "steps": f"{schedule.steps:,} ({epochs:.1f} epochs)",
        "time": f"{float(last_row(ZOO / f'{name}.csv')['seconds']):,.0f} seconds of training steps on one thread of a "
                "busy machine",
        "hardware": TRAINED_ON,
    }
    return "\n".join(["| | |", "|---|---|", *(f"| {key} | {value} |" for key, value in rows.items())])


def shipped_beside(about: Card) -> str:
    return "".join(f"; those of the {what} in [`{name}.csv`]({name}.csv)" for name, what in about.after.items())


def paragraph(text: str) -> str:
    return f"\n{text}\n" if text else ""


def judge_card(workspace: Workspace) -> str:
    recipe = RECIPES["judge-fashion-mnist"]
    schedule = recipe.schedule
    weights = ZOO / "judge-fashion-mnist.safetensors"
    rows = "\n".join(
        f"| `fashion-mnist:{split}` | {accuracy(split, workspace):.2%} |" for split in ("test", "train10k")
    )
    return f"""# The judge of Fashion-MNIST

A classifier (five convolutions with BatchNorm, 128 features, 10 classes; {weights.stat().st_size / 1e6:.1f} MB) that gives
`fd_judge`, `kid_judge`, `is_judge` and `accuracy_judge`. No model is trained on it or chosen by it.

| | |
|---|---|
| file | `judge-fashion-mnist.safetensors`, sha256 `{file_digest(weights)}` |
| command | `ganbench train judge-fashion-mnist --out DIR` |
| data | training images 10,001 to 60,000, padded to 32x32, flipped at random; the first 10,000 are left out, since they give the floor |
| loss | cross-entropy, labels smoothed by 0.1 |
| optimiser | AdamW, one-cycle rate up to {schedule.rate}, {schedule.steps:,} steps of {schedule.batch}, seed {schedule.seed} |
| time | {float(last_row(ZOO / "judge-fashion-mnist.csv")["seconds"]):,.0f} seconds of training steps on one thread of a busy machine |
| hardware | {TRAINED_ON} |

| never seen in training | accuracy |
|---|---:|
{rows}

Losses are in [`judge-fashion-mnist.csv`](judge-fashion-mnist.csv).

Printed by `python benchmarks/cards.py` on {hardware()}, {versions("torch")}.
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


def scores_of(models: list[str], protocol: str, workspace: Workspace, steps: dict[str, int]) -> str:
    """A table of scores, a column for each model."""
    found: dict[str, dict[str, Score]] = {
        model: {score.metric: score for score in evaluate(f"zoo:{model}", protocol, workspace=workspace)}
        for model in models
    }
    heads = [f"step {steps[model]:,}" if steps[model] else f"`{model}`" for model in models]
    lines = [f"`{protocol}`:", "", f"| score | {' | '.join(heads)} | real images |", "|---|" + "---:|" * (len(models) + 1)]
    for name, last in found[models[-1]].items():
        cells = [f"{found[model][name].value:.4g} ± {found[model][name].se:.2g}" for model in models]
        lines.append(f"| `{name}` | {' | '.join(cells)} | {'-' if last.floor is None else f'{last.floor:.4g}'} |")
    return "\n".join(lines)


def quality_table(path: Path) -> str:
    with path.open(encoding="utf-8", newline="") as file:
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
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))[-1]


CARDS = {
    "dcgan-fashion-mnist": Card(
        "DCGAN on Fashion-MNIST, and its ladder",
        "A DCGAN (Radford, Metz & Chintala 2016, arXiv:1511.06434): 100 normal numbers become a picture. It is here to be "
        "measured: a real model with real faults.",
        "non-saturating (Goodfellow et al. 2014), one discriminator step per generator step",
        "Frayed edges on shoes and bags, holes in dark and patterned fabrics, some garments between two classes (a dress "
        "that ends in trouser legs). " + CLOTHES,
        {"dcgan-fashion-mnist-start": 1_000, "dcgan-fashion-mnist-early": 2_000, "dcgan-fashion-mnist": 60_000},
        note="The run was planned for 40,000 steps and went on to 60,000, since it still improved slowly; over the last\n"
             "4,000 no score moved by more than its error.",
        protocols=("fashion-mnist-embedded-2k", "fashion-mnist-embedded-10k"),
    ),
    "wgan-gp-fashion-mnist": Card(
        "WGAN-GP on Fashion-MNIST",
        "The residual generator of WGAN-GP (Gulrajani et al. 2017, arXiv:1704.00028), narrowed for 32 pixels, its "
        "BatchNorm conditioned on the class.",
        "Wasserstein with gradient penalty, three critic steps per generator step",
        "WGAN-GP wants ten times these steps: grainy fabrics, frayed edges; straps and laces dissolve, classes that look "
        "alike are mixed. Under-trained. " + CLOTHES,
        {"wgan-gp-fashion-mnist-early": 500, "wgan-gp-fashion-mnist": 3_000}, note=SHORT,
    ),
    "r3gan-fashion-mnist": Card(
        "R3GAN on Fashion-MNIST",
        "A small residual GAN without normalisation after R3GAN (Huang et al. 2025, arXiv:2501.05441), written anew.",
        "relativistic, with penalties on the gradients at real and at generated images, every fourth step",
        "Few varieties of each garment: recall is low where precision is high. Patterns and prints are rare. " + CLOTHES,
        {"r3gan-fashion-mnist-early": 500, "r3gan-fashion-mnist": 6_000}, note=SHORT,
    ),
    "stylegan2-fashion-mnist": Card(
        "StyleGAN2 on Fashion-MNIST",
        "A small StyleGAN2 (Karras et al. 2020, arXiv:1912.04958), written anew: mapping network, modulated "
        "convolutions, style mixing, truncation by `arguments = { truncation = 0.7 }`; without noise inputs.",
        "relativistic, with penalties on the gradients at real and at generated images, every fourth step",
        "Under-trained: a CPU's hour where the paper's model has a GPU's days. Flat fabrics, soft edges. " + CLOTHES,
        {"stylegan2-fashion-mnist-early": 500, "stylegan2-fashion-mnist": 3_000}, note=SHORT,
    ),
    "flow-fashion-mnist": Card(
        "A flow on Fashion-MNIST",
        "Flow matching (Lipman et al. 2023, arXiv:2210.02747) on diffusers' U-Net, ten Euler steps from noise to image; "
        "`arguments = { steps = 50 }`, `sampler` and `guidance` change that.",
        "flow matching, times logit-normal (Esser et al. 2024, arXiv:2403.03206); a tenth of the labels dropped",
        "Faint stripes on fabrics and grain in the background, which the distances see better than the eye: KID is "
        "several times that of the transformers, though shapes are right; `guidance = 1.5`, at twice the cost, makes it better. " + CLOTHES,
        {"flow-fashion-mnist-early": 1_000, "flow-fashion-mnist": 5_000}, note=SHORT,
    ),
    "gpt-fashion-mnist": Card(
        "GPT on Fashion-MNIST",
        "A VQ tokenizer (8x8 tokens) and a small GPT that writes them one after the other (Esser et al. 2021, "
        "arXiv:2012.09841), with a cache of keys and values.",
        "cross-entropy of the next token; the tokenizer first: reconstruction, commitment, and a critic of patches",
        "Now and then a garment that loses its thread halfway: a sleeve that ends, a shoe with two heels. " + CLOTHES,
        {"gpt-fashion-mnist-early": 1_000, "gpt-fashion-mnist": 5_000}, note=SHORT,
        after={"tokenizer-fashion-mnist": "tokenizer"},
    ),
    "maskgit-fashion-mnist": Card(
        "MaskGIT on Fashion-MNIST",
        "The tokens of the GPT, filled in by a bidirectional transformer that begins with those it is surest of (Chang et "
        "al. 2022, arXiv:2202.04200).",
        "cross-entropy of masked tokens",
        "Typical garments come more often than rare ones: precision above recall. Sandals and patterned fabrics break "
        "up. " + CLOTHES,
        {"maskgit-fashion-mnist-early": 1_000, "maskgit-fashion-mnist": 5_000}, note=SHORT,
    ),
    "r3gan-emoji": Card(
        "R3GAN on emoji",
        "The same small residual GAN in colour at 64 pixels, trained on 2,728 pictures of a font: little data, nine "
        "classes of very unlike sizes.",
        "relativistic, with penalties on the gradients at real and at generated images, every fourth step; DiffAugment "
        "(Zhao et al. 2020, arXiv:2006.10738)",
        "Faces and people are recognised at once, since they are most of the data; animals, flags and objects are "
        "mixtures. Unseen emoji are others than those of training, so that the floor is not small.",
        {"r3gan-emoji-early": 500, "r3gan-emoji": 3_000}, note=SHORT, protocols=("emoji-embedded-650",),
    ),
}

CONTROLS = {
    "memoriser-fashion-mnist": Control(
        "A memoriser of Fashion-MNIST",
        "This \"model\" draws the first 10,000 training images in a fixed random order, and nothing else. Every score of "
        "quality and of variety is perfect; AuthPct, the C_T test and the share of copies say why. It is here to show "
        "that FID alone cannot tell.",
    ),
    "collapsed-fashion-mnist": Control(
        "A collapsed GAN on Fashion-MNIST",
        "A DCGAN whose latent is a single number, which cannot carry the variety of clothes: it has learnt a handful of "
        "garments and draws them again and again. Recall, coverage, diversity and Vendi say so.",
        recipe="collapsed-fashion-mnist",
    ),
}


if __name__ == "__main__":
    main()
