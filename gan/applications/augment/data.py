"""The real images of an experiment: those to learn from, and others to choose by, to test with and to compare with."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

import numpy as np

from ganbench.gan.applications.augment.cells import Pictures, Task
from ganbench.gan.conditioning.classes import chunks, opened, sides_of
from ganbench.gan.datasets import DATASETS, DataFolders, ImageSet
from ganbench.gan.datasets.base import Chosen, Resized
from ganbench.gan.datasets.classes import count_of, matching, numbers_of, renumbered
from ganbench.gan.datasets.folder import Files
from ganbench.gan.parts import size_of
from ganbench.gan.philox import words
from ganbench.gan.types import BadInput, digest_of

SPLITS = {"fashion-mnist": "train10k", "fashion-mnist-28": "train10k"}     # to learn from; of other named sets: train
DIVIDED = 0.5, 0.6, 0.85            # of one set: to learn from, to choose by, to test with, unseen
BESIDE = 0.0, 0.15, 0.65            # of a set of test images: nothing to learn from
MOST = 2_000, 5_000                 # validation and test images
LEAST = 2, 20                       # to learn from, of each class; to test with, in all


@dataclass(frozen=True, eq=False)
class Part:
    """Some images of a set, by their numbers in it."""

    images: ImageSet
    rows: np.ndarray                # (n,) int64

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def labels(self) -> np.ndarray:
        return np.asarray(self.images.labels)[self.rows]

    def pictures(self, which: np.ndarray | None = None) -> Pictures:
        """All of them, or those at some places."""
        rows = self.rows if which is None else self.rows[which]
        return Pictures(self.images.read(rows.tolist()), np.asarray(self.images.labels)[rows])

    @property
    def digest(self) -> str:
        return digest_of([self.images.digest, sha256(np.ascontiguousarray(self.rows).data).hexdigest()])

    @property
    def chosen(self) -> ImageSet:
        """These images as a set."""
        return replace(self.images, n=len(self), rows=Chosen(self.images.rows, self.rows), labels=self.labels, sizes={},
                       digest=self.digest)

    def name_of(self, place: int) -> str:
        return name_of(self.images, int(self.rows[place]))

    def beside(self, *others: Part) -> Part:
        """With other parts of the same set."""
        return replace(self, rows=np.concatenate([self.rows, *(other.rows for other in others)]))

    def without(self, numbers: Collection[int]) -> Part:
        """Without the images of some numbers."""
        return replace(self, rows=self.rows[~np.isin(self.rows, list(numbers))])


def name_of(images: ImageSet, number: int) -> str:
    """The file of an image, or its number in its set."""
    rows = images.rows
    while isinstance(rows, Chosen | Resized):
        number, rows = (int(rows.chosen[number]), rows.rows) if isinstance(rows, Chosen) else (number, rows.rows)
    return str(rows.files[number]) if isinstance(rows, Files) else f"Image {number:,} of {images.name}"


@dataclass(frozen=True, eq=False)
class Real:
    """The parts.  `unseen`: images that neither the classifier nor the generator has learnt from; may be empty."""

    name: str                       # what the user called them
    names: tuple[str, ...]          # of the classes 0, 1, ...
    learn: Part
    validation: Part
    test: Part
    unseen: Part

    @property
    def classes(self) -> int:
        return len(self.names)

    def task(self, batch: int) -> Task:
        return Task(self.classes, self.validation.pictures(), self.test.pictures(), batch)

    def places(self, seed: int, per_class: int) -> np.ndarray:
        """Which of the images to learn from a seed takes: `per_class` of each class, or all where there are fewer; more
        of them begin with the same ones."""
        return first_of_each(self.learn.labels, seed, per_class, "real images")


def first_of_each(labels: np.ndarray, seed: int, count: int | np.ndarray, name: str) -> np.ndarray:
    """Places of the first `count` of each class in a random order, ascending; (m,) int64.  `count`: for all classes, or
    (classes,)."""
    order = np.argsort(words(range(len(labels)), seed, 1, name)[:, 0], kind="stable")
    rank = np.empty(len(labels), np.int64)
    for k in np.unique(labels):
        mine = order[labels[order] == k]
        rank[mine] = np.arange(len(mine))
    return np.flatnonzero(rank < (count if isinstance(count, int) else count[labels]))


def real_images(
    data: str, test: str, unseen: str, per_class: int, shape: tuple[int, int, int], folders: DataFolders, model: str
) -> Real:
    """Open DATA, images to learn from, of the size that the model makes.

    `test`: other images; '': of a named data set its test images, of other data a quarter.  `unseen`: '': what is left
    of these.  `per_class`: how many of each class there must be at least; 0: all that there are.
    """
    data, test = with_splits(data, test)
    images = of_shape(data, shape, folders, model)
    names = class_names(images, data)
    if test:
        others = alike(of_shape(test, shape, folders, model), names, test)
        learn = Part(images, np.arange(images.n))
        _, validation, tested, rest = parts_of(others, BESIDE)
    else:
        learn, validation, tested, rest = parts_of(images, DIVIDED)
    if unseen:
        found = alike(of_shape(unseen, shape, folders, model), names, unseen)
        rest = Part(found, np.arange(found.n))
    real = Real(data, names, learn, few(validation, MOST[0]), few(tested, MOST[1]), rest)
    check_counts(real, per_class)
    return real


def with_splits(data: str, test: str) -> tuple[str, str]:
    """`fashion-mnist` -> the splits to learn from and to test with."""
    name, _, split = data.partition(":")
    if name not in DATASETS:
        return data, test
    split = split or SPLITS.get(name, "train")
    return f"{name}:{split}", test or (f"{name}:test" if split != "test" else "")


def of_shape(data: str, shape: tuple[int, int, int], folders: DataFolders, model: str) -> ImageSet:
    found = opened(data, shape, folders)
    if found.labels is None:
        raise BadInput("missing-labels",
                       f"{data} has no classes, so nothing can be learnt of it: expected a folder for each class, or "
                       "labels in the file.")
    if found.shape != shape:
        raise BadInput("unequal-sizes",
                       f"{model} makes images of {size_of(shape)}, {data} has {size_of(found.shape)}: give images of "
                       "the size and the colours of the model's.")
    return found


def class_names(images: ImageSet, data: str) -> tuple[str, ...]:
    n = count_of(images)
    if len(np.unique(np.asarray(images.labels))) < 2:
        raise BadInput("missing-labels", f"All images of {data} are of one class: expected at least 2 to tell apart.")
    return tuple(images.classes[k] if k < len(images.classes) else str(k) for k in range(n))


def alike(images: ImageSet, names: tuple[str, ...], data: str) -> ImageSet:
    """The same images with the numbers that the classes of these names have.  BadInput: other classes."""
    match = matching(names, images.classes)
    if match.added or count_of(images) > len(names):
        raise unlike(data, [*match.added] or [str(count_of(images) - 1)], names)
    return renumbered(images, numbers_of(images.classes, names)) if match.renumber else images


def unlike(other: str, added: Sequence[str], names: Sequence[str]) -> BadInput:
    some = ", ".join(map(repr, added[:3]))
    return BadInput("labels-do-not-fit",
                    f"{other} has the class{'es' * (len(added) > 1)} {some}, which are not among those of the real "
                    f"images ({', '.join(names[:20])}): expected the same classes.")


def parts_of(images: ImageSet, shares: Sequence[float]) -> list[Part]:
    """Four parts, by content: copies of an image lie in one."""
    prints = [sha256(image.tobytes()).digest() for part in chunks(images) for image in part]
    sides = sides_of(prints, np.asarray(images.labels), shares)
    return [Part(images, np.flatnonzero(sides == side)) for side in range(4)]


def few(part: Part, most: int) -> Part:
    """At most so many, of each class the same share."""
    if len(part) <= most:
        return part
    order = np.argsort(part.labels, kind="stable")
    return replace(part, rows=np.sort(part.rows[order[np.linspace(0, len(order) - 1, most).round().astype(np.int64)]]))


def check_counts(real: Real, per_class: int) -> None:
    """Enough images of each class to learn from and, in all, to test with."""
    counts = {int(k): int((real.learn.labels == k).sum()) for k in np.unique(np.asarray(real.learn.images.labels))}
    poor = min(counts, key=lambda k: counts[k])
    if counts[poor] < LEAST[0]:
        raise BadInput("too-few-images",
                       f"The class {real.names[poor]!r} of {real.name} has {counts[poor]} images to learn from, "
                       f"expected at least {LEAST[0]} of each class.")
    if per_class > max(counts.values()):
        raise BadInput("too-few-images",
                       f"The option --per-class asks for {per_class:,} images of each class, but {real.name} has at "
                       f"most {max(counts.values()):,} to learn from.")
    check_left(real)


def check_left(real: Real, left_out: int = 0) -> None:
    """Enough images to test with and to choose by; `left_out`: copies of what has been learnt from."""
    why = f" after {left_out:,} were left out, which are copies of images that were learnt from" if left_out else ""
    for part, least, what in ((real.test, LEAST[1], "test with"), (real.validation, LEAST[1] // 2, "choose by")):
        if len(part) < least:
            raise BadInput("too-few-images",
                           f"There are {len(part):,} images to {what}{why}, expected at least {least}: give --test "
                           "with more real images.")
