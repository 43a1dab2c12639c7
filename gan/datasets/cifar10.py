"""CIFAR-10 (Krizhevsky 2009, "Learning multiple layers of features from tiny images"), read from its binary release.

60,000 colour photographs, 32x32, in ten classes: https://www.cs.toronto.edu/~kriz/cifar.html.  The binary release has
no pickle to run.  That it holds the images in the order of the Python release, which the field's tools read, was not
verified here; `ganbench verify` shows it, because seeded subsets of another order would have other scores.
"""

from __future__ import annotations

import tarfile
from pathlib import Path

import numpy as np

from ganbench.gan.checkpoints import download
from ganbench.gan.datasets.base import DataFolders, ImageSet, of_array
from ganbench.gan.files import file_digest
from ganbench.gan.images import read_bytes
from ganbench.gan.types import BadInput

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
FOLDER = "cifar-10-batches-bin"                             # inside the archive
ARCHIVE = "cifar-10-binary.tar.gz"
URL = f"https://www.cs.toronto.edu/~kriz/{ARCHIVE}"
SHA256 = "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"     # md5 c32a1d4a…, as the page above says
FILES = {"train": tuple(f"data_batch_{i}.bin" for i in range(1, 6)), "test": ("test_batch.bin",)}
PER_FILE = 10_000
SHAPE = (3, 32, 32)
RECORD = 1 + 3 * 32 * 32                                    # a label, then the red, the green and the blue plane


def open_split(split: str, folders: DataFolders) -> ImageSet:
    """`train` or `test`; from the archive or the folder that it unpacks to, or else downloaded."""
    source = provide(folders)
    parts = [records(data, f"{source}: {name}") for name, data in contents(source, FILES[split]).items()]
    images, labels = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    counts = np.bincount(labels, minlength=len(CLASSES))
    if len(set(counts)) > 1 or len(counts) > len(CLASSES):
        raise BadInput("another-data-set",
                       f"{source} is not CIFAR-10: its {split} images have {counts.tolist()} of each class, "
                       f"expected {len(labels) // len(CLASSES):,} of each of {len(CLASSES)}.")
    return of_array(f"cifar10:{split}", images, labels, CLASSES)


def records(data: bytes, name: str) -> tuple[np.ndarray, np.ndarray]:
    """The bytes of one file -> images (n, 3, 32, 32) uint8 and labels (n,) uint8."""
    if len(data) != PER_FILE * RECORD:
        raise BadInput("unreadable-data",
                       f"{name} has {len(data):,} bytes, expected {PER_FILE * RECORD:,}: "
                       f"{PER_FILE:,} images of {RECORD:,} bytes.")
    rows = np.frombuffer(data, np.uint8).reshape(PER_FILE, RECORD)
    return rows[:, 1:].reshape(-1, *SHAPE), rows[:, 0]


def contents(source: Path, names: tuple[str, ...]) -> dict[str, bytes]:
    """Files of the folder, or of the archive, by name; nothing is unpacked to disk."""
    if source.is_dir():
        return {name: read_bytes(source / name) for name in names}
    with tarfile.open(source, "r:gz") as archive:           # its sha256 is known, so what it holds is, too
        return {name: archive.extractfile(f"{FOLDER}/{name}").read() for name in names}     # type: ignore[union-attr]


def provide(folders: DataFolders) -> Path:
    """The folder or archive that lies somewhere, or the archive downloaded into the cache."""
    found = find(folders)
    if found:
        return checked(found) if found.is_file() else found
    target = folders.cache / "cifar10" / ARCHIVE
    problem = download(URL, target, SHA256)
    if problem:
        places = ", ".join(map(str, search(folders)))
        raise BadInput("not-fetched",
                       f"CIFAR-10 ({ARCHIVE} or the folder {FOLDER}) was not found in {places}, "
                       f"and {URL} could not be fetched ({problem}): put the file into {target.parent}.")
    return target


def find(folders: DataFolders) -> Path | None:
    """The first folder that holds the files, or archive; nothing is read."""
    for place in search(folders):
        if (place / FILES["test"][0]).is_file():
            return place
        if (place / ARCHIVE).is_file():
            return place / ARCHIVE
    return None


def search(folders: DataFolders) -> list[Path]:
    return folders.search("", "cifar10", FOLDER)


def checked(archive: Path) -> Path:
    """The archive, if its sha256 is the published one."""
    found = file_digest(archive)
    if found != SHA256:
        raise BadInput("wrong-digest", f"{archive} has the sha256 {found[:12]}…, expected {SHA256[:12]}….")
    return archive
