"""Statistics and features in the file formats of other tools, for reading and writing.

pytorch-fid and TTUR: .npz with mu, sigma.  clean-fid: the same, and .npz with feats for its kernel distance.
guided-diffusion: .npz with mu, sigma, mu_s, sigma_s (sFID) beside the images arr_0.  torch-fidelity: .pt of its cache,
a dictionary of mu and sigma, or a matrix of features.  EDM2: .pkl with {"fid": {"mu", "sigma"}, "fd_dinov2": ...}.
Nothing in a file is run.
"""

from __future__ import annotations

import io
import math
import pickle
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ganbench.gan.checkpoints import check_size, read_checkpoint
from ganbench.gan.files import atomic_write
from ganbench.gan.statistics import check_features
from ganbench.gan.types import BadInput, Statistics

MOST_BYTES = 2_000_000_000  # of a pickle, which is read at once
MEANS = {"m", "mu", "mean", "means", "avg"}  # common names of the mean
ASYMMETRY = 1e-5  # tolerance, relative to the largest entry, for float32 covariances of other tools
VIEWS = {"features": ("mu", "sigma"), "spatial": ("mu_s", "sigma_s")}  # view -> the names of guided-diffusion
SUFFIXES = {".npz": "pytorch-fid, TTUR, clean-fid, guided-diffusion", ".pt": "torch-fidelity", ".pkl": "EDM2"}
DAMAGED = (OSError, ValueError, EOFError, AttributeError, TypeError, KeyError, NotImplementedError, zipfile.BadZipFile,
           zlib.error)
EDM2 = ("fid", "fd_dinov2")  # what EDM2 calls its detectors
Group = Mapping[str, Any]  # the arrays of one extractor, by their names in the file


# Reading

def is_statistics(path: Path | str) -> bool:
    """Whether a file holds statistics (mu, sigma) of features; False if it cannot be read."""
    try:
        return any({"mu", "sigma"} <= group.keys() for group in groups_in(Path(path), names_only=True))
    except BadInput:
        return False


def is_features(path: Path | str) -> bool:
    """Whether a file holds a matrix of features: clean-fid's `feats`, or a 2-D tensor of torch-fidelity's cache."""
    try:
        return any("feats" in group for group in groups_in(Path(path), names_only=True))
    except BadInput:
        return False


def load_statistics(path: Path | str, view: str = "features", d: int | None = None) -> Statistics | None:
    """The statistics in a file; None when it has none of this view.  n = 0: the number of images is unknown.

    `d`: the requested length, where a file holds the statistics of several extractors.
    """
    mean, covariance = VIEWS[view]
    groups = [group for group in groups_in(Path(path)) if {mean, covariance} <= group.keys()]
    if not groups:
        if view == "features":
            found = described(groups_in(Path(path)))
            raise BadInput("no-statistics", f"{path} has no statistics: expected mu and sigma; found {found}.")
        return None
    lengths = [np.size(group[mean]) for group in groups]
    group = groups[lengths.index(d) if d in lengths else 0]
    n = np.asarray(group.get("n", 0))
    arrays = [np.asarray(group[name]) for name in (mean, covariance)]
    for name, array in zip((mean, covariance, "n"), (*arrays, n), strict=True):
        if array.dtype.kind not in "fiu":
            raise BadInput("unfit-statistics", f"{path}: expected numbers in {name}, found {array.dtype}.")
    if n.size != 1 or not n.item() >= 0:
        raise BadInput("unfit-statistics", f"{path}: expected n, the number of feature vectors, found {n}.")
    mu, sigma = (array.astype(np.float64) for array in arrays)
    check_covariance(str(path), mu, sigma)
    return Statistics(mu, sigma, int(n.item()))


def check_names(path: Path | str, arrays: Mapping[str, Any]) -> None:
    """Refuse what looks like statistics or features under names that no tool here reads; say what was found, and how
    they have to be called."""
    shapes = {str(name): tuple(np.shape(value)) for name, value in arrays.items()
              if getattr(value, "ndim", 0) in (1, 2) and math.prod(value.shape) > 1}
    square = [name for name, shape in shapes.items() if len(shape) == 2 and shape[0] == shape[1] > 1]
    found = ", ".join(f"{name} {shape}" for name, shape in list(shapes.items())[:6])
    for covariance in square:
        d = shapes[covariance][0]
        mean = next((name for name, shape in shapes.items() if shape in ((d,), (1, d), (d, 1))), "")
        what = (f"{mean} looks like a mean and {covariance} like a covariance" if mean
                else f"{covariance} looks like a covariance, and there is no mean of {d:,} numbers beside it")
        raise BadInput("unfit-statistics",
                       f"{path} holds {found}: {what}; as reference statistics they have to be called mu ({d},) and "
                       f"sigma ({d}, {d}){saved_as(path, mean, covariance, shapes)}.")
    flat = [name for name, shape in shapes.items() if len(shape) == 1]
    alike = len(shapes) == len(flat) > 1 and len(set(shapes.values())) == 1
    if alike and MEANS & {*map(str.lower, flat)}:
        d = shapes[flat[0]][0]
        raise BadInput("unfit-statistics",
                       f"{path} holds {found}: reference statistics are a mean mu ({d},) and a whole covariance sigma "
                       f"({d}, {d}), of which variances are only the diagonal.")
    wide = [name for name, shape in shapes.items() if len(shape) == 2]
    if len(wide) == 1 and np.asarray(arrays[wide[0]]).dtype.kind == "f":
        raise BadInput("unfit-statistics",
                       f"{path} holds {found}: {wide[0]} looks like a vector of features for each image; a reference "
                       f"of features has to be called feats: np.savez(FILE, feats=...).")


