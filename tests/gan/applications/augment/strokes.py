"""Made-up images of four classes: a stroke across, down, or along a diagonal, in noise.  Mirrored, one diagonal is the
other one: flips harm here."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ganbench.gan.images import write_npz

SIDE = 16
NAMES = ("across", "down", "falling", "rising")
ANGLES = 0.0, np.pi / 2, np.pi / 4, -np.pi / 4


def strokes(n: int, seed: int, noise: float = 60.0) -> tuple[np.ndarray, np.ndarray]:
    """(n, 1, 16, 16) uint8 and (n,) int64; the classes take turns."""
    random, labels = np.random.default_rng(seed), np.arange(n) % len(NAMES)
    down, across = np.mgrid[:SIDE, :SIDE] - SIDE / 2 + 0.5
    x, y = random.uniform(-3, 3, (2, n, 1, 1))
    angle = np.array(ANGLES)[labels][:, None, None] + random.normal(0, 0.12, (n, 1, 1))
    along = (across - x) * np.cos(angle) + (down - y) * np.sin(angle)
    beside = (down - y) * np.cos(angle) - (across - x) * np.sin(angle)
    stroke = (abs(along) < random.uniform(3, 5, (n, 1, 1))) & (abs(beside) < 1)
    images = 60 + 130 * stroke + random.normal(0, noise, stroke.shape)
    return images.clip(0, 255).round().astype(np.uint8)[:, None], labels


def write(path: Path, images: np.ndarray, labels: np.ndarray | None = None, names: tuple[str, ...] = NAMES) -> str:
    write_npz(path, images, None if labels is None else labels.tolist(), names if labels is not None else ())
    return str(path)
