"""The real images of a study: read once, brought to the model's size and colours, checked, and split."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ganbench.gan.datasets import DataFolders, ImageSet
from ganbench.gan.files import atomic_write, check_room
from ganbench.gan.images import write_npz
from ganbench.gan.models.images import open_set
from ganbench.gan.photos import photo
from ganbench.gan.recipes.training_set import HELD_OUT_FILE, ReadingOptions, TrainingSet, as_images, kept_in, prepare
from ganbench.gan.study.options import Study
from ganbench.gan.types import BadInput, Workspace, digest_of

MOST = 50_000           # images of a larger set, evenly chosen
IMAGES = "images.npz"
KEY = "made-of"         # a file that is written last
Shape = tuple[int, int, int]


@dataclass(frozen=True)
class RealImages:
    """The images of a study in its folder."""

    folder: Path
    name: str                       # what the user called them
    there: int                      # images of that
    sizes: tuple[str, ...]          # `28x28`, the commonest first
    channels: int                   # of theirs
    kept: TrainingSet

    @property
    def all(self) -> Path:
        return self.folder / IMAGES

    @property
    def learnt(self) -> Path:
        return self.folder / "split" / "training.npz"

    @property
    def held_out(self) -> Path:
        return self.folder / "split" / HELD_OUT_FILE

    @property
    def shape(self) -> Shape:
        return self.kept.channels, self.kept.resolution, self.kept.resolution

    @property
    def changed(self) -> bool:
        """Whether they were of another size or other colours than the model's."""
        channels, height, width = self.shape
        return self.sizes != (f"{width}x{height}",) or self.channels != channels

    @property
    def n(self) -> int:
        return self.kept.n + self.kept.held_out


def real_images(asked: Study, shape: Shape, folder: Path, workspace: Workspace) -> RealImages:
    """Read, fit to `shape` (C, H, W), write `images.npz` into the folder, and hold some of them out.

    BadInput: images that cannot be read or do not fit, or too few of them.
    """
    folders = DataFolders.of(workspace)
    images, sizes = opened(asked.data, shape, asked.fit, folders)
    others = [] if not asked.held_out or asked.held_out.endswith("%") else [open_set(asked.held_out, folders, shape[1])]
    key = digest_of([images.digest, images.classes, shape, asked.fit, asked.no_classes, asked.held_out,
                     [one.digest for one in others]])
    kept = kept_in(folder / "split") if noted(folder) == key else None
    if kept is None:
        kept = written(images, asked, shape, folder, folders)
        atomic_write(folder / KEY, lambda path: path.write_text(key, "utf-8"))
    return RealImages(folder, asked.data, images.n, sizes, images.shape[0], kept)


def noted(folder: Path) -> str:
    """What the images that are there were made of."""
    try:
        return (folder / KEY).read_text("utf-8")
    except OSError:
        return ""


def written(images: ImageSet, asked: Study, shape: Shape, folder: Path, folders: DataFolders) -> TrainingSet:
    rows = np.unique(np.linspace(0, images.n - 1, min(images.n, MOST)).astype(np.int64)).tolist()
    check_room(folder, 20_000_000 + 3 * len(rows) * int(np.prod(shape)))
    labels = None if images.labels is None or asked.no_classes else images.labels[rows].tolist()
    (folder / KEY).unlink(missing_ok=True)
    write_npz(folder / IMAGES, fitted(images, rows, shape, asked.fit), labels, images.classes if labels else ())
    kept = prepare(ReadingOptions(str(folder / IMAGES), held_out=asked.held_out), folders, folder / "split", False)
    as_images(folder / "split")
    return kept


def opened(data: str, shape: Shape, fit: str, folders: DataFolders) -> tuple[ImageSet, tuple[str, ...]]:
    """The set, and the sizes of its images; those of unequal sizes are read at the model's size."""
    if shape[1] != shape[2]:
        raise BadInput("wrong-size",
                       f"The model makes images of {shape[2]}x{shape[1]} pixels; a study takes models of square "
                       "images, since the baselines learn such.")
    try:
        found = open_set(data, folders)
    except BadInput as error:
        if error.code != "unequal-sizes":
            raise
        if fit != "squeeze":
            raise BadInput("unequal-sizes",
                           f"The images of {data} are of several sizes, which can only be squeezed to the model's; got "
                           f"--fit {fit}.") from error
        found = open_set(data, folders, shape[1])
    sizes = Counter(found.sizes) or Counter({found.shape[1:]: found.n})
    return found, tuple(f"{width}x{height}" for (height, width), _ in sizes.most_common())


def fitted(images: ImageSet, rows: list[int], shape: Shape, fit: str) -> np.ndarray:
    """(n, *shape) uint8."""
    made = np.empty((len(rows), *shape), np.uint8)
    for start in range(0, len(rows), 500):
        for i, image in enumerate(images.read(rows[start : start + 500]), start):
            made[i] = image if image.shape == shape else photo(image, shape, fit, images.name)
    return made
