"""Fashion-MNIST (Xiao et al. 2017, arXiv:1708.07747; MIT licence), read from its idx files.

70,000 grey pictures of garments, 28x28, in ten classes.  They are zero-padded to 32x32 on
reading: references, zoo and training all use that form.
"""

from __future__ import annotations

import gzip
import hashlib
import zlib
from pathlib import Path

import numpy as np

from ganbench.gan.checkpoints import download
from ganbench.gan.datasets.base import DataFolders, ImageSet, of_array
from ganbench.gan.images import pad_to
from ganbench.gan.types import BadInput

CLASSES = ("t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "boot")
PUBLISHED = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
DEBIAN = Path("/usr/share/datasets/fashion-mnist")          # package dataset-fashion-mnist
EMBEDDED = Path(__file__).parent.parent / "zoo" / "fashion-mnist"
MIRROR = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"      # the authors'; checked by sha256
TRAIN = {                                                   # sha256 of the files, unpacked
    "train-images-idx3-ubyte.gz": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte.gz": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
}
CONTENT = {                                                 # digests of the sets
    "test": "8c52d15c7166422144fd741ad661f6a41c9a92360197522d66676fe13cd5c532",
    "train": "dd9a0cbe0ee99c03fee99cb632f1f3b3e20cac4d2f30170f27114d65cdf5b77d",
    "train10k": "9b247ca769503d908dcff94789e504b0384593a4a38681f524588a9919b606e8",
}
PREFIX = {"test": "t10k", "train": "train", "train10k": "train10k"}


def read_idx(path: Path) -> np.ndarray:
    """One idx file, gzipped or not: big-endian dimensions, then uint8 (http://yann.lecun.com/exdb/mnist)."""
    raw = path.read_bytes()
    if not raw:
        raise BadInput("empty-file", f"{path} is empty (0 bytes), expected an idx file.")
    if raw[:2] == b"\x1f\x8b":
        try:
            raw = gzip.decompress(raw)
        except (EOFError, OSError, zlib.error) as error:
            raise BadInput("unreadable-data", f"{path} is a damaged gzip file: {error}.") from error
    if raw[:3] != b"\x00\x00\x08":
        raise BadInput("unreadable-data",
                       f"{path} is not an idx file of bytes: it begins with {raw[:4].hex()}, expected 000008.")
    if len(raw) < 4 + 4 * raw[3]:
        raise BadInput("unreadable-data", f"{path} is truncated: {len(raw)} bytes hold no idx header.")
    shape = tuple(np.frombuffer(raw, ">u4", raw[3], offset=4).tolist())
    values = np.frombuffer(raw, np.uint8, offset=4 + 4 * raw[3])
    if values.size != np.prod(shape):
        raise BadInput("unreadable-data", f"{path} holds {values.size:,} bytes, but its header says {shape}.")
    return values.reshape(shape)


def find(split: str, folders: list[Path]) -> Path:
    """The first folder that holds the images of a split."""
    for folder in folders:
        for name in names(split):
            if (folder / name).is_file():
                return folder / name
    raise BadInput(
        "no-such-file",
        f"Fashion-MNIST's {split} images ({names(split)[0]}) were not found in {', '.join(map(str, folders))}."
    )


def names(split: str) -> tuple[str, str]:
    return f"{PREFIX[split]}-images-idx3-ubyte.gz", f"{PREFIX[split]}-images-idx3-ubyte"


def load(split: str, folders: list[Path]) -> tuple[np.ndarray, np.ndarray]:
    """Images (n, 1, 32, 32) uint8 and labels (n,) uint8 of `train`, `test` or `train10k`."""
    images = find(split, folders)
    labels = images.with_name(images.name.replace("images-idx3", "labels-idx1"))
    if not labels.is_file():
        raise BadInput("missing-labels", f"{images} has no labels beside it: {labels.name} is missing.")
    pictures, numbers = read_idx(images), read_idx(labels)
    if pictures.ndim != 3 or numbers.shape != (len(pictures),):
        raise BadInput("labels-do-not-fit",
                       f"{images} has the shape {pictures.shape} and {labels.name} {numbers.shape}, "
                       "expected (n, 28, 28) and (n,).")
    return pad_to(pictures[:, None], 32), numbers.copy()


def open_split(split: str, folders: DataFolders) -> ImageSet:
    """`test`, `train` or `train10k`, the first 10,000 training images; only `train` may need a download.

    The content is checked, because MNIST's files have the same names.
    """
    places = search(folders)
    if split == "train":
        provide(folders.cache / "fashion-mnist", places)
    images, labels = load(split, places)
    found = of_array(f"fashion-mnist:{split}", images, labels, CLASSES)
    if found.digest != CONTENT[split]:
        raise BadInput("another-data-set",
                       f"{find(split, places)} is not Fashion-MNIST's (MNIST's files have the same names): "
                       f"digest {found.digest[:12]}…, expected {CONTENT[split][:12]}….")
    return found


def open_native(split: str, folders: DataFolders) -> ImageSet:
    """The same images without their padding, 28x28."""
    found = open_split(split, folders)
    images = found.read(range(found.n))[:, :, 2:-2, 2:-2]
    return of_array(f"fashion-mnist-28:{split}", np.ascontiguousarray(images), found.labels, CLASSES)


def search(folders: DataFolders) -> list[Path]:
    """Where the files may lie: the user's folder, Debian's, the cache, the embedded ones."""
    torchvision = "FashionMNIST/raw"
    return [*folders.search("", "fashion-mnist", torchvision, system=(DEBIAN,)), EMBEDDED]


def provide(cache: Path, places: list[Path]) -> None:
    """Download the training files into the cache unless they lie somewhere."""
    try:
        find("train", places)
        return
    except BadInput as error:
        missing = str(error)
    for file, sha256 in TRAIN.items():
        problem = download(MIRROR + file, cache / file, sha256, digest=unpacked_digest)
        if problem:
            raise BadInput("not-fetched",
                           f"{missing[:-1]}, and {MIRROR}{file} could not be fetched ({problem}): "
                           f"put {' and '.join(TRAIN)} into {cache}.")


def unpacked_digest(path: Path) -> str:
    """sha256 of what a gzip file holds: it was packed anew by distributions."""
    return hashlib.sha256(gzip.decompress(path.read_bytes())).hexdigest()
