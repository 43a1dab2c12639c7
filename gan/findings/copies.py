"""Memorisation: are generated images copies of what the model learned from, or of each other?

Distances of generated images to their nearest training image are set beside those of innocent images: real ones that
the model has not seen, or, where none are given, each training image and its nearest other.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from gan.audit import excess
from gan.features.extract import Rows
from gan.findings.evidence import Evidence, Images, Near
from gan.findings.rules import Test
from gan.metrics.manifold import share
from gan.metrics.memorisation import discoveries, p_values
from gan.metrics.neighbours import nearest_across
from gan.types import Estimate, Finding

RATE = 0.05                     # of false discoveries among the copies, and of p-values that are called near
NEAR = (0.002, 0.01, 0.05)      # quantiles of the innocent distances
LEAST, MUCH = 0.005, 0.2        # of the generated images, beyond what innocent ones show
SHARED = 0.1                    # held-out images may be those that a floor is made of, drawn from the training set
PAIRED = 2.0                    # the variance of counts among nearest others, which come in pairs


@dataclass(frozen=True)
class Memorisation:
    """Estimates are shares of the generated images."""

    copies: Estimate | None     # those that are listed at RATE false discoveries
    nearer: Estimate | None     # those with p <= RATE: so many are expected of an honest model
    p: float | None             # of so large a share, or a larger one
    n_training: int


@dataclass(frozen=True)
class Matches:
    """Of n generated images."""

    row: np.ndarray             # the nearest training image
    distance: np.ndarray
    p: np.ndarray
    innocent: np.ndarray        # (t,) distances
    paired: bool                # those of training images among themselves
    set: str                    # training or reference


def matches(evidence: Evidence, near: Near) -> Matches:
    if evidence.training is None or evidence.training.features.digest == evidence.reference.features.digest:
        found, innocent = near.overlap.nearest, near.overlap.real.distances[:, 0]
        if near.floor is not None:
            innocent = near.floor.nearest.distances[:, 0]
        row, distance, paired, name = found.indices[:, 0], found.distances[:, 0], near.floor is None, "reference"
    else:
        training = Rows(evidence.training.features)
        found = nearest_across(near.generated, training)                        # type: ignore[arg-type]
        row, distance, name = found.indices[:, 0], found.distances[:, 0], "training"
        unseen = _unseen(evidence, evidence.training)
        paired = unseen is None
        innocent = near.innocent(evidence.training, unseen).distances[:, 0]
    return Matches(row, distance, p_values(distance, innocent), innocent, paired, name)


def _unseen(evidence: Evidence, training: Images) -> Images | None:
    """Real images outside the training set: fewer than SHARED of them are in it."""
    for images in (evidence.held_out, evidence.reference):
        if images is not None and same_pixels(images, training) < SHARED:
            return images
    return None


def memorisation(found: Matches, n_training: int) -> Memorisation:
    nearer = share(found.p <= RATE)
    p = excess(nearer.value, len(found.p), len(found.innocent))
    return Memorisation(share(discoveries(found.p, RATE)), nearer, float(p), n_training)


def copies_test(found: Matches, evidence: Evidence) -> Test:
    """More images nearer than almost all innocent ones: at the best of three quantiles, or the same pixels."""
    each = [_beyond(found, quantile) for quantile in NEAR]
    extra, p = max(each)[0], min(1.0, (len(NEAR) + 1) * min(p for _, p in each))
    verbatim = same_pixels(evidence.generated, evidence.training or evidence.reference)
    listed = float(discoveries(found.p, RATE).mean())
    facts = {"share": max(extra, verbatim), "verbatim": verbatim, "listed": listed, "set": found.set}
    severity = "alert"
    return Test(Finding(severity, "copies", facts, p, "memorisation"), p, max(extra, verbatim) >= LEAST)


def _beyond(found: Matches, quantile: float) -> tuple[float, float]:
    """The share of generated images below a quantile of the innocent distances, less theirs, and its p-value."""
    reach = np.quantile(found.innocent, quantile)
    mine, theirs = (found.distance <= reach), (found.innocent <= reach)
    n, t = len(mine), len(theirs)
    both = (mine.sum() + theirs.sum() + 1) / (n + t + 2)
    error = np.sqrt(both * (1 - both) * (1 / n + (PAIRED if found.paired else 1) / t))
    extra = float(mine.mean() - theirs.mean())
    return extra, float(norm.sf((extra - 1 / n) / error))


def same_pixels(generated: Images, training: Images) -> float:
    """The share of images of which the training set holds every byte."""
    known = {digest for shard in training.pixels() for digest in _digests(shard)}
    return sum(digest in known for shard in generated.pixels() for digest in _digests(shard)) / generated.n


def _digests(images: np.ndarray) -> list[bytes]:
    return [hashlib.blake2b(np.ascontiguousarray(image).data, digest_size=16).digest() for image in images]


def duplicates_test(near: Near) -> Test:
    """Generated images nearer to each other than real ones are, beyond what the real ones show."""
    mine, theirs = near.overlap.generated.distances, near.overlap.real.distances
    at = min(-(-len(mine) // len(theirs)), mine.shape[1]) - 1       # among more images the nearest is nearer
    found = Matches(np.empty(0), mine[:, at], np.empty(0), theirs[:, 0], True, "generated")
    each = [_beyond(found, quantile) for quantile in NEAR]
    # Counts of generated images come in pairs, too.
    extra, p = max(each)[0], min(1.0, len(NEAR) * 2 * min(norm.sf(norm.isf(p) / np.sqrt(PAIRED)) for _, p in each))
    return Test(Finding("alert" if extra >= MUCH else "warning", "duplicates", {"share": extra}, float(p),
                        "gallery:duplicated"), float(p), extra >= 2 * LEAST)      # fmt: skip
