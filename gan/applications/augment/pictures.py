"""Pictures of an experiment: accuracy by arm, and what was added beside the real images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ganbench.gan.applications.augment.arms import COPIES, LEARNT, ORACLE
from ganbench.gan.applications.augment.grid import Grid, is_of_real
from ganbench.gan.applications.augment.judging import Points, difference
from ganbench.gan.files import atomic_write
from ganbench.gan.gallery import tile
from ganbench.gan.images import png_bytes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

REAL, SYNTHETIC, MORE = "#5B5B5B", "#0072B2", "#009E73"        # of arms; Okabe & Ito 2008
TILE, GAP, NAME = 64, 4, 110        # pixels: an image, between two, for the name of a class
BESIDE = 5, 10                      # images of a class: real, added
MOST = 12                           # classes
INK, QUIET = (20, 20, 20), (110, 110, 110)


# Accuracy by arm

def draw_accuracy(path: Path, title: str, grid: Grid) -> None:
    """Accuracy on the test images by arm, and the difference from the reference, with 95 % intervals; PNG.

    Differences are paired, hence much surer than the intervals of two arms suggest.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    names = [arm.name for arm in grid.arms if arm.name in grid.outcomes]
    figure = Figure(figsize=(8.2, 1.2 + 0.29 * len(names)), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for place, name in enumerate(reversed(names)):
        bar(axes, place, grid.outcomes[name].accuracy, colour_of(name))
    axes.axvline(grid.outcomes[grid.reference].accuracy.value, color=REAL, linewidth=0.8, linestyle=":")
    axes.set_yticks(range(len(names)), [f"{name} ({grid.outcomes[name].images:,})" for name in reversed(names)])
    column_beside(axes, [gain_of(grid, name) for name in reversed(names)], f"beside {grid.reference}, points")
    axes.set_xlim(max(0, axes.get_xlim()[0]), min(100, axes.get_xlim()[1]))
    axes.set_xlabel("test images recognised, %, with 95 % intervals; in brackets: images learnt from", fontsize=9)
    axes.set_title(title, loc="left", fontsize=10)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.grid(axis="x", linewidth=0.4, alpha=0.5)
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(path, lambda partial: figure.savefig(partial, format="png"))


def gain_of(grid: Grid, name: str) -> str:
    gain = difference(grid.outcomes[name], grid.outcomes[grid.reference])
    return "" if name == grid.reference else gain.with_signs


def column_beside(axes: Axes, texts: Sequence[str], head: str) -> None:
    """A column of words to the right, from below."""
    column = axes.secondary_yaxis("right")
    column.set_yticks(range(len(texts)), texts, fontsize=9)
    axes.annotate(head, (1, 1), (4, 4), xycoords="axes fraction", textcoords="offset points", fontsize=9, color=REAL)
    column.tick_params(length=0)
    column.spines["right"].set_visible(False)


def bar(axes: Axes, place: int, found: Points, colour: str) -> None:
    axes.plot([found.low, found.high], [place, place], color=colour, linewidth=2, alpha=0.6)
    axes.plot([found.value], [place], color=colour, marker="o", markersize=5)


def colour_of(name: str) -> str:
    """Real images alone, others of them, and synthetic ones."""
    if is_of_real(name) or name == COPIES:
        return REAL
    return MORE if name in (ORACLE, LEARNT) or name.startswith("real x") else SYNTHETIC


# What was added

def draw_added(path: Path, title: str, grid: Grid, arm: str, images: np.ndarray, names: Sequence[str]) -> None:
    """For each class some real images of the first seed, and some that an arm added to them; PNG.

    `images`: of the pool, (n, C, H, W) uint8.
    """
    rows = grid.added[arm]
    classes = [k for k in range(len(names)) if (grid.shown.labels == k).any()][:MOST]
    wide = NAME + sum(BESIDE) * (TILE + GAP) + 6 * GAP
    sheet = Image.new("RGB", (wide, 58 + len(classes) * (TILE + GAP)), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    draw.text((GAP, GAP), title, INK, ImageFont.load_default(15))
    draw.text((NAME, 36), "real", QUIET, font)
    draw.text((NAME + BESIDE[0] * (TILE + GAP) + 5 * GAP, 36), f"added by {arm}", QUIET, font)
    for line, k in enumerate(classes):
        top = 56 + line * (TILE + GAP)
        draw.text((GAP, top + TILE // 2 - 8), names[k][:15], INK, font)
        real = grid.shown.images[grid.shown.labels == k][: BESIDE[0]]
        more = images[rows[grid.labels[rows] == k][: BESIDE[1]]]
        for place, image in enumerate([*real, *more]):
            gap = 5 * GAP * (place >= len(real))
            column = place if place < len(real) else BESIDE[0] + place - len(real)
            sheet.paste(tile(image, TILE), (NAME + column * (TILE + GAP) + gap, top))
    content = png_bytes(np.asarray(sheet).transpose(2, 0, 1))
    atomic_write(path, lambda partial: partial.write_bytes(content))
