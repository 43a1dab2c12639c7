"""Images on disk as a model."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from ganbench.gan.datasets import DataFolders, ImageSet, open_data
from ganbench.gan.datasets.base import part_of
from ganbench.gan.datasets.classes import renumbered
from ganbench.gan.datasets.folder import pictures
from ganbench.gan.files import fingerprint
from ganbench.gan.generators.images import ImagesOnDisk
from ganbench.gan.preprocessing import reading_size, steps_in
from ganbench.gan.types import BadInput, ModelSpec, Workspace

SIDES = {"held_out", "all_but"}             # arguments that jobs give: percent that are held out of a reference


def completed_images(spec: ModelSpec, workspace: Workspace) -> ModelSpec:
    """Scan the images; record their digest and shape."""
    images = open_images(spec, workspace).images
    height, width = images.shape[1:]
    resolution = height if height == width else None
    return replace(spec, sha256=images.digest, channels=images.shape[0], resolution=resolution, latent="none")


def open_images(spec: ModelSpec, workspace: Workspace) -> ImagesOnDisk:
    """The finite model; its digest must still be the spec's, if that has one."""
    known = {"numbers", "resize", "shuffled"}
    if unknown := spec.arguments.keys() - known - SIDES:
        raise BadInput("unknown-argument",
                       f"Images on disk have no argument {min(unknown)!r}, only {', '.join(sorted(known))}.")
    images = set_of(spec, workspace)
    if spec.sha256 and spec.sha256 != images.digest and spec.sha256 != digest_before(spec, workspace):
        raise BadInput("changed-content",
                       f"{spec.weights} has changed: its digest is {images.digest}, expected {spec.sha256}.")
    if "numbers" in spec.arguments:
        images = renumbered(images, spec.arguments["numbers"])
    return ImagesOnDisk(images, bool(spec.arguments.get("shuffled", False)))


def set_of(spec: ModelSpec, workspace: Workspace) -> ImageSet:
    """The images that a spec names, resized if that comes first, and the requested part of them."""
    resize = spec.arguments.get("resize") or reading_size(steps_in(spec))
    images = open_set(spec.weights, DataFolders.of(workspace), resize or None)
    for side in SIDES & spec.arguments.keys():
        images = part_of(images, spec.arguments[side] / 100, side == "held_out")
    return images


def digest_before(spec: ModelSpec, workspace: Workspace) -> str:
    """The digest of the images before a protocol's preprocessing, which a model file may promise."""
    return set_of(replace(spec, preprocessing=()), workspace).digest if spec.preprocessing else ""


def open_set(data: str, folders: DataFolders, resize: int | str | None = None) -> ImageSet:
    """`open_data`, cached while no file has changed, since a scan reads every byte."""
    return _opened(data, folders, resize, stamp(Path(data)))


@lru_cache(maxsize=8)
def _opened(data: str, folders: DataFolders, resize: int | str | None, stamp: int) -> ImageSet:
    return open_data(data, folders, resize)


def stamp(path: Path) -> int:
    """Changes whenever a picture below the path appears, vanishes or is written; constant for names of data sets."""
    files = pictures(path).files if path.is_dir() else [path] if path.is_file() else []
    return hash(tuple((str(file), *fingerprint(file)) for file in files))