def saved_as(path: Path | str, mean: str, covariance: str, shapes: Mapping[str, tuple[int, ...]]) -> str:
    """How to save it anew, as the end of a sentence; of .npz alone it is one line."""
    if not mean or Path(path).suffix != ".npz":
        return ": save them anew under these names"
    flat = "" if len(shapes[mean]) == 1 else ".ravel()"
    return (f': f = np.load("{Path(path).name}"); np.savez("statistics.npz", mu=f["{mean}"]{flat}, '
            f'sigma=f["{covariance}"])')


def load_features(path: Path | str) -> np.ndarray:
    """The matrix of features in a file, (n, d) float32."""
    found = [group["feats"] for group in groups_in(Path(path)) if "feats" in group]
    if not found:
        raise BadInput("no-features",
                       f"{path} has no features: expected feats; found {described(groups_in(Path(path)))}.")
    features = np.asarray(found[0])
    if features.dtype.kind not in "fiu":
        raise BadInput("not-features", f"{path}: expected numbers in feats, found {features.dtype}.")
    features = features.astype(np.float32)
    check_features(features)
    return features


def groups_in(path: Path, names_only: bool = False) -> list[Group]:
    """The arrays of each extractor in a file."""
    if not path.is_file():
        raise BadInput("no-such-file", f"There are no statistics at {path}.")
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise BadInput("no-statistics", f"{path} is not a statistics file: expected {', '.join(SUFFIXES)}.")
    return reader(path, names_only)


def described(groups: list[Group]) -> str:
    return ", ".join(sorted({name for group in groups for name in group})) or "nothing"


def read_npz(path: Path, names_only: bool = False) -> list[Group]:
    """One group; images beside the statistics, gigabytes in guided-diffusion's batches, stay on disk."""
    wanted = {"feats", "n", *(name for names in VIEWS.values() for name in names)}
    try:
        # np.load leaves a file open that it takes for a broken archive
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            check_size(archive.zip.infolist(), path)
            return [{name: archive[name] if name in wanted and not names_only else np.empty(0)
                     for name in archive.files}]
    except BadInput:
        raise
    except MemoryError as error:
        raise BadInput("too-large", f"{path} does not fit into memory.") from error
    except DAMAGED as error:
        raise BadInput("unreadable-statistics",
                       f"{path} is not a readable .npz with mu and sigma: {str(error).rstrip('.')}.") from error


def read_pt(path: Path, names_only: bool = False) -> list[Group]:
    """A file of torch-fidelity's cache; weights are not statistics."""
    with torch.serialization.safe_globals(ARRAYS):
        content = read_checkpoint(path)
    if isinstance(content, torch.Tensor) and content.ndim == 2:
        return [{"feats": content.numpy()}]
    if isinstance(content, np.ndarray) and content.ndim == 2:
        return [{"feats": content}]
    if not isinstance(content, Mapping):
        return []
    return [{str(name): value.numpy() if isinstance(value, torch.Tensor) else value for name, value in content.items()}]


def read_pkl(path: Path, names_only: bool = False) -> list[Group]:
    """EDM2's pickle, with an unpickler that loads only arrays and dictionaries."""
    if path.stat().st_size > MOST_BYTES:
        raise BadInput("too-large", f"{path} has more than the {MOST_BYTES:,} bytes that are read of a pickle.")
    try:
        content = Arrays(io.BytesIO(path.read_bytes())).load()
    except NamesCode as error:
        raise BadInput("untrusted-code", f"{path} is not read: {error}.") from error
    except Exception as error:  # whatever a damaged pickle runs into
        raise BadInput("unreadable-statistics", f"{path} is truncated or damaged: {error}.") from error
    if not isinstance(content, dict):
        raise BadInput("no-statistics",
                       f"{path} holds a {type(content).__name__}, expected a dictionary of statistics as EDM2 writes.")
    n = {"n": np.int64(content["num_images"])} if isinstance(content.get("num_images"), int) else {}
    found: list[Group] = [{**n, **value} for value in content.values() if isinstance(value, dict)]
    return found or [content]


