"""Checkpoints: weights from a path, or a URL with its sha256, read without running any code of the file."""

from __future__ import annotations

import argparse
import http.client
import json
import pathlib
import pickle
import re
import shutil
import threading
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from ganbench.gan import pickles
from ganbench.gan.files import atomic_write, check_file, file_digest
from ganbench.gan.pickles import names_in
from ganbench.gan.renaming import (
    COUNTERS,
    KEYS,
    STATISTICS,
    completed,
    first_of,
    is_unnamed,
    renamed,
    with_dots,
    without_prefixes,
)
from ganbench.gan.types import BadInput

__all__ = ["file_digest", "find_weights", "load_into", "load_state", "read_checkpoint", "read_plain", "select_state",
           "state_dicts"]

LEGACY = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"     # torch.save before PyTorch 1.6
FLOATS = [type(np.dtype(name)) for name in ("float16", "float32", "float64", "int32", "int64", "bool")]
SCALAR = np.float32(0).__reduce__()[0]                      # numpy's function that makes one number
# Plain data that training scripts store beside the weights; none of it can run code.
SAFE: list[Any] = [argparse.Namespace, pathlib.PosixPath, np.dtype, *FLOATS,
                   (SCALAR, "numpy._core.multiarray.scalar"), (SCALAR, "numpy.core.multiarray.scalar")]
NORM = re.compile(r"\.(weight_(g|v|u|orig)|parametrizations\.weight\.(original[01]?|0\._[uv]))$")
MOST_LISTED = 100_000                                       # items of a list that is looked through
OPTIMISER = {"exp_avg", "exp_avg_sq", "momentum_buffer", "square_avg"}
# Libraries whose objects lie beside weights as settings, none of which a network is made of
SETTINGS = {"pytorch_lightning", "lightning", "lightning_fabric", "lightning_utilities", "omegaconf", "ml_collections",
            "easydict", "addict", "munch", "yacs", "argparse", "pathlib", "collections", "numpy", "fairscale"}
LOADING = threading.Lock()                                  # torch's list of safe classes belongs to the process
MOST_UNPACKED, MOST_RATIO = 1_000_000_000, 100              # bytes; and how often the size of the archive beside them
MOST_REPEATED = 100_000_000                                 # values of a tensor whose storage holds fewer
SECONDS = 10                                                # to connect, and between two blocks of a download


def load_state(path: Path, key: str = "", trust_pickle: bool = False) -> dict[str, Tensor]:
    """The state dict of a checkpoint file, on the CPU, without `module.` and `_orig_mod.` prefixes.

    `key` is a dotted path into the file (`state_dict.generator`); without it the usual keys are tried.
    """
    return select_state(read_checkpoint(path, trust_pickle), path, key)[1]


def read_checkpoint(path: Path, trust_pickle: bool = False) -> Any:
    """The content of the file: a state dict, or a dictionary that contains some.

    No code of the file is run, unless `trust_pickle`, and then only if the weights cannot be read without it.
    """
    head = read_head(path)
    if path.suffix == ".safetensors" or head[8:9] == b"{":
        return read_safetensors(path)
    if head[:4] == b"PK\x03\x04":
        names = check_archive(path)
        if is_torchscript(names):
            return read_torchscript(path, trust_pickle)
    elif head[: len(LEGACY)] != LEGACY:
        return read_raw_pickle(path, head, trust_pickle)
    return read_torch(path, trust_pickle)


def read_head(path: Path) -> bytes:
    """The first 512 bytes of a file that may be a checkpoint."""
    if path.is_dir():
        raise BadInput("not-a-file", f"{path} is a folder, expected a file of weights.")
    if not path.exists():
        raise BadInput("no-such-file", f"{path} does not exist, expected a file of weights.")
    check_file(path)
    try:
        with path.open("rb") as file:
            head = file.read(512)
    except OSError as error:
        raise BadInput("unreadable-file", f"{path} cannot be read: {error.strerror or error}.") from error
    if not head:
        raise BadInput("empty-file", f"{path} is empty (0 bytes), expected weights.")
    if head.startswith(b"version https://git-lfs"):
        raise BadInput("git-lfs-pointer",
                       f"{path} is a Git LFS pointer, not the weights: fetch the real file with `git lfs pull`.")
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        raise BadInput("web-page", f"{path} is a web page, not weights: the download was answered with HTML or XML.")
    return head


