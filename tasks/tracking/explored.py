"""Pictures that somebody kept while exploring a model: artifacts of one run of MLflow for each model."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ganbench.tasks.tracking.client import COMPLETE, KEY, NOTE, Tracked, attempt, experiment_of, tracked
from ganbench.tasks.tracking.evaluations import KIND, run_of

if TYPE_CHECKING:
    from mlflow import MlflowClient

FOLDER = "explored"


@dataclass(frozen=True)
class Kept:
    """A picture as PNG, the line that says what it shows, and the command that draws it again."""

    model: str
    digest: str         # of the model
    state: str
    command: str
    name: str           # of the file
    png: bytes


def log_picture(kept: Kept) -> Tracked:
    """Add a picture to its model's run, or return the reason for a failure."""
    return attempt(lambda client: add(client, kept), "the picture was not saved")


def add(client: MlflowClient, kept: Kept) -> Tracked:
    experiment, key = experiment_of(client), f"explored {kept.digest}"
    run = run_of(client, experiment, key)
    new = run is None
    if run is None:
        run = client.create_run(experiment, None, {KEY: key, KIND: "explored", "model": kept.model},
                                f"{kept.model}, explored")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / kept.name
        path.write_bytes(kept.png)
        client.log_artifact(run.info.run_id, str(path), FOLDER)
    before = run.data.tags.get(NOTE, "")
    line = f"- `{FOLDER}/{kept.name}`: `{kept.command}`"
    client.set_tag(run.info.run_id, NOTE, before if line in before else f"{before}\n{line}".strip())
    client.set_tag(run.info.run_id, COMPLETE, "true")
    client.set_terminated(run.info.run_id)
    return tracked(experiment, run.info.run_id, new)
