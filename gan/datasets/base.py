"""An `ImageSet`: real or generated images on disk or in memory, all of one shape, identified by their content."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from ganbench.gan.images import decode
from ganbench.gan.philox import words
from ganbench.gan.pictures import facts_of
from ganbench.gan.preprocessing import DEFAULT, resized
from ganbench.gan.types import BadInput, Caveat, Workspace, digest_of
from ganbench.gan.watching import looked


@dataclass(frozen=True)
class DataFolders:
    """The folders of named data sets: one that the user gives, and the one for downloads."""

    given: Path | None
    cache: Path

    @classmethod
    def of(cls, workspace: Workspace) -> DataFolders:
        """Those of a workspace."""
        given = Path(workspace.data).expanduser() if workspace.data else None
        return cls(given, workspace.root / "data")

    def search(self, *inner: str, system: tuple[Path, ...] = ()) -> list[Path]:
        """Where to look, in this order: the user's folder, the system's, the cache; each with its `inner` folders."""
        roots = [*([self.given] if self.given else []), *system, self.cache]
        return [root / name for root in roots for name in inner]


@dataclass(frozen=True, eq=False)
class ImageSet:
    """n images of one shape.  The digest depends on the content and its order, not on paths, file names or class
    names."""

    name: str
    n: int
    shape: tuple[int, int, int]                             # channels (1 or 3), height, width
    digest: str
    rows: Callable[[Sequence[int]], np.ndarray]             # indices -> NCHW uint8; picklable
    labels: np.ndarray | None = None                        # (n,) int64
    classes: tuple[str, ...] = ()
    lost: tuple[Caveat, ...] = ()                           # what of the files is not in these pixels
    sizes: Mapping[tuple[int, int], int] = field(default_factory=dict)     # (height, width) of the files, how often

    def read(self, indices: Sequence[int]) -> np.ndarray:
        """Images by index: (len(indices), channels, height, width) uint8."""
        if len(indices) and not 0 <= min(indices) <= max(indices) < self.n:
            raise BadInput("too-few-images",
                           f"{self.name} holds {self.n:,} images, but image {max(indices) + 1:,} was asked for.")
        return self.rows(indices)


@dataclass(frozen=True)
class Scan:
    """The sizes in the headers of encoded images, and the hash of each image's bytes."""

    n: int
    shape: tuple[int, int, int]
    digests: bytes
    sizes: Counter[tuple[int, int]]                         # (height, width) of the files
    lost: tuple[Caveat, ...]


def scan(encoded: Iterable[tuple[str, bytes]], source: str, rule: str) -> Scan:
    """Check every (name, bytes) once, so that a bad image is found before any expensive work.

    Grey images among colour images are read as colour.  Sizes must agree, unless all are resized by the `rule`
    (`64:bicubic`; '': none).
    """
    digests = bytearray()
    channels, first_name, first = 1, "", (0, 0)
    sizes, lost = Counter[tuple[int, int]](), Counter[str]()
    for name, data in encoded:
        facts = facts_of(data, name)
        sides = (facts.height, facts.width)
        if not sizes:
            first_name, first = name, sides
        elif not rule and sides != first:
            raise BadInput("unequal-sizes",
                           f"{name} has {sides[1]}x{sides[0]} pixels, but {first_name} has {first[1]}x{first[0]}: "
                           f"a set needs one size; --resize {min(first)} makes one of all, or resize = {min(first)} in "
                           "a model file.")
        channels = max(channels, facts.channels)
        sizes[sides] += 1
        lost.update(facts.lost)
        digests += hashlib.sha256(data).digest()
        looked(source, sizes.total())
    enough(sizes.total(), source)
    height, width = size_after(rule) if rule else first
    return Scan(sizes.total(), (channels, height, width), bytes(digests), sizes, caveats_of(source, sizes, lost, rule))


def size_after(rule: str) -> tuple[int, int]:
    side = int(rule.partition(":")[0])
    return side, side


def caveats_of(
    source: str, sizes: Counter[tuple[int, int]], lost: Counter[str], rule: str
) -> tuple[Caveat, ...]:
    """What of the files is not in the pixels, with a count, where it can change a score."""
    squeezed = sum(count for (height, width), count in sizes.items() if height != width) if rule else 0
    counts = {**lost, **({"squeezed": squeezed} if squeezed else {})}
    return tuple(Caveat(kind, {"data": short_name(source), "count": count, "n": sizes.total()})
                 for kind, count in counts.items())


def short_name(source: str) -> str:
    """What a set is called in a sentence: the name of its folder or file."""
    return Path(source).name or source


def other_images(source: str, name: str, others: Sequence[str]) -> tuple[Caveat, ...]:
    """Arrays or columns of a file that may be images, too, beside the one that is read."""
    facts = {"data": short_name(source), "name": name, "others": list(others)}
    return (Caveat("one of several", facts),) if others else ()