def read_safetensors(path: Path) -> dict[str, Tensor]:
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = file.read(min(length, 100_000_000))
    if header[:1] != b"{" or size < 8:
        raise BadInput("unreadable-weights", f"{path} is not a safetensors file: it has no header.")
    if size < 8 + length:
        raise BadInput("unreadable-weights",
                       f"{path} is truncated: its header should have {length:,} bytes, the file has {size:,}.")
    try:
        entries = [entry for name, entry in json.loads(header).items() if name != "__metadata__"]
        expected = 8 + length + max((int(entry["data_offsets"][1]) for entry in entries), default=0)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError, RecursionError) as error:
        raise BadInput("unreadable-weights", f"{path} is damaged: its safetensors header is not readable.") from error
    if size < expected:
        raise BadInput("unreadable-weights",
                       f"{path} is truncated: it has {size:,} bytes, its header promises {expected:,}.")
    try:
        return in_natural_order(load_file(path))
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        raise BadInput("unreadable-weights", f"{path} is not a valid safetensors file: {one_line(error)}.") from error


def in_natural_order(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """`main.3` before `main.10`, in the order of layers; safetensors stores tensors in another order."""
    def key(name: str) -> list[tuple[int, str]]:
        return [(int(word), "") if word.isdigit() else (-1, word) for word in name.split(".")]

    return {name: state[name] for name in sorted(state, key=key)}


def check_archive(path: Path) -> list[str]:
    """The names in a zip archive, which torch.save must have written; a cut one has lost the directory at its end."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            names = [entry.filename for entry in entries]
    except (zipfile.BadZipFile, OSError, NotImplementedError) as error:
        raise BadInput("unreadable-weights",
                       f"{path} is truncated or damaged: {path.stat().st_size:,} bytes of a zip archive "
                       "without its end.") from error
    if any(name.endswith("/archive_format") for name in names):
        raise BadInput("not-weights",
                       f"{path} is a program of torch.export, not weights: give it as MODEL, without --family.")
    if not any(name.endswith("data.pkl") for name in names):
        raise BadInput("not-weights", f"{path} is a zip archive that torch.save did not write: it has no data.pkl.")
    check_size(entries, path)
    return names


def is_torchscript(names: Iterable[str]) -> bool:
    """torch finds entries whatever their case, and loads such an archive as a program."""
    return any(name.lower().endswith("constants.pkl") or "/code/" in name.lower() for name in names)


def read_torchscript(path: Path, trust_pickle: bool) -> nn.Module:
    if not trust_pickle:
        raise BadInput("untrusted-code",
                       f"{path} is a TorchScript program, not weights: give torch.save(model.state_dict(), …), or, if "
                       "you trust the file, --trust-pickle.")
    try:
        return torch.jit.load(path, map_location="cpu")
    except (RuntimeError, OSError, ValueError) as error:
        raise BadInput("unreadable-weights",
                       f"{path} is a TorchScript program that cannot be loaded: {one_line(error)}.") from error


def check_size(entries: Iterable[zipfile.ZipInfo], path: Path) -> None:
    """Refuse zip bombs before they are unpacked: archives with an unusually high compression ratio."""
    packed, unpacked = path.stat().st_size, sum(entry.file_size for entry in entries)
    if unpacked > MOST_UNPACKED + MOST_RATIO * packed:
        raise BadInput("too-large",
                       f"{path} is not read: it has {packed:,} bytes and unpacks to {unpacked:,}, as a zip bomb does.")


def read_torch(path: Path, trust_pickle: bool) -> Any:
    try:
        if trust_pickle:
            plain = read_plain(path)
            return plain or torch.load(path, map_location="cpu", weights_only=False)
        with LOADING, torch.serialization.safe_globals(SAFE):
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        plain = read_plain(path) if only_settings(names_in(path)) else None
        if plain is not None:
            return plain
        if re.search("truncated|ran out|Unsupported operand", str(error)):
            raise BadInput("unreadable-weights",
                           f"{path} is truncated or damaged: its index of tensors cannot be read.") from error
        raise refused(path, str(error)) from error
    except (ImportError, AttributeError) as error:
        raise needs_code(path, error) from error
    except Exception as error:      # whatever a damaged pickle runs into
        raise BadInput("unreadable-weights", f"{path} is truncated or damaged: {one_line(error)}.") from error


def only_settings(names: Iterable[str]) -> bool:
    """Whether a pickle asks for nothing but tensors, containers and the settings of well-known trainers, such as the
    AttributeDict and the callbacks of Lightning 0.9: stand-ins can take their place, and nothing is imported."""
    return all(name.partition(".")[0] in SETTINGS or name in pickles.REBUILD or name in pickles.PLAIN
               or re.fullmatch(r"torch\.\w+Storage|torch\.storage\.\w+|torch\.(device|dtype)", name) for name in names)


def read_plain(path: Path) -> Any:
    """The weights of a torch.save file that also holds other objects, whose classes are not imported (old Lightning).

    None if the weights are inside such objects, which only code of the file could restore.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=False, pickle_module=pickles)
    except Exception:      # whatever a stand-in cannot do
        return None
    return content if dict(state_dicts(content)) and not pickles.holds_modules(content) else None


