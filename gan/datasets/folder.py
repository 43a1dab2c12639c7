"""A folder of images: all picture files below it, sorted by their path."""

from __future__ import annotations

import os
import re
import stat
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ganbench.gan.datasets.base import ImageSet, content_digest, decode_all, method_in, scan, short_name
from ganbench.gan.files import check_file
from ganbench.gan.images import read_bytes
from ganbench.gan.pictures import OTHERS, SUFFIXES, ending, looks_like_one
from ganbench.gan.types import BadInput, Caveat
from ganbench.gan.watching import looked

KINDS = ("hidden", "no ending", "broken links", "links upwards")       # that are counted beside endings
SHOWN = 4                                                   # endings that a sentence names


def open_folder(folder: Path, rule: str = "") -> ImageSet:
    """The images of a folder and its sub-folders; other files and hidden ones are passed over, and counted where they
    may be images.

    When all images lie in two or more sub-folders, these are their classes, as in torchvision's ImageFolder.
    """
    listing = pictures(folder)
    files = sorted(listing.files, key=lambda file: file.relative_to(folder).as_posix())
    if not files:
        raise BadInput("no-images", f"{folder} holds no images{other_files(folder)}.")
    found = scan(((str(file), read_bytes(file)) for file in files), str(folder), rule)
    parts = [file.relative_to(folder).parts for file in files]
    labels, classes = classes_of(parts)
    digest = content_digest(found.digests, found.shape, labels, method_in(rule, found.sizes))
    lost = (*found.lost, *unread(str(folder), listing.unread), *unlabelled(str(folder), parts))
    return ImageSet(str(folder), found.n, found.shape, digest, Files(tuple(files), found.shape, rule), labels, classes,
                    lost, found.sizes)


@dataclass(frozen=True)
class Files:
    """Rows of a folder: one file each."""

    files: tuple[Path, ...]
    shape: tuple[int, int, int]
    rule: str

    def __call__(self, indices: Sequence[int]) -> np.ndarray:
        chosen = (self.files[i] for i in indices)
        return decode_all(((str(file), read_bytes(file)) for file in chosen), self.shape, self.rule)


@dataclass
class Listing:
    """Picture files below a folder, and how many others that may be images, by their ending or by what they are."""

    folder: Path
    files: list[Path] = field(default_factory=list)
    unread: Counter[str] = field(default_factory=Counter)
    seen: set[Path] = field(default_factory=set)            # real folders


def pictures(folder: Path) -> Listing:
    """Links are followed, each real folder once, and none to a folder that this one lies in."""
    listing = Listing(folder)
    collect(folder, listing)
    return listing


def collect(folder: Path, listing: Listing) -> None:
    """Fill the listing; a picture that is no file, or a link to nothing, is refused by its name."""
    real = folder.resolve()
    if real in listing.seen:
        return
    listing.seen.add(real)
    try:
        with os.scandir(folder) as entries:
            ordered = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise BadInput("unreadable-file", f"{folder} cannot be read: {error.strerror or error}.") from error
    for entry in ordered:
        path, suffix = folder / entry.name, ending(entry.name)
        if entry.name.startswith((".", "__MACOSX")):
            hidden = suffix in SUFFIXES and not entry.name.startswith("._") and not is_folder(entry)
            listing.unread.update(["hidden"] if hidden else [])
        elif is_folder(entry):
            if entry.is_symlink() and listing.folder.resolve().is_relative_to(path.resolve()):
                listing.unread.update(["links upwards"])
            else:
                collect(path, listing)
        elif suffix in SUFFIXES:
            check_file(path)
            listing.files.append(path)
            looked(str(listing.folder), len(listing.files))
        elif kind := picture_like(entry, path, suffix):
            listing.unread.update([kind])


def is_folder(entry: os.DirEntry[str]) -> bool:
    """A link that leads back to itself is none."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def picture_like(entry: os.DirEntry[str], path: Path, suffix: str) -> str:
    """What is counted of a file that is not read: its ending, `no ending`, `broken links`; '' for the rest."""
    try:
        kind = entry.stat().st_mode
    except OSError:
        return "broken links" if suffix in ("", *OTHERS) else ""
    if not stat.S_ISREG(kind) or suffix in OTHERS:
        return suffix if stat.S_ISREG(kind) else ""
    return "no ending" if not suffix and looks_like_one(head_of(path)) else ""


def head_of(path: Path) -> bytes:
    """The first bytes of a file; none where they cannot be read."""
    try:
        return read_bytes(path, 16)
    except BadInput:
        return b""


def unread(source: str, counts: Mapping[str, int]) -> tuple[Caveat, ...]:
    """What may be images and was not read: a caveat for all endings, `60 .heic, 3 .svg`, and one for each other
    kind."""
    data, ordered = short_name(source), sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    endings = [(kind, count) for kind, count in ordered if kind not in KINDS]
    facts = {"data": data, "count": sum(count for _, count in endings),
             "kinds": [f"{count} {kind}" for kind, count in endings[:SHOWN]]}
    others = [Caveat(kind, {"data": data, "count": count}) for kind, count in ordered if kind in KINDS]
    return (*([Caveat("unread", facts)] if endings else []), *others)


def unlabelled(source: str, parts: Sequence[tuple[str, ...]]) -> tuple[Caveat, ...]:
    """Images beside folders of classes, for which no image has a class."""
    beside = sum(len(part) == 1 for part in parts)
    folders = len({part[0] for part in parts if len(part) > 1})
    if folders < 2 or not beside:
        return ()
    return (Caveat("unlabelled", {"data": short_name(source), "count": beside, "folders": folders}),)


def other_files(folder: Path) -> str:
    """What lies there instead, as the end of a sentence."""
    kinds = Counter(entry.suffix or entry.name for entry in folder.iterdir() if entry.is_file())
    if not kinds:
        return ""
    return ", only " + ", ".join(f"{count} {kind}" for kind, count in kinds.most_common(3))


def classes_of(parts: Sequence[tuple[str, ...]]) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """(n,) int64 and the names of the classes, where the first folder of every path is one of two or more classes."""
    classes = sorted({part[0] for part in parts if len(part) > 1})
    if len(classes) < 2 or any(len(part) == 1 for part in parts):
        return None, ()
    number = {name: i for i, name in enumerate(classes)}
    return np.array([number[part[0]] for part in parts], np.int64), without_numbers(classes)


def without_numbers(folders: Sequence[str]) -> tuple[str, ...]:
    """`dress` of 03-dress, as `images.class_folder` writes it, where all folders are named so."""
    found = [re.fullmatch(r"\d{2,}-(.*\D.*)", name) for name in folders]
    names = tuple(match[1] for match in found if match)
    return names if len(set(names)) == len(folders) else tuple(folders)
