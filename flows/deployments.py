"""Put `evaluate` and `compare` on a Prefect server: by hand from a form, and every night by the clock.

prefect.yaml says the same for teams that deploy with `prefect deploy`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from ganbench.tasks.servers import POOL

if TYPE_CHECKING:
    from prefect.events.schemas.automations import AutomationCore

WATCH = "Runs without a sign of life have crashed"


def deploy(folder: str | None = None) -> list[str]:
    """Create the work pool and the deployments on the server that PREFECT_API_URL names; -> their names.

    Relative paths in the form count from `folder`.
    """
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.deployments.runner import RunnerDeployment
    from prefect.exceptions import ObjectAlreadyExists
    from prefect.flows import Flow
    from prefect.schedules import Cron
    from prefect.types.entrypoint import EntrypointType

    from ganbench.flows.compare import compare
    from ganbench.flows.evaluate import evaluate

    with get_client(sync_client=True) as client:
        try:
            client.create_work_pool(WorkPoolCreate(name=POOL, type="process"))
        except ObjectAlreadyExists:
            client.read_work_pool(POOL)
        if not client.read_automations_by_name(WATCH):
            client.create_automation(watch())
    by_hand = {"name": "by-hand", "description": "Evaluate one model now: fill in the form."}
    nightly = {
        "name": "nightly",
        "description": "The zoo's DCGAN every night at 3:00 UTC; put your own model into the parameters.",
        "parameters": {"model": "zoo:dcgan-fashion-mnist", "protocol": "fashion-mnist-embedded-2k"},
        "schedules": [Cron("0 3 * * *", timezone="UTC")],
    }
    several = {"models": [f"zoo:{name}-fashion-mnist" for name in ("dcgan", "flow", "gpt")]}
    compared = {
        "name": "by-hand", "parameters": several,
        "description": "Compare models now: a GAN, a flow and a transformer of the zoo, or your own.",
    }
    every_night = {
        "name": "nightly", "parameters": several, "schedules": [Cron("0 4 * * *", timezone="UTC")],
        "description": "Three models of the zoo every night at 4:00 UTC; put your own models into the parameters.",
    }
    wanted: list[tuple[Flow[..., Any], dict[str, Any]]] = [
        (evaluate, by_hand), (evaluate, nightly), (compare, compared), (compare, every_night)]
    for flow, facts in wanted:
        RunnerDeployment.from_flow(
            flow, work_pool_name=POOL, tags=["ganbench"], entrypoint_type=EntrypointType.MODULE_PATH,
            job_variables={"working_dir": folder} if folder else {}, **facts,
        ).apply()
    return [f"{flow.name}/{facts['name']}" for flow, facts in wanted]


def skip_missed() -> None:
    """Cancel the nights that passed while no server was up; a worker would begin them all at once."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas import State, filters
    from prefect.client.schemas.objects import StateType
    from prefect.states import Cancelled

    missed = filters.FlowRunFilter(
        state=filters.FlowRunFilterState(type=filters.FlowRunFilterStateType(any_=[StateType.SCHEDULED])),
        expected_start_time=filters.FlowRunFilterExpectedStartTime(before_=datetime.now(UTC)),  # type: ignore[arg-type]
    )
    with get_client(sync_client=True) as client:
        for run in client.read_flow_runs(flow_run_filter=missed):
            if run.auto_scheduled:
                state: State[Any] = Cancelled(message="Missed: ganbench ui was not running at that time.")
                client.set_flow_run_state(run.id, state, force=True)


def watch() -> AutomationCore:
    """Mark as crashed what has sent no sign of life for four heartbeats; a killed run stays Running without it."""
    from prefect.client.schemas.objects import StateType
    from prefect.events.actions import ChangeFlowRunState
    from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture

    ends = {f"prefect.flow-run.{state}" for state in ("Completed", "Failed", "Cancelled", "Crashed")}
    return AutomationCore(
        name=WATCH,
        description="A run sends a sign of life every 30 seconds while it works.",
        trigger=EventTrigger(
            after={"prefect.flow-run.heartbeat"},
            expect={"prefect.flow-run.heartbeat", *ends},
            match={"prefect.resource.id": "prefect.flow-run.*"},
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=timedelta(seconds=120),
        ),
        actions=[ChangeFlowRunState(
            name=None, force=False, state=StateType.CRASHED, message="No sign of life for two minutes.")],
    )
