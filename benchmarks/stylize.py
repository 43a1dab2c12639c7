"""Style transfer by every method: how much of the distance of style is left, whether the class is kept, what it takes.

    python benchmarks/stylize.py --folder FOLDER [--only stylegan2-mixing] [--pairs 20] [--print]

prints the tables of docs/stylize.md.  Pairs are real images of Fashion-MNIST's test set, which no model has seen, of
unlike classes and one pair in ten of the same; of the emoji model, which has no classes, its own images.  What is
finished lies in FOLDER, a pair at a time, so that the same command goes on; --print only shows it.  Each pair is also
stylized by its own content, which must change nothing.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from machine import measuring

from ganbench import Workspace
from ganbench.gan.applications.stylize.stylizing import facts_of, stylize
from ganbench.gan.datasets import DataFolders, open_data
from ganbench.gan.files import atomic_write
from ganbench.gan.images import png_bytes
from ganbench.gan.philox import words
from ganbench.gan.question import Opening, Styling
from ganbench.tasks.settings import configure, workspace_of

REAL, SEED = "fashion-mnist:test", 20_263
ALIKE = 10                  # one pair in so many is of one class
FAITHFUL = 30.0             # dB where style equals content


@dataclass(frozen=True)
class Row:
    model: str
    method: str
    options: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""
    pairs: int = 0          # of images of the model's own; 0: real ones

    @property
    def title(self) -> str:
        return self.name or f"{self.model.split('-')[0]}-{self.method}"


ROWS = [
    Row("dcgan-fashion-mnist", "tuning"),
    Row("flow-fashion-mnist", "sdedit"),
    Row("stylegan2-fashion-mnist", "mixing"),
    Row("dcgan-fashion-mnist", "statistics"),
    Row("dcgan-fashion-mnist", "statistics", {"learn": "latent"}, "dcgan-latent"),
    Row("stylegan2-fashion-mnist", "tuning"),
    Row("stylegan2-fashion-mnist", "statistics", {"learn": "latent"}, "stylegan2-latent"),
    Row("r3gan-fashion-mnist", "tuning"),
    Row("flow-fashion-mnist", "sdedit", {"steer": "class"}, "flow-class"),
    Row("dcgan-fashion-mnist", "tuning", {"region": "whole"}, "dcgan-tuning-whole"),
    Row("dcgan-fashion-mnist", "tuning", {"statistics": "gram"}, "dcgan-gram"),
    Row("r3gan-emoji", "tuning", {}, "emoji-tuning", 20),
]


def pairs_of(n: int) -> list[tuple[int, int]]:
    """Numbers of test images: contents in a random order that the seed decides, each with the next one of another
    class, or of the same."""
    labels = np.asarray(open_data(REAL, DataFolders.of(workspace_of())).labels)
    order = np.argsort(words(range(len(labels)), SEED, 1, "pairs")[:, 0], kind="stable")
    contents, others = order[:n], order[n:]
    found = []
    for k, content in enumerate(contents.tolist()):
        fits = (labels[others] == labels[content]) == (k % ALIKE == ALIKE - 1)
        style, others = int(others[fits][0]), others[others != others[fits][0]]
        found.append((content, style))
    return found


def files_of(folder: Path, n: int) -> list[tuple[str, str]]:
    """The pairs as PNG files."""
    data, found = open_data(REAL, DataFolders.of(workspace_of())), []
    for pair in pairs_of(n):
        paths = [folder / "images" / f"{i}.png" for i in pair]
        for path, image in zip(paths, data.read(list(pair)), strict=True):
            if not path.exists():
                content = png_bytes(image)
                atomic_write(path, lambda partial, content=content: partial.write_bytes(content))
        found.append((str(paths[0]), str(paths[1])))
    return found


def quiet(*progress: object) -> None:
    """No bars."""


def measure(row: Row, content: str, style: str, folder: Path, workspace: Workspace, strength: str) -> dict[str, Any]:
    """One image, or what is known of it."""
    asked = Styling(content, style, strength, row.method, **row.options)
    stem = folder / row.title / "-".join(re.sub(r"\W", "-", Path(name).stem) for name in (content, style))
    path = stem.with_name(f"{stem.name}-measured.json")
    if not path.exists():
        begun = time.process_time()         # of one thread, whatever else the machine does
        made = stylize(quiet, f"zoo:{row.model}", stem.with_suffix(".png"), asked, Opening(), workspace)
        facts = {**facts_of(made), "seconds": time.process_time() - begun}
        atomic_write(path, lambda partial: partial.write_text(json.dumps(facts), "utf-8"))
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found


def summary(row: Row, found: Sequence[dict[str, Any]], same: Sequence[dict[str, Any]]) -> str:
    """A line of the table."""
    left = np.array([one["verdict"]["style_left"] for one in found])
    first, last, whole_first, whole_last = (
        sum(one["strengths"][k][what] for one in found) for what in ("style", "whole") for k in (0, -1))
    kept = [one["verdict"]["class_kept"] for one in found if one["verdict"]["class_kept"] is not None]
    psnr = [one["strengths"][-1]["decibels"] or np.inf for one in same]
    seconds = [one["seconds"] for one in found]
    base = [one["strengths"][0]["decibels"] or np.inf for one in found]
    cells = [
        row.title, f"{len(found)}", f"{last / first:.2f}", f"{np.median(left):.2f}", f"{whole_last / whole_first:.2f}",
        f"{(left <= 0.5).mean():.0%}", f"{np.mean([one['verdict']['monotone'] for one in found]):.0%}",
        f"{np.mean(kept):.0%}" if kept else "–", f"{np.median(base):.1f}", f"{np.median(psnr):.1f} ({min(psnr):.1f})",
        f"{np.median(seconds):.1f} ({max(seconds):.1f})"]
    return f"| {' | '.join(cells)} |"


HEAD = ("method", "pairs", "left of all", "left, median", "whole image", "halved", "monotone", "class kept", "dB at 0",
        "dB of itself (least)", "CPU seconds (most)")


def main() -> None:
    parser = argparse.ArgumentParser(description="Style transfer")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--print", action="store_true")
    given = parser.parse_args()
    configure()
    rows = [row for row in ROWS if not given.only or row.title in given.only]
    with measuring(f"Style transfer: {given.pairs} pairs of {REAL}, seed {SEED}", "torch"):
        print(f"| {' | '.join(HEAD)} |\n|---{'|---:' * (len(HEAD) - 1)}|")
        for row in rows:
            line = run(row, given.folder, given.pairs, given.print)
            print(line, flush=True) if line else None


def run(row: Row, folder: Path, n: int, only_print: bool) -> str:
    pairs = [(f"{SEED}:{2 * k}", f"{SEED}:{2 * k + 1}") for k in range(row.pairs)] or files_of(folder, n)
    found, same = [], []
    for k, (content, style) in enumerate(pairs):
        if only_print and len([*(folder / row.title).glob("*-measured.json")]) < len(pairs) + 5:
            return ""
        found.append(measure(row, content, style, folder, workspace_of(), "0,0.25,0.5,0.75,1"))
        if k < 5:
            same.append(measure(row, content, content, folder, workspace_of(), "1"))
    return summary(row, found, same)


if __name__ == "__main__":
    main()
