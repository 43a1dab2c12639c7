"""The clock, for real: a Prefect server, a worker, MLflow, prefect.yaml deployed, and a cron schedule that fires.

With some versions of SQLAlchemy the scheduler silently plans nothing (CONTRIBUTING.md, "Pins"): this test then fails.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ganbench.gan.images import write_folder
from ganbench.tasks.servers import HOST, POOL, free_port, process, wait_for

pytestmark = [pytest.mark.services, pytest.mark.timeout(900)]
ROOT = Path(__file__).parents[2]
EVERY_MINUTE = {"cron": "* * * * *", "timezone": "UTC"}


@dataclass(frozen=True)
class Team:
    """Servers as a team runs them, without `ganbench ui`."""

    home: Path
    prefect: str
    mlflow: str

    def prefect_command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "prefect", "--no-prompt", *words]

    @property
    def environment(self) -> dict[str, str]:
        """What README tells a team to set."""
        return {"GANBENCH_HOME": str(self.home), "MLFLOW_TRACKING_URI": self.mlflow,
                "PREFECT_API_URL": f"{self.prefect}/api", "PREFECT_HOME": str(self.home / "prefect")}

    def ask(self, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.prefect}/api/{path}", data, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    home = tmp_path_factory.mktemp("team")
    team = Team(home, f"http://{HOST}:{free_port(4400)}", f"http://{HOST}:{free_port(5400)}")
    ports = {name: getattr(team, name).rpartition(":")[2] for name in ("prefect", "mlflow")}
    mlflow = [sys.executable, "-m", "mlflow", "server", "--host", HOST, "--port", ports["mlflow"], "--workers", "1",
              "--backend-store-uri", f"sqlite:///{home / 'mlflow.db'}",
              "--artifacts-destination", str(home / "artifacts")]
    server = team.prefect_command("server", "start", "--host", HOST, "--port", ports["prefect"])
    worker = team.prefect_command("worker", "start", "--pool", POOL, "--type", "process")
    with ExitStack() as stack:
        for name, command, url in (("mlflow", mlflow, team.mlflow), ("prefect", server, f"{team.prefect}/api")):
            child = stack.enter_context(process(name, command, home, team.environment))
            wait_for(f"{url}/health", child, home / f"{name}.log")
        stack.enter_context(process("worker", worker, home, team.environment))
        wait_until(lambda: team.ask("work_pools/filter", {}))
        deploy = subprocess.run(team.prefect_command("deploy", "--all"), cwd=ROOT, capture_output=True, text=True,
                                env={**os.environ, **team.environment}, timeout=300)
        assert deploy.returncode == 0, deploy.stdout + deploy.stderr
        yield team


def wait_until(found: Callable[[], Any], seconds: float = 300) -> Any:
    end = time.monotonic() + seconds
    while not (value := found()):
        assert time.monotonic() < end, f"nothing within {seconds} seconds"
        time.sleep(1)
    return value


def runs(team: Team, deployment: str) -> list[dict[str, Any]]:
    return team.ask("flow_runs/filter", {"deployments": {"id": {"any_": [deployment]}}})


def test_the_clock_of_prefect_yaml_makes_runs_and_the_worker_completes_one(team, tmp_path):
    nightly = team.ask("deployments/name/evaluate/evaluate-every-night")["id"]
    planned = wait_until(lambda: runs(team, nightly))
    assert {run["expected_start_time"][11:16] for run in planned} == {"03:00"}
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
    assert datetime.fromisoformat(run["expected_start_time"]) <= datetime.fromisoformat(run["start_time"])
    check_mlflow(team, run["id"])


def check_mlflow(team: Team, flow_run: str) -> None:
    """MLflow's server has the scores of that run."""
    body = {"experiment_ids": ["1"], "filter": f"tags.prefect.flow_run_id = '{flow_run}'"}
    request = urllib.request.Request(f"{team.mlflow}/api/2.0/mlflow/runs/search", json.dumps(body).encode(),
                                     {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        (logged,) = json.load(answer)["runs"]
    tags = {row["key"]: row["value"] for row in logged["data"]["tags"]}
    assert tags["ganbench.complete"] == "true"
    assert {"kid", "fd"} <= {row["key"] for row in logged["data"]["metrics"]}
