"""Trainings in MLflow: losses and pictures, logged as they arrive."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from ganbench.gan.curves.diagnosis import diagnose
from ganbench.gan.curves.drawing import panels_of, picture
from ganbench.gan.curves.readers import read_file
from ganbench.gan.curves.sentences import advice, evidence
from ganbench.gan.curves.summary import summaries
from ganbench.gan.recipes.choosing import scores_in
from ganbench.gan.report.curves import page
from ganbench.tasks.settings import settings
from ganbench.tasks.tracking.client import (
    COMPLETE,
    KEY,
    NOTE,
    Tracked,
    connect,
    experiment_of,
    failed,
    tracked,
    unreachable,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient


@dataclass(frozen=True)
class Curve:
    """A training as MLflow shows it: what grows in its folder are loss.csv, quality.csv and pictures."""

    name: str
    key: str
    folder: Path
    params: Mapping[str, Any]
    loss: str = ""  # of a critic


def follow_training(curve: Curve, complete: bool = False) -> Tracked:
    """Log the new losses and pictures of a training; after a failure, the next call logs them."""
    problem = unreachable(settings().tracking, seconds=1)
    if problem:
        return Tracked(problem=f"{problem}; the losses are in {curve.folder / 'loss.csv'}")
    try:
        return follow(connect(), curve, complete)
    except Exception as error:  # of MLflow, its client, its database or its disk: no reason to stop a training
        return Tracked(problem=f"{failed(error)}; the losses are in {curve.folder}")


def follow(client: MlflowClient, curve: Curve, complete: bool) -> Tracked:
    """Rows of loss.csv and pictures after the last ones logged; the run that has this key, or a new one."""
    from mlflow.entities import Metric, Param

    experiment = experiment_of(client)
    found = client.search_runs([experiment], f"tags.`{KEY}` = '{curve.key}'", max_results=1)
    run = found[0] if found else client.create_run(experiment, tags={KEY: curve.key}, run_name=f"train {curve.name}")
    run_id = run.info.run_id
    if not found:
        client.log_batch(run_id, params=[Param(name, str(value)) for name, value in curve.params.items()])
    logged, scored = (int(run.data.metrics.get(name, 0)) for name in ("step", "scored_step"))
    for row in losses(curve.folder / "loss.csv"):
        if row["step"] > logged:
            at = run.info.start_time + int(1000 * row["seconds"])
            client.log_batch(run_id, [Metric(name, value, at, int(row["step"])) for name, value in row.items()])
    for row in scores(curve.folder):
        if row["scored_step"] > scored:
            at = run.info.start_time + int(1000 * row.pop("seconds"))
            client.log_batch(run_id, [Metric(name, value, at, int(row["scored_step"])) for name, value in row.items()])
    for path in sorted(curve.folder.glob("step-*.png"), key=lambda path: int(path.stem[5:])):
        if int(path.stem[5:]) > logged:
            with Image.open(path) as image:
                client.log_image(run_id, image, key="samples", step=int(path.stem[5:]))
    if complete:
        add_curves(client, run_id, curve)
        client.set_tag(run_id, COMPLETE, "true")
        client.set_terminated(run_id)
    return tracked(experiment, run_id, new=not found)


def scores(folder: Path) -> list[dict[str, float]]:
    """KID of the snapshots, with its standard error; those that could not be measured are left out."""
    return [{"scored_step": row.step, "seconds": row.seconds, "kid": row.kid.value, "kid.se": row.kid.se}
            for row in scores_in(folder) if row.known]


def add_curves(client: MlflowClient, run_id: str, curve: Curve) -> None:
    """The curves as a picture and as a page, and what they show as the run's description; a person's own one stays."""
    log = curve.folder / "loss.csv"
    if not losses(log):
        return
    run = replace(read_file(log)[0], name=curve.name)
    verdicts, panels = diagnose(run, curve.loss), panels_of([run])
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "curves.png").write_bytes(picture(panels, [run], curve.name))
        text = page([run], panels, [verdicts], summaries([run]), curve.name)
        (Path(folder) / "curves.html").write_text(text, "utf-8")
        client.log_artifacts(run_id, folder)
    found = [f"{evidence(row)} {advice(row)}" for row in verdicts if row.said == "found"]
    if found and NOTE not in client.get_run(run_id).data.tags:
        client.set_tag(run_id, NOTE, "\n\n".join(found))


def losses(path: Path) -> list[dict[str, float]]:
    """The rows of a loss.csv."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
