"""Shapes: coloured figures on grey with known factors: shape, hue, size, position and background.

For tests that need ground truth, like dSprites (Matthey et al. 2017): latent directions, slices, planted defects.
Images are rendered when they are read; image i is a function of (seed, i), in integer arithmetic, so every machine
renders the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ganbench.gan.datasets.base import DataFolders, ImageSet, enough
from ganbench.gan.types import BadInput, digest_of

FRAME = 2048                                                # units along a side; places and sizes are counted in them
SAMPLES = 4                                                 # of a pixel, each way: 16 tell how much of it is covered
RESOLUTIONS = (16, 32, 64, 128, 256)
ONE = 1024                                                  # directions and scales are in 1024ths
VERSION = 1                                                 # of the pictures; goes into digests
SPLITS = {"train": 0, "test": 1}                            # name -> seed
N = 10_000                                                  # images in a split


class Factors(NamedTuple):
    """What n images show: int32 arrays (n,), independent and uniform over `RANGES`."""

    shape: np.ndarray       # a row of SHAPES
    hue: np.ndarray         # 0 red, 256 yellow, 512 green, 768 cyan, 1024 blue: no circle, so it can be regressed
    size: np.ndarray        # radius of the circle of the same area, in units
    x: np.ndarray           # the centre, in units from the left
    y: np.ndarray           # and from the top
    background: np.ndarray  # grey level

    def chosen(self, which: np.ndarray | slice) -> Factors:
        return Factors(*(values[which] for values in self))


# Figures: (dx, dy) from the centre, int32 (n, 1, m) and (n, m, 1), and the size (n, 1, 1) -> inside or not, (n, m, m).
# Their scales make all areas pi size^2.

def circle(dx: np.ndarray, dy: np.ndarray, size: np.ndarray) -> np.ndarray:
    return dx**2 + dy**2 <= size**2


def square(dx: np.ndarray, dy: np.ndarray, size: np.ndarray) -> np.ndarray:
    return np.maximum(abs(dx), abs(dy)) <= size * 907 // ONE                    # sqrt(pi) / 2


def ring(dx: np.ndarray, dy: np.ndarray, size: np.ndarray) -> np.ndarray:
    squares, outer = dx**2 + dy**2, size * 1182 // ONE                          # sqrt(4 / 3); the hole is half as wide
    return (squares <= outer**2) & (4 * squares >= outer**2)


def plus(dx: np.ndarray, dy: np.ndarray, size: np.ndarray) -> np.ndarray:
    across, along, reach = abs(dx), abs(dy), size * 1217 // ONE                 # sqrt(9 pi / 20)
    return (np.maximum(across, along) <= reach) & (3 * np.minimum(across, along) <= reach)


def triangle(dx: np.ndarray, dy: np.ndarray, size: np.ndarray) -> np.ndarray:
    return within(((0, 1024), (887, -512), (-887, -512)), dx, dy, size * 796) == 3          # sqrt(pi / sqrt 27)


def star(dx: np.ndarray, dy: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Five lines; what lies within four of them is a tip, within all the middle."""
    lines = ((0, -1024), (974, -316), (-974, -316), (602, 828), (-602, 828))
    return within(lines, dx, dy, size * 529) >= 4           # cos 72 sqrt(pi / 1.1226)


def within(normals: Sequence[tuple[int, int]], dx: np.ndarray, dy: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """In how many half-planes n.(dx, dy) <= distance a point lies."""
    return np.stack([a * dx + b * dy <= distance for a, b in normals]).sum(axis=0, dtype=np.int8)


SHAPES: Mapping[str, Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]] = {
    "circle": circle, "square": square, "triangle": triangle, "plus": plus, "ring": ring, "star": star,
}
CLASSES = tuple(SHAPES)
# The first value and the last one.  The largest star reaches 1.68 x 416 = 699 units: no figure leaves the frame.
RANGES = Factors(*(np.array(ends, np.int32) for ends in (
    (0, len(SHAPES) - 1), (0, 1024), (192, 416), (704, 1344), (704, 1344), (96, 255))))


