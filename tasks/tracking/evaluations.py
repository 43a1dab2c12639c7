"""Evaluations in MLflow: one run per result, identified by its key; incomplete runs are resumed."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image
from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE

from ganbench.gan.files import atomic_write
from ganbench.gan.jobs import Job
from ganbench.gan.metering import Cost
from ganbench.gan.models.identity import identity
from ganbench.gan.models.toml_file import write_spec
from ganbench.gan.nightly.sentences import named
from ganbench.gan.parts import Part
from ganbench.gan.tables import Cell, cell_of, floor_text
from ganbench.gan.types import Score, digest_of
from ganbench.gan.usercode import bare
from ganbench.tasks import score_view
from ganbench.tasks.artifacts import markdown_of
from ganbench.tasks.settings import settings
from ganbench.tasks.tracking.client import (
    COMPLETE,
    KEY,
    NOTE,
    Tracked,
    connect,
    experiment_of,
    failed,
    one_at_a_time,
    show,
    tracked,
    unreachable,
    whoever,
)
from ganbench.tasks.tracking.registry import PREVIEW, link_model
from ganbench.tasks.tracking.shown import SIZE, SPEED, legend, metrics_of, row_of, short, tags_of, text_of, view_of

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

TABLE, PICTURE = "scores.json", "samples"
SHOWN_AS_TABLE = {"mlflow.loggedArtifacts": json.dumps([{"path": TABLE, "type": "table"}])}
PREVIEW_WIDTH = 560
SUITE, KIND, SLICES = "suite_id", "ganbench.kind", "ganbench.slices"  # tags
SOURCE = "JOB"  # the type under which MLflow's page writes the whole command


@dataclass(frozen=True)
class Record:
    """The data of one evaluation for MLflow; JSON, so that it can be stored until a server is available."""

    key: str  # sha256 of the job and its scores, whichever command asked for them
    name: str
    params: Mapping[str, Any]
    metrics: Mapping[str, float]
    tags: dict[str, str]
    table: Mapping[str, list[Any]]  # the scores: columns, and data, a list of rows
    datasets: Mapping[str, Mapping[str, Any]]  # context -> name, digest, source, images
    picture: str = ""  # a PNG of samples
    model: Mapping[str, Any] = field(default_factory=dict)  # name, digest and facts, for MLflow's page of models
    costs: Mapping[str, float] = field(default_factory=dict)  # metrics that a comparison adds to the same run
    galleries: Mapping[str, str] = field(default_factory=dict)  # PNG files by name, for MLflow's grid of images
    former: str = ""  # the key under which earlier versions of ganbench have logged the same
    begun: float = 0.0  # seconds since 1970
    ended: float = 0.0
    slices: str = ""  # digest of the scores of slices, which the same job may have or not
    view: Mapping[str, str] = field(default_factory=dict)  # what the page of runs shows: key, tag and note


@task(name="track", task_run_name="log {record.name}", persist_result=False, cache_policy=NO_CACHE)
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
                problem = failed(error)
            else:
                deliver_waiting()
                return mine
    return Tracked(problem=f"{problem}; the scores wait in {path} and the next evaluation will log them")


def track_pending() -> None:
    """Log the pending records, if MLflow answers: where nothing new is logged that would take them along."""
    if any(waiting().glob("*.json")) and not unreachable(settings().tracking):
        with one_at_a_time():
            deliver_waiting()


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
    run = run_of(client, experiment, record.key)
    if run is not None and run.data.tags.get(COMPLETE) == "true":
        if record.slices not in ("", run.data.tags.get(SLICES)):
            client.log_dict(run.info.run_id, by_rows(record.table), TABLE)
            client.set_tag(run.info.run_id, SLICES, record.slices)
        add_costs(client, run, record)
        add_galleries(client, run.info.run_id, record)
        return tracked(experiment, run.info.run_id, new=False)
    if record.view:
        show(client, experiment, record.view, record.view["note"])
    if run is None and record.former:
        run = run_of(client, experiment, record.former)
    if run is None:
        run = client.create_run(experiment, round(1000 * record.begun) or None, {KEY: record.key}, record.name)
    run_id = run.info.run_id
    fill(client, experiment, run_id, record)
    add_costs(client, run, record)
    add_galleries(client, run_id, record)
    client.set_tag(run_id, COMPLETE, "true")
    if run.info.end_time is None:  # not of an earlier version of ganbench
        client.set_terminated(run_id, end_time=round(1000 * record.ended) or None)
    return tracked(experiment, run_id, new=True)


def run_of(client: MlflowClient, experiment: str, key: str) -> Run | None:
    found = client.search_runs([experiment], f"tags.`{KEY}` = '{key}'", max_results=1)
    return found[0] if found else None


def add_costs(client: MlflowClient, run: Run, record: Record) -> None:
    """What a comparison measured besides scores; a run that has it stays as it is."""
    from mlflow.entities import Metric, RunTag

    new = {name: value for name, value in record.costs.items() if name not in run.data.metrics}
    if new:
        client.log_batch(
            run.info.run_id, [Metric(name, value, run.info.start_time, 0) for name, value in new.items()],
            tags=[RunTag(name, record.tags[name]) for name in (SPEED, SIZE) if name in record.tags])


def add_galleries(client: MlflowClient, run_id: str, record: Record) -> None:
    """Log the pictures that MLflow's charts show side by side for all runs, unless they exist."""
    there = {re.split("[%+]step", Path(file.path).name)[0] for file in client.list_artifacts(run_id, "images")}
    for name, path in {PICTURE: record.picture, **record.galleries}.items():
        if name not in there and Path(path).is_file():
            with Image.open(path) as picture:
                client.log_image(run_id, picture, key=name, step=0)