def read_raw_pickle(path: Path, head: bytes, trust_pickle: bool) -> Any:
    """A pickle that torch.save did not write, such as NVIDIA's .pkl files."""
    protocol_2_or_later = head[0] == 0x80 and 2 <= head[1:2][0] <= 5 if len(head) > 1 else False
    if not protocol_2_or_later and path.suffix not in (".pkl", ".pickle"):
        raise BadInput("not-weights",
                       f"{path} is not a checkpoint: it begins with {head[:8].hex()}, "
                       "expected a file of torch.save or safetensors.")
    if not trust_pickle:
        raise refused(path)
    try:
        with path.open("rb") as file:
            return pickles.OnCPU(file).load()
    except (ImportError, AttributeError) as error:
        raise needs_code(path, error) from error
    except Exception as error:
        raise BadInput("unreadable-weights", f"{path} cannot be unpickled: {one_line(error)}.") from error


def refused(path: Path, reason: str = "") -> BadInput:
    asked = re.search(r"GLOBAL ([\w.]+)", reason)
    what = f" (it asks for {asked[1]})" if asked else ""
    return BadInput(
        "untrusted-code",
        f"{path} is a pickled Python object: loading it would run code from the file{what}. Save the weights with "
        "torch.save(model.state_dict(), …) or safetensors, or, if you trust the file, give --trust-pickle."
    )


def needs_code(path: Path, error: Exception) -> BadInput:
    return BadInput("missing-module",
                    f"{path} needs the code that it was saved with on the Python path: {one_line(error)}.")


def one_line(error: BaseException) -> str:
    """An error's first line without a full stop, for use inside a sentence."""
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__


def select_state(content: Any, path: Path, key: str = "") -> tuple[str, dict[str, Tensor]]:
    """The state dict in a file's content, and its dotted path ('' for the top)."""
    found = dict(state_dicts(content))
    if key:
        chosen = key
        state = found.get(key) or part_of(found, key)
        if state is None:
            raise BadInput("unknown-weights-key", f"{path} has no weights under {key!r}, only under {listed(found)}.")
    else:
        chosen = preferred(found, content, path)
        state = found[chosen]
    return chosen, checked(without_prefixes(state), path)


def state_dicts(content: Any) -> Iterator[tuple[str, dict[str, Tensor]]]:
    """All state dicts in a file's content, by dotted path; modules are replaced by their state dicts, and averaged
    weights completed with names and running statistics from those beside them."""
    found = dict(sets_in(content))
    named = [state for state in found.values() if not is_unnamed(state)]
    for at, state in found.items():
        whole = completed(state, [other for other in named if other is not state])
        if whole is not None or not named:
            yield at, state if whole is None else whole


