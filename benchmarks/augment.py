"""Does a classifier of 50 garments of each class learn more with images of the zoo's models?

    python benchmarks/augment.py [MODEL ...] [--most-steps 2000] [--out FOLDER]
    python benchmarks/augment.py --planted --seeds 10 [--times 10]

prints the tables of docs/augment.md; pictures go into FOLDER/MODEL.  With `--planted` the generators are images whose
worth is known: unseen real images, the same with shuffled labels, noise, and copies of the real images, for ten draws
of real images each (figures of `shapes`; hours of one core).  Whatever is finished is in the store of GANBENCH_HOME: a
killed run goes on from there.
"""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from machine import measuring

from ganbench.flows.augmentations import interval, sentences, steps_said
from ganbench.gan.applications.augment.augmenting import Augmented
from ganbench.gan.applications.augment.augmenting import augment as augmented
from ganbench.gan.applications.augment.judging import difference
from ganbench.gan.applications.augment.options import Augmentation
from ganbench.gan.datasets import shapes
from ganbench.gan.images import write_npz
from ganbench.gan.question import Opening
from ganbench.tasks.settings import configure, workspace_of

MODELS = ("r3gan-fashion-mnist", "dcgan-fashion-mnist")
DATA, SIDE = "fashion-mnist", 16        # of `--planted`: figures of `shapes` at so many pixels
ENOUGH = 1_600         # steps: after 400 these figures are hardly learnt, and copies of the real images seem to harm
PLANTED = ("unseen real images", "shuffled labels", "noise", "copies of the real images")


def quiet(*progress: object) -> None:
    """No bars."""


def augment(model: str, request: Augmentation, out: str = "") -> Augmented:
    return augmented(quiet, model, request, out, Opening(), workspace_of())


def table_of(made: Augmented) -> str:
    """Every arm, as Markdown."""
    grid = made.found.grid
    base = grid.outcomes[grid.reference]
    lines = [f"| arm | images | recognised, % (95 %) | beside {grid.reference} | calibration error |",
             "|---|---:|---:|---:|---:|"]
    for name in (arm.name for arm in grid.arms if arm.name in grid.outcomes):
        one = grid.outcomes[name]
        gain = difference(one, base)
        beside = "" if name == grid.reference else gain.with_signs
        lines.append(f"| {name} | {one.images:,} | {interval(one.accuracy)} | {beside} | {100 * one.calibration:.1f} |")
    return "\n".join(lines)


def recalls_of(made: Augmented) -> str:
    """The classes that gain and lose most."""
    grid, verdict = made.found.grid, made.found.verdict
    names = made.found.real.names
    before, after = (grid.outcomes[name].recalls(len(names)) for name in (grid.reference, verdict.arm))
    order = np.argsort(before - after)
    return ", ".join(f"{names[k]} {100 * before[k]:.0f} -> {100 * after[k]:.0f}" for k in order)


def zoo(models: list[str], given: argparse.Namespace) -> None:
    for model in models:
        out = str(Path(given.out) / model) if given.out else ""
        request = Augmentation(DATA, per_class=given.per_class, seeds=given.seeds, factors=given.factors,
                               arms=given.arms, steps=given.steps, most_steps=given.most_steps)
        made = augment(f"zoo:{model}", request, out)
        said = [*sentences(made.found), steps_said(made.found)]
        print(f"\n`zoo:{model}`\n\n" + "\n".join(f"- {text}" for text in said))
        print(f"\n{table_of(made)}\n\nRecall, %: {recalls_of(made)}.", flush=True)


def planted(given: argparse.Namespace) -> None:
    """Verdicts on generators whose worth is known, each for several draws of real images."""
    real, test, fresh = (shapes.draw(seed, n, SIDE) for seed, n in ((10, 1_200), (11, 3_000), (12, 3_000)))
    pictures, classes = fresh.read(range(fresh.n)), np.asarray(fresh.labels)
    noise = np.random.default_rng(1).integers(0, 256, pictures.shape, np.uint8)
    sets = {PLANTED[0]: (pictures, classes), PLANTED[1]: (pictures, np.random.default_rng(0).permutation(classes)),
            PLANTED[2]: (noise, classes)}
    print("| generator | verdicts | beside the reference, points (least to most) |\n|---|---|---:|")
    with TemporaryDirectory() as place:
        for name, images in (("real", real), ("test", test)):
            write(place, name, images.read(range(images.n)), np.asarray(images.labels))
        for name, (drawn, known) in sets.items():
            write(place, name, drawn, known)
        base = Augmentation(str(Path(place) / "real.npz"), test=str(Path(place) / "test.npz"), seeds=given.seeds,
                            factors="8", arms="copies", steps=given.steps or ENOUGH, per_class=given.per_class,
                            leave_out=True)     # figures of so few pixels are alike by chance
        copied: list[Augmented] = []
        for name in sets:
            runs = [augment(str(Path(place) / f"{name}.npz"), replace(base, seed=100 * k))
                    for k in range(given.times)]
            copied = copied or runs
            verdicts = Counter(made.found.verdict.state for made in runs)
            print(row(name, verdicts, [made.found.verdict.gain.value for made in runs]), flush=True)
        print(row(PLANTED[3], *of_copies(copied)), flush=True)


def write(place: str, name: str, images: np.ndarray, labels: np.ndarray) -> None:
    write_npz(Path(place) / f"{name}.npz", images, labels.tolist(), shapes.CLASSES)


def of_copies(runs: list[Augmented]) -> tuple[Counter[str], list[float]]:
    gains = [difference(grid.outcomes["copies"], grid.outcomes[grid.reference])
             for grid in (made.found.grid for made in runs)]
    return (Counter("helps" if one.low > 0 else "harms" if one.high < 0 else "neutral" for one in gains),
            [one.value for one in gains])


def row(name: str, verdicts: Counter[str], gains: list[float]) -> str:
    said = ", ".join(f"{count} {state}" for state, count in verdicts.most_common())
    return f"| {name} | {said} | {np.mean(gains):+.1f} ({min(gains):+.1f} to {max(gains):+.1f}) |"


def main() -> None:
    parser = argparse.ArgumentParser(description="Augmentation")
    parser.add_argument("models", nargs="*")
    parser.add_argument("--planted", action="store_true")
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--per-class", type=int, default=50)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--factors", default="1,4,16")
    parser.add_argument("--arms", default="")
    parser.add_argument("--steps", type=int, default=0)
    parser.add_argument("--most-steps", type=int, default=8_000)
    parser.add_argument("--out", default="")
    given = parser.parse_args()
    configure()
    with measuring(f"Augmentation: {given.per_class} images of each class, {given.seeds} seeds", "torch"):
        if given.planted:
            planted(given)
        else:
            zoo(given.models or list(MODELS), given)


if __name__ == "__main__":
    main()
