"""Clipped Density and Clipped Coverage: density and coverage that outliers cannot lift, as shares of good images.

Salvy, Talbot & Thirion 2025, arXiv:2507.01761.
Where a share x of good images, those of the real ones' distribution, is replaced by images far from all real ones, both
fall to 1 - x.  Their errors are those of the numbers before they are limited to 1: near 1 they are too large.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy.special import betaln, gammaln

from ganbench.gan.metrics.jackknife import pulls_of
from ganbench.gan.metrics.manifold import at_k, share
from ganbench.gan.metrics.neighbours import Neighbours, Overlap
from ganbench.gan.types import BadInput, Estimate


def clipped_density(overlap: Overlap, k: int = 5) -> Estimate:
    """mean_i min(c_i / k, 1), over the same for the real images among themselves; at most 1.

    c_i: how many real balls hold generated image i, borders included.  The ball of a real image reaches to its k-th
    nearest other, and no farther than the median of these radii.
    """
    at = at_k(overlap.within_median.shape[1], k, "clipped density")
    ratios = np.minimum(overlap.within_median[:, at] / k, 1.0)
    own = np.minimum(held_among_themselves(overlap.real, k) / k, 1.0).mean()
    error = ratios.std() / np.sqrt(len(ratios)) or share(ratios > 0).se
    return Estimate(min(float(ratios.mean() / own), 1.0), float(error / own))


def held_among_themselves(real: Neighbours, k: int) -> np.ndarray:
    """How many balls of the others, of at most the median radius, hold each of n real images, (n,) int64."""
    radii = real.distances[:, k - 1]
    inside = real.distances[:, :k] <= np.minimum(radii, np.median(radii))[:, None]
    return np.bincount(real.indices[:, :k][inside], minlength=len(radii))


def clipped_coverage(overlap: Overlap, k: int = 5) -> Estimate:
    """The share of good images, all others covering nothing, for which mean_j min(c_j, k) / k is expected to be what
    it is.  c_j: generated images in the ball of real image j, which reaches to its k-th nearest other; open.
    """
    at = at_k(overlap.covered.count.shape[2], k, "clipped coverage")
    counts, n = overlap.covered.count[0, :, at], len(overlap.generated.distances)
    m = len(counts)
    expected = expected_of_good(m, n, k)
    covered = float(np.minimum(counts, k).mean() / k)
    # As in the authors' code, fewer than k good images count as none.
    place = int(np.searchsorted(np.where(np.arange(n + 1) < k, 0.0, expected), covered))
    pulls = pulls_of(-overlap.scarce[:, at] / (m * k))
    error = np.sqrt(pulls @ pulls) / n or share(np.full(n, covered > 0)).se
    step = min(place, n - 1)
    slope = (n + 1) * (expected[step + 1] - expected[step])             # of what is covered, by the share
    return Estimate(place / (n + 1), float(error / slope))


@lru_cache(maxsize=8)
def expected_of_good(m: int, n: int, k: int) -> np.ndarray:
    """E[min(J, k)] / k for 0, 1, ..., n images of the distribution of the m real ones, (n + 1,) float64.

    J is how many of them lie in the ball of a real image, whose mass is Beta(k, m - k): beta-binomial.
    """
    if m <= k:
        raise BadInput("too-few-images", f"Clipped coverage needs at least {k + 1} real images for k = {k}, found {m}.")
    images = np.arange(n + 1)
    found = np.ones(n + 1)
    for j in range(k):
        enough = images[j:]                                             # fewer cannot be j
        chosen = gammaln(enough + 1) - gammaln(j + 1) - gammaln(enough - j + 1)
        p = np.exp(chosen + betaln(k + j, m - k + enough - j) - betaln(k, m - k))
        found[j:] -= (1 - j / k) * p
    return found
