"""READERS: the formats of logs.  A file is recognised by how it begins, a folder by what lies in it.

A further format is a file here, a row of the table, and a test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ganbench.gan.curves.names import canonical
from ganbench.gan.curves.readers import checkpoint, databases, delimited, json_lines, mlflow_files
from ganbench.gan.curves.table import Points, Run, run_of
from ganbench.gan.curves.tfevents import read_events
from ganbench.gan.files import check_file
from ganbench.gan.types import BadInput

HEAD = 4_096        # bytes by which a format is recognised


@dataclass(frozen=True)
class Reader:
    """A format: whether a file that begins so is of it, and its runs."""

    recognises: Callable[[Path, bytes], bool]
    read: Callable[[Path], list[Run]]
    what: str


def is_events(path: Path, head: bytes) -> bool:
    """By its first record: a length below 64 KiB and the Event's first field, a time."""
    return (len(head) > 20 and head[2:8] == bytes(6) and head[12] == 0x09) or (".tfevents." in path.name)


def is_torch(path: Path, head: bytes) -> bool:
    """A zip archive, or a pickle of a version from 2 to 5."""
    return head.startswith(b"PK\x03\x04") or (head[:1] == b"\x80" and len(head) > 1 and 2 <= head[1] <= 5)


def read_events_file(path: Path) -> list[Run]:
    return [run_of_events(path.name, [path])]


READERS: dict[str, Reader] = {
    "tensorboard": Reader(is_events, read_events_file, "TensorBoard's event files"),
    "trackio": Reader(lambda path, head: head.startswith(databases.SQLITE), databases.read_sqlite,
                      "trackio's SQLite files"),
    "parquet": Reader(lambda path, head: head.startswith(databases.PARQUET), databases.read_parquet,
                      "tables in Parquet, such as trackio's"),
    "checkpoint": Reader(is_torch, checkpoint.read_history, "histories in checkpoints of torch.save"),
    "json": Reader(lambda path, head: json_lines.is_document(head), json_lines.read_document, "JSON documents"),
    "jsonl": Reader(lambda path, head: json_lines.is_lines(head), json_lines.read_lines,
                    "JSON lines: StyleGAN's stats.jsonl, exports of W&B"),
    "csv": Reader(lambda path, head: delimited.is_table(head), delimited.read_table,
                  "CSV: ganbench's loss.csv, Lightning's metrics.csv, exports of W&B and trackio"),
}


def read_logs(logs: Sequence[Path]) -> list[Run]:
    """The runs of files and folders; equal names get their folders in front, or a number behind."""
    found = [(log, run) for log in logs for run in read_log(log)]
    empty = next((log for log in logs if not any(run.points for source, run in found if source == log)), None)
    if empty is not None:
        raise BadInput("no-curves", f"{empty} holds no point of any metric, expected steps and values.")
    return with_own_names([run for _, run in found if run.points])


def read_log(log: Path) -> list[Run]:
    """The runs of one LOG."""
    if log.is_dir():
        return read_folder(log)
    if not log.exists() and not log.is_symlink():
        raise BadInput("no-such-file", f"{log} does not exist, expected a log of a training, or a folder of one.")
    check_file(log)
    runs = read_file(log)
    generic = {"loss", "stats", "metrics", "history", "log", "logs", "trainer_state", "train_log", "progress"}
    name = log.absolute().parent.name if log.stem in generic or ".tfevents." in log.name else log.stem
    return [replace(run, name=name) for run in runs] if (len(runs) == 1 and runs[0].name == log.stem) or (
        ".tfevents." in log.name) else runs


def read_file(path: Path) -> list[Run]:
    """By the first of READERS that recognises how the file begins."""
    try:
        with path.open("rb") as file:
            head = file.read(HEAD)
    except OSError as error:
        raise BadInput("unreadable-file", f"{path} cannot be read: {error.strerror or error}.") from error
    if not head:
        raise BadInput("empty-file", f"{path} is empty (0 bytes), expected a log of a training.")
    reader = next((row for row in READERS.values() if row.recognises(path, head)), None)
    if reader is None:
        raise BadInput("unknown-log",
                       f"{path} is no log that ganbench reads: it begins with {head[:8].hex()}, expected one of "
                       f"{'; '.join(row.what for row in READERS.values())}.")
    return reader.read(path)


# Folders

def read_folder(folder: Path) -> list[Run]:
    """The runs of a folder: of each folder below it that holds event files, tables or lines, one."""
    runs = [run for place in places_in(folder) for run in read_place(place, folder)]
    if not runs:
        raise BadInput("no-curves",
                       f"{folder} holds no log: expected loss.csv, metrics.csv, stats.jsonl, a folder of MLflow, or "
                       "TensorBoard's event files.")
    return runs


def places_in(folder: Path, depth: int = 4) -> Iterator[Path]:
    """The folder and those below it that hold logs."""
    if mlflow_files.is_run(folder) or any(True for _ in logs_in(folder)):
        yield folder
    if depth and not mlflow_files.is_run(folder):
        for inner in sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")):
            yield from places_in(inner, depth - 1)


def logs_in(folder: Path) -> Iterator[Path]:
    """The files of a folder that are logs by their names."""
    for path in sorted(folder.iterdir()):
        if path.is_file() and (".tfevents." in path.name or path.name in (
                "loss.csv", "metrics.csv", "stats.jsonl", "progress.csv", "log.jsonl", "metrics.jsonl",
                "trainer_state.json", "quality.csv", "history.jsonl", "history.csv")
                or path.name.endswith("-quality.csv") or (path.name.startswith("metric-") and path.suffix == ".jsonl")):
            yield path


def read_place(place: Path, root: Path) -> list[Run]:
    """One folder is one run, whatever files it is spread over; tables of several runs stay several."""
    name = root.absolute().name if place == root else str(place.relative_to(root))
    if mlflow_files.is_run(place):
        return [replace(run, name=name) for run in mlflow_files.read_run(place)]
    paths = list(logs_in(place))
    events = [path for path in paths if ".tfevents." in path.name]
    runs = [run_of_events(name, events)] if events else []
    tables = [read_file(path) for path in paths if path not in events]
    several = [run for runs in tables if len(runs) > 1 for run in runs]
    return [*together(name, [*runs, *(runs[0] for runs in tables if len(runs) == 1)]), *several]


def together(name: str, runs: Sequence[Run]) -> list[Run]:
    """Parts of one run: a metric that two of them have is that of the first.  Restarts are those of the part with the
    most points, since another one sees them later."""
    if not runs:
        return []
    series = {metric: one for run in reversed(runs) for metric, one in run.series.items()}
    return [Run(name, runs[0].source, series, max(runs, key=lambda run: run.points).restarts,
                tuple(caveat for run in runs for caveat in run.caveats))]


def run_of_events(name: str, paths: Sequence[Path]) -> Run:
    """Event files of one folder in the order of their names, which begin with the time at which they were opened."""
    metrics: dict[str, Points] = {}
    caveats = []
    for path in paths:
        found, cut = read_events(path)
        caveats += cut
        for tag, points in found.items():
            mine = metrics.setdefault(canonical(tag), Points())
            mine.add(points.step[0], points.time[0], points.value[0])
    return run_of(name, "tensorboard", metrics, caveats)


def with_own_names(runs: Sequence[Run]) -> list[Run]:
    """The second run of a name is called NAME (2)."""
    seen: dict[str, int] = {}
    found = []
    for run in runs:
        seen[run.name] = seen.get(run.name, 0) + 1
        found.append(replace(run, name=f"{run.name} ({seen[run.name]})") if seen[run.name] > 1 else run)
    return found
