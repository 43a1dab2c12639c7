"""Fashion-MNIST (Xiao et al. 2017, arXiv:1708.07747; MIT licence), read from its idx files.

70,000 grey pictures of garments, 28x28, in ten classes.  They are zero-padded to 32x32 on
reading: references, zoo and training all use that form.
"""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np

from gan.images import pad_to
from gan.types import BadInput

CLASSES = ("t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "boot")
DEBIAN = Path("/usr/share/datasets/fashion-mnist")          # package dataset-fashion-mnist
EMBEDDED = Path(__file__).parent.parent / "zoo" / "fashion-mnist"
PREFIX = {"test": "t10k", "train": "train", "train10k": "train10k"}


def read_idx(path: Path) -> np.ndarray:
    """One idx file, gzipped or not: big-endian dimensions, then uint8 (http://yann.lecun.com/exdb/mnist)."""
    raw = path.read_bytes()
    if raw[:2] == b"\x1f\x8b":
        try:
            raw = gzip.decompress(raw)
        except (EOFError, OSError) as error:
            raise BadInput(f"{path} is a damaged gzip file: {error}.") from error
    if raw[:3] != b"\x00\x00\x08":
        raise BadInput(f"{path} is not an idx file of bytes: it begins with {raw[:4].hex()}, expected 000008.")
    shape = tuple(np.frombuffer(raw, ">u4", raw[3], offset=4).astype(int))
    values = np.frombuffer(raw, np.uint8, offset=4 + 4 * raw[3])
    if values.size != np.prod(shape):
        raise BadInput(f"{path} holds {values.size:,} bytes, but its header says {shape}.")
    return values.reshape(shape)


def find(split: str, folders: list[Path]) -> Path:
    """The first folder that holds the images of a split."""
    for folder in folders:
        for name in names(split):
            if (folder / name).is_file():
                return folder / name
    raise BadInput(
        f"Fashion-MNIST's {split} images ({names(split)[0]}) were not found in {', '.join(map(str, folders))}."
    )


def names(split: str) -> tuple[str, str]:
    return f"{PREFIX[split]}-images-idx3-ubyte.gz", f"{PREFIX[split]}-images-idx3-ubyte"


def load(split: str, folders: list[Path]) -> tuple[np.ndarray, np.ndarray]:
    """Images (n, 1, 32, 32) uint8 and labels (n,) uint8 of `train`, `test` or `train10k`."""
    images = find(split, folders)
    labels = images.with_name(images.name.replace("images-idx3", "labels-idx1"))
    if not labels.is_file():
        raise BadInput(f"{images} has no labels beside it: {labels.name} is missing.")
    return pad_to(read_idx(images)[:, None], 32), read_idx(labels).copy()
