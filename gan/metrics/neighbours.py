"""Nearest neighbours and overlaps of sets of features: Euclidean, exact, in tiles, so that memory grows linearly in n.

One matrix product gives all squared distances of a tile, |x|^2 + |y|^2 - 2 x.y, up to rounding errors proportional to
the norms, which are larger than the distances of near-duplicates.  So tiles only give lower bounds, and the distances
that decide are computed from x - y.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ganbench.gan.statistics import check_features
from ganbench.gan.types import BadInput

NEAREST = 6     # neighbours of each image: k = 5, and one more for leaving an image out
REALISM = 3     # the k of realism
OF_COPIES = 1e6     # the realism of a copy, in place of infinity
FEW = 3         # covering images that are stored: errors need those of images covered by few
ROWS = 1000     # tiles of 1000 x 1000 float64: 8 MB, plus two blocks of features in float64
SPARE = 2       # candidates kept beyond the k nearest
TIE = 1e-9      # squared distances with a smaller relative difference count as equal
EPS = np.finfo(np.float64).eps

Block = tuple[np.ndarray, np.ndarray]   # (rows, d) float64, counted from a centre, and their squared norms (rows,)


@dataclass(frozen=True)
class Neighbours:
    """The k nearest of each of n images in some set."""

    distances: np.ndarray   # (n, k) float64, ascending
    indices: np.ndarray     # (n, k) int64, row numbers in that set


@dataclass(frozen=True)
class Held:
    """Which generated images cover each real image, or lie in its ball.

    int32; the axis of length 2 is open balls, `<`, then closed balls, `<=`; the last axis is k - 1.
    """

    count: np.ndarray   # (2, m, K) number of such generated images
    few: np.ndarray     # (2, m, FEW, K) their row numbers where there are at most FEW, otherwise -1


@dataclass(frozen=True)
class Overlap:
    """Neighbours and balls of n generated and m real images, for every k from 1 to K.

    The radius of an image's ball is the distance to its k-th nearest other image of the same set.
    """

    real: Neighbours        # (m, K) of the real images among themselves
    generated: Neighbours   # (n, K) of the generated images among themselves
    nearest: Neighbours     # (n, 1) of the generated images among the real ones
    inside: np.ndarray      # (2, n, K) int64: how many real balls contain generated image i, open and closed
    within_median: np.ndarray   # (n, K) int64: the same, closed, of balls that are cut at the median radius
    covered: Held           # the generated images in the ball of real image j
    scarce: np.ndarray      # (n, K) int64: how many open real balls contain image i and at most k images in all
    recalled: Held          # the generated images whose balls contain real image j; for k up to K - 1
    forgotten: np.ndarray   # (2, n, K - 1) int64: how many fewer real images are recalled without image i; may be < 0
    realism: np.ndarray     # (n,) the largest radius / distance over the real balls of k = 3 up to the median radius


def nearest(features: np.ndarray, k: int = NEAREST) -> Neighbours:
    """The k nearest other rows of each row of (n, d) features.  Copies in other rows count, at distance 0."""
    check_features(features)
    _check_k(k, len(features) - 1, "other images")
    best, centre = _Best(len(features), k, len(features) - 1), _centre(features)
    for rows in _slices(len(features)):
        x = _block(features, rows, centre)
        for columns in _slices(len(features), rows.start):      # on and above the diagonal: the others are mirrored
            tile = _at_least(x, x if columns == rows else _block(features, columns, centre))
            if columns == rows:
                np.fill_diagonal(tile, np.inf)
            else:
                best.offer(columns, tile.T, _numbers(rows))
            best.offer(rows, tile, _numbers(columns))
    everyone = np.arange(len(features))
    return _settled(features, features, k, best, everyone, own=everyone)


def nearest_across(x: np.ndarray, y: np.ndarray, k: int = 1) -> Neighbours:
    """The k nearest rows of (m, d) y of each row of (n, d) x."""
    _check_pair(x, y)
    _check_k(k, len(y), "images to look among")
    everyone, nobody = np.arange(len(x)), np.full(len(x), -1)
    return _settled(x, y, k, _search(x, y, k, _centre(y), everyone, nobody), everyone, nobody)


def overlap(real_features: np.ndarray, generated_features: np.ndarray, real_neighbours: Neighbours) -> Overlap:
    """One pass over generated x generated and one over generated x real; K is that of `nearest(real_features, K)`."""
    _check_pair(generated_features, real_features)
    _check_neighbours(real_neighbours, len(real_features))
    generated = nearest(generated_features, real_neighbours.distances.shape[1])
    return _Pass(real_features, generated_features, real_neighbours, generated).run()


class _Best:
    """The `keep` candidates of each of n rows with the smallest lower bounds of the squared distance."""

    def __init__(self, n: int, k: int, available: int):
        self.keep, self.all = min(k + SPARE, available), k + SPARE >= available
        self.at_least = np.full((n, self.keep), np.inf)
        self.indices = np.full((n, self.keep), -1)

    def offer(self, rows: slice, tile: np.ndarray, columns: np.ndarray) -> None:
        """`tile`: lower bounds (rows, columns) of squared distances; `columns`: their numbers."""
        if not len(columns):
            return
        both = np.concatenate([self.at_least[rows], tile], axis=1)
        picked = np.argpartition(both, self.keep - 1, axis=1)[:, : self.keep]
        before = np.take_along_axis(self.indices[rows], picked.clip(max=self.keep - 1), axis=1)
        self.indices[rows] = np.where(picked < self.keep, before, columns[(picked - self.keep).clip(0)])
        self.at_least[rows] = np.take_along_axis(both, picked, axis=1)


def _search(
    x: np.ndarray, y: np.ndarray, k: int, centre: np.ndarray, rows: np.ndarray, own: np.ndarray
) -> _Best:
    """Candidates in y for some rows of x, by number; `own` is the row of y that is the image itself, or -1."""
    best = _Best(len(rows), k, len(y) - int(own[0] >= 0))
    for columns in _slices(len(y)):
        block = _block(y, columns, centre)
        for part in _slices(len(rows)):
            tile, column = _at_least(_block(x, rows[part], centre), block), own[part] - columns.start
            here = np.flatnonzero((column >= 0) & (column < tile.shape[1]))
            tile[here, column[here]] = np.inf
            best.offer(part, tile, _numbers(columns))
    return best


def _settled(
    x: np.ndarray, y: np.ndarray, k: int, best: _Best, rows: np.ndarray, own: np.ndarray
) -> Neighbours:
    """Distances and order of the candidates of all rows, from x - y.

    Where rounding leaves more candidates undecided than were stored, as in a cluster of near-duplicates far from the
    centre, the search is repeated with the row as the centre, for all rows of the cluster.
    """
    distances, indices, clear = _decide(x, y, k, best, rows)
    pending = np.flatnonzero(~clear)
    while len(pending):
        first = pending[0]
        apart = _distances(x, rows[pending], x, np.full(len(pending), rows[first]))
        clump = pending[apart <= distances[first, -1]]
        again = _search(x, y, k, x[rows[[first]]][0], rows[clump], own[clump])
        distances[clump], indices[clump], clear = _decide(x, y, k, again, rows[clump])
        pending = np.union1d(np.setdiff1d(pending, clump), clump[~clear])
        pending = pending[pending != first]     # the centre itself, from which distances do not round
    return Neighbours(distances, indices)


def _decide(
    x: np.ndarray, y: np.ndarray, k: int, best: _Best, rows: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Distances (n, k), indices (n, k), and whether no image outside the candidates can be nearer (n,)."""
    kept = best.indices
    distances = np.stack([_distances(x, rows, y, kept[:, place]) for place in range(best.keep)], axis=1)
    order = np.lexsort((kept, distances))[:, :k]
    found, indices = np.take_along_axis(distances, order, axis=1), np.take_along_axis(kept, order, axis=1)
    farthest = found[:, -1] ** 2
    clear = (farthest == 0) | (farthest * (1 - TIE) <= best.at_least.max(axis=1)) | best.all
    return found, indices, clear


