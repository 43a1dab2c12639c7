"""Statistics of single images, from pixels alone: brightness, contrast, sharpness, colour, power spectrum.

Power is that of luma, in squared grey levels: the squares of the discrete Fourier transform over the number of pixels,
without the mean, so that it adds up to the image's variance.  Frequencies are in cycles per pixel.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

LUMA = np.array([0.299, 0.587, 0.114])      # ITU-R BT.601
HIGH = 0.25             # cycles per pixel, above which power counts as sharpness
DARK, BRIGHT = 5, 95    # percentiles of an image's luma
PERIODS = (2, 4, 8)     # pixels of a checkerboard
RING = 2                # bins between a checkerboard's frequency and the frequencies that it is compared with
FAR = 8 * RING          # frequencies at that distance; those that are nearer follow
ROUNDING = 1e-3         # squared grey levels, added to avoid log(0) for constant images
FAINT = 1e-4            # the same for a single frequency
CHROMA = 16             # least chroma, in grey levels, of an image that has a hue
RINGS = 128             # of the spectrum, at most
BATCH = 200


@dataclass(frozen=True)
class ImageStatistics:
    """Statistics of n images."""

    values: dict[str, np.ndarray]   # brightness, contrast, ...: (n,) float64, NaN where an image has none
    power: np.ndarray               # (n, rings) mean power in rings of frequencies
    frequency: np.ndarray           # (rings,)
    waves: np.ndarray               # (n, checkerboards) complex: Fourier amplitudes at the checkerboards' frequencies
    around: np.ndarray              # (n, checkerboards, ring) complex: amplitudes around them, the FAR farthest first


@dataclass(frozen=True)
class Checkerboard:
    """A checkerboard artefact: a pattern that repeats every `period` pixels in a direction, as upsampling leaves it."""

    period: int
    direction: str          # in which it alternates: horizontal (left to right), vertical or diagonal
    down: int               # cycles per `period` pixels
    right: int


CHECKERBOARDS = tuple(
    Checkerboard(period, name, down, right)
    for period in PERIODS
    for name, down, right in (("horizontal", 0, 1), ("vertical", 1, 0), ("diagonal", 1, 1), ("diagonal", 1, -1))
    if not (period == 2 and right == -1)        # the same wave
)


def image_statistics(shards: Iterable[np.ndarray]) -> ImageStatistics:
    """Shards of NCHW uint8, all of one shape."""
    parts = [_image_statistics(shard[start : start + BATCH])
             for shard in shards for start in range(0, len(shard), BATCH)]
    values = {name: np.concatenate([part.values[name] for part in parts]) for name in parts[0].values}
    power, waves, around = (np.concatenate([getattr(part, name) for part in parts])
                            for name in ("power", "waves", "around"))
    return ImageStatistics(values, power, parts[0].frequency, waves, around)


def _image_statistics(images: np.ndarray) -> ImageStatistics:
    rgb = images.astype(np.float64)
    luma = np.einsum("nchw,c->nhw", rgb, LUMA) if images.shape[1] == 3 else rgb.mean(axis=1)
    squares = np.abs(np.fft.fft2(luma)) ** 2 / luma[0].size ** 2
    squares[:, 0, 0] = 0
    radius = _radius(*luma.shape[1:])
    frequency, power = _rings(squares, radius)
    plain = ~_on_checkerboard(*luma.shape[1:])       # a checkerboard is neither noise nor sharpness
    high = squares[:, plain & (radius > HIGH)].sum(axis=1) + ROUNDING
    values = {
        "brightness": luma.mean(axis=(1, 2)), "contrast": luma.std(axis=(1, 2)),
        "sharpness": 10 * np.log10(high / (squares[:, plain].sum(axis=1) + ROUNDING)),       # dB
        "edges": _edges(luma),
        "black": np.percentile(luma, DARK, axis=(1, 2)), "white": np.percentile(luma, BRIGHT, axis=(1, 2)),
        **(_colours(rgb) if images.shape[1] == 3 else {}),
    }
    return ImageStatistics(values, power, frequency, *_checkerboard_waves(luma))


def _radius(height: int, width: int) -> np.ndarray:
    """(height, width) cycles per pixel."""
    return np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width))


def _on_checkerboard(height: int, width: int) -> np.ndarray:
    """(height, width) the frequencies of periods of 2 and 4 pixels and their overtones."""
    down, right = (np.abs(4 * np.fft.fftfreq(n) - np.rint(4 * np.fft.fftfreq(n))) < 2 / n for n in (height, width))
    return down[:, None] & right


def _rings(squares: np.ndarray, radius: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean frequencies (rings,) and mean power (n, rings) up to half a cycle per pixel."""
    width = max(1 / min(radius.shape), 0.5 / RINGS)
    ring = np.rint(radius / width).astype(int).ravel()
    ring[(radius.ravel() > 0.5 + width / 2) | (ring == 0)] = 0
    count = np.bincount(ring)
    order = np.argsort(ring, kind="stable")
    starts = np.cumsum([0, *count[:-1]])
    sums = np.add.reduceat(squares.reshape(len(squares), -1)[:, order], starts, axis=1)
    return (np.bincount(ring, radius.ravel()) / count)[1:], (sums / count)[:, 1:]


def _edges(luma: np.ndarray) -> np.ndarray:
    """The mean length of the gradient, grey levels per pixel, (n,)."""
    if min(luma.shape[1:]) < 2:
        return np.zeros(len(luma))
    down, right = np.diff(luma, axis=1)[:, :, :-1], np.diff(luma, axis=2)[:, :-1]
    return np.hypot(down, right).mean(axis=(1, 2))


def _colours(rgb: np.ndarray) -> dict[str, np.ndarray]:
    """Saturation and colour casts in grey levels, and the hue in degrees, NaN for images without one."""
    means = rgb.mean(axis=(2, 3))
    red_green, yellow_blue = means[:, 0] - means[:, 1], (means[:, 0] + means[:, 1]) / 2 - means[:, 2]
    chroma = rgb.max(axis=1) - rgb.min(axis=1)
    alpha, beta = rgb[:, 0] - (rgb[:, 1] + rgb[:, 2]) / 2, np.sqrt(0.75) * (rgb[:, 1] - rgb[:, 2])
    hue = np.degrees(np.arctan2(beta.sum(axis=(1, 2)), alpha.sum(axis=(1, 2)))) % 360
    hue[chroma.max(axis=(1, 2)) < CHROMA] = np.nan
    return {"saturation": chroma.mean(axis=(1, 2)), "red_green": red_green, "yellow_blue": yellow_blue, "hue": hue}


def _checkerboard_waves(luma: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fourier amplitudes at the frequencies of CHECKERBOARDS and around them; none for images below 16 pixels."""
    period = max(PERIODS)
    height, width = (side // period * period for side in luma.shape[1:])
    if min(height, width) < 2 * period:
        return np.empty((len(luma), 0), complex), np.empty((len(luma), 0, 0), complex)
    found = np.fft.fft2(luma[:, :height, :width]) / (height * width)
    places = [(one.down * height // one.period, one.right * width // one.period) for one in CHECKERBOARDS]
    box = [(i, j) for i in range(-RING, RING + 1) for j in range(-RING, RING + 1) if i or j]
    ring = sorted(box, key=lambda place: -max(map(abs, place)))
    waves = np.stack([found[:, i % height, j % width] for i, j in places], axis=1)
    around = np.stack([np.stack([found[:, (i + a) % height, (j + b) % width] for a, b in ring], axis=1)
                       for i, j in places], axis=1)
    return waves, around