def method_in(rule: str, sizes: Counter[tuple[int, int]]) -> tuple[str, ...]:
    """The method of a resize that changed something, for digests; bicubic, as it was before there were others, is
    left out."""
    method = rule.partition(":")[2]
    changed = any(sides != size_after(rule) for sides in sizes) if rule else False
    return (method,) if changed and method != DEFAULT else ()


def enough(n: int, source: str) -> None:
    if n < 2:
        raise BadInput("too-few-images", f"{source} holds {n} image{'s' * (n != 1)}, expected at least 2.")


def content_digest(
    content: bytes | memoryview, shape: tuple[int, ...], labels: np.ndarray | None, method: tuple[str, ...] = ()
) -> str:
    """sha256 over what a set holds: pixels or hashes of files, the shape that is read, `method_in`, and labels as
    int64."""
    parts = [hashlib.sha256(content).hexdigest(), *shape, *method]
    if labels is not None:
        parts.append(hashlib.sha256(np.ascontiguousarray(labels, np.int64).data).hexdigest())
    return digest_of(parts)


def decode_all(encoded: Iterable[tuple[str, bytes]], shape: tuple[int, int, int], rule: str) -> np.ndarray:
    """Encoded images -> NCHW uint8 of the shape that the scan found."""
    images = []
    for name, data in encoded:
        image = decode(data, name, shape[0])
        if rule:
            image = resized(image, rule)
        if image.shape != shape:
            raise BadInput("changed-content",
                           f"{name} has changed since it was looked at: its shape is {image.shape}, expected {shape}.")
        images.append(image)
    return np.stack(images) if images else np.empty((0, *shape), np.uint8)


def of_array(
    name: str, images: np.ndarray, labels: np.ndarray | None = None, classes: tuple[str, ...] = ()
) -> ImageSet:
    """A set in memory: `images` NCHW uint8, `labels` (n,) of whole numbers."""
    enough(len(images), name)
    shape = (images.shape[1], images.shape[2], images.shape[3])
    labels = None if labels is None else labels.astype(np.int64)
    digest = content_digest(np.ascontiguousarray(images).data, shape, labels)
    return ImageSet(name, len(images), shape, digest, Rows(images), labels, classes)


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows of an array, NCHW uint8."""

    images: np.ndarray

    def __call__(self, indices: Sequence[int]) -> np.ndarray:
        return np.ascontiguousarray(self.images[np.asarray(indices, np.int64)])


@dataclass(frozen=True, eq=False)
class Resized:
    """Rows of a set, each resized to a square; see `ganbench.gan.preprocessing.resized`."""

    rows: Callable[[Sequence[int]], np.ndarray]
    shape: tuple[int, int, int]
    rule: str

    def __call__(self, indices: Sequence[int]) -> np.ndarray:
        images = [resized(image, self.rule) for image in self.rows(indices)]
        return np.stack(images) if images else np.empty((0, *self.shape), np.uint8)


def all_resized(images: ImageSet, rule: str) -> ImageSet:
    """The same images as squares; a set of that size stays what it is."""
    height, width = images.shape[1:]
    if not rule or (height, width) == size_after(rule):
        return images
    shape, sizes = (images.shape[0], *size_after(rule)), Counter({(height, width): images.n})
    return replace(images, shape=shape, digest=digest_of([images.digest, *shape, *method_in(rule, sizes)]),
                   rows=Resized(images.rows, shape, rule),
                   lost=(*images.lost, *caveats_of(images.name, sizes, Counter(), rule)))


@dataclass(frozen=True, eq=False)
class Chosen:
    """Some rows of a set."""

    rows: Callable[[Sequence[int]], np.ndarray]
    chosen: np.ndarray

    def __call__(self, indices: Sequence[int]) -> np.ndarray:
        return self.rows(self.chosen[np.asarray(indices, np.int64)].tolist())


def part_of(images: ImageSet, share: float, held_out: bool) -> ImageSet:
    """A random part of a set in the order of its files, always the same one, or all but that; `share`: of 1."""
    n = round(share * images.n)
    if not 2 <= n <= images.n - 2:
        raise BadInput("too-few-images",
                       f"{images.name} has {images.n:,} images, of which {100 * share:g} % are {n:,}: too few on one "
                       "side, where at least 2 are needed.")
    order = np.argsort(words(range(images.n), 0, 1, "held out")[:, 0], kind="stable")
    chosen = np.sort(order[:n] if held_out else order[n:])
    return replace(
        images, n=len(chosen), rows=Chosen(images.rows, chosen),
        digest=digest_of([images.digest, "held out" if held_out else "the rest", n]),
        labels=None if images.labels is None else images.labels[chosen],
    )
