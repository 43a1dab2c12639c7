"""Reading pickles without running them: the names they refer to, and plain data with stand-ins for other objects."""

from __future__ import annotations

import io
import pickle
import pickletools
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import torch

MOST = 100_000_000                                          # bytes of a pickle that are searched


# Names

def names_in(path: Path) -> list[str]:
    """The classes and functions that a pickle, or the one inside a file of torch.save, asks for: module.name."""
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                inner = [entry for entry in archive.infolist() if entry.filename.endswith("data.pkl")]
                texts = [archive.read(entry) for entry in inner if entry.file_size <= MOST]
        else:
            with path.open("rb") as file:
                texts = [file.read(MOST)]
    except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError):
        return []
    return sorted({name for text in texts for name in asked_for(text)})


def asked_for(text: bytes) -> Iterable[str]:
    """Arguments of GLOBAL and STACK_GLOBAL; the search ends where the data is no pickle or truncated."""
    file, said = io.BytesIO(text), [""]
    try:
        while file.tell() < len(text):                      # torch.save once wrote several pickles, one after another
            for opcode, argument, _ in pickletools.genops(file):
                if opcode.name in ("GLOBAL", "INST"):
                    yield str(argument).replace(" ", ".")
                elif opcode.name == "STACK_GLOBAL":
                    yield ".".join(said[-2:])
                elif isinstance(argument, str):
                    said.append(argument)
    except Exception:      # whatever a damaged pickle runs into
        return


# Data

class StandIn(dict[Any, Any]):
    """Replaces an object whose class is not imported; keeps the state that a dictionary would."""

    state: Any = None                                       # pickles make objects without calling __init__

    def __init__(self, *_: Any, **__: Any):
        super().__init__()

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def __hash__(self) -> int:      # type: ignore[override]
        return id(self)

    def append(self, _: Any) -> None:
        """Objects that are lists lose their items."""

    def extend(self, _: Any) -> None:
        """See `append`."""


REBUILD: dict[str, Callable[..., Any]] = {
    f"torch._utils.{name}": getattr(torch._utils, name)
    for name in ("_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_parameter")
}
PLAIN: dict[str, type] = {"collections.OrderedDict": OrderedDict, "torch.Size": torch.Size, "builtins.set": set}


class Unpickler(pickle.Unpickler):
    """Tensors, numbers, strings and containers; anything else that a pickle names becomes a `StandIn`."""

    def find_class(self, module: str, name: str) -> Any:
        known = f"{module}.{name}"
        if known in REBUILD:
            return partial(REBUILD[known])      # a new object: a pickle may write into what it was given
        return PLAIN.get(known) or type(name, (StandIn,), {"__module__": module})


def load(file: BinaryIO, **_: Any) -> Any:
    """`pickle.load`, with this module's `Unpickler`: torch.load takes the module in the place of pickle."""
    return Unpickler(file).load()


class OnCPU(pickle.Unpickler):
    """pickle's own unpickler, which runs code; tensors that were saved on a GPU are loaded on the CPU."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("torch.storage", "_load_from_bytes"):
            return lambda data: torch.load(io.BytesIO(data), map_location="cpu", weights_only=False)
        return super().find_class(module, name)


def holds_modules(content: Any, depth: int = 3) -> bool:
    """Whether stand-ins took the place of whole PyTorch modules."""
    if isinstance(content, StandIn) and isinstance(content.state, dict) and "_modules" in content.state:
        return True
    return isinstance(content, dict) and depth > 0 and any(holds_modules(part, depth - 1) for part in content.values())
