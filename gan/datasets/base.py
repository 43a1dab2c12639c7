"""An `ImageSet`: real or generated images on disk or in memory, all of one shape, identified by their content."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ganbench.gan.images import decode, image_shape, resize
from ganbench.gan.types import BadInput, Workspace, digest_of


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


def scan(encoded: Iterable[tuple[str, bytes]], source: str, size: int | None) -> Scan:
    """Check every (name, bytes) once, so that a bad image is found before any expensive work.

    Grey images among colour images are read as colour.  Sizes must agree, unless all are resized to `size` squares.
    """
    digests = bytearray()
    n, channels, first_name, first = 0, 1, "", (0, 0)
    for name, data in encoded:
        depth, *sides = image_shape(data, name)
        if n == 0:
            first_name, first = name, (sides[0], sides[1])
        elif size is None and tuple(sides) != first:
            raise BadInput("unequal-sizes",
                           f"{name} has {sides[1]}x{sides[0]} pixels, but {first_name} has {first[1]}x{first[0]}: "
                           "a set needs one size.")
        n, channels = n + 1, max(channels, depth)
        digests += hashlib.sha256(data).digest()
    enough(n, source)
    return Scan(n, (channels, size or first[0], size or first[1]), bytes(digests))


def enough(n: int, source: str) -> None:
    if n < 2:
        raise BadInput("too-few-images", f"{source} holds {n} image{'s' * (n != 1)}, expected at least 2.")


def content_digest(content: bytes | memoryview, shape: tuple[int, ...], labels: np.ndarray | None) -> str:
    """sha256 over what a set holds: pixels or hashes of files, the shape that is read, and labels as int64."""
    parts = [hashlib.sha256(content).hexdigest(), *shape]
    if labels is not None:
        parts.append(hashlib.sha256(np.ascontiguousarray(labels, np.int64).data).hexdigest())
    return digest_of(parts)


def decode_all(encoded: Iterable[tuple[str, bytes]], shape: tuple[int, int, int], size: int | None) -> np.ndarray:
    """Encoded images -> NCHW uint8 of the shape that the scan found."""
    images = []
    for name, data in encoded:
        image = decode(data, name, shape[0])
        if size is not None:
            image = resize(image, size)
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
    """Rows of a set, each resized to a square; see `ganbench.gan.images.resize`."""

    rows: Callable[[Sequence[int]], np.ndarray]
    shape: tuple[int, int, int]

    def __call__(self, indices: Sequence[int]) -> np.ndarray:
        images = [resize(image, self.shape[1]) for image in self.rows(indices)]
        return np.stack(images) if images else np.empty((0, *self.shape), np.uint8)


def resized(images: ImageSet, size: int | None) -> ImageSet:
    """The same images as `size` squares; a set of that size stays what it is."""
    if size is None or images.shape[1:] == (size, size):
        return images
    shape = (images.shape[0], size, size)
    return replace(images, shape=shape, digest=digest_of([images.digest, *shape]), rows=Resized(images.rows, shape))
