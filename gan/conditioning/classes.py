"""Labelled real images in three parts that share no image: to train the guide, to train the judge, and to test both."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

import numpy as np

from ganbench.gan.datasets import DATASETS, DataFolders, ImageSet
from ganbench.gan.datasets import fashion_mnist as fashion
from ganbench.gan.datasets.base import Chosen
from ganbench.gan.datasets.classes import count_of, key, number_of
from ganbench.gan.models.images import open_set
from ganbench.gan.parts import size_of
from ganbench.gan.types import BadInput, digest_of

DEFAULT = "fashion-mnist"                           # whose judge travels with ganbench
GUIDE, JUDGE, HELD_OUT = range(3)
SHARES = 0.4, 0.8                                   # of each class: up to where it is the guide's, the judge's
MOST = 10_000, 10_000, 5_000                        # images of a part
LEAST = 10                                          # different images of a class
CHUNK = 500                                         # images read at a time


@dataclass(frozen=True, eq=False)
class RealImages:
    """The parts; `judge` None: the judge is the one that travels with ganbench."""

    name: str                                       # what the user called them
    names: tuple[str, ...]                          # of the classes 0, 1, ...
    guide: ImageSet
    judge: ImageSet | None
    held_out: ImageSet

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.held_out.shape


def real_images(data: str, shape: tuple[int, int, int], folders: DataFolders, model: str) -> RealImages:
    """The parts of DATA for a model whose images have this shape; DATA of another size become squares of its size.

    Fashion-MNIST, the default: the guide learns from its first 10,000 training images, which its judge has not seen,
    and both are tested with its test images.
    """
    if data.partition(":")[0] in ("", DEFAULT):
        guide, held_out = (open_set(f"{DEFAULT}:{split}", folders) for split in ("train10k", "test"))
        found = RealImages(DEFAULT, guide.classes, guide, None, held_out)
    else:
        found = divided(data, opened(data, shape, folders))
    check_shape(found, shape, model)
    return found


def opened(data: str, shape: tuple[int, int, int], folders: DataFolders) -> ImageSet:
    """DATA; if their size is another one than the model's, or they are of several sizes, as squares of the model's."""
    side = shape[1] if shape[1] == shape[2] else None
    try:
        found = open_set(data, folders)
    except BadInput as error:
        if error.code != "unequal-sizes" or side is None:
            raise
        return open_set(data, folders, side)
    return found if found.shape[1:] == shape[1:] or side is None else open_set(data, folders, side)


def check_shape(real: RealImages, shape: tuple[int, int, int], model: str) -> None:
    if real.shape != shape:
        hint = ("--data with labelled images like the model's" if real.judge is None else
                "images of the size and the colours of the model's")
        raise BadInput("unequal-sizes",
                       f"{model} makes images of {size_of(shape)}, {real.name} has {size_of(real.shape)}: give {hint}.")


def divided(data: str, images: ImageSet) -> RealImages:
    """Two fifths of each class for the guide, two for the judge, and one to test both; copies of an image are on one
    side."""
    if images.labels is None:
        raise BadInput("missing-labels",
                       f"{data} has no classes: expected a folder for each class, or labels in the file.")
    n = count_of(images)
    names = tuple(images.classes[k] if k < len(images.classes) else str(k) for k in range(n))
    prints = [sha256(image.tobytes()).digest() for part in chunks(images) for image in part]
    check_classes(prints, images.labels, names, data)
    sides = sides_of(prints, images.labels)
    parts = [part(images, np.flatnonzero(sides == side), max(1, MOST[side] // n)) for side in (GUIDE, JUDGE, HELD_OUT)]
    return RealImages(data, names, *parts)


def chunks(images: ImageSet) -> Iterator[np.ndarray]:
    for start in range(0, images.n, CHUNK):
        yield images.read(range(start, min(start + CHUNK, images.n)))


def check_classes(prints: Sequence[bytes], labels: np.ndarray, names: Sequence[str], data: str) -> None:
    """At least two classes, of enough different images each; a number may be left out."""
    counts = {int(k): len({prints[i] for i in np.flatnonzero(labels == k).tolist()}) for k in np.unique(labels)}
    if len(counts) < 2:
        raise BadInput("missing-labels", f"All images of {data} are of one class: expected at least 2 to tell apart.")
    poor = min(counts, key=lambda k: counts[k])
    if counts[poor] < LEAST:
        raise BadInput("too-few-images",
                       f"The class {names[poor]!r} of {data} has {counts[poor]} different images, expected at least "
                       f"{LEAST} of each class: 4 for the guide, 4 for the judge and 2 to test both.")


def sides_of(prints: Sequence[bytes], labels: np.ndarray, shares: Sequence[float] = SHARES) -> np.ndarray:
    """The part of each image (n,), 0 to len(shares), by its content: the same shares of each class, and of an image
    that is there several times one part.  By default GUIDE, JUDGE or HELD_OUT."""
    classes: dict[int, set[bytes]] = {}
    for one, label in dict(zip(reversed(prints), reversed(labels.tolist()), strict=True)).items():     # its first class
        classes.setdefault(label, set()).add(one)
    side: dict[bytes, int] = {}
    for mine in classes.values():
        ordered = sorted(mine, key=lambda one: sha256(b"side" + one).digest())
        places = (np.arange(len(ordered)) + 0.5) / len(ordered)
        side |= dict(zip(ordered, np.searchsorted(shares, places).tolist(), strict=True))
    return np.array([side[one] for one in prints])


def part(images: ImageSet, rows: np.ndarray, most: int) -> ImageSet:
    """Some images of a set, of each class at most so many: those at equal distances."""
    labels = np.asarray(images.labels)
    kept = [mine[np.unique(np.linspace(0, len(mine) - 1, min(len(mine), most)).round().astype(np.int64))]
            for mine in (rows[labels[rows] == k] for k in np.unique(labels[rows]))]
    chosen = np.sort(np.concatenate(kept))
    return replace(images, n=len(chosen), rows=Chosen(images.rows, chosen), labels=labels[chosen], sizes={},
                   digest=digest_of([images.digest, "rows", sha256(chosen.tobytes()).hexdigest()]))


def class_named(asked: str, real: RealImages) -> int:
    """The number of a class by its name, in capitals or not, or by its number."""
    images = replace(real.held_out, name=real.name)
    published = fashion.PUBLISHED if images.classes == DATASETS[DEFAULT].classes else ()
    known = set(np.asarray(images.labels).tolist())
    for names in (images.classes, published):
        places = [i for i, name in enumerate(names) if key(name).casefold() == key(asked).casefold()]
        if len(places) == 1 and places[0] in known:
            return places[0]
    return with_images(number_of(asked, images), known, asked, real.name)


def with_images(number: int, known: set[int], asked: str, data: str) -> int:
    if number not in known:
        raise BadInput("unknown-choice", f"{data} names the class {asked!r}, but has no images of it.")
    return number
