"""Memorisation: are generated images copies of training images, or near-duplicates of each other?

Distances of generated images to their nearest training image are compared with those of control images: real images
outside the training set, or, where none are given, the training images themselves (to their nearest other).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import betainc

from ganbench.gan.copying import excess
from ganbench.gan.findings.evidence import Assignment, Assignments, Evidence, Images, NeighbourSearch, assignment_of
from ganbench.gan.findings.rules import Test
from ganbench.gan.findings.stratification import FEW, Strata
from ganbench.gan.gates import small_pictures
from ganbench.gan.metrics.manifold import share
from ganbench.gan.metrics.memorisation import discoveries
from ganbench.gan.metrics.neighbours import nearest, nearest_across
from ganbench.gan.rows import Rows
from ganbench.gan.types import Estimate, Finding

RATE = 0.05                     # false-discovery rate of the copies, and the p-value below which an image is near
NEAR = (0.002, 0.01, 0.05)      # quantiles of the control distances
LEAST, MUCH = 0.005, 0.2        # excess share of the generated images over the control images: reported, an alert
SPARE = 0.01                    # of the images: the upper limit of the share of copies where none are reported
SHARED = 0.1                    # share of training images from which on a set does not count as unseen
LEAST_FAR = 0.05                # of near-duplicates, where images do not look like real ones
ALIKE = 0.15                    # of the typical distance of real images to the nearest: nearly the same image
PAIRED = 2.0                    # variance factor of nearest-neighbour counts within a set: neighbours come in pairs


@dataclass(frozen=True)
class Memorisation:
    """How many images are copies; estimates are shares of the generated images."""

    copies: Estimate | None     # copies at a false-discovery rate of RATE
    nearer: Estimate | None     # images with p <= RATE; a model that copies nothing has a share of RATE
    p: float | None             # probability of so large a `nearer`, or a larger one, without copying
    n_training: int


@dataclass(frozen=True)
class Distances:
    """Distances of n generated and t control images, with weights that add up to 1: control images are weighted to the
    slice frequencies of the generated images, since images of some slices lie closer together than those of others."""

    mine: np.ndarray
    control: np.ndarray
    weights: tuple[np.ndarray, np.ndarray]      # (n,) and (t,)
    paired: tuple[bool, bool]                   # whether distances are within one set, where neighbours come in pairs

    @property
    def sizes(self) -> tuple[float, float]:
        """The effective sample sizes (Kish)."""
        mine, control = (1 / float((weights**2).sum()) / (PAIRED if paired else 1)
                          for weights, paired in zip(self.weights, self.paired, strict=True))
        return mine, control

    def p(self) -> np.ndarray:
        """Weighted form of `ganbench.gan.metrics.memorisation.p_values`, (n,)."""
        order = np.argsort(self.control, kind="stable")
        below = np.concatenate([[0], np.cumsum(self.weights[1][order])])
        found = below[np.searchsorted(self.control[order], self.mine, side="right")]
        return (found + 1 / len(order)) / (1 + 1 / len(order))

    def beyond(self, quantile: float) -> tuple[float, float]:
        """The share of generated images below a quantile of the control distances, minus that of control images, and
        its p-value: negative hypergeometric, in its continuous form, the distribution of the number of generated images
        before the r-th control image if all orders are equally probable."""
        order = np.argsort(self.control, kind="stable")
        at = int(np.searchsorted(np.cumsum(self.weights[1][order]), quantile))
        reach = self.control[order[min(at, len(order) - 1)]]
        mine, theirs = (float(weights @ (found <= reach)) for weights, found in
                        zip(self.weights, (self.mine, self.control), strict=True))
        n, t = self.sizes
        return mine - theirs, float(betainc(mine * n, theirs * t, n / (n + t))) if mine > 0 else 1.0


@dataclass(frozen=True)
class Matches:
    """Nearest training images of n generated images."""

    row: np.ndarray             # the nearest training image
    distance: np.ndarray
    found: Distances
    set: str                    # which set was searched: training or reference

    @cached_property
    def p(self) -> np.ndarray:
        return self.found.p()


def matches(evidence: Evidence, near: NeighbourSearch, kinds: Assignments) -> Matches:
    if evidence.training is None or evidence.training.features.digest == evidence.reference.features.digest:
        found, control, kind = near.overlap.nearest, near.overlap.real.distances[:, 0], kinds.reference
        if near.floor is not None and kinds.held_out is not None:
            control, kind = near.floor.nearest.distances[:, 0], kinds.held_out
        paired, name = near.floor is None, "reference"
    else:
        training = Rows(evidence.training.features)
        found, name = nearest_across(near.generated, training), "training"          # type: ignore[arg-type]
        unseen = _unseen(evidence, evidence.training)
        control, paired = near.control(evidence.training, unseen).distances[:, 0], unseen is None
        kind = _kind(unseen or evidence.training, evidence, kinds, near)
    distance = found.distances[:, 0]
    weights = Strata(kinds.generated.slice, kind.slice, kind.class_ratio).weights()
    return Matches(found.indices[:, 0], distance, Distances(distance, control, weights, (False, paired)), name)


def _unseen(evidence: Evidence, training: Images) -> Images | None:
    """A set of real images of which less than a share of SHARED is in the training set."""
    for images in (evidence.held_out, evidence.reference):
        if images is not None and same_pixels(images, training) < SHARED:
            return images
    return None


def _kind(images: Images, evidence: Evidence, kinds: Assignments, near: NeighbourSearch) -> Assignment:
    if images is evidence.reference:
        return kinds.reference
    if images is evidence.held_out and kinds.held_out is not None:
        return kinds.held_out
    return assignment_of(images, evidence, kinds, near)


def memorisation(found: Matches, n_training: int) -> Memorisation:
    nearer = share(found.p <= RATE)
    p = excess(nearer.value, len(found.p), max(1, round(found.found.sizes[1])))
    return Memorisation(share(discoveries(found.p, RATE)), nearer, float(p), n_training)


def copies_test(found: Matches, evidence: Evidence, far: bool = False) -> Test:
    """Whether more generated than control images are near: at the most significant of three quantiles, or with
    identical pixels.  `far`: the images do not look like real ones, so that features say little about them, and pixels
    have to agree."""
    extra, p = _most_beyond(found.found)
    if far:
        training = evidence.training if found.set == "training" and evidence.training else evidence.reference
        extra = min(extra, same_pictures(evidence.generated, evidence.reference, training))
    verbatim = same_pixels(evidence.generated, evidence.training or evidence.reference)
    listed = float(discoveries(found.p, RATE).mean())
    facts = {"share": max(extra, verbatim), "verbatim": verbatim, "listed": listed, "set": found.set}
    return Test(Finding("alert", "copies", facts, p, "memorisation"), p, max(extra, verbatim) >= LEAST)


def at_most(found: Matches) -> float:
    """The share of copies that there may be: of images nearer than almost all control images, errors included."""
    order = np.sort(found.found.control)
    reach = order[min(int(NEAR[0] * len(order)), len(order) - 1)]
    near = share(found.distance <= reach)
    return near.value + 2 * near.se


def _most_beyond(found: Distances) -> tuple[float, float]:
    each = [found.beyond(quantile) for quantile in NEAR]
    return max(each)[0], min(1.0, len(NEAR) * min(p for _, p in each))


def same_pixels(generated: Images, training: Images) -> float:
    """The share of images that are in the training set, byte for byte."""
    known = {digest for shard in training.pixels() for digest in _digests(shard)}
    return sum(digest in known for shard in generated.pixels() for digest in _digests(shard)) / generated.n


def _digests(images: np.ndarray) -> list[bytes]:
    return [hashlib.blake2b(np.ascontiguousarray(image).data, digest_size=16).digest() for image in images]


def duplicates_test(kinds: Assignments, near: NeighbourSearch, far: bool = False) -> list[Test]:
    """Whether generated images are nearer to each other than real images are.  Each slice is compared with equal
    numbers of both, since the nearest of more images is nearer.  `far`: as above."""
    apart = [_apart(k, kinds, near) for k in np.unique(kinds.reference.slice)]
    mine, real = (np.concatenate([np.empty(0), *side]) for side in zip(*apart, strict=True))
    if not len(mine):
        return []
    even = np.full(len(mine), 1 / len(mine))
    extra, p = _most_beyond(Distances(mine, real, (even, even), (True, True)))
    if far and extra > 0:
        extra = min(extra, same_pictures(near.evidence.generated, near.evidence.reference))
    return [Test(Finding("alert" if extra >= MUCH else "warning", "duplicates", {"share": extra}, p,
                         "gallery:duplicated"), p, extra >= (LEAST_FAR if far else 2 * LEAST))]


def _apart(k: int, kinds: Assignments, near: NeighbourSearch) -> tuple[np.ndarray, np.ndarray]:
    """Distances to the nearest other image of slice k, for equal numbers of generated and real images."""
    rows = [np.flatnonzero(kind.slice == k) for kind in (kinds.generated, kinds.reference)]
    size = min(len(found) for found in rows)
    if size < FEW:
        return np.empty(0), np.empty(0)
    mine, real = (found[np.arange(size) * len(found) // size] for found in rows)
    return (nearest(near.generated[mine], 1).distances[:, 0], nearest(near.reference[real], 1).distances[:, 0])


# Pixels

def same_pictures(generated: Images, real: Images, others: Images | None = None) -> float:
    """The share of images whose picture is nearly that of one of `others`, or of another generated one, less the share
    of real images whose picture is nearly that of another."""
    mine, usual = _pictures(generated), nearest(_pictures(real), 1).distances[:, 0]
    found = nearest(mine, 1) if others is None else nearest_across(mine, _pictures(others), 1)
    reach = ALIKE * float(np.median(usual))
    return float(np.mean(found.distances[:, 0] <= reach) - np.mean(usual <= reach))


def _pictures(images: Images) -> np.ndarray:
    """(n, d) float32 of length 1: small, and equally bright and rich in contrast; 0 of flat ones."""
    small = small_pictures(images.samples, images.n)
    length = np.linalg.norm(small, axis=1, keepdims=True)
    return np.where(length >= np.sqrt(small.shape[1]), small / np.maximum(length, 1e-9), 0).astype(np.float32)
