"""Answers: what a command printed, kept in the store, so that a repeated question is answered at once.

An answer holds while nothing has changed that it depends on: the question, the settings, ganbench's own code, the
installed packages, the files of models and data, the stored images and features, the pictures and reports that were
made, and MLflow's runs.  Otherwise, and wherever this cannot be told from files (a user's own code, models on a hub),
the flow runs.  It also runs where a Prefect server is up, since people look there for their runs.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from ganbench.flows.screen import Screen, as_data, from_data
from ganbench.gan.files import fingerprint
from ganbench.gan.store import Store, used
from ganbench.gan.types import digest_of
from ganbench.tasks.servers import running
from ganbench.tasks.settings import names_server, settings
from ganbench.tasks.tracking.presence import is_there

KIND, FILE = "answers", "answer.json"
MOST_FILES = 20_000  # whose state is looked at; with more of them, the flow is not slower
SYSTEM = "/usr/share/datasets"  # where Debian's packages of data sets put them
CODE = ("*.py", "*.js", "*.css", "*.html", "*.svg", "*.toml", "*.csv")
State = list[list[Any]]  # path, then the numbers of `fingerprint`


@dataclass
class Asked:
    """A question as the command line has it; `inputs`: the files that it names, as they were before the work."""

    key: str
    inputs: State
    entries: set[Path] = field(default_factory=set)  # data files of the store that were used


@dataclass(frozen=True)
class Answer:
    """What was printed, as a screen and as JSON, and the pictures that a page of it shows."""

    screen: Screen
    text: str
    pictures: tuple[str, ...] = ()


def asked(command: str, out: str = "", **arguments: Any) -> Asked | None:
    """The question; None where only the flow can answer it.  `out`: where results go, which is no input."""
    found = settings()
    strings = [*strings_in(arguments), *strings_in(found.model_dump(mode="json", exclude={"home"}))]
    if found.runner != "threads" or names_server() or any(map(is_code, strings)) or running():
        return None
    with suppress(OSError, ValueError):
        paths = list(paths_in([*strings, str(found.root / "weights"), str(found.root / "data"), SYSTEM]))
        if len(paths) <= MOST_FILES and not any(has_code(path) for path in paths):
            facts = [command, out, arguments, found.model_dump(mode="json"), os.getcwd(), code(), packages()]
            return Asked(digest_of([*facts, sys.version]), states(paths))
    return None


def recalled(question: Asked | None) -> Answer | None:
    """The kept answer, if it still holds."""
    entry = question and store().find(KIND, question.key)
    if not (question and entry):
        return None
    kept = json.loads(entry.path.read_text("utf-8"))
    holds = kept["inputs"] == question.inputs and all(map(is_unchanged, kept["outputs"]))
    if not holds or waiting() or not all(is_there(settings().tracking, run) for run in kept["runs"]):
        return None
    for path, *_ in kept["outputs"]:
        with suppress(OSError):  # outputs beside the store have no manifest
            os.utime(Path(path).with_name("manifest.json"))
    return Answer(from_data(kept["screen"]), kept["text"])


@contextmanager
def remembering(question: Asked | None) -> Iterator[None]:
    """Note which artefacts of the store are used inside the block."""
    if question is None:
        yield
        return
    with used.listening(lambda path, _: question.entries.add(Path(path))):
        yield


def keep(question: Asked | None, answer: Answer, made: Sequence[str], runs: Sequence[str]) -> None:
    """Keep an answer.  `made`: pictures and folders; `runs`: of MLflow, '' for a record that still waits."""
    if question is None or not all(runs):
        return
    outputs = states(path for path in [*question.entries, *paths_in(made)] if path.is_file())
    content = json.dumps({"inputs": question.inputs, "outputs": outputs, "runs": list(runs),
                          "screen": as_data(answer.screen), "text": answer.text})
    with store().lock(KIND, question.key):
        store().commit(KIND, question.key, FILE, lambda path: path.write_text(content, "utf-8"))


def store() -> Store:
    return Store(settings().root / "store")


def waiting() -> bool:
    """Whether records of evaluations wait for MLflow."""
    return any((settings().root / "untracked").glob("*.json"))


# What an answer depends on

def strings_in(value: Any) -> Iterator[str]:
    """All texts of nested settings, and the parts of NAME=PATH."""
    if isinstance(value, str):
        yield from (value, *value.split("=")[1:])
    elif isinstance(value, Mapping):
        yield from (text for inner in value.values() for text in strings_in(inner))
    elif isinstance(value, list | tuple):
        yield from (text for inner in value for text in strings_in(inner))


def is_code(text: str) -> bool:
    """`hf:ORG/REPO`, or `module:callable` and `file.py:callable` of a user's."""
    module, colon, name = text.partition(":")
    return text.startswith("hf:") or bool(colon and name.isidentifier() and (module.endswith(".py") or "." in module
                                                                             or importable(module)))


def importable(module: str) -> bool:
    """Whether a name is that of a module here, and of no data set or zoo."""
    return module.isidentifier() and any(Path(place, f"{module}.py").exists() or Path(place, module).is_dir()
                                         for place in (".", *sys.path[:1]))


def has_code(path: Path) -> bool:
    """Whether a model file names code."""
    return path.suffix == ".toml" and "factory" in tomllib.loads(path.read_text("utf-8"))


def paths_in(texts: Iterable[str]) -> Iterator[Path]:
    """The files that are named, those in folders that are named, and those that model files name."""
    seen, later = set[Path](), list(texts)
    while later:
        path = Path(later.pop())
        if path in seen or path == Path() or not path.exists():
            continue
        seen.add(path)
        if path.is_dir():
            later += [str(inner) for inner in path.iterdir()]
            continue
        if not path.is_file():
            raise ValueError(f"{path} is a pipe, a socket or a device: who reads it may wait for ever.")
        yield path
        if path.suffix == ".toml":
            named = strings_in(tomllib.loads(path.read_text("utf-8")))
            later += [str(path.parent / text) for text in named if len(text) < 256 and "\n" not in text]
        if len(seen) > 2 * MOST_FILES:
            raise ValueError("These are too many files, or a link that leads back to its own folder.")


def states(paths: Iterable[Path]) -> State:
    return [[str(path), *fingerprint(path)] for path in sorted(set(paths))]


def is_unchanged(state: Sequence[Any]) -> bool:
    path, *numbers = state
    try:
        return list(fingerprint(Path(path))) == numbers
    except OSError:
        return False


@cache
def code() -> str:
    """sha256 over the package's source, and the state of the files that come with it."""
    package = Path(__file__).parent.parent
    found = hashlib.sha256()
    for path in sorted(path for part in ("gan", "tasks", "flows") for path in (package / part).rglob("*")):
        if any(path.match(pattern) for pattern in CODE):
            found.update(f"{path.relative_to(package)} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
        elif path.is_file() and "__pycache__" not in path.parts:
            found.update(f"{path.relative_to(package)} {fingerprint(path)}\n".encode())
    return found.hexdigest()


@cache
def packages() -> list[str]:
    """Names and versions of all that is installed."""
    return sorted({inner.name for place in map(Path, sys.path) if place.is_dir()
                   for inner in place.glob("*.dist-info")})
