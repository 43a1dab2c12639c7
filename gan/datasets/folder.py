"""A folder of images: all picture files below it, sorted by their path."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ganbench.gan.datasets.base import ImageSet, content_digest, decode_all, scan
from ganbench.gan.images import read_bytes
from ganbench.gan.types import BadInput

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".ppm", ".pgm", ".tif", ".tiff", ".gif"}


def open_folder(folder: Path, size: int | None = None) -> ImageSet:
    """The images of a folder and its sub-folders; other files and hidden ones are passed over.

    When all images lie in two or more sub-folders, these are their classes, as in torchvision's ImageFolder.
    """
    files = sorted(pictures(folder, set()), key=lambda file: file.relative_to(folder).as_posix())
    if not files:
        raise BadInput("no-images", f"{folder} holds no images{other_files(folder)}.")
    found = scan(((str(file), read_bytes(file)) for file in files), str(folder), size)
    labels, classes = labels_of(files, folder)
    digest = content_digest(found.digests, found.shape, labels)
    return ImageSet(str(folder), found.n, found.shape, digest, Files(tuple(files), found.shape, size), labels, classes)


@dataclass(frozen=True)
class Files:
    """Rows of a folder: one file each."""

    files: tuple[Path, ...]
    shape: tuple[int, int, int]
    size: int | None

    def __call__(self, indices: Sequence[int]) -> np.ndarray:
        chosen = (self.files[i] for i in indices)
        return decode_all(((str(file), read_bytes(file)) for file in chosen), self.shape, self.size)


def pictures(folder: Path, seen: set[Path]) -> Iterator[Path]:
    """Picture files below a folder; links are followed, each real folder once."""
    real = folder.resolve()
    if real in seen:
        return
    seen.add(real)
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise BadInput("unreadable-file", f"{folder} cannot be read: {error.strerror or error}.") from error
    for entry in entries:
        if entry.name.startswith((".", "__MACOSX")):
            continue
        if entry.is_dir():
            yield from pictures(entry, seen)
        elif entry.suffix.lower() in SUFFIXES:
            yield entry


def other_files(folder: Path) -> str:
    """What lies there instead, as the end of a sentence."""
    kinds = Counter(entry.suffix or entry.name for entry in folder.iterdir() if entry.is_file())
    if not kinds:
        return ""
    return ", only " + ", ".join(f"{count} {kind}" for kind, count in kinds.most_common(3))


def labels_of(files: Sequence[Path], folder: Path) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """See `classes_of`."""
    return classes_of([file.relative_to(folder).parts for file in files])


def classes_of(parts: Sequence[tuple[str, ...]]) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """(n,) int64 and the names of the classes, where the first folder of every path is one of two or more classes."""
    classes = sorted({part[0] for part in parts if len(part) > 1})
    if len(classes) < 2 or any(len(part) == 1 for part in parts):
        return None, ()
    number = {name: i for i, name in enumerate(classes)}
    return np.array([number[part[0]] for part in parts], np.int64), tuple(classes)
