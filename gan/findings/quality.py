"""Precision and coverage compared with those of real images, for all images and for each slice."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from ganbench.gan.findings.evidence import Assignments, Evidence, NeighbourSearch
from ganbench.gan.findings.rules import Test
from ganbench.gan.metrics import manifold
from ganbench.gan.metrics.neighbours import Neighbours, nearest
from ganbench.gan.rows import Rows
from ganbench.gan.types import Estimate, Finding

K_PRECISION, K_COVERAGE = 3, 5      # as `ganbench.gan.metrics.manifold` takes them
LEAST, MUCH = 0.05, 0.3             # loss of precision or coverage against real images: reported, and an alert
SLICE_LEAST, APART = 0.15, 1.5      # a slice's least loss, and the factor by which it must exceed that of all images
CLUMPED = 2.0                       # variance of precision or coverage, relative to a share of independent images
FEW = 50                            # least number of images of a slice, generated and real


def own_precision(found: Neighbours, k: int = K_PRECISION) -> Estimate:
    """The leave-one-out precision of real images: the share of images that are among the k nearest of another image.
    (The ball of another image has as its radius the distance to that image's k-th neighbour without the image tested:
    the k + 1-st if the image tested is among the first k, so that it lies inside; otherwise the k-th, so that it lies
    outside.)"""
    inside = np.zeros(len(found.indices), bool)
    inside[found.indices[:, :k].ravel()] = True
    return manifold.share(inside)


def expected_coverage(m: int, n: int, k: int = K_COVERAGE) -> float:
    """Expected coverage by n images from the distribution of the m real ones.  Naeem et al. 2020, arXiv:2002.09797,
    Lemma 2."""
    j = np.arange(1, k + 1)
    return float(1 - np.prod((m - j) / (n + m - j)))


@dataclass(frozen=True)
class Quality:
    """Precision and coverage of all images, and those of real images."""

    precision: Estimate
    real_precision: Estimate
    coverage: Estimate
    real_coverage: Estimate


def quality(near: NeighbourSearch) -> Quality:
    """Compared with the lower of two values: the one expected of the reference's own distribution, and that of
    held-out images where there are any."""
    found, floor = near.overlap, near.floor
    own = own_precision(found.real)
    m, n = len(found.real.distances), len(found.generated.distances)
    mine = manifold.coverage(found, closed=True)            # features that tie, as those of equal images, cover too
    covered = Estimate(expected_coverage(m, n), mine.se)
    if floor is not None:
        own = min(own, manifold.precision(floor), key=lambda one: one.value)
        if len(floor.generated.distances) == n:
            covered = min(covered, manifold.coverage(floor, closed=True), key=lambda one: one.value)
    return Quality(manifold.precision(found), own, mine, covered)


def covered_within(found: Quality, kinds: Assignments) -> float:
    """Coverage over that of real images which fall into slices as the generated ones do: near 1 where each slice looks
    as it does among the real ones, whatever its share."""
    k = len(kinds.names)
    real, mine = (np.bincount(slices, minlength=k) for slices in (kinds.truth, kinds.generated.slice))
    expected = sum(m * expected_coverage(m, n) for m, n in zip(real, mine, strict=True) if m > K_COVERAGE and n > 0)
    return float(found.coverage.value * real.sum() / expected) if expected > 0 else 1.0


def below(mine: Estimate, real: Estimate) -> float:
    """One-sided p-value of the hypothesis that `mine` is as large as `real`."""
    error = np.sqrt(CLUMPED) * np.hypot(mine.se, real.se)
    return float(norm.sf((real.value - mine.value) / error)) if error > 0 else 1.0


def quality_tests(found: Quality) -> list[Test]:
    return [_test("unlike", found.precision, found.real_precision),
            _test("uncovered", found.coverage, found.real_coverage)]


def _test(rule: str, mine: Estimate, real: Estimate) -> Test:
    lost, p = real.value - mine.value, below(mine, real)
    facts = {"value": mine.value, "real": real.value}
    return Test(Finding("alert" if lost >= MUCH else "warning", rule, facts, p, "scores"), p, lost >= LEAST)


def slice_tests(
    precision: dict[str, Estimate], kinds: Assignments, evidence: Evidence, whole: Quality
) -> list[Test]:
    """Tests of slices whose precision is below that of real images by more than the loss of all images; the worst
    first."""
    usual = APART * (whole.real_precision.value - whole.precision.value)
    real = Rows(evidence.reference.features)
    tests = []
    for k, name in enumerate(kinds.names):
        rows = np.flatnonzero(kinds.reference.slice == k)
        if name in precision and len(rows) > max(FEW, K_PRECISION):
            own = own_precision(nearest(real[rows], K_PRECISION))
            tests.append(_slice_test(name, kinds.by, precision[name], own, usual))
    return sorted(tests, key=lambda test: test.finding.facts["value"] - test.finding.facts["real"])


def _slice_test(name: str, by: str, mine: Estimate, real: Estimate, usual: float) -> Test:
    lost, p = real.value - mine.value, below(mine, real)
    facts = {"name": name, "by": by, "value": mine.value, "real": real.value}
    return Test(Finding("alert" if lost >= 2 * MUCH else "warning", "slice_unlike", facts, p, "slices"), p,
                lost >= max(SLICE_LEAST, usual))

