"""Put `evaluate` on a Prefect server: by hand from a form, and every night by the clock.

prefect.yaml says the same for teams that deploy with `prefect deploy`.
"""

from __future__ import annotations

from tasks.servers import POOL


def deploy() -> list[str]:
    """Create the work pool and two deployments on the server that PREFECT_API_URL names; -> their names."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.deployments.runner import EntrypointType, RunnerDeployment
    from prefect.exceptions import ObjectAlreadyExists
    from prefect.schedules import Cron

    from flows.evaluate import evaluate

    with get_client(sync_client=True) as client:
        try:
            client.create_work_pool(WorkPoolCreate(name=POOL, type="process"))
        except ObjectAlreadyExists:
            client.read_work_pool(POOL)
    by_hand = {"name": "by-hand", "description": "Evaluate one model now: fill in the form."}
    nightly = {
        "name": "nightly",
        "description": "The zoo's DCGAN every night at 3:00 UTC; put your own model into the parameters.",
        "parameters": {"model": "zoo:dcgan-fashion-mnist", "protocol": "fashion-mnist-embedded-2k"},
        "schedules": [Cron("0 3 * * *", timezone="UTC")],
    }
    for facts in (by_hand, nightly):
        RunnerDeployment.from_flow(
            evaluate, work_pool_name=POOL, tags=["ganbench"], entrypoint_type=EntrypointType.MODULE_PATH, **facts
        ).apply()
    return [f"{evaluate.name}/{facts['name']}" for facts in (by_hand, nightly)]
