"""Put the flows on a Prefect server: by hand from a form, and some of them every night by the clock.

prefect.yaml says the same for teams that deploy with `prefect deploy`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from ganbench.flows.notifications import TAG, set_up
from ganbench.tasks.servers import POOL

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.events.schemas.automations import AutomationCore
    from prefect.flows import Flow

WATCH = "Runs without a sign of life have crashed"
WATCH_BEGIN = "Runs that do not begin have crashed"
ONE_AT_A_TIME = (
    "Runs of ganbench, one at a time: each uses all cores, and two at once take several times as long. "
    "To run more at a time, raise the concurrency limit under Edit."
)
FORMER = ("evaluate/by-hand", "evaluate/nightly", "compare/by-hand", "compare/nightly")     # names of deployments


def deploy(folder: str | None = None) -> list[str]:
    """Create the work pool and the deployments on the server that PREFECT_API_URL names; -> their names.

    Relative paths in the form count from `folder`.
    """
    from prefect.client.orchestration import get_client
    from prefect.deployments.runner import RunnerDeployment
    from prefect.types.entrypoint import EntrypointType

    with get_client(sync_client=True) as client:
        make_pool(client)
        rename(client)
        look_after(client)
        set_up(client)
        rows = [(flow, facts | kept(client, f"{flow.name}/{facts['name']}")) for flow, facts in wanted()]
    for flow, facts in rows:
        RunnerDeployment.from_flow(
            flow, work_pool_name=POOL, entrypoint_type=EntrypointType.MODULE_PATH,
            job_variables={"working_dir": folder} if folder else {}, **{"tags": ["ganbench"], **facts},
        ).apply()
    return [f"{flow.name}/{facts['name']}" for flow, facts in rows]


def wanted() -> list[tuple[Flow[..., Any], dict[str, Any]]]:
    """The deployments of prefect.yaml."""
    from prefect.schedules import Cron

    from ganbench.flows.augment import augment
    from ganbench.flows.baselines import baselines
    from ganbench.flows.compare import THREE, compare
    from ganbench.flows.condition import condition
    from ganbench.flows.evaluate import evaluate
    from ganbench.flows.interpolate import interpolate
    from ganbench.flows.invert import invert
    from ganbench.flows.nightly import nightly
    from ganbench.flows.publish import publish
    from ganbench.flows.restore import restore
    from ganbench.flows.specialise import specialise
    from ganbench.flows.study import study
    from ganbench.flows.stylize import stylize
    from ganbench.flows.train import train
    from ganbench.gan.question import PRESET

    one = {"model": "zoo:dcgan-fashion-mnist", "protocol": PRESET}
    several = {"zoo": list(THREE), "protocol": PRESET}
    return [
        (evaluate, {
            "name": "evaluate-one-model", "parameters": one,
            "description": "Evaluate one model now: choose it in the form, or name your own checkpoint.",
        }),
        (evaluate, {
            "name": "evaluate-every-night", "parameters": one, "schedules": [Cron("0 3 * * *", timezone="UTC")],
            "description": "The zoo's DCGAN every night at 3:00 UTC; put your own model into the parameters.",
        }),
        (compare, {
            "name": "compare-models", "parameters": {"protocol": PRESET},
            "description": "Compare models now, with a report: a GAN, a flow and a transformer of the zoo, or yours.",
        }),
        (compare, {
            "name": "compare-every-night", "parameters": several, "schedules": [Cron("0 4 * * *", timezone="UTC")],
            "description": "Three models of the zoo every night at 4:00 UTC; put your own models into the parameters.",
        }),
        (train, {
            "name": "train-on-my-images", "parameters": {"recipe": "r3gan", "resolution": 0, "budget": "1h"},
            "description": "Train a model on your own images: name them and the kind of model in the form.",
        }),
        (baselines, {
            "name": "train-baselines", "parameters": {"resolution": 0, "budget": "1h"},
            "description": "Train a GAN, a flow model and a transformer on your images, for the same time each, and "
                           "compare them, with a report.",
        }),
        (specialise, {
            "name": "specialise-a-model",
            "parameters": {"model": "zoo:r3gan-fashion-mnist", "resolution": 0, "budget": "10m", "cluster": 0},
            "description": "Let a model learn other images, or some of its own classes, by several strategies, and "
                           "compare these.",
        }),
        (interpolate, {
            "name": "interpolate-a-model",
            "parameters": {"model": "zoo:dcgan-fashion-mnist", "seeds": "0,1", "frames": 120},
            "description": "Draw a film that passes through images of a model, or between photos of yours.",
        }),
        (invert, {
            "name": "invert-photos", "parameters": {"model": "zoo:stylegan2-fashion-mnist"},
            "description": "Find the latents from which a model makes images of yours, and test whether it could have "
                           "made them.",
        }),
        (condition, {
            "name": "condition-a-model", "parameters": {"model": "zoo:dcgan-fashion-mnist", "asked": "boot", "n": 64},
            "description": "Images of one class from any model, judged by a classifier that the search has not used.",
        }),
        (restore, {
            "name": "restore-images",
            "parameters": {"model": "zoo:flow-fashion-mnist", "damage": "inpaint:box=12", "n": 1},
            "description": "Restore damaged images with a model, beside classical methods: holes, low resolution, "
                           "noise, blur.",
        }),
        (augment, {
            "name": "augment-with-a-model",
            "parameters": {"model": "zoo:r3gan-fashion-mnist", "data": "fashion-mnist", "per_class": 50, "seeds": 5},
            "description": "Does a classifier of few real images learn more with a model's images, beside flips and "
                           "unseen real images?",
        }),
        (stylize, {
            "name": "stylize-an-image",
            "parameters": {"model": "zoo:dcgan-fashion-mnist", "content": "0:0", "style": "0:1",
                           "strength": "0,0.25,0.5,0.75,1"},
            "description": "Show the content of one image in the style of another, by a model, at several strengths.",
        }),
        (study, {
            "name": "study-a-model", "parameters": {"model": "zoo:dcgan-fashion-mnist", "data": "fashion-mnist:test",
                                                    "budget": "1h"},
            "description": "Everything about a model within an hour: scores, baselines on the same images, report, "
                           "latent space, uses, model card.",
        }),
        (publish, {
            "name": "publish-a-model", "parameters": {**one, "licence": "apache-2.0"},
            "description": "Write what is published of a model: weights that load in two lines, a card with its "
                           "numbers, findings, pictures, pages.",
        }),
        (nightly, {
            "name": "suite-every-night", "parameters": {"suite": "zoo:garments"}, "tags": ["ganbench", TAG],
            "schedules": [Cron("0 2 * * *", timezone="UTC")],
            "description": "A suite every night at 2:00 UTC: what is new is measured and judged, and its history goes "
                           "on. `ganbench nightly SUITE.toml --deploy` adds yours.",
        }),
    ]


def deploy_suite(suite: str, folder: str) -> str:
    """A suite at its own time, in its own time zone; -> the deployment's name.

    Without a concurrency limit of Prefect's: a run that died before it began would hold its place for ever.  Nights of
    one suite take turns by a lock, which ends with its process.
    """
    from prefect.client.orchestration import get_client
    from prefect.deployments.runner import RunnerDeployment
    from prefect.schedules import Cron
    from prefect.types.entrypoint import EntrypointType

    from ganbench.flows.nightly import nightly
    from ganbench.gan.nightly.suite import read_suite

    found = read_suite(suite)
    with get_client(sync_client=True) as client:
        make_pool(client)
        look_after(client)
        set_up(client)
    RunnerDeployment.from_flow(
        nightly, name=found.name, work_pool_name=POOL, entrypoint_type=EntrypointType.MODULE_PATH,
        job_variables={"working_dir": folder}, tags=["ganbench", TAG], parameters={"suite": suite},
        description=f"The suite {found.name}: {found.schedule} ({found.timezone}).",
        schedules=[Cron(found.schedule, timezone=found.timezone)],
    ).apply()
    return f"nightly/{found.name}"


def kept(client: SyncPrefectClient, name: str) -> dict[str, Any]:
    """The parameters of a deployment that is there already: a person may have put own models into them."""
    from prefect.exceptions import ObjectNotFound

    try:
        found = client.read_deployment_by_name(name)
    except ObjectNotFound:
        return {}
    return {"parameters": found.parameters}


def make_pool(client: SyncPrefectClient) -> None:
    """The work pool, which starts one run at a time; a limit that a person has changed is kept."""
    from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
    from prefect.exceptions import ObjectAlreadyExists

    try:
        client.create_work_pool(
            WorkPoolCreate(name=POOL, type="process", description=ONE_AT_A_TIME, concurrency_limit=1))
    except ObjectAlreadyExists:
        found = client.read_work_pool(POOL)
        if found.concurrency_limit is None and found.description != ONE_AT_A_TIME:
            client.update_work_pool(POOL, WorkPoolUpdate(description=ONE_AT_A_TIME, concurrency_limit=1))


def rename(client: SyncPrefectClient) -> None:
    """Remove the deployments of former names, which would run a second time every night."""
    from prefect.exceptions import ObjectNotFound

    for name in FORMER:
        try:
            found = client.read_deployment_by_name(name)
        except ObjectNotFound:
            continue
        if "ganbench" in found.tags and found.work_pool_name == POOL:
            client.delete_deployment(found.id)


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


def look_after(client: SyncPrefectClient) -> None:
    """Make the automations that mark dead runs; those that are there are kept, as a person may have changed them."""
    for automation in (watch(), watch_begin()):
        if not client.read_automations_by_name(automation.name):
            client.create_automation(automation)


def watch() -> AutomationCore:
    """Mark as crashed what has sent no sign of life for four heartbeats; a killed run stays Running without it."""
    return crashing(WATCH, "A run sends a sign of life every 30 seconds while it works.", "prefect.flow-run.heartbeat",
                    {"prefect.flow-run.heartbeat"}, 120, "No sign of life for two minutes.")


def watch_begin() -> AutomationCore:
    """Mark as crashed what a worker has taken and not begun: it would hold a place of the work pool for ever."""
    return crashing(WATCH_BEGIN, "A worker begins a run within seconds.", "prefect.flow-run.Pending",
                    {"prefect.flow-run.Running"}, 600, "Not begun within ten minutes.")


def crashing(name: str, about: str, after: str, expect: set[str], seconds: int, message: str) -> AutomationCore:
    from prefect.client.schemas.objects import StateType
    from prefect.events.actions import ChangeFlowRunState
    from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture

    ends = {f"prefect.flow-run.{state}" for state in (
        "Completed", "Failed", "Cancelled", "Crashed", "Skipped", "Regression", "Drift", "Incomplete")}
    return AutomationCore(
        name=name,
        description=about,
        trigger=EventTrigger(
            after={after},
            expect={*expect, *ends},
            match={"prefect.resource.id": "prefect.flow-run.*"},
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=timedelta(seconds=seconds),
        ),
        actions=[ChangeFlowRunState(
            name=None, force=False, state=StateType.CRASHED, message=message)],
    )
