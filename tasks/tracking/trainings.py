"""Trainings in MLflow: losses and pictures, logged as they arrive."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from ganbench.gan.recipes.choosing import scores_in
from ganbench.tasks.settings import settings
from ganbench.tasks.tracking.client import COMPLETE, KEY, Tracked, connect, experiment_of, failed, tracked, unreachable

if TYPE_CHECKING:
    from mlflow import MlflowClient


@dataclass(frozen=True)
class Curve:
    """A training as MLflow shows it: what grows in its folder are loss.csv, quality.csv and pictures."""

    name: str
    key: str
    folder: Path
    params: Mapping[str, Any]


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
    for picture in sorted(curve.folder.glob("step-*.png"), key=lambda path: int(path.stem[5:])):
        if int(picture.stem[5:]) > logged:
            with Image.open(picture) as image:
                client.log_image(run_id, image, key="samples", step=int(picture.stem[5:]))
    if complete:
        client.set_tag(run_id, COMPLETE, "true")
        client.set_terminated(run_id)
    return tracked(experiment, run_id, new=not found)


def scores(folder: Path) -> list[dict[str, float]]:
    """KID of the snapshots, with its standard error; those that could not be measured are left out."""
    return [{"scored_step": row.step, "seconds": row.seconds, "kid": row.kid.value, "kid.se": row.kid.se}
            for row in scores_in(folder) if row.known]


def losses(path: Path) -> list[dict[str, float]]:
    """The rows of a loss.csv."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