def sets_in(content: Any, at: str = "", depth: int = 3) -> Iterator[tuple[str, dict[str, Tensor]]]:
    """State dicts and lists of tensors, as they are; what is beside tensors in their dictionary is looked through."""
    if isinstance(content, nn.Module):
        content = content.state_dict()
    if isinstance(content, list | tuple) and len(content) <= MOST_LISTED:
        content = {str(k): value for k, value in enumerate(content)}
    if not isinstance(content, Mapping) or not content or {"state", "param_groups"} <= content.keys():
        return
    tensors = {name: value for name, value in content.items() if isinstance(name, str) and isinstance(value, Tensor)}
    if len(tensors) < len(content):
        tensors = {name: value for name, value in tensors.items() if "." in name or name in ("weight", "bias")}
    if any(value.ndim for value in tensors.values()) and not OPTIMISER & content.keys():
        yield at, dict(with_dots(tensors))
    for name, value in content.items() if depth else ():
        if not isinstance(value, Tensor):
            yield from sets_in(value, f"{at}.{name}" if at else str(name), depth - 1)


def part_of(found: Mapping[str, dict[str, Tensor]], key: str) -> dict[str, Tensor] | None:
    """The entries of a state dict below a prefix: `state_dict.generator` names a part of a Lightning file."""
    for at, state in found.items():
        if not at or key.startswith(f"{at}."):
            prefix = key.removeprefix(f"{at}.") + "."
            part = {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
            if part:
                return without_prefixes(part)
    return None


def parts(state: Mapping[str, Tensor]) -> Iterator[tuple[str, dict[str, Tensor]]]:
    """A state dict split by the first part of its names: usual names of generators first, averaged weights before
    others."""
    names = dict.fromkeys(name.partition(".")[0] for name in state if "." in name)
    for part in sorted(names, key=lambda part: KEYS.index(part) if part in KEYS else len(KEYS)):
        begin = f"{part}."
        yield part, without_prefixes(
            {name.removeprefix(begin): value for name, value in state.items() if name.startswith(begin)})


def preferred(found: Mapping[str, dict[str, Tensor]], content: Any, path: Path) -> str:
    """The path of the generator if no key was given."""
    if not found:
        raise BadInput("not-weights",
                       f"{path} holds {described(content)}, expected a dictionary of named tensors (a state dict).")
    known = [at for at in found if not {*at.split(".")}.isdisjoint(KEYS)]
    if known:
        return min(known, key=lambda at: [KEYS.index(part) if part in KEYS else len(KEYS) for part in at.split(".")])
    if len(found) > 1:
        raise BadInput("several-weights",
                       f"{path} holds several sets of weights ({listed(found)}): choose one with --weights-key.")
    return next(iter(found))


def described(content: Any) -> str:
    if isinstance(content, Mapping):
        return f"a dictionary with {listed(content)}" if content else "an empty dictionary"
    return f"a {type(content).__name__}"


def listed(names: Mapping[Any, Any], most: int = 8) -> str:
    shown = [str(name) or "the top level" for name in list(names)[:most]]
    more = f" (and {len(names) - most} more)" if len(names) > most else ""
    return (", ".join(shown) or "nothing") + more


def without_norms(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights as the layers use them, where training code stores them in parts.

    Weight normalisation: g v / |v| (Salimans & Kingma 2016, arXiv:1602.07868); spectral normalisation: W / u'Wv (Miyato
    et al. 2018, arXiv:1802.05957).
    """
    found = {name: value for name, value in state.items() if not NORM.search(name)}
    for name in state:
        layer = NORM.sub("", name)
        if f"{layer}.weight" in found or layer == name:
            continue
        old, new = f"{layer}.weight", f"{layer}.parametrizations.weight"
        if {f"{old}_g", f"{old}_v"} <= state.keys():
            weight = of_unit_length(state[f"{old}_v"], state[f"{old}_g"])
        elif {f"{new}.original0", f"{new}.original1"} <= state.keys():
            weight = of_unit_length(state[f"{new}.original1"], state[f"{new}.original0"])
        elif {f"{old}_orig", f"{old}_u", f"{old}_v"} <= state.keys():
            weight = of_unit_spectrum(state[f"{old}_orig"], state[f"{old}_u"], state[f"{old}_v"])
        elif {f"{new}.original", f"{new}.0._u", f"{new}.0._v"} <= state.keys():
            weight = of_unit_spectrum(state[f"{new}.original"], state[f"{new}.0._u"], state[f"{new}.0._v"])
        else:
            return dict(state)
        found[f"{layer}.weight"] = weight
    return {name: found[name] for name in (names_of_layers(state) if found.keys() != state.keys() else state)}


def names_of_layers(state: Mapping[str, Tensor]) -> Iterable[str]:
    """Their order, the parts of a weight taken together."""
    return dict.fromkeys(f"{NORM.sub('', name)}.weight" if NORM.search(name) else name for name in state)


def of_unit_length(direction: Tensor, length: Tensor) -> Tensor:
    """g v / |v|, the length counted over the axes of which g has one."""
    axes = [axis for axis, size in enumerate(length.shape) if size == 1]
    norm = torch.linalg.vector_norm(direction, dim=axes, keepdim=True) if axes else direction.abs()
    return direction * (length / norm)


def of_unit_spectrum(weight: Tensor, u: Tensor, v: Tensor) -> Tensor:
    """W / u'Wv; rows of the matrix are outputs, which transposed convolutions have as their second axis."""
    turned = [weight.transpose(0, axis).flatten(1) for axis in (0, 1)]
    values = [float(u @ matrix @ v) for matrix in turned if matrix.shape == (len(u), len(v))]
    return weight / max(values) if values else weight


def checked(state: dict[str, Tensor], path: Path) -> dict[str, Tensor]:
    for name, value in state.items():
        stored = value.untyped_storage().nbytes() // value.element_size() if value.layout == torch.strided else 0
        if value.numel() > max(MOST_REPEATED, stored):
            raise BadInput("unreadable-weights",
                           f"{path} is not usable: {name} has {value.numel():,} values, of which the file holds "
                           f"{stored:,}.")
        if not value.is_floating_point():
            continue
        bad = int((~torch.isfinite(value if value.dtype.itemsize > 1 else value.float())).sum())
        if bad:
            raise BadInput("weights-not-finite",
                           f"{path} is not usable: {name} has {bad:,} of {value.numel():,} values that are NaN or "
                           "infinite, so the training diverged or the file is damaged.")
    return state


def load_into(module: nn.Module, state: Mapping[str, Tensor], source: str | Path, family: str = "") -> None:
    """Copy a state dict into a module; only BatchNorm's `num_batches_tracked`, which does nothing in eval mode,
    may be missing.  `source` and `family` name the file and the model in the message.

    Where names differ, a prefix that maps all of the module's names to the file's is looked for.
    """
    ours = module.state_dict()
    state = for_module(state, module, ours, source)
    missing = [name for name in ours if name not in state and not name.endswith(COUNTERS)]
    unexpected = [name for name in state if name not in ours]
    unlike = [name for name in ours if name in state and ours[name].shape != state[name].shape]
    complaints = []
    if missing:
        none = all(name.endswith(STATISTICS) for name in missing)
        reason = f", running statistics of {layers(missing)}: without them build it with track_running_stats=False"
        complaints.append(f"missing {first(missing)}{reason * none}")
    if unexpected:
        kept = all(name.endswith((*STATISTICS, *COUNTERS)) for name in unexpected)
        reason = f", running statistics of {layers(unexpected)}: build it with track_running_stats=True"
        complaints.append(f"unexpected {first(unexpected)}{reason * kept}")
    if unlike:
        name = unlike[0]
        complaints.append(f"{name} is {tuple(state[name].shape)}, expected {tuple(ours[name].shape)}" + more(unlike))
    if complaints:
        raise BadInput("weights-do-not-fit",
                       f"{source} does not fit {family or type(module).__name__}: {'; '.join(complaints)}.")
    module.load_state_dict(state, strict=False)


def for_module(
    state: Mapping[str, Tensor], module: nn.Module, ours: Mapping[str, Tensor], source: str | Path
) -> Mapping[str, Tensor]:
    """The state dict with the module's names, where a list, a prefix or a normalisation in parts hides them."""
    if is_unnamed(state) and not is_unnamed(ours):
        names = [name for name, _ in module.named_parameters()]
        if len(names) != len(state):
            raise BadInput("weights-do-not-fit",
                           f"{source} is a list of {len(state):,} tensors without names, and the module has "
                           f"{len(names):,} parameters.")
        return dict(zip(names, state.values(), strict=True))
    if not [name for name in state.keys() ^ ours.keys() if not name.endswith(COUNTERS)]:
        return state
    for form in (state, without_norms(state)):
        found = dict(renamed(form, ours))
        chosen = first_of(list(found)) if found else None
        if chosen is not None:
            return found[chosen]
        if found:
            listing = ", ".join(prefix.rstrip(".") or "the top level" for prefix in found)
            raise BadInput("several-weights",
                           f"{source} holds several sets of weights that fit ({listing}): choose one with "
                           "--weights-key.")
    return state


def layers(names: Iterable[str]) -> str:
    """`2 BatchNorm layers (main.1 and 1 more)` of the names of their tensors."""
    found = list(dict.fromkeys(name.rpartition(".")[0] for name in names))
    return f"{len(found)} BatchNorm layer{'s' * (len(found) > 1)} ({first(found)})"


def first(names: list[str]) -> str:
    return names[0] + more(names)


def more(names: list[str]) -> str:
    return f" (and {len(names) - 1} more)" if len(names) > 1 else ""


def find_weights(name: str, file: str, sha256: str, url: str, given: Path | None, cache: Path,
                 option: str = "--inception-weights FILE",
                 instead: str = "measure without it (--convention embedded)") -> Path:
    """Published weights: the file that the user gave, else the cache, else the URL.

    Files from the cache and the URL must have the published sha256.  A given file may have another one, since it was
    given explicitly; the caller records its digest with the score.
    """
    if given is not None:
        read_head(given)
        return given
    target = cache / file
    stale = ""
    if target.is_file():
        digest = file_digest(target)
        if digest == sha256:
            return target
        stale = f"; {target} is there, but its sha256 is {digest[:12]}…"
    problem = download(url, target, sha256)
    if problem:
        raise BadInput(
            "not-fetched",
            f"{name} needs {file} (sha256 {sha256}), which could not be fetched from {url} ({problem}{stale}): "
            f"give it with {option}, put it into {cache}, or {instead}."
        )
    return target


def download(
    url: str, target: Path, sha256: str, retries: int = 1, digest: Callable[[Path], str] = file_digest
) -> str:
    """Download a file whose sha256 is known; returns the reason for a failure, or ''."""
    problem = "no address is known"
    for _ in range(retries + 1 if url else 0):
        try:
            atomic_write(target, lambda partial: fetch(url, partial, sha256, digest))
        except (OSError, EOFError, http.client.HTTPException, ValueError) as error:     # BadInput is a ValueError
            problem = one_line(error)
        else:
            return ""
    return problem


def fetch(url: str, partial: Path, sha256: str, digest: Callable[[Path], str]) -> None:
    try:
        answer = urllib.request.urlopen(url, timeout=SECONDS)
    except urllib.error.URLError as error:      # an OSError, but none of the disk's
        raise ValueError(f"{url.split('/')[2] or 'the file'} does not answer: {error.reason}") from error
    with answer, partial.open("wb") as file:
        shutil.copyfileobj(answer, file, 1 << 20)
    found = digest(partial)
    if found != sha256:
        raise ValueError(f"its sha256 is {found[:12]}…")
