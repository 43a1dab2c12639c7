"""The sets of images of an analysis, with their slices and nearest neighbours, which several rules use."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ganbench.gan.metrics.neighbours import Neighbours, Overlap, nearest_across
from ganbench.gan.needs import nearest
from ganbench.gan.needs.sets import Sets, has
from ganbench.gan.rows import Rows
from ganbench.gan.slices import by_cluster, labels_of
from ganbench.gan.store import Store, rows_of
from ganbench.gan.types import BadInput, Context, Features, Samples

VOTES = 5           # nearest real images that vote on a class
LEAST = 100         # least number of generated and of real images


@dataclass(frozen=True)
class Images:
    """One set: its pixels, its features, and the outputs of a classifier on the same images, if there is one."""

    samples: Samples
    features: Features
    judged: Features | None = None      # with logits

    @property
    def n(self) -> int:
        return self.samples.n

    @cached_property
    def labels(self) -> np.ndarray | None:
        return labels_of(self.samples)

    def pixels(self) -> Iterator[np.ndarray]:
        """Shard by shard, NCHW uint8."""
        return (rows_of(shard)["images"] for shard in self.samples.shards)

    @property
    def digest(self) -> list[str]:
        return [found.digest for found in (self.samples, self.features, self.judged) if found]


@dataclass(frozen=True)
class Evidence:
    """Generated images and the real images that they are compared with.  Where `held_out` is given, a defect must be
    significant against it, too."""

    generated: Images
    reference: Images
    held_out: Images | None = None      # real images that the model was not trained on
    training: Images | None = None      # the model's training images
    classes: tuple[str, ...] = ()
    asked: bool = False                 # labels of the generated images say what a model was asked for

    @property
    def labelled(self) -> bool:
        """Whether labels say which class the images on both sides are of."""
        return not self.asked and self.generated.labels is not None and self.reference.labels is not None

    @property
    def real(self) -> list[Images]:
        """The sets of real images; a defect must be significant against each."""
        return [self.reference, *([self.held_out] if self.held_out else [])]


@dataclass(frozen=True)
class Assignment:
    """The slice to which each image of a set is assigned, and whether the assignment is clear."""

    slice: np.ndarray       # (n,) int64
    clear: np.ndarray       # (n,) bool
    class_ratio: np.ndarray | None = None   # (n,) of real images: generated over real frequency of their class
    exact: bool = False     # from labels of both sides


@dataclass(frozen=True)
class Assignments:
    """The slices of all sets, assigned in the same way; for classes, the true labels of the reference as well."""

    by: str                 # class or cluster
    names: tuple[str, ...]
    generated: Assignment
    reference: Assignment
    held_out: Assignment | None
    truth: np.ndarray       # (m,) int64: the reference's labels; for clusters, the slices of `reference`


class NeighbourSearch:
    """Nearest neighbours, each computed once; those of the reference are stored for the next model."""

    def __init__(self, evidence: Evidence, store: Store):
        self.evidence, self.store = evidence, store
        self.generated, self.reference = Rows(evidence.generated.features), Rows(evidence.reference.features)

    def _overlap(self, images: Images) -> Overlap:
        context = Context(self.evidence.reference.features)
        found = nearest.overlap(Sets(context, images.features, self.store))
        if found is None:
            raise BadInput("no-reference", "An analysis needs features of the reference.")
        return found

    @cached_property
    def overlap(self) -> Overlap:
        return self._overlap(self.evidence.generated)

    @cached_property
    def floor(self) -> Overlap | None:
        """The overlap of held-out images with the reference."""
        return self._overlap(self.evidence.held_out) if self.evidence.held_out else None

    def control(self, training: Images, unseen: Images | None) -> Neighbours:
        """The nearest training image of each unseen image; without unseen images, of each training image."""
        context = Context(None, training=training.features, test=unseen.features if unseen else None)
        sets = Sets(context, self.evidence.generated.features, self.store)
        found = nearest.test_matches(sets) if unseen else nearest.training_neighbours(sets)
        if found is None:
            raise BadInput("no-training-data", "An analysis needs features of the training images.")
        return found

    def votes(self, images: Images) -> Neighbours:
        """The VOTES nearest images of the reference."""
        return nearest_across(Rows(images.features), self.reference, VOTES)     # type: ignore[arg-type]


def assign_slices(evidence: Evidence, near: NeighbourSearch) -> Assignments:
    """By class where the reference has labels: by the labels where both sides have them, else by the classifier, or
    without one by a vote of the nearest real images.  Without labels, by clusters of the real features."""
    if evidence.reference.labels is None:
        return by_clusters(evidence)
    truth = evidence.reference.labels.astype(np.int64)
    sets = (evidence.generated, evidence.reference, evidence.held_out)
    assigned = [judged(images, truth) for images in sets]
    if assigned[0] is None or assigned[1] is None:
        assigned = [voted(images, truth, evidence, near) for images in sets]
    if evidence.labelled:
        assigned = [labelled(images) or seen for images, seen in zip(sets, assigned, strict=True)]
    generated, reference, held_out = assigned
    if generated is None or reference is None:
        raise BadInput("no-images", "An analysis needs generated images and a reference.")
    n = max(len(evidence.classes), int(truth.max()) + 1,
            *(int(kind.slice.max()) + 1 for kind in (generated, reference)))
    names = [evidence.classes[i] if i < len(evidence.classes) else f"class {i}" for i in range(n)]
    return Assignments("class", tuple(names), generated, reference, held_out, truth)


def labelled(images: Images | None) -> Assignment | None:
    """What the labels say."""
    if images is None or images.labels is None:
        return None
    return Assignment(images.labels.astype(np.int64), np.ones(images.n, bool), exact=True)


def judged(images: Images | None, truth: np.ndarray) -> Assignment | None:
    """The classifier's top class; clear where its logit exceeds the second by more than SURE."""
    if images is None or images.judged is None or not has(images.judged, "logits"):
        return None
    logits = Rows(images.judged, "logits")[:].astype(np.float64)
    if logits.shape[1] <= truth.max():
        return None                 # a classifier of other classes
    first = np.sort(logits, axis=1)
    return Assignment(logits.argmax(axis=1), first[:, -1] - first[:, -2] > SURE)


