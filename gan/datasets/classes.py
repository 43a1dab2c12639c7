"""Classes of several sets of images are the same where their names are; where only numbers are known, numbers match."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ganbench.gan.datasets.base import Chosen, ImageSet
from ganbench.gan.types import BadInput, digest_of

Names = tuple[str, ...]         # of the classes 0, 1, ...; empty: only numbers are known


@dataclass(frozen=True)
class Matching:
    """How the classes of a set go with those of the reference."""

    names: Names                # of all classes, the reference's first; empty: only numbers are known
    added: Names = ()           # those that only the set has
    lacking: Names = ()         # those that only the reference has
    renumber: bool = False      # the set's numbers become those of `names`
    renumber_reference: bool = False

    @property
    def common(self) -> bool:
        """Whether any class is in both."""
        return not self.added or len(self.lacking) + len(self.added) < len(self.names)


def matching(reference: Names, other: Names, images: bool = True) -> Matching:
    """`images`: the other classes are those of images, and not what a model was taught, which numbers classes in the
    order of their names."""
    if reference and other:
        return _by_name(reference, other)
    if other:
        return Matching((), renumber=are_numbers(other) and not in_order(other))
    if images and are_numbers(reference) and not in_order(reference):
        return Matching((), renumber_reference=True)
    return Matching(reference)


def _by_name(reference: Names, other: Names) -> Matching:
    known, mine = [key(name) for name in reference], [key(name) for name in other]
    if are_numbers(other) and not set(known) & set(mine) and max(map(int, other)) < len(reference):
        lacking = tuple(name for i, name in enumerate(reference) if i not in set(map(int, other)))
        return Matching(reference, (), lacking, not in_order(other))
    added = tuple(name for name in other if key(name) not in known)
    lacking = tuple(name for name in reference if key(name) not in mine)
    return Matching((*reference, *added), added, lacking, mine != known[: len(mine)])


def in_order(names: Names) -> bool:
    """0, 1, 2 and so on."""
    return names == tuple(map(str, range(len(names))))


def key(name: str) -> str:
    """One spelling of each name: systems of files compose accents in two ways."""
    return unicodedata.normalize("NFC", name).strip()


def are_numbers(names: Names) -> bool:
    return bool(names) and all(name.isdecimal() for name in names)


def numbers_of(own: Names, names: Names) -> list[int]:
    """The place of each class among `names`, or its name as a number."""
    place = {key(name): i for i, name in enumerate(names)}
    return [place[key(name)] if key(name) in place else int(name) for name in own]


def only(images: ImageSet, chosen: str) -> ImageSet:
    """The images of some classes, named or numbered, comma-separated; they keep their numbers.  '': all images."""
    if not chosen or images.labels is None:
        if chosen:
            raise BadInput("missing-labels", f"{images.name} has no classes of which {chosen} could be chosen.")
        return images
    numbers = [number_of(name, images) for name in chosen.split(",")]
    rows = np.flatnonzero(np.isin(images.labels, numbers))
    return replace(images, n=len(rows), rows=Chosen(images.rows, rows), labels=images.labels[rows], sizes={},
                   digest=digest_of([images.digest, "classes", sorted(set(numbers))]))


def number_of(name: str, images: ImageSet) -> int:
    """The number of the class of that name, or of that number where none has such a name."""
    names, wanted = [key(one) for one in images.classes], key(name)
    if wanted in names:
        return names.index(wanted)
    known = set() if images.labels is None else set(images.labels.tolist())
    if wanted.isdecimal() and int(wanted) in known and not are_numbers(images.classes):
        return int(wanted)
    some = ", ".join(map(repr, images.classes)) or ", ".join(map(str, sorted(known)))
    numbers = " (or their numbers, from 0 on)" if images.classes and not are_numbers(images.classes) else ""
    raise BadInput("unknown-choice", f"{images.name} has no class {name!r}; its classes are {some}{numbers}.")


def count_of(images: ImageSet) -> int:
    """How many classes the numbers of a set allow for."""
    return max(len(images.classes), int(images.labels.max()) + 1 if images.labels is not None else 0)


def renumbered(images: ImageSet, numbers: Sequence[int]) -> ImageSet:
    """The same images, whose classes have other numbers: that of class i is `numbers[i]`."""
    if images.labels is None or len(numbers) <= images.labels.max():
        raise BadInput("labels-do-not-fit", f"{images.name} has no classes 0 to {len(numbers) - 1} to give numbers to.")
    return replace(images, labels=np.array(numbers, np.int64)[images.labels], classes=())
