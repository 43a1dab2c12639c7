"""Evaluations in MLflow: one run per result, identified by its key; incomplete runs are resumed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image
from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE

from ganbench.gan.files import atomic_write
from ganbench.gan.jobs import Job
from ganbench.gan.metering import Cost
from ganbench.gan.models.identity import identity
from ganbench.gan.parts import Part
from ganbench.gan.types import Score, digest_of
from ganbench.gan.usercode import bare
from ganbench.tasks.artifacts import markdown_of
from ganbench.tasks.settings import settings
from ganbench.tasks.tracking.client import (
    COMPLETE,
    KEY,
    Tracked,
    connect,
    experiment_of,
    one_at_a_time,
    show_scores,
    tracked,
    unreachable,
)
from ganbench.tasks.tracking.registry import link_model

if TYPE_CHECKING:
    from mlflow import MlflowClient

SHOWN_AS_TABLE = {"mlflow.loggedArtifacts": json.dumps([{"path": "scores.json", "type": "table"}])}
SUITE, KIND = "suite_id", "ganbench.kind"  # tags
COLUMNS = ("metric", "slice", "value", "se", "floor", "n", "protocol")  # of the table of scores


@dataclass(frozen=True)
class Record:
    """The data of one evaluation for MLflow; JSON, so that it can be stored until a server is available."""

    key: str  # sha256 of the job and its scores
    name: str
    params: Mapping[str, Any]
    metrics: Mapping[str, float]
    tags: dict[str, str]
    table: Mapping[str, list[Any]]  # the scores, by column
    datasets: Mapping[str, Mapping[str, Any]]  # context -> name, digest, source, images
    picture: str = ""  # a PNG of samples
    model: Mapping[str, Any] = field(default_factory=dict)  # name, digest and facts, for MLflow's page of models
    costs: Mapping[str, float] = field(default_factory=dict)  # metrics that a comparison adds to the same run
    galleries: Mapping[str, str] = field(default_factory=dict)  # PNG files by name, for MLflow's grid of images


@task(name="track", persist_result=False, cache_policy=NO_CACHE)
def track(record: Record) -> Tracked:
    """Log a record, and earlier ones that are pending.

    The record is on disk from before it is sent until MLflow has it: if this process is killed, or MLflow is down or
    fails, the next evaluation logs it.
    """
    path = waiting() / f"{record.key[:16]}.json"
    atomic_write(path, lambda file: file.write_text(json.dumps(record.__dict__), "utf-8"))
    problem = unreachable(settings().tracking)
    if not problem:
        with one_at_a_time():
            try:
                mine = deliver(path, record)
            except Exception as error:  # of MLflow, its client, its database or its disk
                problem = f"MLflow at {settings().tracking} failed ({' '.join(str(error).split())[:200]})"
            else:
                deliver_waiting()
                return mine
    return Tracked(problem=f"{problem}; the scores wait in {path} and the next evaluation will log them")


def waiting() -> Path:
    """The folder of pending records."""
    return settings().root / "untracked"


def deliver(path: Path, record: Record) -> Tracked:
    """Log the record that is in a file, then delete the file, which another process may have done before."""
    found = log(connect(), record)
    path.unlink(missing_ok=True)
    return found


def deliver_waiting() -> None:
    """Log the pending records of earlier evaluations; those that fail again stay pending."""
    for path in sorted(waiting().glob("*.json")):
        try:
            deliver(path, Record(**json.loads(path.read_text("utf-8"))))
        except FileNotFoundError:
            continue                                        # another process has logged it
        except Exception as error:
            get_run_logger().warning("%s could not be logged: %s", path, error)


def log(client: MlflowClient, record: Record) -> Tracked:
    """The run of this record: as it is when complete, else begun or resumed, and completed."""
    experiment = experiment_of(client)
    show_scores(client, experiment, shown(record.table))
    found = client.search_runs([experiment], f"tags.`{KEY}` = '{record.key}'", max_results=1)
    if found and found[0].data.tags.get(COMPLETE) == "true":
        add_costs(client, found[0], record)
        add_galleries(client, found[0].info.run_id, record)
        return tracked(experiment, found[0].info.run_id, new=False)
    run = found[0] if found else client.create_run(experiment, tags={KEY: record.key}, run_name=record.name)
    fill(client, experiment, run.info.run_id, record)
    add_costs(client, run, record)
    add_galleries(client, run.info.run_id, record)
    client.set_tag(run.info.run_id, COMPLETE, "true")
    client.set_terminated(run.info.run_id)
    return tracked(experiment, run.info.run_id, new=True)


def add_costs(client: MlflowClient, run: Any, record: Record) -> None:
    """What a comparison measured besides scores; a run that has it stays as it is."""
    from mlflow.entities import Metric

    new = {name: value for name, value in record.costs.items() if name not in run.data.metrics}
    if new:
        client.log_batch(run.info.run_id, [Metric(name, value, run.info.start_time, 0) for name, value in new.items()])


def add_galleries(client: MlflowClient, run_id: str, record: Record) -> None:
    """Log the pictures that MLflow's charts show side by side for all runs, unless they exist."""
    there = {re.split("[%+]step", Path(file.path).name)[0] for file in client.list_artifacts(run_id, "images")}
    for name, path in record.galleries.items():
        if name not in there and Path(path).is_file():
            with Image.open(path) as picture:
                client.log_image(run_id, picture, key=name, step=0)


