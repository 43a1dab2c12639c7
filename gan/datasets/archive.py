"""A .zip of images, as StyleGAN's and EDM's dataset tools write them: picture files, and labels in dataset.json."""

from __future__ import annotations

import json
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath

import numpy as np

from ganbench.gan.datasets.base import ImageSet, content_digest, decode_all, method_in, scan
from ganbench.gan.datasets.folder import classes_of, unlabelled, unread
from ganbench.gan.files import fingerprint
from ganbench.gan.pictures import OTHERS, SUFFIXES, ending
from ganbench.gan.types import BadInput

MOST = 200_000_000  # bytes of one file, unpacked
DAMAGED = (OSError, EOFError, KeyError, NotImplementedError, RuntimeError, ValueError, zipfile.BadZipFile, zlib.error)


def open_zip(path: Path, rule: str = "") -> ImageSet:
    """The images of an archive, sorted by name; nothing is unpacked to disk.

    Labels are those of `dataset.json`, else the first folders, as in a folder of images.
    """
    names = picture_names(path)
    found = scan(((f"{path}: {name}", unpacked(path, name)) for name in names), str(path), rule)
    labels, classes = labels_in(path, names)
    digest = content_digest(found.digests, found.shape, labels, method_in(rule, found.sizes))
    parts = [PurePosixPath(name).parts for name in names] if labels is None else []
    lost = (*found.lost, *unread(str(path), unread_in(path)), *unlabelled(str(path), parts))
    return ImageSet(str(path), found.n, found.shape, digest, Members(path, names, found.shape, rule), labels, classes,
                    lost, found.sizes)


@dataclass(frozen=True)
class Members:
    """Rows of an archive: one picture file each."""

    path: Path
    names: tuple[str, ...]
    shape: tuple[int, int, int]
    rule: str

    def __call__(self, indices: Sequence[int]) -> np.ndarray:
        return decode_all(self.encoded(indices), self.shape, self.rule)

    def encoded(self, indices: Sequence[int]) -> Iterator[tuple[str, bytes]]:
        for i in indices:
            yield f"{self.path}: {self.names[i]}", unpacked(self.path, self.names[i])


def picture_names(path: Path) -> tuple[str, ...]:
    try:
        entries = [entry for entry in archive(path, fingerprint(path)).infolist() if not entry.is_dir()]
    except DAMAGED as error:
        raise BadInput("unreadable-data",
                       f"{path} is not a readable .zip file, it may be truncated: {error}.") from error
    outside = [entry.filename for entry in entries if leads_outside(entry.filename)]
    if outside:
        raise BadInput("path-leads-outside",
                       f"{path} is not read: its entry {outside[0]!r} leads out of the archive's folder.")
    pictures = [entry for entry in entries if is_picture(entry.filename)]
    read = (entry for entry in entries if is_picture(entry.filename) or is_list(entry.filename))
    large = [entry for entry in read if entry.file_size > MOST]
    if large:
        raise BadInput("too-large",
                       f"{path}: {large[0].filename} unpacks to {large[0].file_size:,} bytes, more than the {MOST:,} "
                       "that are read of one file.")
    if not pictures:
        raise BadInput("no-images", f"{path} holds no images among its {len(entries):,} files.")
    return tuple(sorted(entry.filename for entry in pictures))


def unread_in(path: Path) -> Counter[str]:
    """How many files may be images, and are not read, by their endings."""
    names = [PurePosixPath(name) for name in archive(path, fingerprint(path)).namelist() if not name.endswith("/")]
    shown = [name for name in names if not any(part.startswith("__MACOSX") for part in name.parts)]
    hidden = [name for name in shown if ending(name.name) in SUFFIXES and not is_picture(str(name))
              and not name.name.startswith("._")]
    others = [ending(name.name) for name in shown if ending(name.name) in OTHERS and not name.name.startswith(".")]
    return Counter(["hidden"] * len(hidden) + others)


def leads_outside(name: str) -> bool:
    parts = PurePosixPath(name.replace("\\", "/"))
    return parts.is_absolute() or ".." in parts.parts or ":" in parts.parts[0]


def is_picture(name: str) -> bool:
    parts = PurePosixPath(name)
    return ending(name) in SUFFIXES and not any(part.startswith((".", "__MACOSX")) for part in parts.parts)


def is_list(name: str) -> bool:
    return PurePosixPath(name).name == "dataset.json"


def unpacked(path: Path, name: str) -> bytes:
    try:
        return archive(path, fingerprint(path)).read(name)
    except DAMAGED as error:
        raise BadInput("unreadable-data", f"{path}: {name} cannot be unpacked: {error}.") from error


@lru_cache(maxsize=4)
def archive(path: Path, version: tuple[int, ...]) -> zipfile.ZipFile:
    """Open once, since the list of a large archive takes long to read; threads may read from it together."""
    return zipfile.ZipFile(path)


def labels_in(path: Path, names: Sequence[str]) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """(n,) int64 and the names of the classes; `dataset.json` has {"labels": [[name, class], ...]} and no names."""
    everything = archive(path, fingerprint(path)).namelist()
    listed = [name for name in everything if is_list(name)]
    if not listed:
        return classes_of([PurePosixPath(name).parts for name in names])
    try:
        pairs = json.loads(unpacked(path, listed[0])).get("labels")
        if not pairs:
            return None, ()
        folder = PurePosixPath(listed[0]).parent
        numbers = {str(folder / name): int(label) for name, label in pairs}
        return np.array([numbers[name] for name in names], np.int64), ()
    except (ValueError, TypeError, AttributeError) as error:
        raise BadInput("unreadable-data",
                       f"{path}: dataset.json is not what StyleGAN's dataset tool writes: {error}.") from error
    except KeyError as error:
        raise BadInput("missing-labels", f"{path}: dataset.json has no label for {error}.") from error
