"""CSV files: those of ganbench, Lightning's metrics.csv, exports of W&B, trackio and TensorBoard, and other tables.

An empty cell is nothing; `nan` and `inf` are values.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from ganbench.gan.curves.readers.rows import WORDS, Column, damaged, runs_of
from ganbench.gan.curves.table import Run
from ganbench.gan.types import Caveat

OF_TENSORBOARD = re.compile(r"run-(?P<run>.+)-tag-(?P<tag>.+)")


def is_table(head: bytes) -> bool:
    """Whether a file begins with a line of several words between commas, semicolons or tabs."""
    first = head.lstrip(b"\xef\xbb\xbf").split(b"\n")[0].strip()
    return bool(first) and b"\0" not in head and not first.startswith((b"{", b"[", b"<")) and bool(
        re.search(rb"[,;\t]", first)) and not re.fullmatch(rb"[-+.,;\t \deE]+", first)


def read_table(path: Path) -> list[Run]:
    """The runs of a CSV file; a last line that is cut off is left out."""
    from pyarrow import ArrowInvalid, csv

    lost: list[int] = []

    def skip(row: csv.InvalidRow) -> str:
        lost.append(row.number or 0)
        return "skip"

    with path.open("rb") as file:
        first = file.readline()
    mark = max(b",;\t", key=lambda byte: first.count(bytes([byte])))
    try:
        table = csv.read_csv(
            path, csv.ReadOptions(use_threads=False),
            csv.ParseOptions(delimiter=chr(mark), invalid_row_handler=skip),
            csv.ConvertOptions(null_values=[""], strings_can_be_null=True))
    except ArrowInvalid as error:
        raise damaged(path, f"no table can be read of it ({str(error).splitlines()[0].rstrip('.')})") from error
    n = table.num_rows
    if lost and (len(lost) > 1 or lost[0] < n + 2):
        raise damaged(path, f"line {min(lost) or 1:,} has another number of cells than the first one")
    columns = {head: column for head in table.column_names if (column := cells(table[head])) is not None}
    cut = [Caveat("cut off line", {"rows": n})] if lost else []
    found = OF_TENSORBOARD.fullmatch(path.stem)
    if found:
        return [Run(found["run"], *rest) for run in runs_of(found["tag"], "csv", columns, n, cut)
                for rest in [(run.source, run.series, run.restarts, run.caveats)]]
    return runs_of(path.stem, "csv", of_one_run(columns), n, cut)


def cells(column: object) -> Column | None:
    """The filled cells of Arrow's column; None where none is."""
    import pyarrow

    assert_type: pyarrow.ChunkedArray = column
    filled = np.flatnonzero(assert_type.is_valid().to_numpy())
    if not len(filled):
        return None
    values = assert_type.drop_null()
    if pyarrow.types.is_floating(values.type) or pyarrow.types.is_integer(values.type):
        return Column(filled, values.cast("float64").to_numpy())
    if pyarrow.types.is_temporal(values.type):
        return Column(filled, np.array([str(value) for value in values.to_pylist()]))
    if not pyarrow.types.is_string(values.type):
        return None
    texts = values.to_pylist()
    try:
        return Column(filled, np.array([WORDS.get(text.lower(), text) for text in texts], np.float64))
    except ValueError:
        return Column(filled, np.array(texts, np.str_))


def of_one_run(columns: dict[str, Column]) -> dict[str, Column]:
    """W&B's page exports `run - metric`: of one run without its name."""
    named = [head for head in columns if " - " in head]
    runs = {head.partition(" - ")[0] for head in named}
    return {head.partition(" - ")[2] if head in named and len(runs) == 1 else head: column
            for head, column in columns.items()}
