"""MLflow: one run per result, found again by its key, complete or resumed, never repeated."""

from __future__ import annotations

import csv
import json
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image
from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE

from gan.files import atomic_write
from gan.generators.loading import identity
from gan.jobs import Job, Part
from gan.store import Store
from gan.types import Score, digest_of
from tasks import score_view
from tasks.artifacts import markdown_of
from tasks.settings import settings

if TYPE_CHECKING:
    from mlflow import MlflowClient

KEY, COMPLETE = "ganbench.key", "ganbench.complete"
SHOWN_AS_TABLE = {"mlflow.loggedArtifacts": json.dumps([{"path": "scores.json", "type": "table"}])}
TRAINING_VIEW = {"mlflow.experimentKind": "custom_model_development"}
COLUMNS = ("metric", "slice", "value", "se", "floor", "n", "protocol")  # of the table of scores
PAGES = "workflowType=machine_learning"  # MLflow's pages for models, not those for chats


@dataclass(frozen=True)
class Record:
    """What MLflow is told about one evaluation; JSON, so that it can wait on disk for a server."""

    key: str  # sha256 of the job and its scores
    name: str
    params: Mapping[str, Any]
    metrics: Mapping[str, float]
    tags: dict[str, str]
    table: Mapping[str, list[Any]]  # the scores, by column
    datasets: Mapping[str, Mapping[str, Any]]  # context -> name, digest, source, images
    picture: str = ""  # a PNG of samples


@dataclass(frozen=True)
class Tracked:
    """Where a record went: a run of MLflow, or a file that the next run will log."""

    run_id: str = ""
    url: str = ""
    new: bool = False
    picture: str = ""  # where a browser finds it, when a server is up
    problem: str = ""


@task(name="track", persist_result=False, cache_policy=NO_CACHE)
def track(record: Record) -> Tracked:
    """Log a record, and those that wait; whatever MLflow does, the scores are never lost.

    The record lies on disk before MLflow hears of it and until MLflow has it: when this process is killed, or MLflow
    is down or fails, the next evaluation logs it.
    """
    path = waiting() / f"{record.key[:16]}.json"
    atomic_write(path, lambda file: file.write_text(json.dumps(record.__dict__)))
    problem = unreachable(settings().tracking)
    if not problem:
        with one_at_a_time():
            try:
                mine = deliver(path)
            except Exception as error:  # of MLflow, its client, its database or its disk
                problem = f"MLflow at {settings().tracking} failed ({' '.join(str(error).split())[:200]})"
            else:
                deliver_waiting()
                return mine
    return Tracked(problem=f"{problem}; the scores wait in {path} and the next evaluation will log them")


def waiting() -> Path:
    """The folder of records that MLflow does not have yet."""
    return settings().root / "untracked"


def deliver(path: Path) -> Tracked:
    """Log the record in a file, which then goes."""
    found = log(connect(), Record(**json.loads(path.read_text())))
    path.unlink(missing_ok=True)
    return found


def deliver_waiting() -> None:
    """Log what earlier evaluations could not; what fails again waits on."""
    for path in sorted(waiting().glob("*.json")):
        try:
            deliver(path)
        except Exception as error:
            get_run_logger().warning("%s could not be logged: %s", path, error)


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Two processes with one result: the second one finds the run of the first."""
    with Store(settings().root / "store").lock("tracking", "00"):
        yield


def unreachable(address: str, seconds: float = 5) -> str:
    """Why an MLflow server does not answer, or ''; files and databases always answer."""
    if not address.startswith("http"):
        return ""
    try:
        with urllib.request.urlopen(f"{address.rstrip('/')}/health", timeout=seconds):
            return ""
    except (OSError, ValueError) as error:
        return f"MLflow at {address} does not answer ({getattr(error, 'reason', error)})"


def connect() -> MlflowClient:
    """A client of the settings' MLflow; the home's own database is made first."""
    from mlflow import MlflowClient

    if not settings().tracking_uri:
        make_database()
    return MlflowClient(settings().tracking)  # mlflow.set_tracking_uri would write into the environment


def make_database() -> None:
    """MLflow's SQLite file in the home folder, whole or not at all.

    MLflow migrates a new file step by step, which, once broken off or done by two processes, never recovers.
    """
    from mlflow import MlflowClient

    path = settings().mlflow_database
    with Store(settings().root / "store").lock("tracking", "database"):
        if path.exists():
            return
        for unfinished in path.parent.glob(".*.partial*"):
            unfinished.unlink()
        atomic_write(path, lambda file: MlflowClient(f"sqlite:///{file}").search_experiments())


def experiment_of(client: MlflowClient) -> str:
    """The id of the settings' experiment; made when it is new, its artifacts beside the SQLite file."""
    found = client.get_experiment_by_name(settings().experiment)
    if found is not None:
        for name in TRAINING_VIEW.keys() - found.tags.keys():
            client.set_experiment_tag(found.experiment_id, name, TRAINING_VIEW[name])
        return str(found.experiment_id)
    local = settings().tracking.startswith("sqlite")
    artifacts = (settings().root / "mlflow" / "artifacts").as_uri() if local else None
    return str(client.create_experiment(settings().experiment, artifact_location=artifacts, tags=TRAINING_VIEW))


