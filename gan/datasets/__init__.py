"""DATASETS, and `open_data`: from a name, path or callable to an `ImageSet`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ganbench.gan.datasets import cifar10, emoji, fashion_mnist, shapes
from ganbench.gan.datasets.archive import open_zip
from ganbench.gan.datasets.arrays import holds_images, is_callable, open_callable, open_npy, open_tensor
from ganbench.gan.datasets.base import DataFolders, ImageSet, all_resized
from ganbench.gan.datasets.folder import open_folder
from ganbench.gan.datasets.npz import open_npz
from ganbench.gan.datasets.parquet import open_parquet
from ganbench.gan.files import check_file
from ganbench.gan.interchange import check_names, groups_in
from ganbench.gan.pictures import SUFFIXES
from ganbench.gan.preprocessing import resize_of
from ganbench.gan.types import BadInput, Workspace

__all__ = ["DATASETS", "DataFolders", "Dataset", "ImageSet", "dataset_names", "french_classes", "is_images",
           "open_data", "open_images", "reader_of"]

FILES: dict[str, Callable[[Path], ImageSet]] = {".npz": open_npz, ".npy": open_npy, ".pt": open_tensor,
                                                ".pth": open_tensor}
ENCODED: dict[str, Callable[[Path, str], ImageSet]] = {".parquet": open_parquet, ".zip": open_zip}
MODELS = ("model_index.json", "model.safetensors", "model.safetensors.index.json", "pytorch_model.bin")  # of models
EXPECTED = "a folder, .zip, .npz, .npy, .parquet or .pt of images"


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
    french: tuple[str, ...] = ()                            # names of the classes, in the plural


GARMENTS = ("t-shirts", "pantalons", "pulls", "robes", "manteaux", "sandales", "chemises", "baskets", "sacs",
            "bottines")
DATASETS = {
    "fashion-mnist": Dataset(
        "grey pictures of garments, zero-padded from 28 to 32 pixels; train10k: the first 10,000 of train",
        {"test": 10_000, "train10k": 10_000, "train": 60_000},
        (1, 32, 32), fashion_mnist.CLASSES, "MIT", "https://github.com/zalandoresearch/fashion-mnist",
        fashion_mnist.open_split, GARMENTS,
    ),
    "fashion-mnist-28": Dataset(
        "the same pictures at the 28 pixels that they have, for generators of that size",
        {"test": 10_000, "train10k": 10_000, "train": 60_000},
        (1, 28, 28), fashion_mnist.CLASSES, "MIT", "https://github.com/zalandoresearch/fashion-mnist",
        fashion_mnist.open_native, GARMENTS,
    ),
    "cifar10": Dataset(
        "photographs of animals and vehicles; downloaded when first needed (170 MB)",
        {"train": 50_000, "test": 10_000},
        cifar10.SHAPE, cifar10.CLASSES, "none stated", "https://www.cs.toronto.edu/~kriz/cifar.html",
        cifar10.open_split,
        ("avions", "voitures", "oiseaux", "chats", "cerfs", "chiens", "grenouilles", "chevaux", "bateaux", "camions"),
    ),
    "emoji": Dataset(
        "colour pictures on white in Unicode's nine groups; no emoji of test is a variant of one of train",
        {"train": 2_728, "test": 653},
        emoji.SHAPE, emoji.CLASSES, "OFL-1.1", "https://github.com/googlefonts/noto-emoji",
        emoji.open_split,
        ("smileys et émotions", "personnes et corps", "animaux et nature", "nourriture et boissons",
         "voyages et lieux", "activités", "objets", "symboles", "drapeaux"),
    ),
    "shapes": Dataset(
        "coloured figures whose shape, hue, size, place and background are known; drawn when read",
        dict.fromkeys(shapes.SPLITS, shapes.N),
        (3, 64, 64), shapes.CLASSES, "Apache-2.0", "https://github.com/google-deepmind/dsprites-dataset",
        shapes.open_split, ("cercles", "carrés", "triangles", "croix", "anneaux", "étoiles"),
    ),
}


def french_classes(data: str) -> dict[str, str]:
    """Names of the classes of `NAME:SPLIT` -> in French; empty for other data."""
    row = DATASETS.get(data.partition(":")[0])
    return dict(zip(row.classes, row.french, strict=True)) if row and row.french else {}


def dataset_names() -> list[str]:
    """What `open_data` takes by name: `fashion-mnist:test`, ..."""
    return [f"{name}:{split}" for name, row in DATASETS.items() for split in row.splits]


def open_data(data: str, folders: DataFolders | None = None, resize: int | str | None = None) -> ImageSet:
    """Real images: a name of `dataset_names()`, or a folder or file of images, or `module:callable`.

    `folders`: where named data sets lie; by default those of the default `Workspace`.
    `resize`: all images become squares of this many pixels, by Pillow's bicubic filter or another one
    (`64:lanczos`); without it they must be of one size.
    """
    rule = resize_of(str(resize), "resize") if resize else ""
    name, _, split = data.partition(":")
    if name in DATASETS:
        if split not in DATASETS[name].splits:
            raise BadInput("unknown-data",
                           f"{name} has the splits {', '.join(DATASETS[name].splits)}; got {data!r}, "
                           f"expected for example {name}:{next(iter(DATASETS[name].splits))}.")
        return all_resized(DATASETS[name].open(split, folders or DataFolders.of(Workspace())), rule)
    return open_images(Path(data), rule)


def reader_of(data: str) -> str:
    """The module that reads DATA."""
    path, name = Path(data), data.partition(":")[0]
    if name in DATASETS:
        return DATASETS[name].open.__module__
    if path.is_dir():
        return open_folder.__module__
    opened = {**FILES, **ENCODED}.get(path.suffix.lower(), open_callable)
    return opened.__module__


def is_images(data: str) -> bool:
    """Whether DATA or MODEL means images: by its name or, where weights have the same extension, by its content."""
    path = Path(data)
    if data.partition(":")[0] in DATASETS or path.suffix in {".npz", ".npy", *ENCODED}:
        return True
    if path.is_dir():
        return not any((path / name).exists() for name in MODELS)
    if not path.is_file():
        return not path.exists() and is_callable(data)
    return path.suffix in (".pt", ".pth") and holds_images(path)


def open_images(path: Path, rule: str = "") -> ImageSet:
    """A folder or file of images, or `module:callable` of the user's; `rule`: `64:bicubic`, or '' for none."""
    if path.is_dir():
        return open_folder(path, rule)
    if not path.exists() and not path.is_symlink():
        if is_callable(str(path)):
            return all_resized(open_callable(str(path)), rule)
        raise BadInput("unknown-data",
                       f"{path} is neither a file or folder nor a known data set ({', '.join(dataset_names())}).")
    check_file(path)
    suffix = path.suffix.lower()
    if suffix in ENCODED:
        return ENCODED[suffix](path, rule)
    if suffix in FILES:
        return all_resized(FILES[suffix](path), rule)
    if suffix == ".pkl":
        for group in groups_in(path):
            check_names(path, group)
    if suffix in SUFFIXES:
        raise BadInput("single-image", f"{path} is a single image, expected {EXPECTED}: at least 2.")
    raise BadInput("not-images", f"{path} is not a set of images: expected {EXPECTED}.")
