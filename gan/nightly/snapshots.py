"""Snapshots: what there is to measure tonight, of every model of a suite."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ganbench.gan.files import fingerprint
from ganbench.gan.jobs import asked_model
from ganbench.gan.models.identity import IMAGES, identity
from ganbench.gan.models.openers import complete
from ganbench.gan.nightly.suite import Entry, Suite
from ganbench.gan.types import BadInput, CompleteSpec, ModelSpec, Workspace

UNFINISHED = (".partial", ".tmp", ".part", ".lock")         # ends of names of files that are still being written
KEPT = 4 * 2**30                # largest weights of a baseline that are kept, bytes
AS_TUPLES = ("latent_shape", "output_range", "preprocessing")


@dataclass(frozen=True)
class Snapshot:
    """A model as it is tonight."""

    entry: str
    spec: CompleteSpec
    digest: str
    made: str                   # when its file was written, ISO; '' for models without a file
    file: tuple[Any, ...] = ()  # its path and state, by which it is known again without being read


@dataclass(frozen=True)
class Refused:
    """A model that could not be opened or measured."""

    entry: str
    model: str
    error: BadInput

    @property
    def why(self) -> str:
        """A sentence."""
        return str(self.error)


def snapshots_of(
    suite: Suite, workspace: Workspace, known: Mapping[tuple[Any, ...], str], find: Callable[[str], str]
) -> tuple[dict[str, list[Snapshot]], list[Refused]]:
    """By model of the suite, oldest first; of a folder the files that are new, and the last one in any case.  One that
    cannot be opened does not stop the others.

    `known`: files that were measured before, and the digests of their models; they are not opened again.
    """
    found: dict[str, list[Snapshot]] = {}
    refused: list[Refused] = []
    for entry in suite.models:
        mine: list[Snapshot] = []
        called = entry.name or (Path(entry.folder).name if entry.folder else "")
        for model in files_of(entry, known) if entry.folder else [entry.model]:
            try:
                mine.append(of_model(entry, find(model), workspace))
            except BadInput as error:
                refused.append(Refused(called or model, model, error))
        name = called or (mine[0].spec.name if mine else entry.model)
        if name in found:
            raise BadInput("given-twice", f"Two models of the suite are called {name!r}: give them names of their own.")
        found[name] = [replace(one, entry=name) for one in mine]
    return found, refused


def files_of(entry: Entry, known: Mapping[tuple[Any, ...], str]) -> list[str]:
    """The checkpoints that are not known yet, and the last one, oldest first."""
    folder = Path(entry.folder)
    if not folder.is_dir():
        raise BadInput("unknown-suite", f"The suite's folder {folder} does not exist.")
    files = [path for path in folder.glob(entry.pattern)
             if path.is_file() and not path.name.startswith(".") and path.suffix not in UNFINISHED]
    ordered = [path for _, path in sorted((path.stat().st_mtime_ns, path) for path in files)]
    wanted = [path for path in ordered[:-1] if state_of(path) not in known] + ordered[-1:]
    return [str(path) for path in wanted]


def of_model(entry: Entry, model: str, workspace: Workspace) -> Snapshot:
    spec = asked_model(model, entry.opening, workspace)
    made, state = "", ()
    with suppress(OSError):
        path = Path(spec.weights)
        if spec.weights and path.exists():
            made = datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat(timespec="seconds")
            state = state_of(Path(model)) if Path(model).is_file() else ()
    return Snapshot(entry.name, spec, identity(spec), made, state)


def state_of(path: Path) -> tuple[Any, ...]:
    return (str(path), *fingerprint(path))


# As JSON, to be opened again on another night

def as_json(spec: ModelSpec) -> dict[str, Any]:
    return {name: value for name, value in asdict(spec).items() if name != "preprocessing"}


def reopened(values: Mapping[str, Any], digest: str, workspace: Workspace) -> CompleteSpec | None:
    """The model of a spec as it was written; None where its files are gone, or are others by now."""
    known = {row.name for row in fields(ModelSpec)}
    given: dict[str, Any] = {name: tuple(value) if name in AS_TUPLES else value for name, value in values.items()
                             if name in known}
    try:
        found = complete(ModelSpec(**given), workspace)
    except BadInput:
        return None
    return found if identity(found) == digest else None


def keep(spec: ModelSpec, folder: Path) -> ModelSpec:
    """The spec with a copy of its weights, since trainings write over their files; as it is where that is no file, or
    too large a one."""
    path = Path(spec.weights)
    if not spec.weights or spec.family == IMAGES or not path.is_file() or path.stat().st_size > KEPT:
        return spec
    kept = folder / f"{spec.sha256[:32]}{path.suffix}"
    if not kept.exists():
        folder.mkdir(parents=True, exist_ok=True)
        partial = kept.with_name(f".{kept.name}.partial")
        shutil.copyfile(path, partial)
        partial.replace(kept)
    return replace(spec, weights=str(kept))
