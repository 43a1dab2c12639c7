"""The clock, for real: a Prefect server, a worker, MLflow, prefect.yaml deployed, and a cron schedule that fires.

With some versions of SQLAlchemy the scheduler silently plans nothing (CONTRIBUTING.md, "Pins"): this test then fails.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest

from ganbench.gan.images import write_folder
from tests.services.live import ask, far_from_night, wait_until
from tests.services.team import Team, ended, runs, serving_team

pytestmark = [pytest.mark.services, pytest.mark.timeout(900)]
EVERY_MINUTE = {"cron": "* * * * *", "timezone": "UTC"}


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    with serving_team(tmp_path_factory.mktemp("team")) as team, team.working():
        wait_until(lambda: team.ask("work_pools/filter", {}))
        team.run(*team.prefect_command("deploy", "--all"))
        yield team


def test_the_clock_of_prefect_yaml_makes_runs_and_the_worker_completes_one(team, tmp_path):
    nightly = team.ask("deployments/name/evaluate/evaluate-every-night")["id"]
    planned = wait_until(lambda: runs(team, nightly))
    assert {run["expected_start_time"][11:16] for run in planned} == {"03:00"}
    far_from_night(f"{team.prefect}/api")
    images = np.random.default_rng(0).integers(0, 256, (60, 1, 16, 16), np.uint8)
    write_folder(images[:40], tmp_path / "real")
    write_folder(images[40:], tmp_path / "fake")
    small = {"model": str(tmp_path / "fake"), "reference": str(tmp_path / "real"), "n": 20}
    team.ask(f"deployments/{nightly}/schedules", [{"schedule": EVERY_MINUTE, "active": True, "parameters": small}])

    def completed() -> list[dict[str, Any]]:
        return [run for run in runs(team, nightly) if run["state_type"] == "COMPLETED"]

    run = wait_until(completed)[0]
    assert run["auto_scheduled"]
    assert run["parameters"]["n"] == 20
    early = datetime.fromisoformat(run["expected_start_time"]) - datetime.fromisoformat(run["start_time"])
    assert early < timedelta(seconds=1)     # Prefect's engine wakes some milliseconds before the time that it waits for
    check_mlflow(team, run["id"])


def test_a_run_by_the_schema_that_the_api_gives(team, tmp_path):
    """A program that knows nothing but the deployment's schema: fields by their titles, the rest by their defaults."""
    images = np.random.default_rng(1).integers(0, 256, (60, 1, 16, 16), np.uint8)
    write_folder(images[:40], tmp_path / "real")
    write_folder(images[40:], tmp_path / "fake")
    values = {"Model": str(tmp_path / "fake"), "Reference": str(tmp_path / "real"), "Number of images": 20,
              "Metrics": "kid", "Extractor": "pixels"}
    deployment = team.ask("deployments/name/evaluate/evaluate-one-model")
    parameters, used = filled(deployment["parameter_openapi_schema"], values)
    assert used == set(values)
    run = team.ask(f"deployments/{deployment['id']}/create_flow_run", {"parameters": parameters})["id"]
    wait_until(lambda: ended(team, run))
    assert ended(team, run) == "Completed"
    check_mlflow(team, run, {"kid"})


def filled(schema: dict[str, Any], values: dict[str, Any]) -> tuple[dict[str, Any], set[str]]:
    """An object of this schema, and the titles whose values are in it."""
    found, used = {}, set()
    for name, field in schema["properties"].items():
        inner = next((one for one in field.get("anyOf", [field]) if "properties" in one), None)
        if field["title"] in values:
            found[name] = values[field["title"]]
            used.add(field["title"])
        elif inner:
            found[name], more = filled(inner, values)
            used |= more
        elif field.get("default") is not None:
            found[name] = field["default"]
    return found, used


def check_mlflow(team: Team, flow_run: str, names: Set[str] = frozenset({"kid", "fd"})) -> None:
    """MLflow's server has the scores of that run."""
    body = {"experiment_ids": ["1"], "filter": f"tags.prefect.flow_run_id = '{flow_run}'"}
    (logged,) = ask(f"{team.mlflow}/api/2.0/mlflow/runs/search", body)["runs"]
    tags = {row["key"]: row["value"] for row in logged["data"]["tags"]}
    assert tags["ganbench.complete"] == "true"
    assert names <= {row["key"] for row in logged["data"]["metrics"]}
