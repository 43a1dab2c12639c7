"""Memorisation: distances of generated images to training images, compared with those of unseen real images.

Arguments: `training_neighbours` is `nearest(training)`, `training_matches` `nearest_across(generated, training)` and
`test_matches` `nearest_across(test, training)` of gan.metrics.neighbours; all other features are (rows, d) float32.
All errors refer to new generated images, with the training and the test images held fixed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.cluster.vq import kmeans, vq

from ganbench.gan.metrics.frechet import Without, matrix_root
from ganbench.gan.metrics.jackknife import pulls_of, standard_error
from ganbench.gan.metrics.manifold import share
from ganbench.gan.metrics.neighbours import Neighbours, Overlap, nearest_across
from ganbench.gan.statistics import ROWS, accumulate, check_features
from ganbench.gan.types import BadInput, Estimate, Statistics

ENOUGH = 20         # generated images that a cell must exceed to count in C_T
RESTARTS = 10       # of k-means
NO_DISTANCE, TINY = 1e-8, 1e-14     # MiFID: Fréchet distances that count as 0, and what is added to the divisor


def authpct(training_matches: Neighbours, training_neighbours: Neighbours) -> Estimate:
    """Authenticity, in per cent: generated images farther from their nearest training image than that is from its own.

    Alaa et al. 2022, arXiv:2102.08921, as dgm-eval computes it.  Larger is better: copies have 0.  Two samples of the
    same distribution have more than 50, depending on d: compare with the floor.
    """
    matched, known = training_matches.indices[:, 0], len(training_neighbours.distances)
    if matched.max() >= known:
        raise BadInput("unequal-counts",
                       f"An image matches image {matched.max():,} of the training set, "
                       f"whose neighbours are of {known:,}.")
    found = share(training_matches.distances[:, 0] > training_neighbours.distances[matched, 0])
    return Estimate(100 * found.value, 100 * found.se)


def c_t(
    training_features: np.ndarray,
    test_features: np.ndarray,
    generated_features: np.ndarray,
    cells: int = 3,
    components: int = 64,
    seed: int = 0,
) -> Estimate:
    """Whether generated images are nearer to the training set than test images: Meehan et al. 2020, arXiv:2004.05675.

    A z-score: far below 0 the generated images are nearer (copies), far above 0 farther (underfitting).  In each cell
    of k-means on the training set the nearest distances are compared by the Mann-Whitney U, as a z-score; the mean over
    cells is weighted by their share of the test images, and cells with few generated images are left out.  Settings as
    in dgm-eval: the first 64 principal components of the training set where there are more features, and 3 cells.
    """
    sets = _projected((training_features, test_features, generated_features), components)
    centres, _ = kmeans(sets[0], cells, iter=RESTARTS, rng=np.random.default_rng(seed))
    labels = [vq(points, centres)[0] for points in sets]
    total, weight, pulled = 0.0, 0.0, np.zeros(len(sets[2]))        # pulled: change of the sum without each image
    for cell in range(len(centres)):
        training, test, generated = (points[label == cell] for points, label in zip(sets, labels, strict=True))
        if len(generated) > ENOUGH and len(test):
            near, known = (nearest_across(points, training).distances[:, 0] for points in (generated, test))
            z, without = _z_scores(near, known)
            total, weight = total + len(test) * z, weight + len(test)
            pulled[labels[2] == cell] = len(test) * (z - without)
    if not weight:
        raise BadInput("too-few-images",
                       f"No cell of C_T contains test images and more than {ENOUGH} generated images, "
                       f"from {len(sets[1]):,} test and {len(sets[2]):,} generated images.")
    pulls = pulls_of((total - pulled) / weight)
    return Estimate(total / weight, float(np.sqrt(pulls @ pulls)) / len(pulls))


def mifid(
    real_statistics: Statistics,
    generated_statistics: Statistics,
    generated_chunks: Sequence[np.ndarray],
    real_root: np.ndarray | None,
    training_features: np.ndarray,
    threshold: float = 0.1,
    over_training: bool = False,
) -> Estimate:
    """Fréchet distance / mean cosine distance to the nearest training image.  Bai et al. 2021, arXiv:2106.03062.

    The distance uses |cosine|, features that add up to 0 are left out, and the divisor is 1 where the mean distance
    reaches the threshold.  The mean is over the generated images, as in the paper and in the Kaggle competition;
    torchmetrics takes it over the training images and their nearest generated ones, `over_training`.  The error does
    not account for the jump at the threshold: near it, intervals are too short.
    """
    root = matrix_root(real_statistics.sigma) if real_root is None else real_root
    penalise = _from_training if over_training else _from_generated
    near, others = penalise(generated_chunks, training_features)
    if len(others) != generated_statistics.n:
        raise BadInput("unequal-counts",
                       f"The statistics are of {generated_statistics.n:,} feature vectors, "
                       f"the chunks hold {len(others):,}.")
    leaving = Without(real_statistics, generated_statistics, generated_chunks, root)
    fd, (without, psi) = float(leaving.distance(0)), leaving.one()
    penalty, penalties = (near + TINY, others + TINY) if near < threshold else (1.0, np.ones(len(others)))
    pulls, psi = pulls_of(without / penalties), psi / penalty - fd / penalty**2 * pulls_of(penalties)
    error = standard_error(float(max(pulls.var(), psi.var())) / len(pulls), pulls, leaving.two() / penalty)
    return Estimate(float(fd / penalty) if fd > NO_DISTANCE else 0.0, error)


def copies(training_matches: Neighbours, test_matches: Neighbours, rate: float = 0.05) -> Estimate:
    """The share of generated images significantly nearer to a training image than test images are; see `discoveries`.

    With t test images the p-values are at least 1 / (t + 1): a share below 1 / (rate (t + 1)) cannot be detected.
    """
    return share(discoveries(p_values(training_matches.distances[:, 0], test_matches.distances[:, 0]), rate))


def duplicates(overlap: Overlap, rate: float = 0.05) -> Estimate:
    """The share of generated images significantly nearer to each other than real images are; see `discoveries`.

    The nearest of more images is nearer, so for n > m the ceil(n / m)-th nearest is compared.
    """
    generated, known = overlap.generated, overlap.real.distances[:, 0]
    n, at = len(generated.distances), -(-len(generated.distances) // len(known))
    if at >= generated.distances.shape[1]:
        raise BadInput("too-few-images",
                       f"Duplicates among {n:,} images need a larger reference than {len(known):,} images: "
                       f"at least one for every {generated.distances.shape[1] - 1} generated images.")
    found = discoveries(p_values(generated.distances[:, at - 1], known), rate)
    if not found.any():
        return share(found)
    reach = generated.distances[found, at - 1].max()
    sole = found & (generated.distances[:, at] > reach)             # no duplicate if one of its nearest is left out
    lost = np.bincount(generated.indices[sole, :at].ravel(), minlength=n) + found
    pulls = pulls_of((found.sum() - lost) / (n - 1))
    return Estimate(float(found.mean()), max(float(np.sqrt(pulls @ pulls)) / n, share(found).se))


def p_values(distances: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Conformal p-values (n,): (1 + #{known <= distance}) / (1 + #known), with `known` the distances of real images.

    Valid if the distances of images that are not copies are exchangeable with the known ones (Bates et al. 2021,
    arXiv:2104.08279).
    """
    return (1 + np.searchsorted(np.sort(known), distances, side="right")) / (1 + len(known))


