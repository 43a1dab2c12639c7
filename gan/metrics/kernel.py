"""Kernel distances: squared MMD (Gretton et al. 2012, JMLR 13, 723) with two kernels.

`kid`: k(x, y) = (x.y / d + 1)^3, unbiased.  Binkowski et al. 2018, arXiv:1801.01401.  Printed as KID only with the
2015 Inception network.
`cmmd`: k(x, y) = exp(-|x - y|^2 / (2 sigma^2)) of features of length 1, biased.  Jayasumana et al. 2024,
arXiv:2401.09603.  Printed as CMMD only with CLIP ViT-L/14 at 336 pixels.

Products and sums are float64 (within a third of float32's speed on AVX2), in tiles: memory does not grow with n.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np

from ganbench.gan.metrics.jackknife import longer_side, paired, pulls_of
from ganbench.gan.statistics import check_features
from ganbench.gan.types import BadInput, Estimate

ROWS = 1000     # tiles of 1000 x 1000 float64: 8 MB, plus two blocks of features in float64

Kernel = Callable[[np.ndarray, np.ndarray], np.ndarray]     # float64 rows (a, d) and (b, d) -> (a, b)


def kid(
    real_features: np.ndarray,
    generated_features: np.ndarray,
    real_self_similarity: float | None = None,
    subsets: int = 0,
    subset_size: int = 1000,
    seed: int = 2020,
) -> Estimate:
    """`kid_full` over all images for `subsets=0` (the least variance); otherwise `kid_subsets`, as in papers."""
    if subsets:
        return kid_subsets(real_features, generated_features, subsets, subset_size, seed)
    return kid_full(real_features, generated_features, real_self_similarity)


def kid_full(real: np.ndarray, generated: np.ndarray, self_similarity: float | None = None) -> Estimate:
    """The unbiased MMD^2 between (m, d) real and (n, d) generated features, float32, and its standard error.

    `self_similarity`: `mean_self_similarity(real)`, if already computed; it does not depend on the generated images.
    The error refers to the expected value over new generated images, with the reference held fixed (`_variance`).
    That value is not exactly 0 for equal distributions: test the difference between a model and the floor, not the
    model against 0, unless the reference is at least as large as the generated set (benchmarks/coverage.py).
    """
    _check(real, generated)
    if self_similarity is None:
        self_similarity = mean_self_similarity(real)
    one_sided = _one_sided(real, generated)
    return Estimate(one_sided.value + self_similarity, one_sided.se)


def kid_subsets(
    real: np.ndarray, generated: np.ndarray, subsets: int = 100, subset_size: int = 1000, seed: int = 2020
) -> Estimate:
    """torch-fidelity's rule: the mean over random subsets without replacement, generated drawn before real.

    This is its order with the generated images as input 1 and the reference as input 2.  Given the images, subsets
    are independent and average to `kid_full`, so se^2 = se_full^2 + var(subsets) / subsets.  The first term costs
    n^2 / 2 + n m kernel values, the subsets 2 * subsets * subset_size^2: 1.5e8 against 2e8 at 10,000 images.
    """
    _check(real, generated)
    _check_subsets(len(real), len(generated), subsets, subset_size)
    rng = np.random.RandomState(seed)   # the legacy stream is the convention
    values = np.empty(subsets)
    for i in range(subsets):
        ours = generated[rng.choice(len(generated), subset_size, replace=False)]
        theirs = real[rng.choice(len(real), subset_size, replace=False)]
        values[i] = _mmd2(ours.astype(np.float64), theirs.astype(np.float64))
    drawn = values.var(ddof=1) / subsets if subsets > 1 else 0.0
    return Estimate(float(values.mean()), float(np.sqrt(_one_sided(real, generated).se ** 2 + drawn)))


def cmmd(
    real_features: np.ndarray, generated_features: np.ndarray, sigma: float = 10.0, scale: float = 1000.0
) -> Estimate:
    """The biased MMD^2, times `scale`, of (m, d) real and (n, d) generated features, float32, and its standard error.

    Sums include the diagonal, k(x, x) = 1, as in the original code.  There the network's features are normalised; here
    all features are.  Apart from the diagonal's 1 / n, the value is a mean over pairs of
    h(x, x') = (n-1)/n k(x, x') - f(x) - f(x'), so its error is computed like KID's, with the reference held fixed.
    """
    _check(real_features, generated_features)
    check_directions(real_features, "reference")
    check_directions(generated_features, "generated")
    m, n, kernel = len(real_features), len(generated_features), partial(_gaussian, sigma=sigma)
    within = mean_self_similarity(real_features, kernel) * (m - 1) / m + 1 / m
    pairs = _one_sided(real_features, generated_features, kernel, share=(n - 1) / n)
    return Estimate(scale * max(within + 1 / n + pairs.value, 0.0), scale * pairs.se)     # below 0 is rounding


def mean_self_similarity(real: np.ndarray, kernel: Kernel | None = None) -> float:
    """The mean of k(y_j, y_j') over all pairs j != j' of the (m, d) reference; compute it once per reference."""
    check_features(real)
    if len(real) < 2:
        raise BadInput("too-few-images", f"A kernel distance needs at least 2 reference images, got {len(real)}.")
    total, kernel = 0.0, kernel or _cubic
    for rows, columns in _upper_tiles(len(real)):
        tile = kernel(_block(real, rows), _block(real, columns))
        total += tile.sum() - np.trace(tile) if rows == columns else 2 * tile.sum()
    return float(total / (len(real) * (len(real) - 1)))


def similarities(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The cubic kernel of all pairs of (a, d) and (b, d) features, (a, b) float64; meant for tiles."""
    return _cubic(np.asarray(x, np.float64), np.asarray(y, np.float64))


def similarity_sums(blocks: Sequence[np.ndarray], real: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cubic kernel sums of B blocks of (n_b, d) features: between blocks, (B, B); of images with themselves, (B,); and
    of the mean similarity of a block's images to the (m, d) real ones, (B,)."""
    features = [np.asarray(block, np.float64) for block in blocks]
    between = np.zeros((len(blocks), len(blocks)))
    for i, x in enumerate(features):
        for j, y in enumerate(features[: i + 1]):
            between[i, j] = between[j, i] = _cubic(x, y).sum()
    own = np.array([(((x * x).sum(axis=1) / x.shape[1] + 1) ** 3).sum() for x in features])
    return between, own, np.array([_mean_similarity(x, real, _cubic).sum() for x in features])


def _one_sided(real: np.ndarray, generated: np.ndarray, kernel: Kernel | None = None, share: float = 1.0) -> Estimate:
    """The part of MMD^2 that depends on the generated images, with its standard error given the reference.

    It is a U-statistic: the mean over pairs of h(x, x') = share k(x, x') - f(x) - f(x'), f(x) = mean_j k(x, y_j).
    """
    kernel = kernel or _cubic
    witness = _mean_similarity(generated, real, kernel)
    sums = np.zeros(len(generated))                             # over j != i of h(x_i, x_j)
    squares = 0.0                                               # over i != j of h(x_i, x_j)^2
    for rows, columns in _upper_tiles(len(generated)):
        tile = share * kernel(_block(generated, rows), _block(generated, columns))
        tile -= witness[rows, None]
        tile -= witness[columns]
        if rows == columns:
            np.fill_diagonal(tile, 0)
        else:
            sums[columns] += tile.sum(axis=0)
        sums[rows] += tile.sum(axis=1)
        squares += float(np.vdot(tile, tile)) * (1 if rows == columns else 2)
    n, total, some = len(generated), sums.sum(), paired(len(generated))
    without = (total - 2 * sums) / ((n - 1) * (n - 2))
    among = share * kernel(_block(generated, some), _block(generated, some)) - witness[some, None] - witness[some]
    interactions = _interactions(n, total, sums[some], among)
    error = longer_side(float(np.sqrt(_variance(sums, squares))), pulls_of(without), interactions)
    return Estimate(float(total / (n * (n - 1))), error)


def _interactions(n: int, total: float, sums: np.ndarray, among: np.ndarray) -> np.ndarray:
    """(m, m), from the sum of all h, row sums (m,) and h (m, m) of some images."""
    both = 2 * (sums[:, None] + sums)
    return total / (n - 1) - (2 * total - both) / (n - 2) + (total - both + 2 * among) / (n - 3)


def _variance(sums: np.ndarray, squares: float) -> float:
    """Variance of a U-statistic of order two, from its row sums (n,) and the sum of h^2, both without diagonal.

    True is 4 (n-2) / (n (n-1)) zeta1 + 2 / (n (n-1)) zeta2; zeta1 = Var E[h | x], zeta2 = Var h (Hoeffding 1948).
    Every expectation is a mean over distinct indices, hence unbiased; zeta1, which vanishes for equal distributions, is
    clipped at 0.  zeta2 has the factor 4 instead of 2, as in the jackknife (Efron & Stein 1981), since for nearly equal
    distributions small values come with small errors.  For equal distributions and few features that vary, the error
    is therefore up to 1.8 times the true one.
    """
    n, total, of_rows = len(sums), sums.sum(), float(sums @ sums)
    mean_square = squares / (n * (n - 1))                                       # E h(x, x')^2
    shared = (of_rows - squares) / (n * (n - 1) * (n - 2))                      # E h(x, x') h(x, x'')
    apart = (total**2 - 4 * of_rows + 2 * squares) / (n * (n - 1) * (n - 2) * (n - 3))      # (E h)^2
    zeta1, zeta2 = max(shared - apart, 0.0), max(mean_square - apart, 0.0)
    return (4 * (n - 2) * zeta1 + 4 * zeta2) / (n * (n - 1))


def _mean_similarity(generated: np.ndarray, real: np.ndarray, kernel: Kernel) -> np.ndarray:
    """f(x_i) = mean_j k(x_i, y_j), (n,) float64."""
    total = np.zeros(len(generated))
    for columns in _slices(len(real)):
        theirs = _block(real, columns)
        for rows in _slices(len(generated)):
            total[rows] += kernel(_block(generated, rows), theirs).sum(axis=1)
    return total / len(real)


def _cubic(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    base = x @ y.T
    base /= x.shape[1]
    base += 1
    cube = base * base
    cube *= base
    return cube


def _gaussian(x: np.ndarray, y: np.ndarray, sigma: float) -> np.ndarray:
    """The Gaussian kernel of normalised rows: |x - y|^2 = 2 - 2 cos."""
    cosines = (x / np.linalg.norm(x, axis=1, keepdims=True)) @ (y / np.linalg.norm(y, axis=1, keepdims=True)).T
    cosines -= 1
    cosines /= sigma**2
    return np.exp(cosines, out=cosines)


def _mmd2(x: np.ndarray, y: np.ndarray) -> float:
    """Unbiased MMD^2 of two sets of equal size, small enough for one kernel matrix."""
    m = len(x)
    within = sum(tile.sum() - np.trace(tile) for tile in (_cubic(x, x), _cubic(y, y)))
    return float(within / (m * (m - 1)) - 2 * _cubic(x, y).mean())


def _slices(n: int) -> list[slice]:
    return [slice(start, min(start + ROWS, n)) for start in range(0, n, ROWS)]


def _upper_tiles(n: int) -> Iterator[tuple[slice, slice]]:
    """Tiles on and above the diagonal: k is symmetric, the others are mirrored."""
    slices = _slices(n)
    for i, rows in enumerate(slices):
        for columns in slices[i:]:
            yield rows, columns


def _block(features: np.ndarray, rows: slice) -> np.ndarray:
    return features[rows].astype(np.float64)


def _check(real: np.ndarray, generated: np.ndarray) -> None:
    check_features(real)
    check_features(generated)
    if real.shape[1] != generated.shape[1]:
        raise BadInput("unequal-features",
                       f"The reference has features of length {real.shape[1]}, the generated images "
                       f"{generated.shape[1]}: both must come from the same extractor.")
    if len(real) < 2 or len(generated) < 4:
        raise BadInput("too-few-images",
                       "A kernel distance with its error needs at least 2 reference and 4 generated images, "
                       f"got {len(real)} and {len(generated)}.")


def check_directions(features: np.ndarray, side: str) -> None:
    """Refuse features, (n, d), that cannot be normalised: zero vectors."""
    for rows in _slices(len(features)):
        if not (still := np.asarray(features[rows]).any(axis=1)).all():
            raise BadInput("features-without-direction",
                           f"Zero feature vectors have no direction: row {rows.start + int(np.argmin(still)):,} "
                           f"of the {side} features is all zeros.")


def _check_subsets(m: int, n: int, subsets: int, size: int) -> None:
    if subsets < 1 or size < 2:
        raise BadInput("unfit-value", f"KID needs at least 1 subset of at least 2 images, got {subsets} of {size}.")
    if size > min(m, n):
        raise BadInput("too-few-images",
                       f"KID subsets of {size:,} images need as many on both sides; "
                       f"found {m:,} reference and {n:,} generated images.")
