"""Precision, recall, density, coverage and realism, from the overlap of the estimated supports of both sets.

Precision, recall and realism: Kynkäänniemi et al. 2019, arXiv:1904.06991.  Density and coverage: Naeem et al. 2020,
arXiv:2002.09797.  The support of a set is estimated by balls around its images; the radius is the distance to the k-th
nearest other image of the set.

Papers and tools differ in k and in whether balls are closed.  Both are settings:
    k=3, closed=True    precision and recall of the paper, of torch-fidelity's PRC and of guided-diffusion (whose
                        distances are rounded to float16)
    k=5, closed=False   all four numbers of prdc and dgm-eval, and the paper's density and coverage
For two samples of the same distribution, m real and n generated images, E[density] = 1 and
E[coverage] = 1 - prod_{j=1..k} (m - j) / (n + m - j).
"""

from __future__ import annotations

import numpy as np

from ganbench.gan.metrics.jackknife import pulls_of
from ganbench.gan.metrics.neighbours import FEW, Held, Overlap
from ganbench.gan.types import BadInput, Estimate

Z = 1.96    # of the 95 % interval from which the error of a median is computed


def precision(overlap: Overlap, k: int = 3, closed: bool = True) -> Estimate:
    """The share of generated images that lie in the ball of a real image."""
    return share(_inside(overlap, k, closed) > 0)


def density(overlap: Overlap, k: int = 5, closed: bool = False) -> Estimate:
    """The mean number of real balls that contain a generated image, over k; it may exceed 1."""
    counts = _inside(overlap, k, closed) / k
    error = counts.std() / np.sqrt(len(counts)) or share(counts > 0).se
    return Estimate(float(counts.mean()), float(error))


def recall(overlap: Overlap, k: int = 3, closed: bool = True) -> Estimate:
    """The share of real images that lie in the ball of a generated image."""
    held, at = overlap.recalled, at_k(overlap.recalled.count.shape[2], k, "recall")
    lost = overlap.forgotten[int(closed), :, at]
    return _union(held, int(closed), at, lost, heed=1.0)


def coverage(overlap: Overlap, k: int = 5, closed: bool = False) -> Estimate:
    """The share of real images whose ball contains a generated image."""
    held, at = overlap.covered, at_k(overlap.covered.count.shape[2], k, "coverage")
    alone = held.few[int(closed), held.count[int(closed), :, at] == 1, 0, at]
    return _union(held, int(closed), at, np.bincount(alone, minlength=len(overlap.inside[0])), heed=0.5)


def realism(overlap: Overlap) -> Estimate:
    """The median realism of generated images: the largest radius / distance to a real image; above 1 is inside a ball.

    `overlap.realism` has the values of the images (k = 3; balls larger than the median ball are left out).  The error
    comes from the order statistics around the median.  A mean would be dominated by copies of real images, 1e6 each.
    """
    ordered, n = np.sort(overlap.realism), len(overlap.realism)
    low, high = (int(np.floor(n / 2 + sign * Z * np.sqrt(n) / 2)) for sign in (-1, 1))
    low, high = ordered[max(low, 0)], ordered[min(high, n - 1)]
    return Estimate(float(np.median(ordered)), float(high - low) / (2 * Z))


def share(which: np.ndarray) -> Estimate:
    """The share of n booleans that are true, and its error, for which two of each value are added (Agresti & Coull
    1998), so that it is not 0 where all are equal."""
    n = len(which)
    padded = (which.sum() + 2) / (n + 4)
    return Estimate(float(which.mean()), float(np.sqrt(padded * (1 - padded) / n)))


def _inside(overlap: Overlap, k: int, closed: bool) -> np.ndarray:
    return overlap.inside[int(closed), :, at_k(overlap.inside.shape[2], k, "precision or density")]


def at_k(available: int, k: int, what: str) -> int:
    """The place of k on an axis that begins with k = 1 and has one more than may be asked for."""
    if not 1 <= k <= available:
        raise BadInput("unfit-value",
                       f"For {what} k must be from 1 to {available} here (one less than the number of neighbours "
                       f"searched where the error needs one more); found k = {k}.")
    return k - 1


def _union(held: Held, closed: int, at: int, lost: np.ndarray, heed: float) -> Estimate:
    """The share of m real images that are covered by balls; `lost`: how many fewer without each of n generated images.

    The error is the jackknife's, reduced by the part that `_left` finds to be counted twice, of which `heed` is used.
    """
    count = held.count[closed, :, at]
    n, m = len(lost), len(count)
    pulls = pulls_of(-lost / m)
    left = 1 - heed * (1 - _left(count, held.few[closed, :, :, at]))
    value = Estimate(float((count > 0).mean()), float(np.sqrt(pulls @ pulls * left) / n))
    return value if value.se > 0 else Estimate(value.value, share(np.full(n, value.value > 0)).se)


def _left(count: np.ndarray, few: np.ndarray) -> float:
    """The share of the jackknife's variance that is not counted twice, given interactions of two and more images, as in
    a union of balls.

    Two real images that c generated images cover jointly, c Poisson distributed with mean q, contribute
    q / (1 - exp(-q)) times too much.  The distribution of q over pairs, weighted by their part in the variance, has the
    mean 2 V_2 / V_1 and the mean square 6 V_3 / V_1, where V_r is the sum of squares of the numbers of real images
    covered by exactly the same r generated images.  Of all distributions with these moments, the one on 0 and a single
    point gives the largest share; it is used.
    """
    one, two, three = (_squares(few[count == r, :r]) for r in range(1, FEW + 1))
    mean, square = (2 * two / one, 6 * three / one) if one else (0.0, 0.0)
    if mean == 0:
        return 1.0
    weight = min(mean**2 / square, 1.0) if square else 1.0
    q = mean / weight
    return 1 - weight + weight * (1 - np.exp(-q)) / q


def _squares(holders: np.ndarray) -> float:
    """V_r from the sets of r holders, (rows, r)."""
    if not len(holders):
        return 0.0
    _, times = np.unique(np.sort(holders, axis=1), axis=0, return_counts=True)
    return float((times.astype(np.float64) ** 2).sum())