def discoveries(p: np.ndarray, rate: float = 0.05) -> np.ndarray:
    """Which of n p-values are discoveries at a false-discovery rate of `rate`.

    Benjamini & Hochberg 1995: the r smallest, for the largest r with p_(r) <= rate r / n.  It holds for `p_values`,
    although they share the known distances (Bates et al. 2021, arXiv:2104.08279).
    """
    ordered = np.sort(p)
    below = np.flatnonzero(ordered <= rate * np.arange(1, len(p) + 1) / len(p))
    return p <= (ordered[below[-1]] if len(below) else 0.0)


def nearest_cosines(x: Iterable[np.ndarray], y: Iterable[np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """1 - |cosine| of each of n images in chunks x to the nearest and to the second nearest in chunks y, and the row of
    the nearest: each (n,).  NaN and -1 for features that add up to 0, infinity where there is no second nearest."""
    found = [_nearest_cosines(chunk, y) for chunk in x]
    near, second, which = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return near, second, which


def _nearest_cosines(x: np.ndarray, chunks: Iterable[np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    (x, present), first = _directions(x), 0
    best, which = np.full((len(x), 2), np.inf), np.full(len(x), -1)
    for chunk in chunks:
        y, there = _directions(chunk)
        distances = np.where(there, 1 - np.abs(x @ y.T), np.inf)
        nearest = distances.argmin(axis=1)
        which = np.where(distances.min(axis=1) < best[:, 0], first + nearest, which)
        best = np.sort(np.concatenate([best, np.partition(distances, min(1, len(y) - 1))[:, :2]], axis=1))[:, :2]
        first += len(y)
    best[~present], which[~present] = np.nan, -1
    return best[:, 0], best[:, 1], which


def _from_generated(chunks: Sequence[np.ndarray], training: np.ndarray) -> tuple[float, np.ndarray]:
    """The mean over n generated images of the distance to the nearest training image, and its leave-one-out values."""
    near, _, _ = nearest_cosines(chunks, _Chunks(training))
    there = np.isfinite(near)
    total, count = _total(near[there]), there.sum()
    return total / count, (total - np.where(there, near, 0)) / (count - there)


def _from_training(chunks: Sequence[np.ndarray], training: np.ndarray) -> tuple[float, np.ndarray]:
    """The mean over training images of the distance to the nearest generated image, and its leave-one-out values."""
    near, second, which = nearest_cosines(_Chunks(training), chunks)
    there = np.isfinite(near)
    total, count, n = _total(near[there]), there.sum(), sum(len(chunk) for chunk in chunks)
    gaps = np.bincount(which[there], (second - near)[there], minlength=n)
    return total / count, (total + gaps) / count


def _total(distances: np.ndarray) -> float:
    if not len(distances):
        raise BadInput("features-without-direction",
                       "MiFID needs features that do not add up to 0, of generated and of training images; found none.")
    return float(distances.sum())


def _directions(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Normalised rows, float64, and whether they do not add up to 0."""
    check_features(features)
    x = features.astype(np.float64)
    present = x.sum(axis=1) != 0
    return x / np.where(present, np.linalg.norm(x, axis=1), 1.0)[:, None], present


def _z_scores(near: np.ndarray, known: np.ndarray) -> tuple[float, np.ndarray]:
    """The z-score of U, the number of pairs with near > known (ties count half), and its leave-one-out values."""
    ordered, n = np.sort(known), len(near)
    above = (np.searchsorted(ordered, near, "left") + np.searchsorted(ordered, near, "right")) / 2
    return float(_z(above.sum(), n, len(known))), _z(above.sum() - above, n - 1, len(known))


def _z(u: np.ndarray, n: int, t: int) -> np.ndarray:
    """With the continuity correction of the reference code."""
    return (u - (n * t / 2 - 0.5)) / np.sqrt(n * t * (n + t + 1) / 12)


def _projected(sets: Sequence[np.ndarray], components: int) -> list[np.ndarray]:
    """Each set along the first principal components of the first one, if it has more features than that; float64."""
    for features in sets:
        check_features(features)
    lengths = {features.shape[1] for features in sets}
    if len(lengths) > 1:
        raise BadInput("unequal-features",
                       f"The sets have features of lengths {', '.join(map(str, sorted(lengths)))}: "
                       "all must come from the same extractor.")
    d = lengths.pop()
    mean, axes = np.zeros(d), np.eye(d)
    if d > components:
        moments = accumulate(_Chunks(sets[0]))
        mean, axes = moments.mean, np.linalg.eigh(moments.spread)[1][:, -components:]
    return [np.concatenate([(chunk - mean) @ axes for chunk in _Chunks(features)]) for features in sets]


@dataclass(frozen=True)
class _Chunks:
    """Features in chunks of a thousand rows; can be iterated repeatedly."""

    features: np.ndarray

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self.features[start : start + ROWS] for start in range(0, len(self.features), ROWS))