class _Pass:
    """Generated x real, a strip of real images at a time."""

    def __init__(self, real: np.ndarray, generated: np.ndarray, of_real: Neighbours, of_generated: Neighbours):
        self.real, self.generated, self.of_real, self.of_generated = real, generated, of_real, of_generated
        (n, k), radii = of_generated.distances.shape, of_real.distances[:, REALISM - 1]
        self.centre, self.small = _centre(real), (radii > 0) & (radii <= np.median(radii))
        self.best, self.realest = _Best(n, 1, len(real)), _Best(n, 1, len(real))
        self.inside, self.forgotten = np.zeros((2, n, k), np.int64), np.zeros((2, n, k - 1), np.int64)
        self.cut = np.minimum(of_real.distances, np.median(of_real.distances, axis=0))
        self.within_median, self.scarce = np.zeros((n, k), np.int64), np.zeros((n, k), np.int64)
        self.covered, self.recalled = _nobody(len(real), k), _nobody(len(real), k - 1)

    def run(self) -> Overlap:
        for columns in _slices(len(self.real)):
            y = _block(self.real, columns, self.centre)
            tiles = [self._tile(rows, columns, y) for rows in _slices(len(self.generated))]
            i, j, *levels = (np.concatenate(parts) for parts in zip(*tiles, strict=True))
            for closed in (0, 1):
                self._cover(closed, columns, i, j, levels[closed])
                self._recall(closed, columns, i, j, levels[2 + closed])
            self._cut(i, levels[4])
        everyone, nobody = np.arange(len(self.generated)), np.full(len(self.generated), -1)
        nearest = _settled(self.generated, self.real, 1, self.best, everyone, nobody)
        return Overlap(self.of_real, self.of_generated, nearest, self.inside.cumsum(axis=2),
                       self.within_median.cumsum(axis=1), self.covered, self.scarce, self.recalled, self.forgotten,
                       self._realism())

    def _tile(self, rows: slice, columns: slice, y: Block) -> tuple[np.ndarray, ...]:
        """Pairs of images of which one is in the other's largest ball: i, j (row in the strip), and five levels.

        A level is the number of radii that are too small for the other: of real j, open and closed, then of image i,
        then of real j, cut at the median and closed.
        """
        x = _block(self.generated, rows, self.centre)
        tile = _at_least(x, y)
        self._offer(rows, columns, tile)
        real, generated = self.of_real.distances[columns], self.of_generated.distances[rows]
        cut = self.cut[columns]
        i, j = np.nonzero((tile <= real[:, -1] ** 2) | (tile <= generated[:, -1:] ** 2))
        low, slack = tile[i, j], 2 * _rounding(x) * (x[1][i] + y[1][j])
        unclear = np.zeros(len(i), bool)
        for radii in (real[j], generated[i], cut[j]):
            unclear |= _within(radii**2, low, slack)
        distances = np.sqrt(low.clip(0))
        distances[unclear] = _distances(self.generated, rows.start + i[unclear], self.real, columns.start + j[unclear])
        levels = [_level(radii, distances, closed) for radii in (real[j], generated[i]) for closed in (False, True)]
        levels.append(_level(cut[j], distances, closed=True))
        return (i + rows.start).astype(np.int32), j.astype(np.int32), *levels

    def _offer(self, rows: slice, columns: slice, tile: np.ndarray) -> None:
        """Candidates for the nearest real image, and for the largest radius / distance."""
        self.best.offer(rows, tile, _numbers(columns))
        small = self.small[columns]
        radii = self.of_real.distances[columns, REALISM - 1][small]
        self.realest.offer(rows, tile[:, small] / radii**2, _numbers(columns)[small])

    def _realism(self) -> np.ndarray:
        found = np.zeros(len(self.generated))
        for numbers in self.realest.indices.T:
            i = np.flatnonzero(numbers >= 0)
            distances = _distances(self.generated, i, self.real, numbers[i])
            reach = self.of_real.distances[numbers[i], REALISM - 1]
            found[i] = np.maximum(found[i], reach / np.maximum(distances, reach / OF_COPIES))
        return found

    def _cover(self, closed: int, columns: slice, i: np.ndarray, j: np.ndarray, level: np.ndarray) -> None:
        n, k = self.of_generated.distances.shape
        for at in range(k):
            self.inside[closed, :, at] += np.bincount(i[level == at], minlength=n)
            _note(self.covered, closed, columns, at, i[level <= at], j[level <= at])
            if not closed:
                few = (level <= at) & (self.covered.count[0, columns, at][j] <= at + 1)
                self.scarce[:, at] += np.bincount(i[few], minlength=n)

    def _cut(self, i: np.ndarray, level: np.ndarray) -> None:
        n, k = self.of_generated.distances.shape
        for at in range(k):
            self.within_median[:, at] += np.bincount(i[level == at], minlength=n)

    def _recall(self, closed: int, columns: slice, i: np.ndarray, j: np.ndarray, level: np.ndarray) -> None:
        """Without an image, the balls of the images that have it among their nearest grow to the next radius."""
        n, k = self.of_generated.distances.shape
        for at in range(k - 1):
            _note(self.recalled, closed, columns, at, i[level <= at], j[level <= at])
            count, only = self.recalled.count[closed, columns, at], self.recalled.few[closed, columns, 0, at]
            only = np.where(count == 1, only, -1)
            b, missed, nearest = i[level == at + 1], j[level == at + 1], self.of_generated.indices[:, : at + 1]
            only[missed[(nearest[b] == only[missed, None]).any(axis=1)]] = -1       # another ball grows over it
            self.forgotten[closed, :, at] += np.bincount(only[only >= 0], minlength=n)
            b, missed = b[count[missed] == 0], missed[count[missed] == 0]
            gained = np.unique(missed[:, None].astype(np.int64) * n + nearest[b])   # (real, generated) as one number
            self.forgotten[closed, :, at] -= np.bincount(gained % n, minlength=n)


