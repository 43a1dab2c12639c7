"""Artefact modes: clusters of generated images that contain (nearly) no real images.

k-means finds the centres on one half of the generated images; the other half and the real images are counted, so that
no centre counts images that it was fitted to.  Real images are weighted to the slice shares of the generated images.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.cluster.vq import vq
from scipy.stats import norm

from ganbench.gan.findings.evidence import Assignments, Evidence
from ganbench.gan.findings.rules import Test
from ganbench.gan.findings.stratification import Strata
from ganbench.gan.metrics.manifold import share
from ganbench.gan.rows import Rows
from ganbench.gan.slices import centres_of
from ganbench.gan.types import Estimate, Finding

CLUSTERS, COMPONENTS, SEED = 24, 32, 0
FIT = 4_000             # images of each set for the principal axes, at most
RARE = 0.25             # real images of an artefact mode, relative to its generated images, at most
LEAST, MUCH = 0.005, 0.05   # share of the generated images: reported, and an alert
SHOWN = 24              # listed images, the nearest to the centre first


@dataclass(frozen=True)
class Mode:
    """A cluster of generated images."""

    images: list[int]           # rows of the generated set
    share: Estimate
    real_share: Estimate        # of real images, weighted to equal slice shares


@dataclass(frozen=True)
class Clusters:
    """The nearest centre of each generated image (n,), with its distance, and of the images of each real set."""

    generated: np.ndarray
    distance: np.ndarray
    real: list[np.ndarray]
    k: int


def clusters(evidence: Evidence) -> Clusters:
    mine, *real = (Rows(images.features)[:] for images in (evidence.generated, *evidence.real))
    axes, centre = _axes(mine, real[0])
    mine, *real = ((found - centre) @ axes for found in (mine, *real))
    k = min(CLUSTERS, len(mine) // 20)
    centres = centres_of(mine[::2], k, SEED)
    where, distance = vq(mine, centres)
    return Clusters(where, distance, [vq(found, centres)[0] for found in real], len(centres))


def _axes(mine: np.ndarray, real: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Principal axes (d, COMPONENTS) of both sets together, and their mean."""
    both = np.concatenate([found[:: -(-len(found) // FIT)] for found in (mine, real)]).astype(np.float64)
    centre = both.mean(axis=0)
    _, vectors = np.linalg.eigh(np.atleast_2d(np.cov(both - centre, rowvar=False)))
    return vectors[:, -COMPONENTS:], centre


def modes(evidence: Evidence, kinds: Assignments) -> tuple[list[Mode], list[Test]]:
    """The clusters that look like artefacts, the largest first, and a test of every cluster."""
    found = clusters(evidence)
    other = np.arange(1, evidence.generated.n, 2)           # images not used for the centres
    assigned = [kinds.reference, *([kinds.held_out] if kinds.held_out else [])]
    strata = [Strata(kinds.generated.slice, kind.slice, kind.class_ratio) for kind in assigned]
    weights = [one.weights()[1] for one in strata]
    rows = [_mode(k, found, other, weights) for k in range(found.k)]
    rows.sort(key=lambda row: -row[0].share.value)
    return [mode for mode, test in rows if test.enough and test.p < 1e-3], [test for _, test in rows]


def _mode(k: int, found: Clusters, other: np.ndarray, weights: list[np.ndarray]) -> tuple[Mode, Test]:
    mine = share(found.generated[other] == k)
    each = [_weighted(where == k, weight) for where, weight in zip(found.real, weights, strict=True)]
    p = max(float(norm.sf((mine.value - real.value) / np.hypot(mine.se, real.se))) for real in each)
    real = max(each, key=lambda one: one.value)
    rows = np.flatnonzero(found.generated == k)
    rows = rows[np.argsort(found.distance[rows], kind="stable")][:SHOWN]
    facts = {"share": mine.value, "real_share": real.value, "images": rows[:SHOWN].tolist()}
    severity = "alert" if mine.value >= MUCH else "warning"
    enough = mine.value >= LEAST and real.value <= RARE * mine.value
    return Mode(rows.tolist(), mine, real), Test(Finding(severity, "mode", facts, p, "modes"), p, enough)


def _weighted(inside: np.ndarray, weights: np.ndarray) -> Estimate:
    """A weighted share; its error has pseudocounts, as that of `ganbench.gan.metrics.manifold.share`."""
    n, value = 1 / (weights**2).sum(), float(weights @ inside)
    padded = (value * n + 2) / (n + 4)
    return Estimate(value, float(np.sqrt(padded * (1 - padded) / n)))
