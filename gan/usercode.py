"""The user's own Python code, named as `module:callable`: found, imported, and identified by its file's bytes; and the
TOML files that describe it."""

from __future__ import annotations

import difflib
import importlib
import os
import sys
import threading
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

from ganbench.gan.files import file_digest
from ganbench.gan.types import BadInput


def find(factory: str) -> Callable[..., Any]:
    """The callable behind `module:callable`; modules in the current folder are found, too."""
    module_name, _, attribute = bare(factory).partition(":")
    if not module_name or not attribute:
        raise BadInput("malformed-name", f"{factory!r} is not a factory: expected module:callable.")
    try:
        with placed(factory):
            module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name and (module_name + ".").startswith(error.name + "."):
            raise BadInput("missing-module",
                           f"Factory {factory}: there is no module {error.name!r}, neither installed nor in "
                           f"{Path.cwd()}{' nor beside the file that names it' * factory.startswith('/')}.") from error
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
    """Call the factory.  This runs the user's code."""
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
    """sha256 of the file that defines the factory, part of the model's identity; its imports are not included."""
    with placed(factory):
        found = looked_up(bare(factory).partition(":")[0])
    origin = Path(found.origin) if found and found.origin else None
    return file_digest(origin) if origin and origin.is_file() else ""


# Factories of model files, whose modules lie beside them

PACKAGE = __name__.partition(".")[0]
FOLDERS: list[str] = []                                     # of model files whose factories were used
PLACING = threading.RLock()                                 # the order of sys.path belongs to the process


def factory_beside(factory: str, file: Path) -> str:
    """A factory that a file names: /folder/module:callable if its module lies beside the file."""
    folder, top = file.parent.absolute(), factory.partition(":")[0].partition(".")[0]
    there = top.isidentifier() and holds(folder, top)
    return f"{folder}/{factory}" if there and folder != Path.cwd() else factory


def bare(factory: str) -> str:
    """`module:callable` without the folder, which is a path and so no part of what a model is."""
    return factory.rpartition("/")[2]


@contextmanager
def placed(factory: str) -> Iterator[None]:
    """Let imports see the factory's folder first, or the current one; the folders of other model files come last.

    Modules that were imported from those under the same names are forgotten, so that two model files with a
    `mymodel.py` each get their own.
    """
    with PLACING:
        here_first()
        folder = factory.rpartition("/")[0]
        if folder and folder not in FOLDERS:
            FOLDERS.append(folder)
        if FOLDERS:
            here = folder or os.getcwd()
            others = [other for other in FOLDERS if other != here]
            forget_modules(others, here)
            sys.path[:] = [here, *(path for path in sys.path if path not in (here, *others)), *others]
        yield


def forget_modules(folders: Sequence[str], here: str) -> None:
    """Forget modules that were imported from these folders, where this one has its own of the same name."""
    for name, module in list(sys.modules.items()):
        top, file = name.partition(".")[0], Path(getattr(module, "__file__", None) or "/")
        if top != PACKAGE and any(file.is_relative_to(Path(folder, top)) or file == Path(folder, f"{top}.py")
                                  for folder in folders) and holds(Path(here), top):
            del sys.modules[name]


def holds(folder: Path, top: str) -> bool:
    return (folder / f"{top}.py").is_file() or (folder / top).is_dir()


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
        values = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput("unreadable-file", f"{path} cannot be read: {error}.") from error
    except tomllib.TOMLDecodeError as error:
        raise BadInput("unusable-config", f"{path} is not valid TOML: {error}.") from error
    values.pop("about", None)
    return values


def unknown_field(name: str, known: Sequence[str], path: Path) -> BadInput:
    """The error for an unknown field of a TOML file."""
    near = difflib.get_close_matches(name, known, 1)
    hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}."
    return BadInput("unknown-field", f"{path} has an unknown field {name!r}: {hint}")
