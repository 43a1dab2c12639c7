"""KID against core-seconds: the families of the zoo on Fashion-MNIST, each on one thread for the same processor time.

    python benchmarks/equal_time.py --out FOLDER [--seconds 10800] [--kinds dcgan wgan-gp ...] [--picture FILE.png]

Every family learns the 59,000 training images that are not held out by the recipe that `ganbench train NAME --data
fashion-mnist:train` follows, a transformer half of the time its tokenizer.  Time is that of the processor, so that
other work on the machine lengthens a run and changes nothing else.  Ten snapshots each are measured with the same 1,000
held-out images, 500 images of a GAN and 200 of the others.  What is interrupted goes on; the table and the picture show
what there is; the best snapshot's KID is that of a fresh draw.  The DCGAN has no classes, the others do.  In the
picture, a transformer's curve begins when its tokenizer is finished.
"""

from __future__ import annotations

import argparse
import math
import time
import tomllib
from collections import deque
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

from machine import measuring

from ganbench import Workspace
from ganbench.gan.datasets import DataFolders
from ganbench.gan.question import Training
from ganbench.gan.recipes.choosing import Scored, choose, scores_in
from ganbench.gan.recipes.planning import plan
from ganbench.gan.recipes.running import conclude, train_stage
from ganbench.gan.training import loop
from ganbench.gan.training.loop import read_state
from ganbench.gan.types import Estimate
from ganbench.gan.uncertainty import interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

KINDS = ("dcgan", "wgan-gp", "r3gan", "stylegan2", "flow", "gpt", "maskgit")
DATA = "fashion-mnist:train"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seconds", type=int, default=10_800)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS), metavar="NAME")
    parser.add_argument("--picture", type=Path)
    given = parser.parse_args()
    setattr(loop, "time", SimpleNamespace(perf_counter=time.process_time))     # noqa: B010  # mypy would refuse it
    with measuring("Equal processor time on one thread", "torch", "diffusers"):
        for kind in given.kinds:
            train(kind, given.out, given.seconds)
    print(table(given.out), flush=True)
    if given.picture:
        draw(given.out, given.picture)


def train(kind: str, out: Path, seconds: int) -> None:
    home = Workspace(str(out / "home"))
    asked = Training(data=DATA, budget=f"{seconds}s", threads=1, patience=0)
    for stage in plan(kind, asked, out / kind, DataFolders.of(home), "cpu", home).stages:
        deque(train_stage(stage, DataFolders.of(home), home), maxlen=0)
    conclude(stage, home)


def tokenizer_seconds(folder: Path) -> float:
    path = folder / "tokenizer" / "state.pt"
    return float(read_state(path, mmap=True)["seconds"]) if path.exists() else 0.0


def curve(folder: Path) -> list[tuple[float, Scored]]:
    """Core-seconds since the first step, tokenizer included."""
    return [(row.seconds + tokenizer_seconds(folder), row) for row in scores_in(folder) if row.known]


def table(out: Path) -> str:
    lines = ["| family | steps | core-seconds | best KID | 95 % interval | after core-seconds | ties |",
             "|---|---:|---:|---:|---:|---:|---:|"]
    for kind in KINDS:
        rows = curve(out / kind)
        choice = choose([row for _, row in rows])
        if choice is None:
            continue
        again = tomllib.loads((out / kind / "best.toml").read_text())["about"]      # of a fresh draw
        kid = Estimate(again["kid"], again["kid_se"])
        low, high = interval(kid)
        at = next(seconds for seconds, row in rows if row is choice.best)
        lines.append(f"| {kind} | {rows[-1][1].step:,} | {rows[-1][0]:,.0f} | {kid.value:.4f} | "
                     f"{low:.4f} to {high:.4f} | {at:,.0f} | {len(choice.ties)} |")
    return "\n".join(lines)


def draw(out: Path, picture: Path) -> None:
    from matplotlib.figure import Figure

    from ganbench.gan.curves.drawing import COLOURS

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes, last = figure.subplots(), []
    for kind, colour in zip(KINDS, COLOURS, strict=False):
        rows = curve(out / kind)
        if not rows:
            continue
        seconds, values = [at for at, _ in rows], [row.kid.value for _, row in rows]
        ends = [interval(row.kid) for _, row in rows]
        axes.fill_between(seconds, [low for low, _ in ends], [high for _, high in ends], color=colour, alpha=0.15, lw=0)
        axes.plot(seconds, values, color=colour, marker="o", ms=3, label=kind)
        last.append((values[-1], seconds[-1], kind, colour))
    axes.set(xlabel="core-seconds of training", ylabel="KID, 1,000 held-out images (log)", yscale="log")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    label(figure, axes, sorted(last))
    figure.savefig(picture, dpi=150)


def label(figure: Figure, axes: Axes, last: list[tuple[float, float, str, str]]) -> None:
    """Names beside the ends of curves (value, seconds, name, colour), from below, 10 points apart at least."""
    figure.draw_without_rendering()
    before = -math.inf
    for value, seconds, name, colour in last:
        at = axes.transData.transform((seconds, value))[1] * 72 / figure.dpi
        before = max(at, before + 10)
        axes.annotate(name, (seconds, value), (6, before - at), textcoords="offset points", color=colour, va="center")


if __name__ == "__main__":
    main()
