"""How near models come to their own images and to real ones, by space, and what the range test is worth.

    python benchmarks/inversion.py --folder FOLDER [--only stylegan2] [--own 100] [--real 50] [--print]
    python benchmarks/inversion.py --alarms 200

Classes are told, as they are known of both.  What is finished lies in FOLDER, ten images at a time, so that the same
command goes on; --print only shows it.  The zoo's StyleGAN2 was trained without noise, and the strengths of its noise
are 0: for `noise` its copy has them at STRENGTH, and an image's noise is told to the search (known) or not (unknown).
--alarms: how many fresh own images of the DCGAN are rejected, beside 99 others, with a small budget.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from machine import measuring
from scipy.stats import betabinom

from ganbench import Workspace
from ganbench.gan import inversion
from ganbench.gan.datasets import DataFolders, open_data
from ganbench.gan.drawing import draw
from ganbench.gan.generators.base import LatentModel
from ganbench.gan.inversion import Inverted, Way, errors_of, invert
from ganbench.gan.latent.inversion import Budget
from ganbench.gan.models.loading import resolve
from ganbench.gan.range_test import ALPHA, OWN, RangeTest, latents_of, range_test
from ganbench.gan.sampling import generator_of
from ganbench.gan.threads import single_threaded
from ganbench.gan.types import ModelSpec

SIDE_BY_SIDE = 10       # images; the command inverts one after another, which takes about 1.6 times as long
SEED, FRESH = 20_261, 20_262
SMALL = Budget(4, 60, 12, kept=1)
STRENGTH = 0.1          # of the noise, beside activations of variance 1
REAL = "fashion-mnist:test"


@dataclass(frozen=True)
class Row:
    model: str
    space: str
    noise: str = ""         # "", known or unknown

    @property
    def name(self) -> str:
        return f"{self.model}-{self.space}{'-' if self.noise else ''}{self.noise}"


ROWS = [
    Row("dcgan", "z"), Row("stylegan2", "w"), Row("r3gan", "z"), Row("flow", "x"), Row("stylegan2", "w+"),
    Row("stylegan2", "z"), Row("wgan-gp", "z"), Row("stylegan2", "w", "known"), Row("stylegan2", "w", "unknown"),
    Row("stylegan2", "w+", "known"), Row("stylegan2", "w+", "unknown"), Row("stylegan2", "z", "known"),
    Row("stylegan2", "z", "unknown"),
]


def main() -> None:
    given = arguments()
    if given.alarms:
        alarms(given)
        return
    rows = [row for row in ROWS if not given.only or row.name in given.only or row.model in given.only]
    with measuring(f"Inversion, {Way('').budget}", "torch"), single_threaded():
        inversion.AT_ONCE["cpu"] = SIDE_BY_SIDE
        for row in rows if not given.print else ():
            measure(row, "own", given.own, given)
            if not row.noise:
                measure(row, "real", given.real, given)
        table(ROWS, Path(given.folder))


def alarms(given: argparse.Namespace) -> None:
    """False alarms on fresh own images, the interval that an exact test stays in 95 times of 100, and the power."""
    home, way = Workspace(given.home), Way("z", SMALL)
    spec = resolve("zoo:dcgan-fashion-mnist", home)
    with measuring(f"False alarms of the DCGAN, {SMALL}", "torch"), single_threaded():
        test = range_test(spec, way, home, OWN, given.alarms, REAL)
        model = latents_of(spec, home)
        fresh = draw(model, spec, FRESH, 0, given.alarms)["images"]
        errors = errors_of(fresh, invert(model, spec, fresh, way))
        r = int(np.floor(ALPHA * (OWN + 1) + 1e-9))
        low, high = betabinom.interval(0.95, len(fresh), r, OWN + 1 - r)
        print(f"{int(test.rejected(errors).sum())} of {len(fresh)} rejected, expected {low:.0f} to {high:.0f}; mean p "
              f"{test.p_values(errors).mean():.3f}; power {test.power}")


def opened(row: Row, given: argparse.Namespace) -> tuple[ModelSpec, LatentModel]:
    home = Workspace(given.home)
    spec = resolve(f"zoo:{row.model}-fashion-mnist", home, arguments={"noise": "drawn"} if row.noise else {})
    model = generator_of(spec, home)
    for module in model.modules() if row.noise else ():     # type: ignore[attr-defined]
        if hasattr(module, "strength"):
            module.strength.fill_(STRENGTH)
    return spec, model                                      # type: ignore[return-value]


def measure(row: Row, kind: str, n: int, given: argparse.Namespace) -> None:
    """The first n images of a kind; what is there is left as it is."""
    path, spec, model = Path(given.folder) / f"{row.name}-{kind}.npz", *opened(row, given)
    held = dict(np.load(path)) if path.exists() else {}
    while len(held.get("errors", ())) < n:
        start = len(held.get("errors", ()))
        stop, begun = min(n, start + SIDE_BY_SIDE), time.process_time()
        images, labels, noise = pictures(row, kind, start, stop, spec, model, given)
        found = invert(model, spec, images, Way(row.space), labels, noise)
        new = facts_of(images, found, time.process_time() - begun)
        held = {name: np.concatenate([held[name], value]) if held else value for name, value in new.items()}
        np.savez(path, **held)
    print(f"{row.name} {kind}: {summary(held)}", flush=True)


def pictures(
    row: Row, kind: str, start: int, stop: int, spec: ModelSpec, model: LatentModel, given: argparse.Namespace
) -> tuple[np.ndarray, tuple[int, ...], torch.Tensor | None]:
    if kind == "real":
        data = open_data(REAL, DataFolders.of(Workspace(given.home)))
        order = np.random.default_rng(SEED).permutation(data.n)[start:stop]
        return data.read(order.tolist()), tuple(data.labels[order].tolist()) if model.n_classes else (), None
    drawn = draw(model, spec, SEED, start, stop)
    _, noise = model.split(model.draws(range(start, stop), SEED))
    labels = tuple(drawn.get("labels", np.empty(0, int)).tolist())
    return drawn["images"], labels, noise if row.noise == "known" else None


def facts_of(images: np.ndarray, found: Inverted, seconds: float) -> dict[str, np.ndarray]:
    return {"errors": errors_of(images, found), "decibels": found.decibels(images), "images": images,
            "found": found.images, "latents": found.latents, "seconds": np.full(len(images), seconds / len(images))}


def summary(held: dict[str, np.ndarray]) -> str:
    db = held["decibels"]
    return (f"{len(db)} images, median {np.median(db):.1f} dB, 5 % below {np.quantile(db, 0.05):.1f}, least "
            f"{db.min():.1f}; {held['seconds'].mean():.2f} CPU seconds an image")


def table(rows: list[Row], folder: Path) -> None:
    print("\n| model | space | noise | own: n | median dB | 5 % | least | real: n | median dB | power | CPU s |\n"
          "|---|---|---|---:|---:|---:|---:|---:|---:|---|---:|")
    for row in rows:
        held = {kind: dict(np.load(path)) for kind in ("own", "real")
                if (path := folder / f"{row.name}-{kind}.npz").exists()}
        if "own" not in held:
            continue
        db = held["own"]["decibels"]
        cells = [row.model, row.space, row.noise or "none", str(len(db)), *(f"{value:.1f}" for value in (
            np.median(db), np.quantile(db, 0.05), db.min()))]
        if "real" in held:
            own, theirs = (strange(held[kind], row) for kind in ("own", "real"))
            real, test = held["real"]["decibels"], RangeTest(own, theirs)
            share, low, high = test.power or (0.0, 0.0, 0.0)
            cells += [str(len(real)), f"{np.median(real):.1f}",
                      f"{100 * share:.0f} % ({100 * low:.0f} to {100 * high:.0f})"]
        else:
            cells += [""] * 3
        cells.append(f"{held['own']['seconds'].mean():.2f}")
        print(f"| {' | '.join(cells)} |")


def strange(held: dict[str, np.ndarray], row: Row) -> np.ndarray:
    """See `ganbench.gan.inversion.strangeness_of`."""
    latents = held["latents"].astype(np.float64)
    return held["errors"] if row.space != "x" else (latents**2).reshape(len(latents), -1).mean(1)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", default="inversions")
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--own", type=int, default=100)
    parser.add_argument("--real", type=int, default=50)
    parser.add_argument("--alarms", type=int, default=0)
    parser.add_argument("--print", action="store_true")
    parser.add_argument("--home", default="~/.ganbench")
    given = parser.parse_args()
    Path(given.folder).mkdir(parents=True, exist_ok=True)
    return given


if __name__ == "__main__":
    main()