def open_split(split: str, folders: DataFolders) -> ImageSet:
    """`train` or `test`: 10,000 images each, of 64x64 pixels."""
    return draw(SPLITS[split], N, name=f"shapes:{split}")


def draw(seed: int, n: int, resolution: int = 64, name: str = "shapes") -> ImageSet:
    """The first n images of a seed; its digest is that of seed, n, resolution and `VERSION`, and costs nothing."""
    enough(n, name)
    if resolution not in RESOLUTIONS:
        raise BadInput("unfit-value",
                       f"{name} cannot be drawn at {resolution} pixels, expected {', '.join(map(str, RESOLUTIONS))}.")
    shape = (3, resolution, resolution)
    labels = factors(seed, range(n)).shape.astype(np.int64)
    return ImageSet(name, n, shape, digest_of(["shapes", VERSION, seed, n, *shape]), Drawn(seed, resolution), labels,
                    CLASSES)


@dataclass(frozen=True)
class Drawn:
    """Rows that are drawn when they are asked for."""

    seed: int
    resolution: int

    def __call__(self, indices: Sequence[int]) -> np.ndarray:
        return render(factors(self.seed, indices), self.resolution)


def factors(seed: int, indices: Sequence[int]) -> Factors:
    """What the images of these indices show."""
    at = np.asarray(indices, np.uint64)
    found = []
    for column, (first, last) in enumerate(RANGES):
        number = scrambled(scrambled(scrambled(at) + np.uint64(seed)) + np.uint64(column))
        found.append((number % np.uint64(last - first + 1)).astype(np.int32) + first)
    return Factors(*found)


def scrambled(numbers: np.ndarray) -> np.ndarray:
    """SplitMix64's output function (Steele, Lea & Flood 2014, doi:10.1145/2714064.2660195): uint64 -> uint64."""
    mixed = numbers + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def render(shown: Factors, resolution: int = 64, at_once: int = 32) -> np.ndarray:
    """The images of some factors: (n, 3, resolution, resolution) uint8."""
    n = len(shown.shape)
    images = np.empty((n, 3, resolution, resolution), np.uint8)
    for start in range(0, n, at_once):
        part = slice(start, start + at_once)
        images[part] = blended(shown.chosen(part), resolution)
    return images


def blended(shown: Factors, resolution: int) -> np.ndarray:
    """Figure and background in proportion to the samples of each pixel that the figure covers, rounded."""
    most = SAMPLES**2
    covered = coverage(shown, resolution)[:, None]                              # (n, 1, resolution, resolution)
    figure, ground = colour(shown.hue)[:, :, None, None], shown.background[:, None, None, None]
    return ((covered * figure + (most - covered) * ground + most // 2) // most).astype(np.uint8)


def coverage(shown: Factors, resolution: int) -> np.ndarray:
    """How many of a pixel's 16 samples lie inside the figure: (n, resolution, resolution) int32."""
    step = FRAME // (resolution * SAMPLES)
    samples = np.arange(step // 2, FRAME, step, dtype=np.int32)                 # their places
    inside = np.empty((len(shown.shape), len(samples), len(samples)), bool)
    for number, figure in enumerate(SHAPES.values()):
        which = shown.shape == number
        one = shown.chosen(which)
        dx, dy = samples - one.x[:, None], samples - one.y[:, None]             # (n, samples)
        inside[which] = figure(dx[:, None, :], dy[:, :, None], one.size[:, None, None])
    blocks = inside.reshape(-1, resolution, SAMPLES, resolution, SAMPLES)
    return blocks.sum(axis=(2, 4), dtype=np.int32)


def colour(hue: np.ndarray) -> np.ndarray:
    """Full saturation, a little dark, so that yellow shows on white: (n,) -> (n, 3) int32, at most 224."""
    distance = np.stack([abs(hue - peak) for peak in (0, 512, 1024)], axis=1)   # from red, green and blue
    return np.clip(512 - distance, 0, 256) * 7 // 8