def log(client: MlflowClient, record: Record) -> Tracked:
    """The run of this record: as it is when complete, else begun or resumed, and completed."""
    experiment = experiment_of(client)
    show_scores(client, experiment, record.metrics)
    found = client.search_runs([experiment], f"tags.`{KEY}` = '{record.key}'", max_results=1)
    if found and found[0].data.tags.get(COMPLETE) == "true":
        return tracked(experiment, found[0].info.run_id, new=False)
    run = found[0] if found else client.create_run(experiment, tags={KEY: record.key}, run_name=record.name)
    fill(client, run.info.run_id, record)
    client.set_tag(run.info.run_id, COMPLETE, "true")
    client.set_terminated(run.info.run_id)
    return tracked(experiment, run.info.run_id, new=True)


def fill(client: MlflowClient, run_id: str, record: Record) -> None:
    """Everything in one batch, then datasets and artifacts; repeating any of it changes nothing."""
    from mlflow.entities import DatasetInput, InputTag, Metric, Param, RunTag

    logged = client.get_run(run_id)
    client.log_batch(
        run_id,
        metrics=[Metric(name, value, logged.info.start_time, 0) for name, value in record.metrics.items()],
        params=[Param(name, str(value)) for name, value in record.params.items()],
        tags=[RunTag(name, value) for name, value in (record.tags | SHOWN_AS_TABLE).items()],
    )
    if not logged.inputs.dataset_inputs:
        inputs = [DatasetInput(dataset_of(facts), [InputTag("mlflow.data.context", context)])
                  for context, facts in record.datasets.items()]  # fmt: skip
        client.log_inputs(run_id, inputs)
    client.log_dict(run_id, {"columns": list(record.table), "data": rows_of(record.table)}, "scores.json")
    if Path(record.picture).is_file():
        with Image.open(record.picture) as picture:
            client.log_image(run_id, picture, "samples.png")


@dataclass(frozen=True)
class Curve:
    """A training as MLflow shows it: what grows in its folder are loss.csv and pictures."""

    name: str
    key: str
    folder: Path
    params: Mapping[str, Any]


def follow_training(curve: Curve, complete: bool = False) -> Tracked:
    """Log what MLflow does not have yet of a training; what fails now comes with the next call."""
    problem = unreachable(settings().tracking, seconds=1)
    if problem:
        return Tracked(problem=f"{problem}; the losses are in {curve.folder / 'loss.csv'}")
    try:
        return follow(connect(), curve, complete)
    except Exception as error:  # of MLflow, its client, its database or its disk: no reason to stop a training
        said = " ".join(str(error).split())[:200]
        return Tracked(problem=f"MLflow at {settings().tracking} failed ({said}); the losses are in {curve.folder}")


