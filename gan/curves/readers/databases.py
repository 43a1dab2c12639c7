"""trackio's projects: its SQLite files, and the Parquet files that it exports."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from ganbench.gan.curves.readers.delimited import cells
from ganbench.gan.curves.readers.rows import Gathering, damaged, runs_of
from ganbench.gan.curves.table import Run
from ganbench.gan.types import BadInput

SQLITE, PARQUET = b"SQLite format 3\0", b"PAR1"


def read_sqlite(path: Path) -> list[Run]:
    """The runs of a project: https://huggingface.co/docs/trackio/storage_schema."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
            heads = {row[1] for row in database.execute("PRAGMA table_info(metrics)")}
            if not {"timestamp", "run_name", "step", "metrics"} <= heads:
                raise BadInput("no-curves",
                               f"{path} is a database without trackio's table of metrics; runs of MLflow are named "
                               "mlflow:RUN_ID.")
            found = database.execute("SELECT run_name, step, timestamp, metrics FROM metrics ORDER BY id").fetchall()
    except sqlite3.DatabaseError as error:
        raise damaged(path, f"SQLite says {error}") from error
    rows = Gathering()
    for run, step, time, metrics in found:
        rows.add({**json.loads(metrics), "run_name": run, "step": step, "timestamp": time})
    return runs_of(path.stem, "trackio", rows.columns(), rows.n)


def read_parquet(path: Path) -> list[Run]:
    """Runs of a table in Parquet."""
    from pyarrow import ArrowException, parquet

    try:
        table = parquet.ParquetFile(path).read(use_threads=False)
    except (ArrowException, OSError) as error:
        raise damaged(path, f"no table can be read of it ({str(error).splitlines()[0].rstrip('.')})") from error
    columns = {head: column for head in table.column_names if (column := cells(table[head])) is not None}
    return runs_of(path.stem, "parquet", columns, table.num_rows)
