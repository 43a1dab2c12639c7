"""A user's images as a training reads them: of one size, checked, and some of them held out to measure with.

They are written into the training's folder once, so that it can go on, and be measured, without the original files:
`training.npy` (n, C, side, side) uint8, memory-mapped, `labels.npy` (n,) int64 of data with classes, `held-out.npz`,
and the facts of `TrainingSet` in `training-set.json`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch

from ganbench.gan.datasets import DataFolders, ImageSet
from ganbench.gan.datasets.classes import are_numbers, count_of, number_of, only
from ganbench.gan.files import atomic_write, check_room
from ganbench.gan.images import pad_to, write_npz
from ganbench.gan.models.images import open_set
from ganbench.gan.preprocessing import cropped
from ganbench.gan.training.loop import Batch
from ganbench.gan.types import BadInput

SIDES = (32, 64, 128, 256)                                  # of the networks
SMALLEST, LARGEST = 8, SIDES[-1]                            # of the images
LEAST, FEW = 50, 10                                         # distinct images; with a model to begin from
LEAST_OF_CLASS = 3
LEAST_HELD_OUT = 4                                          # which KID needs
HELD_OUT, MOST_HELD_OUT = 0.2, 1_000
CHUNK = 500                                                 # images read at a time
NAME = "training-set.json"
HELD_OUT_FILE = "held-out.npz"


@dataclass(frozen=True)
class TrainingSet:
    """Facts about a training's images."""

    data: str                                               # what the user named
    digest: str                                             # of the images as read
    n: int                                                  # to learn from
    held_out: int                                           # to measure with
    channels: int
    resolution: int                                         # of the images
    side: int                                               # that they are padded to with zeros for the networks
    classes: tuple[str, ...] = ()
    counts: tuple[int, ...] = ()                            # of the images of each class to learn from
    repeated: int = 0                                       # images whose pixels another one has, too
    squeezed: int = 0                                       # images that were not square
    numbers: tuple[int, ...] = ()                           # of chosen classes, the data's own
    known: int = 0                                          # classes of the data, where some were chosen
    others: str = ""                                        # the data that are held out, where they are others

    @property
    def shares(self) -> tuple[float, ...]:
        """Of the classes, where they are not equal."""
        return () if len(set(self.counts)) < 2 else tuple(count / self.n for count in self.counts)

    @property
    def crop(self) -> int:
        """What a model's images are cropped to; 0: not at all."""
        return self.resolution if self.resolution != self.side else 0


@dataclass(frozen=True)
class ReadingOptions:
    """How a user's images are to be read."""

    data: str
    resolution: int = 0                                     # 0: theirs, see `resolution_of`
    largest: int = 64                                       # of a resolution that nobody asked for
    held_out: str = ""                                      # N% of them, or other DATA
    labels: bool = True
    least: int = LEAST
    classes: str = ""                                       # only these, comma-separated
    side: int = 0                                           # of the network that it begins with; 0: of none


def prepare(wanted: ReadingOptions, folders: DataFolders, folder: Path, begun: bool = True) -> TrainingSet:
    """Read and check the images, and write them into the folder; what a training that has begun left there must be the
    same."""
    whole = opened(wanted, folders)
    images = only(whole, wanted.classes)
    kept = kept_in(folder) if begun else None
    if kept and kept.digest == images.digest:
        return kept
    if kept:
        raise BadInput("another-training",
                       f"{folder} holds a training on other images ({kept.data}, {kept.n:,} of {kept.resolution}x"
                       f"{kept.resolution} pixels): give another folder.")
    check_room(folder, 20_000_000 + images.n * int(np.prod(images.shape)))
    return write(images, wanted, folders, folder, count_of(whole) if wanted.classes else 0)


def kept_in(folder: Path) -> TrainingSet | None:
    path = folder / NAME
    if not path.exists():
        return None
    try:
        facts = json.loads(path.read_text("utf-8"))
        return TrainingSet(**facts | {name: tuple(value) for name, value in facts.items() if isinstance(value, list)})
    except (ValueError, TypeError, AttributeError) as error:
        raise BadInput("unusable-config", f"{path} is no list of facts about a training's images: {error}.") from error


def batch_in(folder: Path) -> Batch:
    """All images that are learnt from, memory-mapped."""
    labels = folder / "labels.npy"
    return Batch(torch.from_numpy(np.load(folder / "training.npy", mmap_mode="c")),
                 torch.from_numpy(np.load(labels)) if labels.exists() else None)


def as_images(folder: Path) -> Path:
    """What is learnt from as an .npz of images, as they were before they were padded."""
    path, known = folder / "training.npz", kept_in(folder)
    if known and not path.exists():
        padded, labels = np.load(folder / "training.npy", mmap_mode="r"), folder / "labels.npy"
        write_npz(path, cropped(padded, known.crop, path.name) if known.crop else padded,
                  np.load(labels).tolist() if labels.exists() else None,
                  () if are_numbers(known.classes) else known.classes)
    return path


# Reading

