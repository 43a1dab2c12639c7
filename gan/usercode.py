"""The user's own Python code, named as `module:callable`: found, imported, and told apart by its file's bytes; and the
TOML files that describe it."""

from __future__ import annotations

import difflib
import importlib
import os
import sys
import tomllib
from collections.abc import Callable, Mapping, Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

from ganbench.gan.files import file_digest
from ganbench.gan.types import BadInput

MOST_BYTES = 10_000_000                     # of a TOML file


def find(factory: str) -> Callable[..., Any]:
    """The callable behind `module:callable`; modules in the current folder are found, too."""
    module_name, _, attribute = factory.partition(":")
    if not module_name or not attribute:
        raise BadInput("malformed-name", f"{factory!r} is not a factory: expected module:callable.")
    here_first()
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name and (module_name + ".").startswith(error.name + "."):
            raise BadInput("missing-module",
                           f"Factory {factory}: there is no module {error.name!r}, neither installed nor in "
                           f"{Path.cwd()}.") from error
        raise BadInput("missing-module",
                       f"Factory {factory}: {module_name} needs the module {error.name!r}, not found.") from error
    except Exception as error:
        raise BadInput("import-failed",
                       f"Factory {factory}: importing {module_name} failed with {type(error).__name__}: "
                       f"{first_line(error)}.") from error
    try:
        found = getattr(module, attribute)
    except AttributeError as error:
        names = ", ".join(name for name, value in vars(module).items() if callable(value) and name[0] != "_")
        raise BadInput("not-callable",
                       f"Factory {factory}: {module_name} has no {attribute!r}, only {names or 'nothing to call'}."
                       ) from error
    if not callable(found):
        raise BadInput("not-callable",
                       f"Factory {factory}: {attribute} is a {type(found).__name__}, expected something to call.")
    return found


def call(factory: str, arguments: Mapping[str, Any]) -> Any:
    """What the factory returns.  This runs the user's code."""
    made = find(factory)
    try:
        return made(**arguments)
    except BadInput:
        raise
    except Exception as error:
        said = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
        raise BadInput("call-failed",
                       f"{factory}({said}) failed: {type(error).__name__}: {first_line(error)}.") from error


def factory_digest(factory: str) -> str:
    """sha256 of the file that defines the factory, part of the model's identity; what it imports is not seen."""
    found = looked_up(factory.partition(":")[0])
    origin = Path(found.origin) if found and found.origin else None
    return file_digest(origin) if origin and origin.is_file() else ""


def exists(module: str) -> bool:
    """Whether a module can be found; nothing is imported."""
    return looked_up(module) is not None


def looked_up(module: str) -> ModuleSpec | None:
    """What an import of the module would find.  The packages around it are looked up in turn and not imported, which
    would run them."""
    here_first()
    name, path, found = "", None, None
    for part in module.split("."):
        name = f"{name}.{part}".lstrip(".")
        found = found_by_finders(name, path)
        if found is None:
            return None
        path = list(found.submodule_search_locations or [])
    return found


def found_by_finders(name: str, path: Sequence[str] | None) -> ModuleSpec | None:
    try:
        specs = (finder.find_spec(name, path) for finder in sys.meta_path if hasattr(finder, "find_spec"))
        return next((spec for spec in specs if spec is not None), None)
    except (ImportError, ValueError):
        return None


def here_first() -> None:
    """Let imports see the current folder, as `python -m` does; an installed command does not."""
    if os.getcwd() not in sys.path and "" not in sys.path:
        sys.path.insert(0, os.getcwd())


def first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".:") if lines else type(error).__name__


def read_toml(path: Path) -> dict[str, Any]:
    """The values of a TOML file, without the table [about], which may hold anything, for people."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise BadInput("too-large", f"{path} has more than the {MOST_BYTES:,} bytes that are read of a TOML file.")
        values = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput("unreadable-file", f"{path} cannot be read: {error}.") from error
    except tomllib.TOMLDecodeError as error:
        raise BadInput("unusable-config", f"{path} is not valid TOML: {error}.") from error
    values.pop("about", None)
    return values


def unknown_field(name: str, known: Sequence[str], path: Path) -> BadInput:
    """The sentence for a field that a TOML file should not have."""
    near = difflib.get_close_matches(name, known, 1)
    hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}."
    return BadInput("unknown-field", f"{path} has an unknown field {name!r}: {hint}")
