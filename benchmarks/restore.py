"""Which method restores which damage best: the zoo's flow model and its best GAN beside classical methods.

    python benchmarks/restore.py --folder F             # held-out and own images, resumed where it was stopped
    python benchmarks/restore.py --folder F --table     # what is there, as Markdown
    python benchmarks/restore.py --folder F --seconds   # image by image, as the command does: time, and what differs
    python benchmarks/restore.py --tune ddrm            # settings, on training images

Held-out images are the first 200 of fashion-mnist:test, own ones 100 draws of each model.  All damages and methods of
eight images after those of eight others, so that a stopped run has about as many images of everything.  The eight are
restored side by side, each with its own random numbers: as the command does, but for rounding.
"""

from __future__ import annotations

import argparse
import csv
import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from torch import Tensor

from ganbench.gan import inversion
from ganbench.gan.applications.restore import methods
from ganbench.gan.applications.restore.comparing import paired
from ganbench.gan.applications.restore.damage import damage_in, known_of
from ganbench.gan.applications.restore.methods import METHODS, Means, Task, finished, methods_for, restored, seed_for
from ganbench.gan.applications.restore.restoring import Damaged, restore, simulated
from ganbench.gan.applications.restore.running import alike, apart
from ganbench.gan.applications.restore.scores import agreement, likeness
from ganbench.gan.datasets import DataFolders, open_data
from ganbench.gan.drawing import draw
from ganbench.gan.features.extract import extractor_of
from ganbench.gan.features.passing import extract
from ganbench.gan.generators.base import seed_of
from ganbench.gan.inversion import Way, starts_of
from ganbench.gan.latent.inversion import Budget
from ganbench.gan.models.loading import resolve
from ganbench.gan.sampling import generator_of
from ganbench.gan.threads import single_threaded
from ganbench.gan.types import Workspace

DAMAGES = ("inpaint:box=12", "inpaint:half", "inpaint:random=0.5", "inpaint:random=0.8", "superres:2", "superres:4",
           "denoise:0.1", "deblur:1.5,noise=0.02")
FLOW, GAN = "zoo:flow-fashion-mnist", "zoo:r3gan-fashion-mnist"
HELD_OUT, OWN, BLOCK = 200, 100, 8
TUNED = 1_000                       # the first of the images of fashion-mnist:train10k that settings are chosen on
FIELDS = ("images", "image", "damage", "method", "psnr", "ssim", "psnr_hole", "ssim_hole", "known_psnr", "ignores",
          "distance", "same_class")
GRIDS: dict[str, dict[str, tuple[Any, ...]]] = {
    "ddrm": {"NFE": (50,), "ETA": (0.7, 0.85, 1.0),
             "ETA_NOISE": (0.5, 0.7, 0.85, 0.95), "LEVELS": ((2.0, 0.01), (3.0, 0.01), (5.0, 0.01))},
    "diffpir": {"NFE": (20,), "ZETA": (0.3, 0.6, 1.0), "LAMBDA": (1.0, 7.0, 25.0)},
    "dps": {"NFE": (50,), "GUIDANCE": (0.3, 1.0, 2.0, 4.0)},
    "tv": {"TV": (0.02, 0.05, 0.1, 0.3, 0.5, 0.6, 0.7, 0.9)},
    "search": {"MISFIT": (0.1, 0.2), "GAN": (Budget(8, 200, 40, 2), Budget(8, 100, 25, 1))},
}


