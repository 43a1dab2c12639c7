"""The flow `nightly`: a suite is measured and judged, and its history goes on."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

from prefect import flow, get_run_logger, runtime
from prefect.client.schemas import State
from prefect.context import FlowRunContext
from prefect.events import emit_event
from prefect.states import Completed, Failed

from ganbench.flows.evaluate import flow_tags
from ganbench.flows.notifications import CHANGES
from ganbench.flows.options import formed, in_form
from ganbench.flows.shards import TASKS, follow
from ganbench.gan.compare import unsound
from ganbench.gan.evaluate import Started, all_features, all_samples, begin_scores, end_scores, submit
from ganbench.gan.jobs import Job
from ganbench.gan.metering import Cost
from ganbench.gan.nightly.history import History, Night
from ganbench.gan.nightly.night import DRIFTED, FAILED, FELL, Hands, Work
from ganbench.gan.nightly.sentences import event_sentence, headline
from ganbench.gan.nightly.snapshots import Snapshot
from ganbench.gan.nightly.suite import Suite, read_suite
from ganbench.gan.question import Opening, Option
from ganbench.gan.threads import single_threaded
from ganbench.gan.types import ModelSpec, Score, Workspace
from ganbench.tasks.artifacts import log_links
from ganbench.tasks.nights import pictures_of, publish_night, track_night
from ganbench.tasks.pictures import contact_sheet
from ganbench.tasks.runners import runner
from ganbench.tasks.settings import histories, workspace_of
from ganbench.tasks.stages import analyse_model, measure_costs, prepare_job
from ganbench.tasks.tracking.evaluations import OfSuite, record_of, track, track_pending
from ganbench.tasks.tracking.registry import crown, file_of_registered

ENDS = ("Regression", "Drift", "Incomplete")      # names of failed states in which the night itself went well
SuiteFile = Annotated[str, Option(
    "Suite", "A TOML file with [[models]] and [gate], see docs/nightly.md; or zoo:garments.", card="",
)]


def run_name() -> str:
    """`night of garments`"""
    return f"night of {Path(str(runtime.flow_run.parameters['suite']).removeprefix('zoo:')).stem}"


@formed
@flow(name="nightly", flow_run_name=run_name, task_runner=runner())
@in_form(opening=Opening)
def nightly(suite: SuiteFile = "zoo:garments", *, opening: Opening) -> Any:
    """Measure what is new in a suite, judge it against its baselines, and write the night into the history.

    What is unchanged is not drawn again.  Ends as `Regression` where the gate fell, as `Drift` where the toolchain is
    another one, as `Incomplete` where a model could not be measured.
    """
    found = read_suite(suite)
    history = History(histories(), found.name)
    with history.alone():
        late = caught_up(history, scheduled())
        if late:
            return Completed(name="Skipped", message=late)
        work = Tonight(found, history, workspace_of(opening.trust_pickle))
        night = work.run()
    return state_of(night)


def scheduled() -> str:
    """When this run should have begun; '' outside of a schedule."""
    context = FlowRunContext.get()
    expected = context.flow_run.expected_start_time if context and context.flow_run else None
    return expected.isoformat() if expected else ""


def caught_up(history: History, expected: str) -> str:
    """Why a missed night is not made up for: one that began after its time has measured everything."""
    last = history.last
    if not (last and expected) or datetime.fromisoformat(last.begun) < datetime.fromisoformat(expected):
        return ""
    return f"Night {last.number} began after {expected}, when this one should have: it has measured everything."


def state_of(night: Night) -> State[Any]:
    """Of the flow's run: its name says what happened, its message in which words."""
    said = " ".join([headline(night), *map(event_sentence, night.events)])
    if night.exit == FELL:
        return Failed(name="Regression", message=said)
    if night.exit == DRIFTED:
        return Failed(name="Drift", message=said)
    if night.exit == FAILED:
        return Failed(name="Incomplete", message=said)
    return Completed(message=said)


class Tonight:
    """A night whose work is done by Prefect's tasks."""

    def __init__(self, suite: Suite, history: History, workspace: Workspace) -> None:
        self.suite, self.history = suite, history
        self.started: dict[str, Started] = {}       # by job
        self.work = Work(suite, history, workspace, Hands(
            prepare_job, self.scores, self.alerts, costs_of, file_of_registered))

    def run(self) -> Night:
        with single_threaded():
            begun, night = time.time(), self.work.run(scheduled())
            for snapshot, job, scores in self.work.measured:
                self.log(snapshot, job, scores, begun)
        track_pending()                             # of nights without MLflow; a night of unchanged models logs none
        self.history.write(night)
        for event in night.events:
            if event["kind"] == "elected":
                give_title(event, self.suite)
        pictures = pictures_of(self.history.nights(), self.suite.name)
        tracked = track_night(self.suite, self.history, pictures)
        publish_night(self.suite, self.history, night, tracked, pictures)
        if tracked.url:
            log_links({"History in MLflow": tracked.url})
        tell(self.suite, night)
        return night

    def scores(self, jobs: Sequence[Job]) -> list[list[Score]]:
        started = submit(jobs, TASKS)
        follow(f"{len(jobs)} draws of {self.suite.name}", started)
        begun = [begin_scores(job, one, TASKS, jobs) for job, one in zip(jobs, started, strict=True)]
        self.started |= {job.digest: one for job, one in zip(jobs, started, strict=True)}
        return [end_scores(job, one) for job, one in zip(jobs, begun, strict=True)]

    def alerts(self, job: Job) -> list[str]:
        started = self.started.get(job.digest) or submit([job], TASKS)[0]
        found = analyse_model.submit(job, all_samples(job, started), all_features(job, started)).result()
        flaw = unsound([], found.findings if found else [])
        return [flaw.rule] if flaw else []

    def log(self, snapshot: Snapshot, job: Job, scores: list[Score], begun: float) -> None:
        """What was measured tonight is an evaluation like any other, beside those of the suite's other nights; the
        snapshots of a model are versions of one registered model."""
        picture = contact_sheet(job, all_samples(job, self.started[job.digest])["generated"])
        tags = {**flow_tags(), "ganbench.suite": self.suite.name}
        track(record_of(job, scores, [], picture, tags, begun=begun, of=OfSuite(self.suite.name, snapshot.entry)))


def give_title(event: Mapping[str, Any], suite: Suite) -> None:
    """The alias `champion` in MLflow, if it is up; the history has the title anyway."""
    try:
        crown(event["digest"], suite.name)
    except Exception as error:  # of MLflow, its client, its database or its disk
        get_run_logger().warning("The alias `champion` could not be set: %s", error)


def costs_of(specs: Sequence[ModelSpec], workspace: Workspace) -> list[Cost]:
    return list(measure_costs.submit(list(specs), workspace).result())


def tell(suite: Suite, night: Night) -> None:
    """Events for Prefect's automations: one for each change, and none for what goes on as it was."""
    for event in night.events:
        if event["kind"] in CHANGES and not event.get("known"):
            emit(suite, night, event)


def emit(suite: Suite, night: Night, event: Mapping[str, Any]) -> None:
    emit_event(
        event=f"ganbench.{event['kind']}",
        resource={"prefect.resource.id": f"ganbench.suite.{suite.name}", "prefect.resource.name": suite.name},
        payload={"suite": suite.name, "night": night.number, "text": event_sentence(event)},
    )