def fill(client: MlflowClient, experiment: str, run_id: str, record: Record) -> None:
    """Everything in one batch, then datasets and artifacts; repeating any of it changes nothing."""
    from mlflow.entities import DatasetInput, InputTag, Metric, Param, RunTag

    logged = client.get_run(run_id)
    begun = logged.info.start_time
    model = link_model(client, experiment, run_id, **record.model) if record.model else None
    client.update_run(run_id, name=record.name)
    client.log_batch(
        run_id,
        metrics=[Metric(name, value, begun, 0, model_id=model) for name, value in record.metrics.items()],
        params=[Param(name, str(value)) for name, value in record.params.items()],
        tags=[RunTag(name, value) for name, value in (record.tags | SHOWN_AS_TABLE | {KEY: record.key}).items()],
    )
    if not (logged.inputs and logged.inputs.dataset_inputs):
        inputs = [DatasetInput(dataset_of(facts), [InputTag("mlflow.data.context", context)])
                  for context, facts in record.datasets.items()]
        client.log_inputs(run_id, inputs)
    client.log_dict(run_id, by_rows(record.table), TABLE)
    if Path(record.picture).is_file():
        with Image.open(record.picture) as picture:
            client.log_image(run_id, picture, "samples.png")
            client.log_image(run_id, preview(picture), PREVIEW)