def opened(wanted: ReadingOptions, folders: DataFolders) -> ImageSet:
    """The images as squares of the resolution; sets of one size that fits stay as they are.  Where a model is gone on
    from, they become as large as its network needs them."""
    check_resolution(wanted.resolution)
    if wanted.resolution:
        return open_set(wanted.data, folders, wanted.resolution)
    images = as_found(wanted, folders)
    if wanted.side and side_for(images.shape[1], wanted.side) != wanted.side:
        return open_set(wanted.data, folders, wanted.side)
    return images


def as_found(wanted: ReadingOptions, folders: DataFolders) -> ImageSet:
    try:
        images = open_set(wanted.data, folders)
    except BadInput as error:
        if error.code != "unequal-sizes":
            raise
        images = open_set(wanted.data, folders, SMALLEST)   # for the sizes of the files
    height, width = images.shape[1:]
    if not images.sizes and height == width and SMALLEST <= height <= wanted.largest:
        return images
    sizes = Counter(images.sizes) or Counter({(height, width): images.n})
    side = resolution_of(sizes, wanted.largest)
    return images if (height, width) == (side, side) else open_set(wanted.data, folders, side)


def resolution_of(sizes: Mapping[tuple[int, int], int], largest: int) -> int:
    """Images of one size that are squares keep it; otherwise the largest of SIDES that is not above the median of the
    shorter sides, nor above `largest`, and at least the smallest."""
    shorter = sorted(side for size, count in sizes.items() for side in [min(size)] * count)
    middle = shorter[len(shorter) // 2]
    if len(sizes) == 1 and len(set(next(iter(sizes)))) == 1 and SMALLEST <= middle <= largest:
        return middle
    return max([side for side in SIDES if side <= min(middle, largest)], default=SIDES[0])


def side_for(resolution: int, source: int = 0) -> int:
    """Of the networks for images of so many pixels; `source`: of that which is gone on from, where padding to it adds
    less than was there."""
    return source if source // 2 < resolution <= source else next(side for side in SIDES if side >= resolution)


def check_resolution(resolution: int) -> None:
    if resolution and not SMALLEST <= resolution <= LARGEST:
        raise BadInput("unfit-value",
                       f"The value of --resolution is {resolution}, expected a number of pixels from {SMALLEST} to "
                       f"{LARGEST}.")


def chunks(images: ImageSet) -> Iterator[np.ndarray]:
    for start in range(0, images.n, CHUNK):
        yield images.read(range(start, min(start + CHUNK, images.n)))


# Writing

def write(
    images: ImageSet, wanted: ReadingOptions, folders: DataFolders, folder: Path, known: int
) -> TrainingSet:
    """`known`: classes of the data from which some were chosen."""
    for name in ("labels.npy", "training.npz", NAME):       # of a training that was planned and did not begin
        (folder / name).unlink(missing_ok=True)
    prints = [sha256(image.tobytes()).digest() for part in chunks(images) for image in part]
    repeated = check_distinct(prints, images.name, wanted.least)
    if len(set(prints)) < LEAST and (not wanted.held_out or wanted.held_out.endswith("%")):
        raise BadInput("no-held-out-images",
                       f"{images.name} holds {len(set(prints))} different images, too few to hold some out: name "
                       "others of the kind to measure with, --held-out DATA.")
    labels, classes, numbers = classes_of(images, wanted)
    if labels is not None:
        check_each_class(labels, classes, images.name)
    away = held_out_rows(prints, labels, wanted)
    mine = np.setdiff1d(np.arange(images.n), away)
    if len(mine) < FEW:
        raise BadInput("too-few-images",
                       f"Of {images.name} {len(mine)} images are left to learn from, expected at least {FEW}: hold "
                       "fewer out.")
    write_held_out(images, labels, classes, away, wanted, folders, folder)
    resolution = images.shape[1]
    training_set = TrainingSet(
        wanted.data, images.digest, len(mine), held_out_in(folder), images.shape[0], resolution,
        side_for(resolution, wanted.side), classes, counts_of(labels, mine, classes), repeated,
        sum(count for (height, width), count in images.sizes.items() if height != width),
        numbers, known if numbers else 0, "" if len(away) else wanted.held_out)
    write_training(images, labels, mine, training_set, folder)
    facts = json.dumps(asdict(training_set), indent=1)
    atomic_write(folder / NAME, lambda path: path.write_text(facts, "utf-8"))
    return training_set


def check_distinct(prints: Sequence[bytes], name: str, least: int) -> int:
    """How many images repeat another one; refused where too few are distinct."""
    distinct, n = len(set(prints)), len(prints)
    if distinct < least:
        found = f"{n:,} image{'s' * (n != 1)}" + (f", of which only {distinct:,} differ" if distinct < n else "")
        raise BadInput("too-few-images",
                       f"{name} holds {found}; expected at least {least} different ones to learn from.")
    return n - distinct


def classes_of(images: ImageSet, wanted: ReadingOptions) -> tuple[np.ndarray | None, tuple[str, ...], tuple[int, ...]]:
    """Labels 0, 1, ... and the names of their classes; None without classes, or with a single one that nobody chose.
    Of chosen classes also the numbers."""
    if images.labels is None or not wanted.labels:
        return None, (), ()
    found, labels = np.unique(images.labels, return_inverse=True)
    names = tuple(images.classes[k] if k < len(images.classes) else str(k) for k in found)
    if len(names) < 2 and not wanted.classes:
        return None, (), ()
    return labels.astype(np.int64), names, tuple(found.tolist()) if wanted.classes else ()


def check_each_class(labels: np.ndarray, classes: Sequence[str], name: str) -> None:
    """At least three images of each class: one is held out."""
    counts = np.bincount(labels, minlength=len(classes))
    if counts.min() < LEAST_OF_CLASS:
        poor = int(counts.argmin())
        raise BadInput("too-few-images",
                       f"The class {classes[poor]!r} of {name} has {counts[poor]} image{'s' * int(counts[poor] != 1)}, "
                       f"expected at least {LEAST_OF_CLASS}: add some, take the class out, or train without classes "
                       "(--no-classes).")


def counts_of(labels: np.ndarray | None, mine: np.ndarray, classes: Sequence[str]) -> tuple[int, ...]:
    return () if labels is None else tuple(np.bincount(labels[mine], minlength=len(classes)).tolist())


def held_out_rows(prints: Sequence[bytes], labels: np.ndarray | None, wanted: ReadingOptions) -> np.ndarray:
    """Which images are held out: the same share of each class, always the same ones, and all copies of an image on one
    side."""
    if wanted.held_out and not wanted.held_out.endswith("%"):
        return np.empty(0, np.int64)
    classes = [0] * len(prints) if labels is None else labels.tolist()
    groups: dict[int, set[bytes]] = {}
    for one, label in dict(zip(reversed(prints), reversed(classes), strict=True)).items():     # its first class
        groups.setdefault(label, set()).add(one)
    share = min(share_of(wanted.held_out), MOST_HELD_OUT / len(set(prints)))
    chosen = {one for group in groups.values() for one in drawn(group, share)}
    return np.array([i for i, one in enumerate(prints) if one in chosen], np.int64)


def drawn(group: Collection[bytes], share: float) -> list[bytes]:
    ordered = sorted(group, key=lambda one: sha256(b"held out" + one).digest())
    return ordered[: max(round(share * len(ordered)), 1)]


def share_of(held_out: str) -> float:
    if not held_out:
        return HELD_OUT
    try:
        share = float(held_out.removesuffix("%")) / 100
    except ValueError:
        share = -1.0
    if not 0 < share < 1:
        raise BadInput("unfit-value",
                       f"The value of --held-out is {held_out!r}, expected DATA, or a share from 1% to 99%.")
    return share


def write_held_out(
    images: ImageSet, labels: np.ndarray | None, classes: tuple[str, ...], away: np.ndarray, wanted: ReadingOptions,
    folders: DataFolders, folder: Path,
) -> None:
    found, rows = images, away
    if not len(away):
        found = open_set(wanted.held_out, folders, images.shape[1])
        found = found if found.labels is None else only(found, chosen_in(found, images, wanted.classes))
        if found.shape != images.shape:
            raise BadInput("unequal-sizes",
                           f"{wanted.held_out} has images of shape {found.shape}, expected that of {wanted.data}: "
                           f"{images.shape} (channels, height, width).")
        rows = np.unique(np.linspace(0, found.n - 1, min(found.n, MOST_HELD_OUT)).astype(np.int64))    # of all classes
    if len(rows) < LEAST_HELD_OUT:
        raise BadInput("too-few-images",
                       f"{len(rows)} image{'s' * (len(rows) != 1)} of {found.name} would be held out, expected at "
                       f"least {LEAST_HELD_OUT}: give more by --held-out.")
    theirs = None if labels is None or not len(away) else labels[away].tolist()
    write_npz(folder / HELD_OUT_FILE, found.read(rows.tolist()), theirs, () if are_numbers(classes) else classes)


def chosen_in(found: ImageSet, images: ImageSet, chosen: str) -> str:
    """Classes of the images, by number where the held-out ones have no names for them."""
    if not chosen or found.classes or not images.classes:
        return chosen
    return ",".join(str(number_of(name, images)) for name in chosen.split(","))


def held_out_in(folder: Path) -> int:
    with np.load(folder / HELD_OUT_FILE) as arrays:
        return len(arrays["arr_0"])


def write_training(
    images: ImageSet, labels: np.ndarray | None, mine: np.ndarray, training_set: TrainingSet, folder: Path
) -> None:
    shape = (training_set.n, training_set.channels, training_set.side, training_set.side)

    def fill(path: Path) -> None:
        array = np.lib.format.open_memmap(path, "w+", np.uint8, shape)
        for start in range(0, len(mine), CHUNK):
            rows = mine[start : start + CHUNK].tolist()
            array[start : start + len(rows)] = pad_to(images.read(rows), training_set.side)
        array.flush()

    atomic_write(folder / "training.npy", fill)
    if labels is not None:
        atomic_write(folder / "labels.npy", lambda path: write_array(path, labels[mine]))


def write_array(path: Path, array: np.ndarray) -> None:
    with path.open("wb") as file:
        np.save(file, array)

