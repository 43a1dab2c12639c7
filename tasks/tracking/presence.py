"""Whether MLflow still has a run, without importing MLflow, which takes seconds."""

from __future__ import annotations

import json
import sqlite3
import urllib.request
from contextlib import closing
from pathlib import Path
from urllib.parse import quote


def is_there(uri: str, run_id: str) -> bool:
    """Whether a run exists and is not deleted; False, too, where this cannot be told."""
    try:
        if uri.startswith("sqlite:///"):
            return stage_in_database(Path(uri.removeprefix("sqlite:///")), run_id) == "active"
        return uri.startswith("http") and stage_on_server(uri, run_id) == "active"
    except (OSError, ValueError, KeyError, TypeError, sqlite3.Error):
        return False


def stage_in_database(path: Path, run_id: str) -> str:
    with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=5)) as database:
        found = database.execute("SELECT lifecycle_stage FROM runs WHERE run_uuid = ?", (run_id,)).fetchone()
    return str(found[0]) if found else ""


def stage_on_server(uri: str, run_id: str) -> str:
    """By MLflow's documented REST interface."""
    address = f"{uri.rstrip('/')}/api/2.0/mlflow/runs/get?run_id={quote(run_id)}"
    with urllib.request.urlopen(address, timeout=5) as answer:
        return str(json.load(answer)["run"]["info"]["lifecycle_stage"])
