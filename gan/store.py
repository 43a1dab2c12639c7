"""Artefacts on disk: addressed by key, committed atomically, verified by hash when read.

An artefact is a data file and, written last, a manifest beside it; without a manifest it does not
exist.  Rows of images or features lie in shards of 1,000; a shard that is too short is extended.  Where there is a
mirror, finished artefacts are copied there, and looked for before they are made again.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
from filelock import FileLock

from ganbench.gan import mirror
from ganbench.gan.files import atomic_write, cannot_write, file_digest
from ganbench.gan.types import Samples, Shard, Workspace
from ganbench.gan.watching import Listeners

SHARD = 1_000
used = Listeners()  # are told the data file of every artefact that is found or committed
Arrays = Mapping[str, np.ndarray]  # name -> (rows, ...); the first one gives the digest


@dataclass(frozen=True)
class Entry:
    """A committed artefact: its data file, and the contents of its manifest."""

    kind: str
    key: str
    path: Path
    facts: Mapping[str, Any]  # sha256 and bytes of the file, and the writer's own


class Store:
    """A folder of artefacts by kind and key: root/kind/ke/key/{manifest.json, data file}."""

    def __init__(self, root: Path, mirror: str = ""):
        self.root, self.mirror = root, mirror  # see `ganbench.gan.mirror`

    def folder(self, kind: str, key: str) -> Path:
        return self.root / kind / key[:2] / key

    def find(self, kind: str, key: str, rows: int = 0) -> Entry | None:
        """The artefact, if it was committed and its bytes still have the hash in the manifest; else, or where it has
        fewer rows than these, its copy."""
        entry = self.read_manifest(self.folder(kind, key))
        if entry is not None and not is_sound(entry):
            entry = None
        have = entry.facts.get("rows", rows) if entry else -1
        if self.mirror and have < rows:
            entry = self.fetch(kind, key, have) or entry
        if entry is None:
            return None
        with suppress(OSError):  # a store that may only be read
            os.utime(entry.path.parent / "manifest.json")
        used.tell(str(entry.path), entry.facts["bytes"])
        return entry

    def read_manifest(self, folder: Path) -> Entry | None:
        try:
            facts = json.loads((folder / "manifest.json").read_text("utf-8"))
            return Entry(folder.parent.parent.name, folder.name, folder / facts["file"], facts)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def fetch(self, kind: str, key: str, have: int = -1) -> Entry | None:
        """The mirror's copy, committed here, if there is one with more rows than are here, and with the bytes that its
        manifest promises."""

        def take(write: Callable[[Path], object], facts: Mapping[str, Any]) -> Entry | None:
            if facts.get("rows", 0) <= have:
                return None
            with TemporaryDirectory(dir=made(self.root / "fetched" / key[:2])) as folder:
                copy = Path(folder) / "copy"
                write(copy)
                if copy.stat().st_size != facts["bytes"] or file_digest(copy) != facts["sha256"]:
                    return None
                own = {name: value for name, value in facts.items() if name not in ("file", "sha256", "bytes")}
                return self.commit(kind, key, facts["file"], lambda path: os.replace(copy, path), copied=True, **own)

        return mirror.get(self.mirror, kind, key, take)

    def commit(
        self, kind: str, key: str, file: str, write: Callable[[Path], object], copied: bool = False, **facts: Any
    ) -> Entry:
        """Write the data file, then the manifest; an older data file stays for its readers until `collect`.  Then both
        are copied to the mirror, unless they were, or will be when more rows are there: `copied`.

        Call it under the artefact's lock: unfinished files in its folder belong to killed processes and are removed.
        """
        folder = self.folder(kind, key)
        path = folder / file
        for unfinished in folder.glob(".*.partial"):
            unfinished.unlink(missing_ok=True)
        atomic_write(path, write)
        size = path.stat().st_size
        measured = {"file": file, "sha256": file_digest(path), "bytes": size}
        text = json.dumps({**measured, **facts}, indent=1)
        atomic_write(folder / "manifest.json", lambda temporary: temporary.write_text(text, "utf-8"))
        used.tell(str(path), size)
        if self.mirror and not copied:
            mirror.put(self.mirror, kind, key, path, {**measured, **facts})
        return Entry(kind, key, path, {**measured, **facts})

    @contextmanager
    def lock(self, kind: str, key: str) -> Iterator[None]:
        """Allow only one process or thread at a time to compute an artefact; the others wait and then find it.

        There are 256 lock files per kind; different artefacts that share one only wait for each other.  The system
        releases the lock of a killed process.
        """
        path = self.root / "locks" / f"{kind}-{key[:2]}"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            held = FileLock(path, poll_interval=0.01, fallback_to_soft=False).acquire()
        except OSError as error:
            raise cannot_write(path, error) from error
        with held:
            yield

    def entries(self) -> Iterator[Entry]:
        """Every committed artefact, whether its bytes are intact or not."""
        for manifest in sorted(self.root.glob("*/*/*/manifest.json")):
            entry = self.read_manifest(manifest.parent)
            if entry:
                yield entry

    def last_used(self, entry: Entry) -> float:
        """When the artefact was last found or committed, in seconds since 1970."""
        return (entry.path.parent / "manifest.json").stat().st_mtime

    def remove(self, entry: Entry) -> None:
        """Remove an artefact, the manifest first, so that a partly removed artefact does not exist."""
        folder = entry.path.parent
        (folder / "manifest.json").unlink(missing_ok=True)
        for file in folder.iterdir():
            file.unlink(missing_ok=True)
        folder.rmdir()

    def strays(self, older_than: float = 3_600) -> list[Path]:
        """Files that no manifest names, left by killed processes, if they are `older_than` seconds old."""
        named = {entry.path for entry in self.entries()} | {
            entry.path.parent / "manifest.json" for entry in self.entries()
        }
        files = [path for path in self.root.glob("*/*/*/*") if path.is_file() and path not in named]
        return [path for path in files if time.time() - path.stat().st_mtime > older_than]


def store_of(workspace: Workspace) -> Store:
    """The store in the workspace's home folder."""
    return Store(workspace.root / "store", workspace.mirror)