def _nobody(m: int, k: int) -> Held:
    return Held(np.zeros((2, m, k), np.int32), np.full((2, m, FEW, k), -1, np.int32))


def _note(held: Held, closed: int, columns: slice, at: int, i: np.ndarray, j: np.ndarray) -> None:
    """Fill in a strip: pairs of generated image i and real image j, counted in the strip, at k = `at` + 1."""
    count = np.bincount(j, minlength=columns.stop - columns.start)
    held.count[closed, columns, at] = count
    few = count[j] <= FEW
    i, j = i[few], j[few]
    order = np.argsort(j, kind="stable")
    place = np.arange(len(j)) - np.searchsorted(j[order], j[order])
    held.few[closed, columns.start + j[order], place, at] = i[order]


def _at_least(x: Block, y: Block) -> np.ndarray:
    """Lower bounds of |x|^2 + |y|^2 - 2 x.y, (rows, columns): what rounding may have added is taken off."""
    less = 1 - _rounding(x)
    tile = x[0] @ y[0].T
    tile *= -2
    tile += less * x[1][:, None]
    tile += less * y[1]
    return tile


def _rounding(x: Block) -> float:
    """The error of a squared distance is at most this share of |x|^2 + |y|^2: d additions, and a few for the rest."""
    return float((x[0].shape[1] + 16) * EPS)


