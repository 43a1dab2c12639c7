"""Images in a NumPy .npz file, as guided-diffusion's sampling scripts write them."""

from __future__ import annotations

import math
import zipfile
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ganbench.gan.checkpoints import check_size
from ganbench.gan.datasets.base import ImageSet, of_array, other_images
from ganbench.gan.images import read_bytes
from ganbench.gan.interchange import check_names
from ganbench.gan.types import BadInput

NAMES = ("arr_0", "images", "samples")
DAMAGED = (OSError, EOFError, AttributeError, KeyError, NotImplementedError, zipfile.BadZipFile, zlib.error)
BYTES = {                                                   # usual ranges, the narrowest first -> bytes, rounded
    (0.0, 1.0): "(x * 255 + 0.5).clip(0, 255)",
    (-0.5, 0.5): "(x * 255 + 128).clip(0, 255)",
    (-1.0, 1.0): "(x * 127.5 + 128).clip(0, 255)",
    (0.0, 255.0): "(x + 0.5).clip(0, 255)",
}
SLACK = 0.05                                                # of a range's width, by which values may leave it
LABELS = ("arr_1", "labels", "y")


def open_npz(path: Path) -> ImageSet:
    """arr_0 (also `images`, `samples`, or the only array of images): NHWC, NCHW or NHW uint8; arr_1: labels, `classes`:
    the names of those classes."""
    arrays = read_arrays(path)
    name = next((name for name in NAMES if name in arrays), "")
    if not name and {"mu", "sigma"} <= arrays.keys():
        raise BadInput("statistics-not-images",
                       f"{path} holds reference statistics (mu, sigma), which can stand for DATA, not for images.")
    if not name or arrays[name].ndim < 3:
        check_names(path, arrays)
    several = [key for key, value in arrays.items() if value.ndim in (3, 4)]
    if not name and len(several) != 1:
        raise BadInput("no-images",
                       f"{path} has no array of images under {', '.join(NAMES)}; it holds {summary(arrays)}.")
    name = name or several[0]
    images = as_bytes(to_nchw(arrays[name], path, name), path, name)
    others = [key for key in several if key != name]
    labels = labels_in(arrays, len(images), path)
    found = of_array(str(path), images, labels, classes_in(arrays, labels))
    return replace(found, lost=other_images(str(path), name, others))


def holds_images(path: Path) -> bool:
    """Whether there are images beside what else an .npz holds, as in guided-diffusion's reference batches."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return any(name in arrays.files for name in NAMES)
    except (*DAMAGED, ValueError):
        return False


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    head = read_bytes(path, 8)
    if head[:2] != b"PK":
        raise BadInput("unreadable-data", f"{path} is not an .npz file: it begins with {head.hex() or 'nothing'}.")
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            check_size(arrays.zip.infolist(), path)
            return {name: arrays[name] for name in arrays.files}
    except BadInput:
        raise
    except ValueError as error:
        if "allow_pickle" in str(error) or "Object arrays" in str(error):
            raise BadInput("untrusted-code",
                           f"{path} holds pickled Python objects, which are not loaded because that would run "
                           "code from the file, expected arrays of uint8.") from error
        raise BadInput("unreadable-data", f"{path} is damaged: {error}.") from error
    except MemoryError as error:
        raise BadInput("too-large", f"{path} does not fit into memory.") from error
    except DAMAGED as error:
        raise BadInput("unreadable-data",
                       f"{path} is not a readable .npz file, it may be truncated: {error}.") from error


def to_nchw(images: np.ndarray, path: Path, name: str) -> np.ndarray:
    if images.ndim == 3:
        return images[:, None]
    if images.ndim == 4 and images.shape[3] in (1, 3):
        return images.transpose(0, 3, 1, 2)
    if images.ndim == 4 and images.shape[1] in (1, 3):
        return images
    raise BadInput("not-images", f"{path}: {name} has the shape {images.shape}, expected (n, height, width, 1 or 3).")


def as_bytes(images: np.ndarray, path: Path, name: str) -> np.ndarray:
    """uint8 in 0..255; other types only when they hold just such values."""
    if images.size == 0 or images.dtype.kind not in "uif":
        hint = ": of true and false make (x * 255).astype(np.uint8)" if images.dtype.kind == "b" else ""
        raise BadInput("not-uint8",
                       f"{path}: {name} is {images.dtype} of shape {images.shape}, expected uint8 images{hint}.")
    low, high = images.min(), images.max()
    if images.dtype != np.uint8:
        whole = images.dtype.kind != "f" or bool(np.all(images == np.floor(images)))
        if not (whole and low >= 0 and 1 < high <= 255):
            raise BadInput("not-uint8",
                           f"{path}: {name} holds {images.dtype} values from {low:g} to {high:g}, expected uint8 in "
                           f"0..255: {quantiser(float(low), float(high), images.dtype)}.")
        return images.astype(np.uint8)
    if high <= 1:
        raise BadInput("out-of-range",
                       f"{path}: {name} is uint8 but holds nothing above {high}: values in [0, 1] were probably "
                       "made uint8 without multiplying them by 255.")
    return images


def quantiser(low: float, high: float, dtype: np.dtype[Any]) -> str:
    """What makes bytes of such values x, as the end of a sentence: by the narrowest of the usual ranges that holds
    them."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return "take out what is NaN or infinite first"
    if dtype.kind in "ui" and low >= 0 and high > 255:
        return "of 16 bits keep the upper 8, (x >> 8).astype(np.uint8)"
    for (least, most), formula in BYTES.items():
        slack = SLACK * (most - least) if most - least <= 4 * (high - low) else 0
        if least - slack <= low and high <= most + slack:
            return f"they seem to lie in [{least:g}, {most:g}], so quantise them with {formula}.astype(np.uint8)"
    return "bring them from the range that they have to [0, 1] first, all by the same rule, then x * 255"


def labels_in(arrays: dict[str, np.ndarray], n: int, path: Path) -> np.ndarray | None:
    name = next((name for name in LABELS if name in arrays), "")
    if not name:
        return None
    labels = arrays[name]
    if labels.shape != (n,) or labels.dtype.kind not in "ui" or (n and int(labels.min()) < 0):
        raise BadInput("labels-do-not-fit",
                       f"{path}: {name} is {labels.dtype} of shape {labels.shape}, expected {n:,} class numbers.")
    return labels.astype(np.int64)


def classes_in(arrays: dict[str, np.ndarray], labels: np.ndarray | None) -> tuple[str, ...]:
    """Empty where there is no name for each number."""
    names = arrays.get("classes", np.empty(0))
    if labels is None or names.ndim != 1 or names.dtype.kind != "U" or len(names) <= labels.max(initial=-1):
        return ()
    return tuple(names.tolist()) if len(set(names.tolist())) == len(names) else ()


def summary(arrays: dict[str, np.ndarray]) -> str:
    return ", ".join(f"{name} {value.shape}" for name, value in list(arrays.items())[:6]) or "nothing"
