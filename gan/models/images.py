"""Images on disk as a model: looked at, and opened."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from ganbench.gan.datasets import DataFolders, ImageSet, open_data
from ganbench.gan.datasets.classes import renumbered
from ganbench.gan.datasets.folder import pictures
from ganbench.gan.files import fingerprint
from ganbench.gan.generators.images import ImagesOnDisk
from ganbench.gan.types import BadInput, ModelSpec, Workspace


def completed_images(spec: ModelSpec, workspace: Workspace) -> ModelSpec:
    """Look at the images; note their digest and shape."""
    images = open_images(spec, workspace).images
    height, width = images.shape[1:]
    resolution = height if height == width else None
    return replace(spec, sha256=images.digest, channels=images.shape[0], resolution=resolution, latent="none")


def open_images(spec: ModelSpec, workspace: Workspace) -> ImagesOnDisk:
    """The finite model; its digest must still be the spec's, if that has one."""
    known = {"numbers", "resize", "shuffled"}
    if unknown := spec.arguments.keys() - known:
        raise BadInput("unknown-argument",
                       f"Images on disk have no argument {min(unknown)!r}, only {', '.join(sorted(known))}.")
    images = open_set(spec.weights, DataFolders.of(workspace), spec.arguments.get("resize"))
    if spec.sha256 and images.digest != spec.sha256:
        raise BadInput("changed-content",
                       f"{spec.weights} has changed: its digest is {images.digest}, expected {spec.sha256}.")
    if "numbers" in spec.arguments:
        images = renumbered(images, spec.arguments["numbers"])
    return ImagesOnDisk(images, bool(spec.arguments.get("shuffled", False)))


def open_set(data: str, folders: DataFolders, resize: int | None = None) -> ImageSet:
    """`open_data`, remembered while no file has changed: a scan reads every byte."""
    return _opened(data, folders, resize, stamp(Path(data)))


@lru_cache(maxsize=8)
def _opened(data: str, folders: DataFolders, resize: int | None, stamp: int) -> ImageSet:
    return open_data(data, folders, resize)


def stamp(path: Path) -> int:
    """Changes whenever a picture below the path appears, vanishes or is written; constant for names of data sets."""
    files = pictures(path, set()) if path.is_dir() else [path] if path.is_file() else []
    return hash(tuple((str(file), *fingerprint(file)) for file in files))
