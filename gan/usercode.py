"""The user's own Python code, named as `module:callable`: found, imported, and identified by its files' bytes; and the
TOML files that describe it."""

from __future__ import annotations

import ast
import difflib
import importlib
import logging
import os
import site
import sys
import sysconfig
import threading
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from importlib.machinery import ModuleSpec
from pathlib import Path
from threading import Lock
from typing import Any, TextIO

from ganbench.gan.files import file_digest
from ganbench.gan.sources import LIBRARY, PARSING, imports_in
from ganbench.gan.types import BadInput, digest_of

INSTALLED = {Path(path).resolve() for path in (
    *map(sysconfig.get_path, ("purelib", "platlib", "stdlib", "platstdlib")), *site.getsitepackages(),
    site.getusersitepackages())}
PACKAGE = LIBRARY.partition(".")[0]
_imported: dict[str, str] = {}                              # factory -> digest of its files when they were imported

MOST_BYTES = 10_000_000                     # of a TOML file
PATIENCE = 60.0                             # seconds


def find(factory: str) -> Callable[..., Any]:
    """The callable behind `module:callable`; modules in the current folder are found, too."""
    module_name, _, attribute = bare(factory).partition(":")
    if not module_name or not attribute:
        raise BadInput("malformed-name", f"{factory!r} is not a factory: expected module:callable.")
    try:
        with placed(factory), contained(), patiently(f"the import of {module_name}"):
            forget_if_edited(factory)
            module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name and (module_name + ".").startswith(error.name + "."):
            raise BadInput("missing-module",
                           f"Factory {factory}: there is no module {error.name!r}, neither installed nor in "
                           f"{Path.cwd()}{' nor beside the file that names it' * factory.startswith('/')}.") from error
        raise BadInput("missing-module",
                       f"Factory {factory}: {module_name} needs the module {error.name!r}, not found.") from error
    except (Exception, SystemExit) as error:
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
        with contained(), patiently(bare(factory)):
            return made(**arguments)
    except BadInput:
        raise
    except (Exception, SystemExit) as error:
        said = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
        raise BadInput("call-failed",
                       f"{factory}({said}) failed: {type(error).__name__}: {first_line(error)}.") from error


class Aside:
    """What is printed goes to standard error while anybody is inside, in any thread: standard output is for results."""

    def __init__(self) -> None:
        self.lock, self.inside = Lock(), 0
        self.out: TextIO = sys.stdout

    def __enter__(self) -> None:
        with self.lock:
            if self.inside == 0:
                self.out = sys.stdout
                sys.stdout = sys.stderr
            self.inside += 1

    def __exit__(self, *_: object) -> None:
        with self.lock:
            self.inside -= 1
            if self.inside == 0:
                sys.stdout = self.out


ASIDE = Aside()


@contextmanager
def contained() -> Iterator[None]:
    """Around the user's code: what it prints is no result, and the current folder is what it was."""
    folder = os.getcwd()
    with ASIDE:
        try:
            yield
        finally:
            with suppress(OSError):
                os.chdir(folder)


@contextmanager
def patiently(what: str) -> Iterator[None]:
    """Around what may never end: after PATIENCE seconds a warning is logged that says what is still running."""
    said = f"ganbench: {what} has been running for {PATIENCE:g} s; Ctrl-C stops it."
    timer = threading.Timer(PATIENCE, logging.getLogger("ganbench").warning, [said])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def factory_digest(factory: str) -> str:
    """sha256 over the user's modules that the factory's module is, lies in, or imports, one through the other; part of
    the model's identity.  Installed packages are not seen, nor what is imported by a name made at run time."""
    with placed(factory):
        return digest_of_files(own_modules(bare(factory).partition(":")[0]))


def digest_of_files(files: Mapping[str, Path]) -> str:
    """sha256 over modules' names and bytes; '' of none."""
    return digest_of([[name, file_digest(path)] for name, path in sorted(files.items())]) if files else ""


def own_modules(module: str) -> dict[str, Path]:
    """The user's modules, by name, that importing a module brings in; nothing is imported."""
    waiting, seen, found = with_parents(module), set[str](), dict[str, Path]()
    others = {PACKAGE, *sys.stdlib_module_names}            # names at the top, of what is not the user's
    while waiting:
        name = waiting.pop()
        top = name.partition(".")[0]
        if name in seen or top in others:
            continue
        seen.add(name)
        spec = looked_up(name)
        if spec is not None and is_installed(spec):
            others.add(top)
        elif spec is not None and spec.origin and Path(spec.origin).is_file():
            found[name] = path = Path(spec.origin).resolve()
            package = name if spec.submodule_search_locations is not None else name.rpartition(".")[0]
            for imported, alias in imported_by(path, package, path.stat().st_mtime_ns):
                waiting += with_parents(f"{imported}.{alias}" if alias else imported)
    return found


def is_installed(spec: ModuleSpec) -> bool:
    """Whether a module lies where packages are installed, or in no file; of a folder, whether all of it does."""
    if spec.origin is None:                                 # a folder without __init__.py
        return all(INSTALLED & {Path(place).resolve(), *Path(place).resolve().parents}
                   for place in spec.submodule_search_locations or [])
    return not spec.has_location or bool(INSTALLED & set(Path(spec.origin).resolve().parents))


@lru_cache(maxsize=1_024)
def imported_by(path: Path, package: str, changed: int) -> tuple[tuple[str, str], ...]:
    """(module, name) of every import in a file, as it was when it was `changed`; of what is no Python, none."""
    try:
        with PARSING:
            return tuple(imports_in(ast.parse(path.read_bytes()), package))
    except (SyntaxError, ValueError, OSError, RecursionError):
        return ()


def with_parents(module: str) -> list[str]:
    """a.b.c -> a, a.b, a.b.c: importing the last runs all of them."""
    parts = module.split(".")
    return [".".join(parts[: i + 1]) for i in range(len(parts))]


def forget_if_edited(factory: str) -> None:
    """Modules that were imported in this process and edited since are imported anew."""
    modules = own_modules(bare(factory).partition(":")[0])
    digest = digest_of_files(modules)
    if _imported.setdefault(factory, digest) != digest:
        for name in modules:
            sys.modules.pop(name, None)
        importlib.invalidate_caches()
        _imported[factory] = digest


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
    inside = tuple(f"{folder}/" for folder in folders)
    for name, module in list(sys.modules.items()):
        top, file = name.partition(".")[0], getattr(module, "__dict__", {}).get("__file__")
        if not isinstance(file, str) or not file.startswith(inside) or top == PACKAGE:
            continue
        theirs = (f"{folder}{top}{rest}" for folder in inside for rest in ("/", ".py"))
        if file.startswith(tuple(theirs)) and holds(Path(here), top):
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
    except KeyError:
        return folder_found(name, path or [])
    except (ImportError, ValueError):
        return None


def folder_found(name: str, path: Sequence[str]) -> ModuleSpec | None:
    """A package without `__init__.py` in one that is not imported, of which Python's finder makes a KeyError."""
    places = [place for folder in path if os.path.isdir(place := os.path.join(folder, name.rpartition(".")[2]))]
    found = ModuleSpec(name, None, is_package=True)
    found.submodule_search_locations = places
    return found if places else None


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
    """The error for an unknown field of a TOML file."""
    near = difflib.get_close_matches(name, known, 1)
    hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}."
    return BadInput("unknown-field", f"{path} has an unknown field {name!r}: {hint}")
