"""Real images that are among others: unchanged, mirrored, or moved by up to two pixels.

Small changes, such as another compression, make no difference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from ganbench.gan.copying import aligned
from ganbench.gan.datasets.base import ImageSet
from ganbench.gan.sources import source_digest
from ganbench.gan.store import remember, store_of
from ganbench.gan.types import Workspace, digest_of

LOW = 6                             # frequencies along a side that images are compared by before pixels are
CANDIDATES, REACH = 5, 0.1         # by these: at most so many of a chunk, and no farther than a share of their length
ALIKE = 0.05                        # of an image's contrast: root mean square difference up to which it is a copy
LEAST = 2.0                         # contrast in grey levels below which an image is too plain to be recognised
CHUNK = 2_000                       # images read at a time

Tick = Callable[[int], object]


def copies_among(
    images: np.ndarray, digest: str, others: ImageSet, workspace: Workspace, tick: Tick = lambda n: None
) -> list[tuple[int, int]]:
    """`copies`, or what the store knows of them; `digest`: of the images."""
    key = digest_of({"stage": "seen", "images": digest, "others": others.digest, "source": source_digest("seen")})
    found, _ = remember(store_of(workspace), "seen", key, partial(copies, images, others, tick))
    return [(int(place), int(other)) for place, other in found]


def copies(images: np.ndarray, others: ImageSet, tick: Tick = lambda n: None) -> list[tuple[int, int]]:
    """(place of an image, number of the other image that it is a copy of), ascending."""
    mine, found = brightness(images), dict[int, int]()
    spectra = spectrum(mine)
    for first in range(0, others.n, CHUNK):
        rows = np.arange(first, min(first + CHUNK, others.n))
        theirs = brightness(others.read(rows.tolist()))
        for i, candidates in near(spectra, spectrum(theirs)):
            best = copy_among(mine[i], theirs, candidates)
            if best is not None:
                found.setdefault(i, int(rows[best]))
        tick(len(rows))
    return sorted(found.items())


def near(spectra: np.ndarray, others: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """(row, rows of the others whose spectra are near, the nearest first), where there are some."""
    own, theirs = (spectra**2).sum(1), (others**2).sum(1)
    squares = own[:, None] + theirs - 2 * spectra @ others.T
    within = squares <= REACH**2 * own[:, None]
    for i in np.flatnonzero(within.any(axis=1)).tolist():
        few = np.flatnonzero(within[i])
        yield i, few[np.argsort(squares[i, few], kind="stable")[:CANDIDATES]]


def copy_among(image: np.ndarray, others: np.ndarray, candidates: np.ndarray) -> int | None:
    """Which of the candidates an image is a copy of."""
    contrast = float(image.std())
    if contrast < LEAST:
        return None
    distances = aligned(image, others[candidates])
    best = int(distances.argmin())
    return int(candidates[best]) if distances[best] <= ALIKE * contrast else None


def brightness(images: np.ndarray) -> np.ndarray:
    """NCHW uint8 -> (n, h, w) float32."""
    return images.mean(axis=1, dtype=np.float32)


def spectrum(images: np.ndarray) -> np.ndarray:
    """(n, h, w) -> (n, d) float32: magnitudes of low frequencies, which hardly change when an image is moved, added to
    those of its mirror image."""
    waves = abs(np.fft.fft2(images))[:, :LOW, :]
    across = np.arange(LOW)
    both = waves[:, :, across] + waves[:, :, -across]
    return both.reshape(len(images), -1)[:, 1:].astype(np.float32)
