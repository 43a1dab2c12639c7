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
import time
import tomllib
from collections import deque
from pathlib import Path
from types import SimpleNamespace

from machine import measuring

from ganbench import Workspace
from ganbench.gan.datasets import DataFolders
from ganbench.gan.question import Training
from ganbench.gan.recipes.choosing import Scored, choose, scores_in
from ganbench.gan.recipes.planning import plan
from ganbench.gan.recipes.running import conclude, train_stage
from ganbench.gan.training import loop
from ganbench.gan.training.loop import read_state, steps_done
from ganbench.gan.types import Estimate
from ganbench.gan.uncertainty import interval

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
        lines.append(f"| {kind} | {steps_done(out / kind):,} | {rows[-1][0]:,.0f} | {kid.value:.4f} | "
                     f"{low:.4f} to {high:.4f} | {at:,.0f} | {len(choice.ties)} |")
    return "\n".join(lines)


def draw(out: Path, picture: Path) -> None:
    from matplotlib.figure import Figure

    from ganbench.gan.curves.drawing import COLOURS

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    for kind, colour in zip(KINDS, COLOURS, strict=False):
        rows = curve(out / kind)
        if not rows:
            continue
        seconds, values = [at for at, _ in rows], [row.kid.value for _, row in rows]
        ends = [interval(row.kid) for _, row in rows]
        axes.fill_between(seconds, [low for low, _ in ends], [high for _, high in ends], color=colour, alpha=0.15, lw=0)
        axes.plot(seconds, values, color=colour, marker="o", ms=3, label=kind)
        axes.annotate(kind, (seconds[-1], values[-1]), (6, 0), textcoords="offset points", color=colour, va="center")
    axes.set(xlabel="core-seconds of training", ylabel="KID, 1,000 held-out images (log)", yscale="log")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    figure.savefig(picture, dpi=150)


if __name__ == "__main__":
    main()