SURE = 5.0          # logits


def voted(images: Images | None, truth: np.ndarray, evidence: Evidence, near: NeighbourSearch) -> Assignment | None:
    """The majority class of the VOTES nearest real images; ties go to the nearest, and an image of the reference does
    not vote for itself.  Clear where the vote is unanimous and the distance is at most the reference's median."""
    if images is None:
        return None
    own = near.overlap.real
    found = own if images is evidence.reference else near.votes(images)
    labels = truth[found.indices[:, :VOTES]]
    counts = (labels[:, :, None] == labels[:, None, :]).sum(axis=2)             # (n, VOTES)
    winner = labels[np.arange(len(labels)), counts.argmax(axis=1)]
    clear = (counts.max(axis=1) == VOTES) & (found.distances[:, 0] <= np.median(own.distances[:, 0]))
    return Assignment(winner, clear)


def assignment_of(images: Images, evidence: Evidence, kinds: Assignments, near: NeighbourSearch) -> Assignment:
    """The slices of another set, assigned in the same way; for classes by the classifier, if it has seen that set."""
    if kinds.by == "cluster":
        where = by_cluster(images.features, evidence.reference.features).generated
        return Assignment(where, np.ones(len(where), bool))
    found = judged(images, kinds.truth) or voted(images, kinds.truth, evidence, near)
    if found is None:
        raise BadInput("no-images", "An analysis needs images to assign them to slices.")
    return found


def by_clusters(evidence: Evidence) -> Assignments:
    both = by_cluster(evidence.generated.features, evidence.reference.features)
    held_out = by_cluster(evidence.held_out.features, evidence.reference.features) if evidence.held_out else None
    kinds = [Assignment(where, np.ones(len(where), bool))
             for where in (both.generated, both.real, *([held_out.generated] if held_out else []))]
    return Assignments("cluster", both.names, kinds[0], kinds[1], kinds[2] if held_out else None, both.real)
