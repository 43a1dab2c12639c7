"""Detection of copied training images: nearest training images in two spaces, with a p-value for each image.

Candidates are the nearest training images by an extractor's features, and by a coarse brightness pattern of the image,
of its mirror image, and of both shifted by a pixel or two.  Each candidate is compared with the image, unchanged and
mirrored, shifted by up to SHIFT pixels; the smallest root mean square difference is its distance.  An image is
suspicious if one training image is much nearer than the next ones: the statistic is the ratio of the smallest distance
to the mean of the next NEXT.  (Carlini et al. 2023, arXiv:2301.13188, normalise similarly: images of low contrast are
near to many others without being copies.)

Real images outside the training set go through the same search.  If the model does not copy, its images and these are
assumed exchangeable, so the rank of an image's ratio among theirs gives a p-value (Bates et al. 2021,
arXiv:2104.08279); images are listed by the Benjamini-Hochberg procedure at a false-discovery rate.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from ganbench.gan.metrics.manifold import share
from ganbench.gan.metrics.memorisation import discoveries, p_values
from ganbench.gan.metrics.neighbours import nearest_across
from ganbench.gan.rows import Rows
from ganbench.gan.store import rows_of
from ganbench.gan.types import BadInput, Estimate, Features, Samples

SIDE, COARSE = 32, 8        # images are averaged down to SIDE pixels, for candidates to COARSE
SHIFT = 2                   # pixels of SIDE
MOVES = ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0), (2, 2), (2, -2), (-2, 2), (-2, -2))
BY_FEATURES, BY_PATTERN, NEXT = 10, 4, 5    # candidates: by features, and by each of the patterns
LEAST = 50                  # training images
RATE = 0.05                 # false-discovery rate of the listed images
LISTED = 200                # stored matches, the most suspicious first

Tick = Callable[[int], object]


@dataclass(frozen=True)
class Match:
    """One generated image and its nearest training images, by row number."""

    image: int
    by_features: int
    by_pixels: int
    distance: float             # to `by_pixels`, root mean square in grey levels, best shift and mirroring
    ratio: float                # `distance` over the mean distance to the next nearest
    p: float | None             # None: no unseen images were given
    listed: bool


@dataclass(frozen=True)
class Audit:
    """The result of an audit; matches are sorted, the most suspicious first."""

    n: int
    n_training: int
    n_unseen: int
    copies: Estimate | None     # share of the images that are listed
    nearer: Estimate | None     # share of the images with p <= .05; .05 is expected without copying
    p: float | None             # probability of so large a `nearer`, or a larger one, without copying
    matches: tuple[Match, ...] = field(default_factory=tuple)


def look_for_copies(
    images: dict[str, Samples], features: dict[str, Features], unseen: str, tick: Tick, least: int = LEAST
) -> Audit:
    """`least`: of the training images; with few of them the ratio has few others to compare with."""
    training = Pictures(images["training"])
    if len(training.small) < least:
        raise BadInput("too-few-images",
                       f"An audit needs at least {least} training images, got {len(training.small):,}.")
    mine = search(Pictures(images["generated"]), training, features["generated"], features["training"], tick)
    n = len(mine.ratio)
    if not unseen:
        order = np.argsort(mine.ratio, kind="stable")[:LISTED]
        return Audit(n, len(training.small), 0, None, None, None, tuple(mine.match(i, None, False) for i in order))
    theirs = search(Pictures(images[unseen]), training, features[unseen], features["training"], tick)
    p = p_values(mine.ratio, theirs.ratio)
    listed = discoveries(p, RATE)
    order = np.lexsort((mine.ratio, p))[: max(LISTED, int(listed.sum()))]
    matches = tuple(mine.match(i, float(p[i]), bool(listed[i])) for i in order)
    nearer = share(p <= RATE)
    return Audit(n, len(training.small), len(theirs.ratio), share(listed), nearer,
                 excess(nearer.value, n, len(theirs.ratio)), matches)


def excess(found: float, n: int, unseen: int) -> float:
    """The probability of so large a share of images with p <= RATE if both sets are samples of one distribution.

    These are nearer than the r-th of the unseen, r = floor(RATE (unseen + 1)), in an order whose distribution function
    there is Beta(r, unseen + 1 - r): their number is beta-binomial.
    """
    from scipy.stats import betabinom

    r = int(np.floor(RATE * (unseen + 1) + 1e-9))
    return float(betabinom.sf(round(found * n) - 1, n, r, unseen + 1 - r)) if r else 1.0


class Pictures:
    """The brightness of all images of a set, reduced: (n, SIDE', SIDE') float32, and patterns for the coarse search."""

    def __init__(self, samples: Samples):
        parts = [shrunk(rows_of(shard)["images"]) for shard in samples.shards]
        self.small = np.concatenate(parts)

    def patterns(self, mirrored: bool = False, move: tuple[int, int] = (0, 0)) -> np.ndarray:
        """(n, d) float32: reduced further, minus the image's mean."""
        images = np.roll(self.small[:, :, ::-1] if mirrored else self.small, move, axis=(1, 2))
        coarse = averaged(images, max(1, images.shape[1] // COARSE))
        flat = coarse.reshape(len(coarse), -1)
        return flat - flat.mean(axis=1, keepdims=True)


def shrunk(images: np.ndarray) -> np.ndarray:
    """NCHW uint8 -> (n, h, w) float32 brightness of about SIDE pixels, averaged over whole blocks."""
    return averaged(images.mean(axis=1, dtype=np.float32), max(1, min(images.shape[2:]) // SIDE))


def averaged(images: np.ndarray, block: int) -> np.ndarray:
    """(n, h, w) -> means over blocks; incomplete blocks are cut off."""
    n, height, width = images.shape
    rows, columns = height // block, width // block
    cut = images[:, : rows * block, : columns * block]
    return cut.reshape(n, rows, block, columns, block).mean(axis=(2, 4), dtype=np.float32)


@dataclass(frozen=True)
class Found:
    """The search's result for n images."""

    by_features: np.ndarray     # (n,) rows of the training set
    by_pixels: np.ndarray       # (n,)
    distance: np.ndarray        # (n,)
    ratio: np.ndarray           # (n,)

    def match(self, i: int, p: float | None, listed: bool) -> Match:
        return Match(int(i), int(self.by_features[i]), int(self.by_pixels[i]), float(self.distance[i]),
                     float(self.ratio[i]), p, listed)


def search(x: Pictures, training: Pictures, x_features: Features, features: Features, tick: Tick) -> Found:
    """Nearest training images of every image of a set."""
    near = nearest_across(Rows(x_features), Rows(features), BY_FEATURES).indices         # type: ignore[arg-type]
    candidates = np.concatenate([near, *by_pattern(x, training)], axis=1)               # (n, 82)
    distances = np.empty(candidates.shape)
    for i, rows in enumerate(candidates):
        distances[i] = aligned(x.small[i], training.small[rows])
        if i % 100 == 99:
            tick(100)
    return ranked(near[:, 0], candidates, distances)


def by_pattern(x: Pictures, training: Pictures) -> list[np.ndarray]:
    """Candidates (n, BY_PATTERN) for every shift, unchanged and mirrored."""
    patterns = training.patterns()
    return [nearest_across(x.patterns(mirrored, move), patterns, BY_PATTERN).indices
            for mirrored in (False, True) for move in MOVES]


def ranked(by_features: np.ndarray, candidates: np.ndarray, distances: np.ndarray) -> Found:
    """The nearest candidate of each image, its distance and its ratio; duplicate candidates count once."""
    order = np.argsort(distances, axis=1, kind="stable")
    rows, sorted_ = np.take_along_axis(candidates, order, axis=1), np.take_along_axis(distances, order, axis=1)
    for i in range(len(rows)):                          # candidates found twice
        _, first = np.unique(rows[i], return_index=True)
        again = np.ones(len(rows[i]), bool)
        again[first] = False
        sorted_[i, again] = np.inf
    sorted_, nearest = np.sort(sorted_, axis=1), rows[:, 0]
    following = sorted_[:, 1 : 1 + NEXT].mean(axis=1)
    return Found(by_features, nearest, sorted_[:, 0], sorted_[:, 0] / np.maximum(following, 1e-9))


def aligned(image: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(h, w) and (k, h, w) -> (k,) root mean square differences, the smallest over shifts and mirroring.

    The centre of the image, without SHIFT pixels at its borders, is compared at every position within the other image.
    """
    height, width = image.shape
    middle = image[SHIFT : height - SHIFT, SHIFT : width - SHIFT]
    both = np.stack([middle, middle[:, ::-1]]).reshape(2, -1)                           # (2, pixels)
    own = (both**2).sum(axis=1)[:, None]
    best = np.full(len(others), np.inf)
    for down in range(2 * SHIFT + 1):
        for right in range(2 * SHIFT + 1):
            cut = others[:, down : down + middle.shape[0], right : right + middle.shape[1]].reshape(len(others), -1)
            squares = own + (cut**2).sum(axis=1) - 2 * both @ cut.T                     # (2, k)
            best = np.minimum(best, squares.min(axis=0))
    return np.sqrt(np.maximum(best, 0) / middle.size)