def made(folder: Path) -> Path:
    """The folder, which exists now."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(folder, error) from error
    return folder


def is_sound(entry: Entry) -> bool:
    """Whether the data file has the length and the hash that its manifest says."""
    try:
        return entry.path.stat().st_size == entry.facts["bytes"] and file_digest(entry.path) == entry.facts["sha256"]
    except OSError:
        return False


def remember(store: Store, kind: str, key: str, compute: Callable[[], Any]) -> tuple[Any, bool]:
    """A small JSON value: found under its key, or computed and stored; and whether it was computed now."""
    with store.lock(kind, key):
        entry = store.find(kind, key)
        if entry:
            return json.loads(entry.path.read_text("utf-8")), False
        text = json.dumps(compute())
        store.commit(kind, key, "value.json", lambda path: path.write_text(text, "utf-8"))
        return json.loads(text), True


def extend(
    store: Store, kind: str, key: str, index: int, rows: int, compute: Callable[[int, int], Arrays], step: int = SHARD
) -> Shard:
    """The first `rows` rows of shard `index`; `compute(start, stop)` is called for those that are not in the store.

    They are saved every `step` rows, so a killed process loses at most `step` rows.
    """
    with store.lock(kind, key):
        entry = store.find(kind, key, rows)
        have = before = entry.facts["rows"] if entry else 0
        while entry is None or have < rows:
            stop = min(rows, have - have % step + step)
            fresh = compute(have, stop)
            arrays = append(read_arrays(entry.path), fresh) if entry else fresh
            done, entry = entry, commit_arrays(store, kind, key, arrays, finished=stop == rows)
            if done and have > before:
                done.path.unlink()  # made in this call, so nobody reads it
            have = stop
    return Shard(index, rows, key, str(entry.path), rows_digest(entry, rows), computed=max(0, rows - before))


def whole_batches(rows: int, micro_batch: int) -> int:
    """The number of rows, rounded up to whole micro-batches of fixed size, so that no batch size changes results."""
    return -(-rows // micro_batch) * micro_batch


def append(old: Arrays, new: Arrays) -> Arrays:
    return {name: np.concatenate([old[name], new[name]]) for name in new}


def commit_arrays(store: Store, kind: str, key: str, arrays: Arrays, finished: bool) -> Entry:
    rows = len(next(iter(arrays.values())))
    return store.commit(
        kind,
        key,
        f"{rows}.arrow",
        lambda path: write_arrays(path, arrays),
        copied=not finished,
        rows=rows,
        digest=digest_of_rows(arrays, rows),
    )


def rows_digest(entry: Entry, rows: int) -> str:
    """The digest of the first rows: from the manifest when they are all, else from the bytes."""
    return entry.facts["digest"] if entry.facts["rows"] == rows else digest_of_rows(read_arrays(entry.path), rows)


def digest_of_rows(arrays: Arrays, rows: int) -> str:
    """sha256 over the bytes of the first array's first rows."""
    return hashlib.sha256(np.ascontiguousarray(next(iter(arrays.values()))[:rows]).data).hexdigest()


def write_arrays(path: Path, arrays: Arrays) -> None:
    """Arrow IPC: one column per array, a fixed-size binary (uint8) or list (others) per row."""
    columns = [_column(np.ascontiguousarray(array)) for array in arrays.values()]
    layout = {name: {"dtype": array.dtype.str, "shape": array.shape[1:]} for name, array in arrays.items()}
    table = pa.table(columns, names=list(arrays)).replace_schema_metadata({"ganbench": json.dumps(layout)})
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=max(1, table.num_rows))


def rows_of(shard: Shard) -> dict[str, np.ndarray]:
    """The rows of a shard, memory-mapped and read-only; its file may hold more."""
    return {name: array[: shard.rows] for name, array in read_arrays(Path(shard.path)).items()}


def image_of(samples: Samples, i: int) -> np.ndarray:
    """One image of a set, CHW uint8."""
    return rows_of(samples.shards[i // SHARD])["images"][i % SHARD]


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays that `write_arrays` wrote, memory-mapped and read-only."""
    table = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
    layout = json.loads(table.schema.metadata[b"ganbench"])
    return {name: _array(table[name], layout[name], table.num_rows) for name in layout}


def _column(array: np.ndarray) -> pa.Array:
    if array.ndim == 1:
        return pa.array(array)
    width = int(np.prod(array.shape[1:]))
    if array.dtype == np.uint8:
        return pa.Array.from_buffers(pa.binary(width), len(array), [None, pa.py_buffer(array)])
    return pa.FixedSizeListArray.from_arrays(pa.array(array.ravel()), width)


def _array(column: pa.ChunkedArray, layout: Mapping[str, Any], rows: int) -> np.ndarray:
    shape = (rows, *layout["shape"])
    if rows == 0:
        return np.empty(shape, layout["dtype"])
    chunk = column.chunk(0)
    values = chunk.flatten() if pa.types.is_fixed_size_list(chunk.type) else chunk
    return np.frombuffer(values.buffers()[-1], layout["dtype"], int(np.prod(shape))).reshape(shape)
