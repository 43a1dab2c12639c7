"""Ten or a hundred images of a near and of a far target: scratch, finetune, freezed, ewc and adapter, five seeds.

    ganbench train r3gan --data NINE --no-classes --budget 45m --threads 1 --out SOURCE
    python benchmarks/transfer.py SOURCE --out FOLDER [--targets near far] [--shots 10 100] [--seeds 5]
        [--steps 300]

SOURCE: the folder of a training on Fashion-MNIST without its class 9 (ankle boots); `--write-data NINE.npz` writes the
images.  Near: ankle boots, held out 1,000 others.  Far: emoji in colour, held out the test emoji.  Every seed draws
other images to learn from and other batches.  The better one of the snapshots after a half and after all steps, by KID
against held-out images, is measured on a fresh draw.  What is finished is kept in FOLDER/results.jsonl.
"""

from __future__ import annotations

import argparse
import json
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from machine import measuring
from scipy.stats import t as student

from ganbench import Workspace
from ganbench.gan.datasets import DataFolders
from ganbench.gan.images import write_npz
from ganbench.gan.models.images import open_set
from ganbench.gan.models.loading import resolve
from ganbench.gan.question import Training
from ganbench.gan.recipes.planning import plan
from ganbench.gan.recipes.running import conclude, train_stage
from ganbench.gan.recipes.transfer import STRATEGIES, file_of
from ganbench.gan.specialise.nearness import nearness
from ganbench.gan.specialise.specialists import (
    BASE,
    Sets,
    images_of,
    measured,
    memorises,
    reference_rows,
    sets_of,
    training_images,
)
from ganbench.gan.training.loop import read_state

N = 500                                                     # images of each model
LEFT_OUT = 9                                                # the class that the source has not seen
ORDER = ("scratch", "finetune", "freezed", "ewc", "adapter")
COLUMNS = {"kid": "KID", "nearer": "close", "diversity": "variety", "kept": "source kept"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, nargs="?")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--targets", nargs="+", choices=["near", "far"], default=["near", "far"])
    parser.add_argument("--shots", nargs="+", type=int, default=[10, 100])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--write-data", type=Path)
    given = parser.parse_args()
    home = Workspace(str((given.out or Path()) / "home"))
    if given.write_data:
        data = open_set("fashion-mnist:train", DataFolders.of(home))
        rows = np.flatnonzero(data.labels != LEFT_OUT).tolist()
        write_npz(given.write_data, data.read(rows))
        return
    given.out.mkdir(parents=True, exist_ok=True)
    with measuring("Transfer from Fashion-MNIST without ankle boots", "torch"):
        for target in given.targets:
            for shots in given.shots:
                found = list(results(given, target, shots, home))
                print(table(target, shots, found, given.steps), flush=True)


def results(given: argparse.Namespace, target: str, shots: int, home: Workspace) -> Iterator[dict[str, Any]]:
    path = given.out / "results.jsonl"
    for seed in range(given.seeds):
        known = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        mine = [row for row in known if (row["target"], row["shots"], row["seed"]) == (target, shots, seed)]
        if not mine:
            mine = list(of_seed(given, target, shots, seed, home))
            with path.open("a") as file:
                file.writelines(f"{json.dumps(row)}\n" for row in mine)
        yield from mine


def of_seed(given: argparse.Namespace, target: str, shots: int, seed: int, home: Workspace) -> Iterator[dict[str, Any]]:
    """The source, real images, and each strategy."""
    folder = given.out / f"{target}-{shots}-{seed}"
    data, held_out = write_target(target, shots, seed, folder, home)
    sets: Sets | None = None
    head = {"target": target, "shots": shots, "seed": seed}
    for strategy in STRATEGIES:
        asked = Training(data=str(data), held_out=str(held_out), budget=str(given.steps), start=str(given.source),
                         strategy=strategy, seed=seed, threads=1, no_classes=True, resolution=32)
        stage = plan("r3gan", asked, folder / strategy, DataFolders.of(home), "cpu", home).last
        stage = replace(stage, recipe=replace(stage.recipe, snapshots=(given.steps // 2, given.steps)))
        deque(train_stage(stage, DataFolders.of(home), home), maxlen=0)
        conclude(stage, home)
        seconds = float(read_state(stage.folder / "state.pt", mmap=True)["seconds"])
        if sets is None:
            sets = sets_of(resolve(file_of(str(given.source)), home), stage, N, home)
            near = asdict(nearness(sets.source.rows, sets.again.rows, sets.training.rows))
            yield from ({**head, **asdict(row), "near": near} for row in reference_rows(sets))
        row, _ = measured(strategy, images_of(stage, N, home), sets)
        training_images(stage).unlink(missing_ok=True)
        yield {**head, **asdict(row), "memorises": memorises(row), "seconds": seconds}


def write_target(target: str, shots: int, seed: int, folder: Path, home: Workspace) -> tuple[Path, Path]:
    """Images to learn from, others with every seed, and those to measure with, always the same."""
    folders, random = DataFolders.of(home), np.random.default_rng(seed)
    if target == "near":
        images = open_set("fashion-mnist:train", folders)
        rows = np.flatnonzero(images.labels == LEFT_OUT)
        theirs, pool = images.read(rows[:1_000].tolist()), rows[1_000:]
    else:
        others, images = open_set("emoji:test", folders), open_set("emoji:train", folders)
        theirs, pool = others.read(range(min(others.n, 1_000))), np.arange(images.n)
    write_npz(folder / "target.npz", images.read(sorted(random.choice(pool, shots, replace=False).tolist())))
    write_npz(folder / "held-out.npz", theirs)
    return folder / "target.npz", folder / "held-out.npz"


# The table

def table(target: str, shots: int, found: Sequence[dict[str, Any]], steps: int) -> str:
    """A row for each strategy: means over seeds with 95 % intervals of Student's t."""
    names = [name for name in ("source", *ORDER, "real images") if any(row["name"] == name for row in found)]
    base = {row["seed"]: row["kid"]["value"] for row in found if row["name"] == BASE}
    near = [row["near"] for row in found if row["name"] == "source"]
    lines = [f"\n{target}, {shots} images, {steps} steps; Fréchet distance to the source "
             f"{mean_of(n['target'] for n in near)}, farthest cluster of the source "
             f"{mean_of(max(n['clusters']) for n in near)}\n",
             f"| | {' | '.join(COLUMNS.values())} | KID - {BASE} | memorises | s |",
             f"|---|{'---:|' * (len(COLUMNS) + 3)}"]
    for name in names:
        rows = [row for row in found if row["name"] == name]
        cells = [mean_of(row[column]["value"] for row in rows if row[column]) for column in COLUMNS]
        gap = mean_of(row["kid"]["value"] - base[row["seed"]] for row in rows if row["kid"]) if name in ORDER else ""
        flagged = f"{sum(row['memorises'] for row in rows)} of {len(rows)}" if "memorises" in rows[0] else ""
        took = f"{np.mean([row['seconds'] for row in rows]):.0f}" if "seconds" in rows[0] else ""
        lines.append(f"| {name} | {' | '.join(cells)} | {gap} | {flagged} | {took} |")
    return "\n".join(lines)


def mean_of(numbers: Any) -> str:
    values = np.array(list(numbers))
    if not len(values):
        return ""
    digits = 1 if abs(values.mean()) > 10 else 4 if abs(values.mean()) < 0.1 else 3
    if len(values) < 2:
        return f"{values.mean():.{digits}f}"
    reach = student.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return f"{values.mean():.{digits}f} ± {reach:.{digits}f}"


if __name__ == "__main__":
    main()