def images_of(workspace: Workspace) -> Iterator[tuple[str, tuple[str, ...], int, np.ndarray]]:
    """Name of a set, models that restore its images, number of the first, and BLOCK of them (n, C, H, W) uint8: eight
    held-out ones, then own ones of one of the models."""
    held_out = open_data("fashion-mnist:test", DataFolders.of(workspace)).read(range(HELD_OUT))
    own = {}
    for name in (FLOW, GAN):
        spec = resolve(name, workspace)
        own[name] = draw(generator_of(spec, workspace), spec, seed_of(0, "restore"), 0, OWN)["images"]
    for k in range(0, HELD_OUT, BLOCK):
        yield "held-out", (FLOW, GAN), k, held_out[k : k + BLOCK]
        half, odd = divmod(k // BLOCK, 2)
        name = (FLOW, GAN)[odd]
        yield f"own of {name}", (name,), half * BLOCK, own[name][half * BLOCK : (half + 1) * BLOCK]
    yield f"own of {GAN}", (GAN,), OWN // BLOCK * BLOCK, own[GAN][OWN // BLOCK * BLOCK :]


def run(folder: Path, workspace: Workspace) -> None:
    """One file of rows; those of a block are written together."""
    path = folder / "restore.csv"
    done = {(row["images"], int(row["image"])) for row in rows_in(path)}
    eyes, judge = (extractor_of(name, workspace) for name in ("efficientnet_lite0", "judge"))
    means = {name: means_of(name, workspace) for name in (FLOW, GAN)}
    for name, models, first, images in images_of(workspace):
        if (name, first) in done:
            continue
        rows, features, logits = [], extract(images, eyes)["features"], extract(images, judge)["logits"]
        for text in DAMAGES:
            ones = [simulated(damage_in(text), image, str(first + i), 0) for i, image in enumerate(images)]
            for method, found in all_of(ones, models, means):
                far, same = apart(extract(found, eyes)["features"], features), alike(
                    extract(found, judge)["logits"], logits)
                rows += [(name, one.name, text, method, *scores_of(one, image), far[i], int(same[i]))
                         for i, (one, image) in enumerate(zip(ones, found, strict=True))]
        append(path, rows)


def means_of(name: str, workspace: Workspace) -> Means:
    spec = resolve(name, workspace)
    generator = generator_of(spec, workspace)
    training = open_data("fashion-mnist:train10k", DataFolders.of(workspace)).read(range(10_000))
    return Means(generator, spec, next(iter(generator.spaces)), training=training)


def all_of(ones: Sequence[Damaged], models: Sequence[str], means: Mapping[str, Means]) -> Iterator[
        tuple[str, np.ndarray]]:
    """Every method that fits one of the models and the damage, with its images (n, C, H, W) uint8."""
    fitting = {method: means[name] for name in models for method in methods_for(
        means[name].generator, name, ones[0].task.damage, "", True)}
    for method, given in fitting.items():
        yield method, together(method, ones, given)


def scores_of(one: Damaged, image: np.ndarray) -> tuple[Any, ...]:
    assert one.truth is not None
    like = likeness(image, one.truth, one.task.missing)
    fit = agreement(image, one.task.y, one.task.operator, one.task.known, one.task.damage.noise)
    return like.psnr, like.ssim, like.psnr_hole, like.ssim_hole, fit.decibels, int(fit.ignores)


# Side by side

@dataclass(frozen=True)
class Together(Task):
    """Images with the same damage: y (n, ...)."""

    @property
    def given(self) -> Tensor:
        return torch.tensor(self.y)

    @property
    def known(self) -> np.ndarray:
        return known_of(self.damage, self.shape, self.y.shape[1:])


def together(method: str, ones: Sequence[Damaged], means: Means) -> np.ndarray:
    """The first solutions of images, (n, C, H, W) uint8."""
    if method == "nearest":
        return np.stack([restored(method, one.task, means, 0, 0, one.digest) for one in ones])
    task = ones[0].task
    tasks = Together(task.damage, task.operator, np.stack([one.task.y for one in ones]), task.shape)
    with rows_drawn_from([seed_for(0, 0, one.digest) for one in ones]):
        return finished(method, tasks, means, 0)


@contextmanager
def rows_drawn_from(seeds: Sequence[int]) -> Iterator[None]:
    """Each row of a batch has the random numbers that deepinv draws from torch's global generator with its seed, and
    the starts of a search with its seed."""
    from deepinv.sampling.sde_solver import BaseSDESolver

    generators, randn = [torch.Generator().manual_seed(seed) for seed in seeds], torch.randn

    def rows(shape: Sequence[int], dtype: torch.dtype) -> Tensor:
        return torch.cat([randn((1, *shape[1:]), generator=one, dtype=dtype) for one in generators])

    def starts(model: Any, way: Way, told: Tensor | None, n: int, k: int) -> Tensor:
        return torch.cat([starts_of(model, replace(way, seed=seed), None if told is None else told[:1], 1, k)
                          for seed in seeds])

    with (mock.patch.object(inversion, "starts_of", starts),
          mock.patch.object(torch, "randn_like", lambda x: rows(x.shape, x.dtype)),
          mock.patch.object(torch, "randn", lambda shape, dtype=None, **_: rows(shape, dtype)),
          mock.patch.object(BaseSDESolver, "randn_like", lambda self, x, seed=None: rows(x.shape, x.dtype))):
        yield


def seconds(workspace: Workspace, n: int = 4) -> Iterator[str]:
    """Of the processor, median of held-out images that are restored as the command does, beside `together`."""
    images = open_data("fashion-mnist:test", DataFolders.of(workspace)).read(range(n))
    for text, name in itertools.product(DAMAGES, (FLOW, GAN)):
        means, damage = means_of(name, workspace), damage_in(text)
        ones = [simulated(damage, image, str(i), 0) for i, image in enumerate(images)]
        for method, found in all_of(ones, [name], {name: means}):
            results = [restore(one, method, 1, means, means.spec, workspace) for one in ones]
            alone = np.concatenate([result.images for result in results])
            assert alone.shape == found.shape
            yield (f"{text} {name} {method}: {np.median([result.seconds for result in results]):.2f} s, side by side "
                   f"{np.abs(alone.astype(int) - found).max()} levels apart at most, "
                   f"{100 * np.mean(alone != found):.2f} % of the pixels differ")


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
    """For each set its means and winners, then a table for each damage."""
    rows = rows_in(folder / "restore.csv")
    sets = dict.fromkeys(row["images"] for row in rows)
    by = {name: {text: by_method([row for row in rows if (row["images"], row["damage"]) == (name, text)])
                 for text in DAMAGES} for name in sets}
    for name, found in by.items():
        yield from summary(name, found)
    for name, found in by.items():
        for text, methods_of in found.items():
            yield from lines_of(name, text, methods_of)


Rows = dict[str, dict[int, dict[str, str]]]         # of each method, by image


def by_method(rows: list[dict[str, str]]) -> Rows:
    by: Rows = {}
    for row in rows:
        by.setdefault(row["method"], {})[int(row["image"])] = row
    return by


def summary(name: str, found: Mapping[str, Rows]) -> Iterator[str]:
    """Mean PSNR, in the hole where there is one; and who wins."""
    there = [method for method in METHODS if any(method in by for by in found.values())]
    n = len(next(iter(found[DAMAGES[0]].values())))
    yield f"\n{name}, {n} images: PSNR in dB, of holes in the hole\n"
    yield f"| damage | {' | '.join(there)} |"
    yield "|---" * (1 + len(there)) + "|"
    for text, by in found.items():
        means = {method: column(one, sorted(one), score_of(text)).mean() for method, one in by.items()}
        best = max(means, key=lambda method: means[method])
        cells = (f"{'**' * (method == best)}{means[method]:.1f}{'**' * (method == best)}" if method in means else "-"
                 for method in there)
        yield f"| `{text}` | {' | '.join(cells)} |"
    yield f"\n{name}, {n} images: who wins, by PSNR of the whole image\n"
    yield "| damage | best | next, behind by | best classical method, behind by | what that beats |"
    yield "|---|---|---|---|---|"
    for text, by in found.items():
        values = {method: column(one, sorted(one), "psnr") for method, one in by.items()}
        order = sorted(values, key=lambda method: -values[method].mean())
        classical = next(method for method in order if not METHODS[method].needs)
        behind = (f"{other} {said(paired(values, order[0], other))}" if other != order[0] else "itself"
                  for other in (order[1], classical))
        beaten = [f"{row.against} {said(row)}" for row in (paired(values, classical, other) for other in order)
                  if row.wins and METHODS[row.against].needs in ("denoiser", "latents")]
        yield f"| `{text}` | {order[0]} | {' | '.join(behind)} | {', '.join(beaten) or '-'} |"


def score_of(text: str) -> str:
    return "psnr_hole" if text.startswith("inpaint") else "psnr"


def lines_of(name: str, text: str, by: Rows) -> Iterator[str]:
    images = sorted(set.intersection(*(set(one) for one in by.values())))
    values = {method: column(one, images, "psnr") for method, one in by.items()}
    order = sorted(values, key=lambda method: -values[method].mean())
    yield f"\n{name}, `{text}`, {len(images)} images\n"
    yield "| method | PSNR | behind the best | in the hole | SSIM | known | ignored | distance | same class |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for method in order:
        one = by[method]
        behind = "" if method == order[0] else said(paired(values, order[0], method))
        hole = f"{column(one, images, 'psnr_hole').mean():.1f}" if one[images[0]]["psnr_hole"] else "-"
        yield (f"| {method} | {values[method].mean():.1f} | {behind} | {hole} | "
               f"{column(one, images, 'ssim').mean():.3f} | {np.median(column(one, images, 'known_psnr')):.1f} | "
               f"{100 * column(one, images, 'ignores').mean():.0f} % | "
               f"{column(one, images, 'distance').mean():.3f} | "
               f"{100 * column(one, images, 'same_class').mean():.0f} % |")


def column(rows: dict[int, dict[str, str]], images: list[int], name: str) -> np.ndarray:
    return np.minimum([float(rows[i][name]) for i in images], 99.0)


def said(row: Any) -> str:
    return f"{row.difference:.1f} ({row.low:.1f} to {row.high:.1f})"


# Settings

def tune(method: str, damages: Sequence[str], n: int, workspace: Workspace) -> Iterator[str]:
    """The mean PSNR of training images for each setting and damage."""
    means = means_of(FLOW if METHODS[method].needs != "latents" else GAN, workspace)
    images = open_data("fashion-mnist:train10k", DataFolders.of(workspace)).read(range(TUNED, TUNED + n))
    for text in damages:
        if damage_in(text).kind not in METHODS[method].damages:
            continue
        ones = [simulated(damage_in(text), image, str(i), 0) for i, image in enumerate(images)]
        unused = "ETA" if damage_in(text).noise else "ETA_NOISE"
        grid = {name: values for name, values in GRIDS[method].items() if name != unused}
        for values in itertools.product(*grid.values()):
            chosen = dict(zip(grid, values, strict=True))
            for name, value in chosen.items():
                set_to(name, method, value)
            yield f"{method} {text} {chosen}: {mean_of(ones, together(method, ones, means))}"


def set_to(name: str, method: str, value: Any) -> None:
    """A setting of `methods`; where it is one of each method or damage, of this method, or of all damages."""
    kept: Any = getattr(methods, name)
    of_all = {method: value} if name == "NFE" else dict.fromkeys(kept, value) if isinstance(kept, dict) else {}
    setattr(methods, name, {**kept, **of_all} if of_all else value)


def mean_of(ones: Sequence[Damaged], found: np.ndarray) -> str:
    rows = [scores_of(one, image) for one, image in zip(ones, found, strict=True)]
    whole = f"PSNR {np.mean([row[0] for row in rows]):.2f}, known {np.median([min(99, row[4]) for row in rows]):.1f}"
    hole = [row[2] for row in rows if row[2] is not None]
    return f"{whole}, in the hole {np.mean(hole):.2f}" if hole else whole


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("restore"))
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--seconds", action="store_true")
    parser.add_argument("--tune", choices=GRIDS)
    parser.add_argument("--damages", nargs="+", default=DAMAGES, help="of --tune")
    parser.add_argument("--n", type=int, default=24, help="images of --tune")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    workspace = Workspace(home=str(options.folder / "home"))
    with single_threaded():
        if options.table:
            print("\n".join(table(options.folder)))
        elif options.seconds or options.tune:
            for line in seconds(workspace) if options.seconds else tune(
                    options.tune, options.damages, options.n, workspace):
                print(line, flush=True)
        else:
            run(options.folder, workspace)


if __name__ == "__main__":
    main()
