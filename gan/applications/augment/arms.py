"""ARMS: what a classifier may learn from, beside or instead of the real images, as a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ganbench.gan.applications.augment.cells import Pictures, joined
from ganbench.gan.applications.augment.data import first_of_each
from ganbench.gan.applications.augment.synthetic import choice, realest

USUAL = "reference"                 # the change that a grid has chosen for its real images
Added = tuple[Pictures, np.ndarray | None]      # images, and their numbers in the pool if they are synthetic


@dataclass(frozen=True, eq=False)
class Round:
    """What the arms of one seed share."""

    seed: int
    classes: int
    real: Pictures                  # the same for all arms
    pool: np.ndarray                # (n, C, H, W) images of the generator
    labels: np.ndarray              # (n,) their classes
    realism: np.ndarray             # (m,) of the first m of them
    errors: np.ndarray              # (classes,) the share of validation images of a class that the reference errs on
    more: Callable[[int], Pictures]     # so many times as many other real images to learn from
    most: int                       # factor up to which there are as many
    unseen: Pictures                # real images that the generator has not learnt from
    learnt: Pictures                # real images that it has

    @property
    def shares(self) -> np.ndarray:
        """(classes,) of the real images."""
        return np.bincount(self.real.labels, minlength=self.classes) / len(self.real)

    def synthetic(self, factor: int, weights: np.ndarray | None = None, among: np.ndarray | None = None) -> Added:
        rows = choice(self.labels, factor * len(self.real), self.shares if weights is None else weights, self.seed,
                      among)
        return Pictures(self.pool[rows], self.labels[rows]), rows


@dataclass(frozen=True)
class Arm:
    """`added` is None where an arm makes no sense for these data, for a reason that `why_not` says."""

    name: str
    what: str
    change: str = USUAL             # or a row of CHANGES
    added: Callable[[Round, int], Added | None] | None = None
    factor: int = 0                 # images added, for each real one
    alone: bool = False             # without the real images
    why_not: str = ""

    @property
    def synthetic(self) -> bool:
        return self.added in SYNTHETIC

    def learnt(self, one: Round) -> tuple[Pictures, np.ndarray | None] | None:
        """The images of a seed, and which of the pool are among them; None: see `added`."""
        if self.added is None:
            return one.real, None
        found = self.added(one, self.factor)
        if found is None or not len(found[0]):
            return None
        return (found[0] if self.alone else joined(one.real, found[0])), found[1]


# What is added, `factor` times as many images as there are real ones

def generated(one: Round, factor: int) -> Added:
    return one.synthetic(factor)


def targeted(one: Round, factor: int) -> Added | None:
    """Of the classes on which the reference errs more than in the median class, in proportion to its errors."""
    weights = np.where(one.errors >= np.median(one.errors), one.errors, 0.0) * (one.shares > 0)
    return one.synthetic(factor, weights) if weights.sum() else None


def realistic(one: Round, factor: int) -> Added:
    """Of the more realistic half of each class."""
    first = len(one.realism)
    return one.synthetic(factor, among=realest(one.realism, one.labels[:first]))


def balancing(one: Round, factor: int) -> Added | None:
    """So many of each class that all have as many images as the largest one."""
    counts = np.bincount(one.real.labels, minlength=one.classes)
    lacking = np.where(counts > 0, counts.max() - counts, 0)
    if not lacking.sum():
        return None
    rows = choice(one.labels, int(lacking.sum()), lacking.astype(float), one.seed)
    return Pictures(one.pool[rows], one.labels[rows]), rows


def copied(one: Round, factor: int) -> Added:
    return Pictures(np.concatenate([one.real.images] * factor), np.concatenate([one.real.labels] * factor)), None


def from_unseen(one: Round, factor: int) -> Added | None:
    return part_of(one.unseen, one, factor)


def from_learnt(one: Round, factor: int) -> Added | None:
    return part_of(one.learnt, one, factor)


def more_real(one: Round, factor: int) -> Added | None:
    return (one.more(factor), None) if factor <= one.most else None


def part_of(images: Pictures, one: Round, factor: int) -> Added | None:
    """At most `factor` times as many as the real ones, of each class as many; None: there are none."""
    if not len(images):
        return None
    counts = factor * np.bincount(one.real.labels, minlength=one.classes)
    rows = first_of_each(images.labels, one.seed, counts, "more real images")
    return (images.chosen(rows), None) if len(rows) else None


SYNTHETIC = (generated, targeted, realistic, balancing)
NONE, SHIFTS, FLIPS = "none", "shifts", "flips and shifts"
ALONE, COPIES, ORACLE, LEARNT = "synthetic alone", "copies", "oracle", "training images"


def arms_of(factors: Sequence[int]) -> list[Arm]:
    """All arms; `factors`: synthetic images for each real one."""
    middle = factors[len(factors) // 2]
    return [
        Arm(NONE, "the real images, unchanged", "nothing"),
        Arm(SHIFTS, "moved by up to two pixels", SHIFTS),
        Arm(FLIPS, "moved, and half of them mirrored", FLIPS),
        Arm("RandAugment", "two random operations of torchvision's RandAugment, beside flips and shifts",
            "RandAugment"),
        Arm(COPIES, f"each real image {1 + middle} times: nothing new", added=copied, factor=middle),
        *(Arm(f"synthetic x{factor}", f"{factor} synthetic images for each real one", added=generated, factor=factor)
          for factor in factors),
        Arm(ALONE, f"as many synthetic images as in synthetic x{factors[-1]}, and no real one", added=generated,
            factor=factors[-1], alone=True),
        Arm("hard classes", "synthetic images of the classes that the reference confuses", added=targeted,
            factor=middle, why_not="the reference makes no errors"),
        Arm("realistic half", "synthetic images of the more realistic half of each class", added=realistic,
            factor=middle),
        Arm("balanced", "synthetic images so that all classes have as many images", added=balancing,
            why_not="all classes have as many real images"),
        Arm(ORACLE, f"up to {middle} real images that the generator has not seen for each real one", added=from_unseen,
            factor=middle, why_not="no real images are left that the generator has not seen"),
        Arm(LEARNT, f"up to {middle} of the generator's own training images for each real one", added=from_learnt,
            factor=middle, why_not="its training images are not known, or are the real images themselves"),
        *(Arm(f"real x{1 + factor}", f"{1 + factor} times as many real images", added=more_real, factor=factor,
              why_not="there are not so many real images") for factor in factors),
    ]