def _within(squares: np.ndarray, low: np.ndarray, slack: np.ndarray) -> np.ndarray:
    """Whether any of the squares (pairs, k) lies where rounding may have put the squared distance of a pair."""
    return ((low[:, None] <= squares) & (squares <= (low + slack)[:, None])).any(axis=1)


def _level(radii: np.ndarray, distances: np.ndarray, closed: bool) -> np.ndarray:
    too_small = radii < distances[:, None] if closed else radii <= distances[:, None]
    return too_small.sum(axis=1, dtype=np.int8)


def _distances(x: np.ndarray, rows: np.ndarray, y: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """|x[rows] - y[columns]|, pair by pair, with the same bits for the same two images."""
    found = np.empty(len(rows))
    for part in _slices(len(rows)):
        apart = x[rows[part]].astype(np.float64) - y[columns[part]]
        found[part] = np.sqrt(np.einsum("ij,ij->i", apart, apart))
    return found


def _centre(features: np.ndarray) -> np.ndarray:
    """The mean (d,), float32, so that differences from it hardly round."""
    total = sum(features[rows].sum(axis=0, dtype=np.float64) for rows in _slices(len(features)))
    return (total / len(features)).astype(np.float32)


def _block(features: np.ndarray, rows: slice | np.ndarray, centre: np.ndarray) -> Block:
    block = features[rows].astype(np.float64) - centre
    return block, np.einsum("ij,ij->i", block, block)


def _slices(n: int, first: int = 0) -> list[slice]:
    return [slice(start, min(start + ROWS, n)) for start in range(first, n, ROWS)]


def _numbers(rows: slice) -> np.ndarray:
    return np.arange(rows.start, rows.stop)


def _check_k(k: int, available: int, what: str) -> None:
    if not 1 <= k <= available:
        raise BadInput("too-few-images",
                       f"The {k} nearest neighbours need at least {max(k, 1)} {what}, found {available}.")


def _check_pair(x: np.ndarray, y: np.ndarray) -> None:
    check_features(x)
    check_features(y)
    if x.shape[1] != y.shape[1]:
        raise BadInput("unequal-features",
                       f"Features of lengths {x.shape[1]} and {y.shape[1]} cannot be compared: "
                       "both must come from the same extractor.")


def _check_neighbours(found: Neighbours, m: int) -> None:
    rows, k = found.distances.shape
    if rows != m:
        raise BadInput("unequal-counts", f"The neighbours are of {rows:,} images, the reference has {m:,}.")
    if k < REALISM:
        raise BadInput("unfit-value",
                       f"An overlap needs the {REALISM} nearest neighbours of each real image, found {k}.")
