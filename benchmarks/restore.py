"""Which method restores which damage best: the zoo's flow model and its best GAN beside classical methods.

    python benchmarks/restore.py --folder F             # held-out and own images, resumed where it was stopped
    python benchmarks/restore.py --folder F --table     # what is there, as Markdown
    python benchmarks/restore.py --tune ddrm            # settings, on training images

Held-out images are the first 200 of fashion-mnist:test, own ones 100 draws of each model.  Image by image all damages
and methods, so that a stopped run has as many images of everything.  Seconds are of the processor.
"""

from __future__ import annotations

import argparse
import csv
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ganbench.gan.applications.restore import methods
from ganbench.gan.applications.restore.comparing import paired
from ganbench.gan.applications.restore.damage import damage_in
from ganbench.gan.applications.restore.methods import METHODS, Means, methods_for, restored
from ganbench.gan.applications.restore.restoring import restore, simulated
from ganbench.gan.applications.restore.running import alike, apart, compared
from ganbench.gan.applications.restore.scores import likeness
from ganbench.gan.datasets import DataFolders, open_data
from ganbench.gan.drawing import draw
from ganbench.gan.features.extract import extractor_of
from ganbench.gan.generators.base import seed_of
from ganbench.gan.models.loading import resolve
from ganbench.gan.sampling import generator_of
from ganbench.gan.threads import single_threaded
from ganbench.gan.types import Workspace

DAMAGES = ("inpaint:box=12", "inpaint:half", "inpaint:random=0.5", "inpaint:random=0.8", "superres:2", "superres:4",
           "denoise:0.1", "deblur:1.5,noise=0.02")
FLOW, GAN = "zoo:flow-fashion-mnist", "zoo:r3gan-fashion-mnist"
HELD_OUT, OWN = 200, 100
TUNED = range(1_000, 1_024)         # of fashion-mnist:train10k
FIELDS = ("model", "images", "image", "damage", "method", "psnr", "ssim", "psnr_hole", "ssim_hole", "known_psnr",
          "ignores", "distance", "same_class", "seconds")
GRIDS: dict[str, dict[str, tuple[Any, ...]]] = {
    "ddrm": {"NFE": (20, 50, 100), "ETA": (0.7, 0.85, 1.0), "LEVELS": ((2.0, 0.01), (3.0, 0.01), (5.0, 0.01))},
    "diffpir": {"NFE": (20, 50), "ZETA": (0.3, 0.8, 1.0), "LAMBDA": (1.0, 7.0)},
    "dps": {"NFE": (50,), "GUIDANCE": (0.3, 1.0, 3.0)},
    "tv": {"TV": (0.0005, 0.002, 0.008), "TV_NOISE": (0.5, 0.7, 1.0, 1.4)},
    "search": {"MISFIT": (0.03, 0.1, 0.3)},
}


def images_of(workspace: Workspace) -> Iterator[tuple[str, str, int, np.ndarray]]:
    """Model, set, number and image: two held-out ones, then an own one."""
    held_out = open_data("fashion-mnist:test", DataFolders.of(workspace)).read(range(HELD_OUT))
    own = {}
    for name in (FLOW, GAN):
        spec = resolve(name, workspace)
        own[name] = draw(generator_of(spec, workspace), spec, seed_of(0, "restore"), 0, OWN)["images"]
    for k in range(OWN):
        for name in (FLOW, GAN):
            yield from ((name, "held-out", i, held_out[i]) for i in (2 * k, 2 * k + 1))
            yield name, "own", k, own[name][k]


def run(folder: Path, workspace: Workspace) -> None:
    """One file of rows; those of an image are written together."""
    path = folder / "restore.csv"
    done = {(row["model"], row["images"], int(row["image"])) for row in rows_in(path)}
    eyes, judge = (extractor_of(name, workspace) for name in ("efficientnet_lite0", "judge"))
    training = open_data("fashion-mnist:train10k", DataFolders.of(workspace)).read(range(10_000))
    for name, images, i, image in images_of(workspace):
        if (name, images, i) in done:
            continue
        spec = resolve(name, workspace)
        generator = generator_of(spec, workspace)
        space = "" if name == FLOW else next(iter(generator.spaces))
        means, rows = Means(generator, spec, space, training=training), []
        for text in DAMAGES:
            damage = damage_in(text)
            one = simulated(damage, image, str(i), 0)
            found = {method: [restore(one, method, 1, means, spec, workspace)]
                     for method in methods_for(generator, spec.name, damage, "", True)}
            far = compared(eyes, "features", [image], found, apart)
            same = compared(judge, "logits", [image], found, alike)
            for method, (result,) in found.items():
                like, fit = result.likenesses[0], result.agreements[0]
                rows.append((name, images, i, text, method, like.psnr, like.ssim, like.psnr_hole, like.ssim_hole,
                             fit.decibels, int(fit.ignores), far[method], same[method], result.seconds))
        append(path, rows)