def preview(sheet: Image.Image) -> Image.Image:
    """The upper half of a contact sheet, small enough to stand in a text."""
    height = max(1, round(sheet.height * PREVIEW_WIDTH / sheet.width))
    return sheet.convert("RGB").resize((PREVIEW_WIDTH, height)).crop((0, 0, PREVIEW_WIDTH, -(-height // 2)))


def by_rows(table: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
    """The table as MLflow reads it; earlier versions of ganbench left records that have it by columns."""
    if "data" in table:
        return dict(table)
    return {"columns": list(table), "data": [list(row) for row in zip(*table.values(), strict=True)]}


def dataset_of(facts: Mapping[str, Any]) -> Any:
    from mlflow.entities import Dataset

    profile = {key: value for key, value in facts.items() if key not in ("name", "digest", "source")}
    return Dataset(
        name=facts["name"], digest=facts["digest"][:36], source_type="local",
        source=json.dumps({"uri": facts["source"]}), profile=json.dumps(profile),
    )


@dataclass(frozen=True)
class OfSuite:
    """An evaluation of a suite's night: all nights of the suite are comparable, although each one has its own seed."""

    suite: str
    entry: str          # the model of the suite, of which this is a snapshot


def record_of(
    job: Job, scores: list[Score], slices: list[Score], picture: str, tags: Mapping[str, str], cost: Cost | None = None,
    galleries: Mapping[str, str] | None = None, *, begun: float = 0.0, command: str = "", of: OfSuite | None = None,
) -> Record:
    """An evaluation as MLflow shows it; the same job with the same numbers has the same key."""
    protocol, lead = job.protocol, job.lead
    old = {name: value for score in scores for name, value in metrics_of(score, score.metric).items()
           if name in (score.metric, f"{score.metric}.se", f"{score.metric}.floor")}
    rows = [row_of(score, lead) for score in [*scores, *slices]]
    now = time.time()
    pictures = [PICTURE] if picture else []
    name = named(of.entry, job.model.name) if of else job.model.name
    group = group_name(job, of)
    view = view_of(group_key(job, of), group, group_filter(job, of), {name: scores}, lead, False, pictures)
    return Record(
        key=digest_of([job.digest, {score.metric: score.value for score in scores}]),
        former=digest_of([job.digest, old, *[[score.slice, score.metric, score.value] for score in slices]]),
        name=name,
        params={
            "model": name, "family": job.model.family or bare(job.model.factory), "protocol": protocol.name,
            "convention": protocol.convention.name, "reference": protocol.reference, "n": protocol.n_generated,
            "seed": job.seed, "extractor": lead,
        },
        metrics={name: value for score in scores for name, value in metrics_of(score, short(score, lead)).items()},
        tags={
            SUITE: suite_id(job, of), KIND: "evaluation", **tags_of(scores, lead, cost), **source_of(command),
            NOTE: note_of(scores, lead),
            "ganbench.model_digest": job.model_digest, "ganbench.protocol_digest": job.protocol_digest, **tags,
        },
        table={"columns": list(rows[0]), "data": [list(row.values()) for row in rows]},
        datasets={role: facts_of(part) for role, part in job.parts.items() if role != "generated"},
        picture=picture,
        model={"name": of.entry if of else name, "digest": job.model_digest, "facts": facts_of_model(job),
               "spec": write_spec(job.model),
               "about": about(job, scores, of)},
        costs=numbers_of(cost or Cost()), galleries=galleries or {}, begun=begun, ended=now,
        slices=digest_of(slices) if slices else "",
        view={"key": view.key, "tag": score_view.saved(view, round(1000 * now)),
              "note": f"{group}: {legend(scores, lead)}."},
    )


def note_of(scores: Sequence[Score], lead: str, head: str = "") -> str:
    """The description of a run: what counts first, since MLflow's page folds the rest."""
    first = scores[0]
    low, high = interval_of(cell_of(first))
    best = "lower is better" if first.lower_is_better else "higher is better"
    lines = [head] if head else []
    lines.append(f"**{short(first, lead)} {text_of(first)}** (95 %: {low} to {high}; {best}; "
                 f"features: {first.extractor or 'none'}; {first.n:,} images).")
    renamed = [replace(score, metric=short(score, lead)) for score in scores]
    return "\n\n".join([*lines, markdown_of(renamed, "Scores", [])])


def interval_of(cell: Cell) -> tuple[str, str]:
    return f"{cell.low:.{cell.decimals}f}", f"{cell.high:.{cell.decimals}f}"


def about(job: Job, scores: Sequence[Score], of: OfSuite | None) -> dict[str, str]:
    """What MLflow's page of a registered model says of it."""
    first = scores[0]
    return {"metric": short(first, job.lead), "score": text_of(first), "value": repr(first.value),
            "better": "lower" if first.lower_is_better else "higher",
            "real": floor_text(cell_of(first)), "protocol": group_name(job, of), "group": group_key(job, of)}


def source_of(command: str) -> dict[str, str]:
    """The tags by which MLflow's page says who made a run with what."""
    found = {"mlflow.source.name": command, "mlflow.source.type": SOURCE} if command else {}
    user = whoever()
    return found | ({"mlflow.user": user} if user else {})


def numbers_of(cost: Cost) -> dict[str, float]:
    facts = {name: value for name, value in asdict(cost).items() if name not in ("measured_on", "cores")}
    return {f"cost/{name}": value for name, value in facts.items() if value is not None}


def suite_id(job: Job, of: OfSuite | None = None) -> str:
    """Scores with the same group are comparable: of one protocol, and of one seed or one suite of nights.  MLflow's
    page of runs can be grouped by it."""
    draws = f"nights of {of.suite}" if of else f"seed {job.seed}"
    return f"{job.protocol.name}, {draws} ({job.protocol_digest[:8]})"


def group_key(job: Job, of: OfSuite | None = None) -> str:
    return f"{job.protocol_digest[:8]}-{digest_of(of.suite)[:8] if of else job.seed}"


def group_name(job: Job, of: OfSuite | None = None) -> str:
    """`fashion-mnist-embedded-2k, 2,000 images`, and the seed where it is not 0, or the suite."""
    draws = f", nights of {of.suite}" if of else f", seed {job.seed}" if job.seed else ""
    return f"{job.protocol.name}, {job.protocol.n_generated:,} images{draws}"


def group_filter(job: Job, of: OfSuite | None = None) -> str:
    return f"tags.{SUITE} = {quoted(suite_id(job, of))} AND tags.`{KIND}` = 'evaluation'"


def quoted(text: str) -> str:
    """As a filter of MLflow's takes it, which has no escapes."""
    return f'"{text}"' if "'" in text else f"'{text}'"


def facts_of_model(job: Job) -> dict[str, Any]:
    model = job.model
    return {"family": model.family, "factory": bare(model.factory), "arguments": json.dumps(dict(model.arguments)),
            "sha256": model.sha256, "resolution": model.resolution, "channels": model.channels}


def facts_of(part: Part) -> dict[str, Any]:
    return {"name": part.spec.name, "digest": identity(part.spec), "source": part.spec.weights, "images": part.n}