RECONSTRUCT = np.empty(0).__reduce__()[0]
SCALAR = np.float32(0).__reduce__()[0]
FROM_BUFFER = np.empty(0).__reduce_ex__(5)[0]
ALLOWED: dict[str, Any] = {
    **{f"numpy.{core}.multiarray.{name}": function for core in ("core", "_core")
       for name, function in (("_reconstruct", RECONSTRUCT), ("scalar", SCALAR))},
    **{f"numpy.{core}.numeric._frombuffer": FROM_BUFFER for core in ("core", "_core")},
    "numpy.ndarray": np.ndarray, "numpy.dtype": np.dtype, "_codecs.encode": __import__("_codecs").encode,
    "collections.OrderedDict": dict, "dnnlib.util.EasyDict": dict,
}
# The same for torch's own restricted unpickler.
ARRAYS: list[Any] = [(found, name) for name, found in ALLOWED.items() if name.startswith(("numpy", "_codecs"))] + [
    type(np.dtype(name)) for name in ("float32", "float64", "int64")
]


class NamesCode(pickle.UnpicklingError):
    """A pickle refers to something other than arrays."""


class Arrays(pickle.Unpickler):
    """Numbers, text, containers and NumPy arrays; other names in a pickle are refused without importing them."""

    def find_class(self, module: str, name: str) -> Any:
        known = f"{module}.{name}"
        if known not in ALLOWED:
            raise NamesCode(f"it asks for {known}, and only arrays are loaded, since code would run")
        return ALLOWED[known]


READERS: dict[str, Callable[[Path, bool], list[Group]]] = {".npz": read_npz, ".pt": read_pt, ".pth": read_pt,
                                                           ".pkl": read_pkl}


def check_covariance(path: str, mu: np.ndarray, sigma: np.ndarray) -> None:
    if mu.ndim != 1 or sigma.shape != (mu.size, mu.size):
        raise BadInput("unfit-statistics",
                       f"{path}: expected mu (d,) and sigma (d, d), found {mu.shape} and {sigma.shape}.")
    if not (np.isfinite(mu).all() and np.isfinite(sigma).all()):
        raise BadInput("features-not-finite", f"{path}: mu or sigma hold NaN or infinity.")
    if mu.size and np.abs(sigma - sigma.T).max() > ASYMMETRY * np.abs(sigma).max():
        raise BadInput("not-a-covariance", f"{path}: sigma is not symmetric, so it is not a covariance matrix.")
    if (sigma.diagonal() < 0).any():
        raise BadInput("not-a-covariance",
                       f"{path}: sigma has a negative variance on its diagonal, so it is not a covariance matrix.")


# Writing

def save_statistics(
    path: Path | str, statistics: Statistics, spatial: Statistics | None = None, images: np.ndarray | None = None,
    detector: str = "fid",
) -> None:
    """Write statistics by the file extension: .npz for pytorch-fid, TTUR, clean-fid and guided-diffusion, .pt for
    torch-fidelity, .pkl for EDM2, under the name of one of its detectors.

    `spatial`: statistics for sFID; `images`: NHWC uint8, which guided-diffusion needs for precision and recall.
    """
    path = Path(path)
    check_statistics_name(path)
    arrays = {"mu": statistics.mu, "sigma": statistics.sigma}
    extra: dict[str, Any] = {"n": np.int64(statistics.n)}
    if spatial is not None:
        extra |= {"mu_s": spatial.mu, "sigma_s": spatial.sigma}
    if images is not None:
        extra["arr_0"] = images
    if path.suffix == ".npz":
        atomic_write(path, lambda file: write_npz(file, {**arrays, **extra}))
    elif path.suffix == ".pt":
        atomic_write(path, lambda file: torch.save(arrays, file))
    else:
        text = pickle.dumps({"num_images": statistics.n, detector: arrays})
        atomic_write(path, lambda file: file.write_bytes(text))


def check_statistics_name(path: Path) -> None:
    if path.suffix not in SUFFIXES:
        kinds = ", ".join(f"{suffix} ({tools})" for suffix, tools in SUFFIXES.items())
        raise BadInput("unknown-output-format", f"Statistics can be written as {kinds}; {path} is none of these.")


def write_npz(path: Path, arrays: Mapping[str, Any]) -> None:
    with path.open("wb") as file:  # a handle: np.savez would append .npz to a bare name
        np.savez(file, **arrays)