def follow(client: MlflowClient, curve: Curve, complete: bool) -> Tracked:
    """Rows of loss.csv and pictures after the last ones logged; the run that has this key, or a new one."""
    from mlflow.entities import Metric, Param

    experiment = experiment_of(client)
    found = client.search_runs([experiment], f"tags.`{KEY}` = '{curve.key}'", max_results=1)
    run = found[0] if found else client.create_run(experiment, tags={KEY: curve.key}, run_name=f"train {curve.name}")
    run_id = run.info.run_id
    if not found:
        client.log_batch(run_id, params=[Param(name, str(value)) for name, value in curve.params.items()])
    logged = int(run.data.metrics.get("step", 0))
    for row in losses(curve.folder / "loss.csv"):
        if row["step"] > logged:
            at = run.info.start_time + int(1000 * row["seconds"])
            client.log_batch(run_id, [Metric(name, value, at, int(row["step"])) for name, value in row.items()])
    for picture in sorted(curve.folder.glob("step-*.png"), key=lambda path: int(path.stem[5:])):
        if int(picture.stem[5:]) > logged:
            with Image.open(picture) as image:
                client.log_image(run_id, image, key="samples", step=int(picture.stem[5:]))
    if complete:
        client.set_tag(run_id, COMPLETE, "true")
        client.set_terminated(run_id)
    return tracked(experiment, run_id, new=not found)


def losses(path: Path) -> list[dict[str, float]]:
    """The rows of a loss.csv."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


def rows_of(table: Mapping[str, list[Any]]) -> list[list[Any]]:
    return [list(row) for row in zip(*table.values(), strict=True)]


def dataset_of(facts: Mapping[str, Any]) -> Any:
    from mlflow.entities import Dataset

    profile = {key: value for key, value in facts.items() if key not in ("name", "digest", "source")}
    return Dataset(
        name=facts["name"], digest=facts["digest"][:36], source_type="local",
        source=json.dumps({"uri": facts["source"]}), profile=json.dumps(profile),
    )  # fmt: skip


def tracked(experiment: str, run_id: str, new: bool) -> Tracked:
    """A run of MLflow, with addresses for a browser while a server is up."""
    server = settings().tracking.rstrip("/")
    if not server.startswith("http"):
        return Tracked(run_id, new=new)
    return Tracked(
        run_id,
        f"{server}/#/experiments/{experiment}/runs/{run_id}?{PAGES}",
        new,
        f"{server}/get-artifact?path=samples.png&run_uuid={run_id}",
    )


def show_scores(client: MlflowClient, experiment: str, metrics: Iterable[str]) -> None:
    """Let MLflow's page of runs have a column for each of these metrics."""
    saved = client.get_experiment(experiment).tags.get(score_view.TAG, "")
    view = score_view.joined(saved, metrics)
    if view:
        client.set_experiment_tag(experiment, score_view.TAG, view)


def page_of_scores() -> str:
    """Where a browser finds all runs with their scores on the settings' server."""
    client = connect()
    experiment = experiment_of(client)
    show_scores(client, experiment, [])
    return f"{settings().tracking.rstrip('/')}/#/experiments/{experiment}/runs?{PAGES}&{score_view.PAGE}"


def record_of(job: Job, scores: list[Score], slices: list[Score], picture: str, tags: Mapping[str, str]) -> Record:
    """An evaluation as MLflow shows it; the same job with the same numbers has the same key."""
    metrics = {name: value for score in scores for name, value in metrics_of(score).items()}
    protocol = job.protocol
    return Record(
        key=digest_of([job.digest, metrics, *[[score.slice, score.metric, score.value] for score in slices]]),
        name=f"{job.model.name}, {protocol.n_generated:,} images, seed {job.seed}",
        params={
            "model": job.model.name, "protocol": protocol.name, "convention": protocol.convention.name,
            "reference": protocol.reference, "n": protocol.n_generated, "seed": job.seed,
        },
        metrics=metrics,
        tags={
            "mlflow.note.content": markdown_of(scores, job.model.name, []),
            "ganbench.model_digest": job.model_digest, "ganbench.protocol_digest": job.protocol_digest, **tags,
        },
        table={name: [getattr(score, name) for score in [*scores, *slices]] for name in COLUMNS},
        datasets={role: facts_of(part) for role, part in job.parts.items() if role != "generated"},
        picture=picture,
    )  # fmt: skip


def metrics_of(score: Score) -> dict[str, float]:
    """One MLflow metric for the value; its error and floor beside it, under names that sort behind it."""
    floor = {} if score.floor is None else {f"{score.metric}.floor": score.floor}
    return {score.metric: score.value, f"{score.metric}.se": score.se, **floor}


def facts_of(part: Part) -> dict[str, Any]:
    return {"name": part.spec.name, "digest": identity(part.spec), "source": part.spec.weights, "images": part.n}