def fill(client: MlflowClient, experiment: str, run_id: str, record: Record) -> None:
    """Everything in one batch, then datasets and artifacts; repeating any of it changes nothing."""
    from mlflow.entities import DatasetInput, InputTag, Metric, Param, RunTag

    logged = client.get_run(run_id)
    begun = logged.info.start_time
    model = link_model(client, experiment, run_id, **record.model) if record.model else None
    client.log_batch(
        run_id,
        metrics=[Metric(name, value, begun, 0, model_id=model) for name, value in record.metrics.items()],
        params=[Param(name, str(value)) for name, value in record.params.items()],
        tags=[RunTag(name, value) for name, value in (record.tags | SHOWN_AS_TABLE).items()],
    )
    if not (logged.inputs and logged.inputs.dataset_inputs):
        inputs = [DatasetInput(dataset_of(facts), [InputTag("mlflow.data.context", context)])
                  for context, facts in record.datasets.items()]
        client.log_inputs(run_id, inputs)
    client.log_dict(run_id, {"columns": list(record.table), "data": rows_of(record.table)}, "scores.json")
    if Path(record.picture).is_file():
        with Image.open(record.picture) as picture:
            client.log_image(run_id, picture, "samples.png")


def shown(table: Mapping[str, list[Any]]) -> list[str]:
    """The scores of all images, without those of slices."""
    return [metric for metric, part in zip(table["metric"], table["slice"], strict=True) if not part]


def rows_of(table: Mapping[str, list[Any]]) -> list[list[Any]]:
    return [list(row) for row in zip(*table.values(), strict=True)]


def dataset_of(facts: Mapping[str, Any]) -> Any:
    from mlflow.entities import Dataset

    profile = {key: value for key, value in facts.items() if key not in ("name", "digest", "source")}
    return Dataset(
        name=facts["name"], digest=facts["digest"][:36], source_type="local",
        source=json.dumps({"uri": facts["source"]}), profile=json.dumps(profile),
    )


def record_of(
    job: Job, scores: list[Score], slices: list[Score], picture: str, tags: Mapping[str, str], cost: Cost | None = None,
    galleries: Mapping[str, str] | None = None,
) -> Record:
    """An evaluation as MLflow shows it; the same job with the same numbers has the same key."""
    metrics = {name: value for score in scores for name, value in metrics_of(score).items()}
    protocol = job.protocol
    return Record(
        key=digest_of([job.digest, metrics, *[[score.slice, score.metric, score.value] for score in slices]]),
        name=f"{job.model.name}, {protocol.n_generated:,} images, seed {job.seed}",
        params={
            "model": job.model.name, "family": job.model.family or bare(job.model.factory), "protocol": protocol.name,
            "convention": protocol.convention.name, "reference": protocol.reference, "n": protocol.n_generated,
            "seed": job.seed,
        },
        metrics=metrics,
        tags={
            SUITE: suite_id(job), KIND: "evaluation",
            "mlflow.note.content": markdown_of(scores, job.model.name, []),
            "ganbench.model_digest": job.model_digest, "ganbench.protocol_digest": job.protocol_digest, **tags,
        },
        table={name: [getattr(score, name) for score in [*scores, *slices]] for name in COLUMNS},
        datasets={role: facts_of(part) for role, part in job.parts.items() if role != "generated"},
        picture=picture,
        model={"name": job.model.name, "digest": job.model_digest, "facts": facts_of_model(job)},
        costs=numbers_of(cost or Cost()), galleries=galleries or {},
    )


def numbers_of(cost: Cost) -> dict[str, float]:
    facts = {name: value for name, value in asdict(cost).items() if name not in ("measured_on", "cores")}
    return {f"cost/{name}": value for name, value in facts.items() if value is not None}


def suite_id(job: Job) -> str:
    """Scores with the same group (protocol and seed) are comparable.  MLflow's page of runs can be grouped by it."""
    return f"{job.protocol.name}, seed {job.seed} ({job.protocol_digest[:8]})"


def facts_of_model(job: Job) -> dict[str, Any]:
    model = job.model
    return {"family": model.family, "factory": bare(model.factory), "arguments": json.dumps(dict(model.arguments)),
            "sha256": model.sha256, "resolution": model.resolution, "channels": model.channels}


def metrics_of(score: Score) -> dict[str, float]:
    """One MLflow metric for the value; its error and floor beside it, under names that sort behind it."""
    floor = {} if score.floor is None else {f"{score.metric}.floor": score.floor}
    return {score.metric: score.value, f"{score.metric}.se": score.se, **floor}


def facts_of(part: Part) -> dict[str, Any]:
    return {"name": part.spec.name, "digest": identity(part.spec), "source": part.spec.weights, "images": part.n}