def append(path: Path, rows: list[tuple[Any, ...]]) -> None:
    new = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerows([FIELDS, *rows] if new else rows)


def rows_in(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


# Tables

def table(folder: Path) -> Iterator[str]:
    """A table for each set and damage; methods of both models together, on the same held-out images."""
    rows = rows_in(folder / "restore.csv")
    for images, model in (("held-out", ""), ("own", FLOW), ("own", GAN)):
        chosen = [row for row in rows if row["images"] == images and model in ("", row["model"])]
        for text in DAMAGES:
            yield from lines_of(images, model, text, [row for row in chosen if row["damage"] == text])


def lines_of(images: str, model: str, text: str, rows: list[dict[str, str]]) -> Iterator[str]:
    by: dict[str, dict[int, dict[str, str]]] = {}
    for row in rows:
        by.setdefault(row["method"], {})[int(row["image"])] = row
    if not by:
        return
    both = sorted(set.intersection(*(set(one) for one in by.values())))
    values = {method: column(one, both, "psnr") for method, one in by.items()}
    order = sorted(values, key=lambda method: -values[method].mean())
    yield f"\n{images} {model} {text}, {len(both)} images\n"
    yield "| method | PSNR | in the hole | SSIM | known | ignored | distance | same class | CPU s | behind |"
    yield "|---|---|---|---|---|---|---|---|---|---|"
    for method in order:
        one = by[method]
        behind = "" if method == order[0] else said(paired(values, order[0], method))
        hole = f"{column(one, both, 'psnr_hole').mean():.1f}" if one[both[0]]["psnr_hole"] else "-"
        yield (f"| {method} | {values[method].mean():.1f} | {hole} | {column(one, both, 'ssim').mean():.3f} | "
               f"{np.median(column(one, both, 'known_psnr')):.1f} | "
               f"{100 * column(one, both, 'ignores').mean():.0f} % | "
               f"{column(one, both, 'distance').mean():.3f} | {100 * column(one, both, 'same_class').mean():.0f} % | "
               f"{np.median(column(one, both, 'seconds')):.2f} | {behind} |")


def column(rows: dict[int, dict[str, str]], images: list[int], name: str) -> np.ndarray:
    return np.minimum([float(rows[i][name]) for i in images], 99.0)


def said(row: Any) -> str:
    return f"{row.difference:.1f} ({row.low:.1f} to {row.high:.1f})"


# Settings

def tune(method: str, workspace: Workspace) -> Iterator[str]:
    """The mean PSNR of training images for each setting and damage."""
    spec = resolve(FLOW if METHODS[method].needs != "latents" else GAN, workspace)
    generator = generator_of(spec, workspace)
    means = Means(generator, spec, next(iter(generator.spaces)))
    images = open_data("fashion-mnist:train10k", DataFolders.of(workspace)).read(TUNED)
    for values in itertools.product(*GRIDS[method].values()):
        chosen = dict(zip(GRIDS[method], values, strict=True))
        for name, value in chosen.items():
            set_to(name, method, value)
        for text in DAMAGES:
            if damage_in(text).kind in METHODS[method].damages:
                yield f"{method} {chosen} {text}: {mean_of(method, text, images, means)}"


def set_to(name: str, method: str, value: Any) -> None:
    """A setting of `methods`; where it is one of each method or damage, of this method, or of all damages."""
    kept: Any = getattr(methods, name)
    of_all = {method: value} if name == "NFE" else dict.fromkeys(kept, value) if isinstance(kept, dict) else {}
    setattr(methods, name, {**kept, **of_all} if of_all else value)


def mean_of(method: str, text: str, images: np.ndarray, means: Means) -> str:
    found = []
    for i, image in enumerate(images):
        one = simulated(damage_in(text), image, str(i), 0)
        found.append(likeness(restored(method, one.task, means, 0, 0, str(i)), image, one.task.missing))
    hole = [one.psnr_hole for one in found if one.psnr_hole is not None]
    whole = f"PSNR {np.mean([one.psnr for one in found]):.2f}"
    return f"{whole}, in the hole {np.mean(hole):.2f}" if hole else whole


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("restore"))
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--tune", choices=GRIDS)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    workspace = Workspace(home=str(options.folder / "home"))
    with single_threaded():
        if options.table:
            print("\n".join(table(options.folder)))
        elif options.tune:
            for line in tune(options.tune, workspace):
                print(line, flush=True)
        else:
            run(options.folder, workspace)


if __name__ == "__main__":
    main()
