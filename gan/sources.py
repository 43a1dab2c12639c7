"""STAGES: the kinds of stored results, and the modules that compute them.  Keys include the sources of these modules
and of everything that they import.

A package's `__init__` is included only if a name is imported from it.  So a stage depends on the chosen metric, family
or extractor, and not on the others of its package.  This module itself is in no key: it computes no results, and a
change of a row of the table changes that stage's digest anyway.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from threading import Lock

BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")
LIBRARY = __name__.rpartition(".")[0]                       # ganbench.gan
STAGES: dict[str, tuple[str, ...]] = {                      # and what is chosen when the stage runs:
    "samples": ("drawing",),                                # what makes the model's images, see `models.openers.makers`
    "truncated": ("readings",),
    "features": ("features.passing",),                      # the extractor
    "paths": ("stepping",),                                 # the extractor
    "reading": ("readings",),                               # of a network through another tool's eyes
    "statistics": ("needs.moments",),
    "self-similarity": ("needs.similarity",),
    "neighbours": ("needs.nearest",),
    "scores": (),                                           # the metric, and what makes the arguments that it needs
    "slices": ("slices",),
    "against n": ("attribution",),
    "gates": ("gates",),
    "audit": ("copying",),
    "mixture": ("ensemble",),
    "costs": ("metering",),
    "range": ("inversion", "drawing"),
    "findings": ("findings.analysis",),
    "map": ("report.components",),
    "classifiers": ("conditioning.classifiers",),           # guides and judges
    "restoration": ("applications.restore.methods",),
    "cells": ("applications.augment.cells",),               # classifiers of augmented images
    "seen": ("applications.augment.copies",),               # test images among others
}


def source_digest(stage: str, *chosen: str) -> str:
    """sha256 over the source of everything that a stage runs; `chosen`: names of modules, as in `__module__`."""
    return HERE.digest(*STAGES[stage], *chosen)


class Sources:
    """The library's source files in a folder, and their imports; each file is read once."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.imports: dict[str, frozenset[str]] = {}
        self.contents: dict[str, bytes] = {}
        self.digests: dict[frozenset[str], str] = {}

    def digest(self, *roots: str) -> str:
        """sha256 over names and bytes of the roots and of everything that they import."""
        wanted = frozenset(roots)
        with PARSING:
            if wanted not in self.digests:
                closure = sorted(self.closure(*roots))
                parts = [(name, hashlib.sha256(self.content(name)).hexdigest()) for name in closure]
                self.digests[wanted] = hashlib.sha256(repr(parts).encode()).hexdigest()
            return self.digests[wanted]

    def closure(self, *roots: str) -> set[str]:
        """The roots and all their direct and indirect imports, by their names in the library."""
        waiting, found = [short(root) for root in roots], set[str]()
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting += self.imported(name)
        return found

    def imported(self, name: str) -> frozenset[str]:
        """What a module imports from the library, also inside functions, but not under TYPE_CHECKING."""
        if name not in self.imports:
            found = {self.home(*pair) for pair in imports_in(ast.parse(self.content(name)), self.package(name))}
            self.imports[name] = frozenset(found - {"", short(__name__)})
        return self.imports[name]

    def home(self, module: str, alias: str) -> str:
        """The module in which `from module import alias` finds its name."""
        if module != LIBRARY and not module.startswith(f"{LIBRARY}."):
            return ""
        inner = short(f"{module}.{alias}") if alias else ""
        return inner if inner and self.file(inner) else short(module)

    def package(self, name: str) -> str:
        """What relative imports in a module count from."""
        is_package = (path := self.file(name)) is not None and path.name == "__init__.py"
        return f"{LIBRARY}.{name}" if is_package else f"{LIBRARY}.{name}".rpartition(".")[0]

    def content(self, name: str) -> bytes:
        if name not in self.contents:
            path = self.file(name)
            if path is None:
                raise ValueError(f"There is no module {name!r} in {self.folder}.")
            self.contents[name] = path.read_bytes()
        return self.contents[name]

    def file(self, name: str) -> Path | None:
        """Of a module by its name in the library; None where it has none."""
        path = self.folder.joinpath(*name.split("."))
        candidates = [path / "__init__.py", path.with_name(f"{path.name}.py")]
        return next((found for found in candidates if found.is_file()), None)

    @cached_property
    def modules(self) -> list[str]:
        """All of the library's."""
        paths = (path.relative_to(self.folder).with_suffix("") for path in self.folder.rglob("*.py"))
        names = (".".join(path.parts) for path in paths)
        return sorted(name.removesuffix(".__init__") for name in names if name != "__init__")


def short(module: str) -> str:
    """`metrics.frechet` of `ganbench.gan.metrics.frechet`, and of itself."""
    return module.removeprefix(f"{LIBRARY}.")


def imports_in(tree: ast.Module, package: str) -> Iterator[tuple[str, str]]:
    """(module, name) of every import in a file; the name is '' for `import module`."""
    waiting: list[ast.AST] = [*tree.body]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = ".".join(package.split(".")[: len(package.split(".")) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (above, node.module) if part)
            yield from ((module, alias.name) for alias in node.names)
        elif isinstance(node, ast.If) and is_for_types(node.test):
            waiting += node.orelse
        else:
            waiting += [inner for block in BLOCKS for inner in getattr(node, block, ())]     # statements alone


def is_for_types(test: ast.expr) -> bool:
    """Whether an `if` asks for TYPE_CHECKING."""
    return getattr(test, "id", getattr(test, "attr", "")) == "TYPE_CHECKING"


PARSING = Lock()    # two threads of Python 3.11 that make syntax trees at once fail with a SystemError
HERE = Sources(Path(__file__).parent)
