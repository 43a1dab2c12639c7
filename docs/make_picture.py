"""Draws docs/screens/first.png, the first picture of the README: `python docs/make_picture.py`.

The first images of seed 0 of every model of the zoo on Fashion-MNIST, and their scores as gan/zoo/README.md has them.
"""

from __future__ import annotations

import re
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ganbench.gan.datasets import DataFolders, open_data
from ganbench.gan.drawing import draw
from ganbench.gan.models.loading import load
from ganbench.gan.models.names import zoo_models

ROOT = Path(__file__).resolve().parent.parent
COLUMNS = 14                                # images of each model
NAMES = {"dcgan": "DCGAN", "gpt": "GPT", "r3gan": "R3GAN", "maskgit": "MaskGIT", "stylegan2": "StyleGAN2",
         "flow": "flow", "wgan-gp": "WGAN-GP"}
BLUE, GREY = "#2a6f97", "#666677"
WIDTH, HEIGHT, ROWS = 13.0, 4.0, 3.3         # inches: the picture, and the rows of images


def scores() -> dict[str, dict[str, tuple[float, float]]]:
    """Model -> metric -> value and standard error, from the table of the zoo."""
    lines = (ROOT / "gan" / "zoo" / "README.md").read_text("utf-8").splitlines()
    head, *rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line.startswith("|")]
    return {name: {metric.strip("`"): (float(value), float(error)) for metric, cell in zip(head, row, strict=True)
                   for value, error in re.findall(r"^(\S+) ± (\S+)$", cell)}
            for row in rows for name in re.findall(r"\[`(.+)-fashion-mnist`", row[0])}


def strip(name: str) -> np.ndarray:
    """The first images of a model, beside each other: (32, 32 COLUMNS) uint8."""
    spec = next(one for one in zoo_models() if one.name == f"{name}-fashion-mnist")
    return beside(draw(load(spec), spec, 0, 0, COLUMNS)["images"])


def beside(images: np.ndarray) -> np.ndarray:
    return np.concatenate(list(images[:, 0]), axis=1)


def main() -> None:
    table = scores()
    names = sorted(NAMES, key=lambda name: table[name]["kid"])
    real = open_data("fashion-mnist:test", DataFolders(None, ROOT / "out")).read(range(COLUMNS))
    pixels = np.concatenate([beside(real), *map(strip, names)])
    figure = plt.figure(figsize=(WIDTH, HEIGHT), dpi=110)
    left = place(figure, 1.0, ROWS * len(pixels[0]) / len(pixels))
    left.imshow(pixels, cmap="gray", vmin=0, vmax=255, interpolation="nearest", aspect="auto")
    left.set_yticks([32 * row + 16 for row in range(len(names) + 1)], ["real images", *(NAMES[name] for name in names)])
    left.set_xticks([])
    for start, metric, title in ((7.0, "kid", "kernel distance ↓"), (9.0, "precision", "precision ↑"),
                                 (11.0, "recall", "recall ↑")):
        axes = place(figure, start, 1.7)
        chart(axes, [table[name][metric] for name in ("memoriser", *names)], title)     # it only draws real images
        axes.set(xlim=(-0.004, 0.09) if metric == "kid" else (-0.03, 1.03),
                 xticks=(0, 0.04, 0.08) if metric == "kid" else (0, 0.5, 1))
    figure.savefig(ROOT / "docs" / "screens" / "first.png")


def place(figure: Figure, start: float, width: float) -> Axes:
    """Axes as high as the rows of images; inches from the left."""
    return figure.add_axes((start / WIDTH, 0.35 / HEIGHT, width / WIDTH, ROWS / HEIGHT))


def chart(axes: Axes, found: list[tuple[float, float]], title: str) -> None:
    """Values with 95 % intervals, a row each; the first one of real images."""
    for row, (value, error) in enumerate(found):
        axes.errorbar(value, row, xerr=1.96 * error, fmt="o", color=BLUE if row else GREY, markersize=5, elinewidth=2)
    axes.set(ylim=(len(found) - 0.5, -0.5), yticks=[])
    axes.set_title(title, fontsize=10)
    axes.grid(axis="x", color="#ddd")
    axes.axvline(found[0][0], color=GREY, linestyle="--", linewidth=1)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)


if __name__ == "__main__":
    main()
