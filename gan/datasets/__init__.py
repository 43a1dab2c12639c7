"""DATASETS, and `open_data`: from what a user names or points at to an `ImageSet`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from gan.datasets import cifar10, fashion_mnist
from gan.datasets.base import DataFolders, ImageSet, resized
from gan.datasets.folder import SUFFIXES, open_folder
from gan.datasets.npz import is_statistics, open_npz
from gan.datasets.parquet import open_parquet
from gan.types import BadInput

__all__ = ["DATASETS", "DataFolders", "Dataset", "ImageSet", "dataset_names", "is_statistics", "open_data",
           "open_images"]     # fmt: skip


@dataclass(frozen=True)
class Dataset:
    """A data set with a name; `NAME:SPLIT` is what users write."""

    what: str
    splits: Mapping[str, int]                               # images in each
    shape: tuple[int, int, int]                             # as read: channels, height, width
    classes: tuple[str, ...]
    licence: str
    source: str
    open: Callable[[str, DataFolders], ImageSet]


DATASETS = {
    "fashion-mnist": Dataset(
        "grey pictures of garments, zero-padded from 28 to 32 pixels; train10k: the first 10,000 of train",
        {"test": 10_000, "train10k": 10_000, "train": 60_000},
        (1, 32, 32), fashion_mnist.CLASSES, "MIT", "https://github.com/zalandoresearch/fashion-mnist",
        fashion_mnist.open_split,
    ),
    "cifar10": Dataset(
        "photographs of animals and vehicles; downloaded when first needed (170 MB)",
        {"train": 50_000, "test": 10_000},
        cifar10.SHAPE, cifar10.CLASSES, "none stated", "https://www.cs.toronto.edu/~kriz/cifar.html",
        cifar10.open_split,
    ),
}  # fmt: skip


def dataset_names() -> list[str]:
    """What `open_data` takes by name: `fashion-mnist:test`, ..."""
    return [f"{name}:{split}" for name, row in DATASETS.items() for split in row.splits]


def open_data(data: str, folders: DataFolders, resize: int | None = None) -> ImageSet:
    """A name of `dataset_names()`, or a folder, .npz or .parquet of images.

    `resize`: all images become squares of this many pixels by Pillow's bicubic filter; without it
    they must be of one size.
    """
    name, _, split = data.partition(":")
    if name in DATASETS:
        if split not in DATASETS[name].splits:
            raise BadInput(f"{name} has the splits {', '.join(DATASETS[name].splits)}; got {data!r}, "
                           f"expected for example {name}:{next(iter(DATASETS[name].splits))}.")      # fmt: skip
        return resized(DATASETS[name].open(split, folders), resize)
    return open_images(Path(data), resize)


def open_images(path: Path, resize: int | None = None) -> ImageSet:
    """A folder, .npz or .parquet of images."""
    if path.is_dir():
        return open_folder(path, resize)
    if not path.exists():
        raise BadInput(f"{path} is neither a file or folder nor a known data set ({', '.join(dataset_names())}).")
    if path.suffix == ".npz":
        return resized(open_npz(path), resize)
    if path.suffix == ".parquet":
        return open_parquet(path, resize)
    if path.suffix.lower() in SUFFIXES:
        raise BadInput(f"{path} is a single image, expected a folder, .npz or .parquet of at least 2.")
    raise BadInput(f"{path} is not a set of images: expected a folder, .npz or .parquet.")
