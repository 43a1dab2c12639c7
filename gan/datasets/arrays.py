"""Images in one array: a tensor of torch.save (.pt), NumPy's .npy, or what a Python callable of the user's returns."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ganbench.gan.checkpoints import read_checkpoint
from ganbench.gan.datasets.base import ImageSet, of_array
from ganbench.gan.datasets.npz import NAMES, as_bytes, labels_in, to_nchw
from ganbench.gan.interchange import check_names
from ganbench.gan.types import BadInput
from ganbench.gan.usercode import exists, find

CALLABLE = re.compile(r"([A-Za-z_][\w.]*):[A-Za-z_]\w*")   # module:callable


def open_npy(path: Path) -> ImageSet:
    """NHWC, NCHW or NHW uint8."""
    try:
        images = np.load(path, allow_pickle=False)
    except MemoryError as error:
        raise BadInput("too-large", f"{path} does not fit into memory: {error}.") from error
    except (OSError, ValueError, EOFError) as error:
        raise BadInput("unreadable-data", f"{path} is not a readable .npy file of numbers: {error}.") from error
    return of_images(images, None, str(path))


def open_tensor(path: Path) -> ImageSet:
    """A tensor of images, or a dictionary with `images` and perhaps `labels`; nothing in the file is run."""
    return of_anything(read_checkpoint(path), str(path))


def holds_images(path: Path) -> bool:
    """Whether a .pt or .pth file holds a tensor of images, and not weights."""
    try:
        content = read_checkpoint(path)
    except BadInput:
        return False
    if isinstance(content, Mapping):
        content = next((content[name] for name in NAMES if name in content), None)
    return isinstance(content, torch.Tensor) and content.ndim in (3, 4) and content.dtype == torch.uint8


def is_callable(name: str) -> bool:
    """Whether `module:callable` names a module that is there."""
    found = CALLABLE.fullmatch(name)
    return found is not None and exists(found[1])


def open_callable(name: str) -> ImageSet:
    """`module:callable` returns an array or tensor of images, (images, labels), or yields them in batches.

    It runs the user's code, and has to return the same images whenever it is called.
    """
    made = find(name)()
    if not isinstance(made, np.ndarray | torch.Tensor | Mapping | tuple):
        if not isinstance(made, Iterable):
            raise BadInput("not-images",
                           f"{name} returned a {type(made).__name__}, expected images: an array, a tensor, or batches.")
        batches = [batch.numpy() if isinstance(batch, torch.Tensor) else np.asarray(batch) for batch in made]
        if not batches:
            raise BadInput("no-images", f"{name} returned no images.")
        made = np.concatenate(batches)
    return of_anything(made, name)


def of_anything(content: Any, source: str) -> ImageSet:
    labels = None
    if isinstance(content, Mapping):
        name = next((name for name in NAMES if name in content), "")
        if not name:
            check_names(source, content)
            raise BadInput("no-images",
                           f"{source} has no images under {', '.join(NAMES)}; it holds "
                           f"{', '.join(map(str, list(content)[:6])) or 'nothing'}.")
        content, labels = content[name], content.get("labels")
    elif isinstance(content, tuple):
        if len(content) != 2:
            raise BadInput("not-images", f"{source} gives a tuple of {len(content)}, expected (images, labels).")
        content, labels = content
    return of_images(content, labels, source)


def of_images(images: Any, labels: Any, source: str) -> ImageSet:
    arrays = {"labels": as_array(labels, source)} if labels is not None else {}
    path = Path(source)
    found = as_bytes(to_nchw(as_array(images, source), path, "the array"), path, "the array")
    return of_array(source, found, labels_in(arrays, len(found), path))


def as_array(values: Any, source: str) -> np.ndarray:
    if isinstance(values, torch.Tensor):
        return values.detach().cpu().numpy()
    if isinstance(values, np.ndarray):
        return values
    raise BadInput("not-images", f"{source} gives a {type(values).__name__}, expected an array or tensor of images.")
