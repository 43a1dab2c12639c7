"""What dies at the worst moment, and what becomes of the night: a worker that has taken a run and not begun it, the
process of a running flow, Prefect's server, MLflow's."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ganbench.flows.deployments import WATCH, WATCH_BEGIN
from tests.services.live import ask, descendants, post, wait_until
from tests.services.team import Team, a_team, deployed, ended, nights, serving_team, small_suite

pytestmark = [pytest.mark.services, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    with serving_team(tmp_path_factory.mktemp("team")) as found:
        yield found


@pytest.fixture
def suite(tmp_path: Path, request: pytest.FixtureRequest) -> str:
    return small_suite(tmp_path, request.node.name.removeprefix("test_")[:40])


def kill(*pids: int) -> None:
    """With everything below them; nobody is told."""
    for pid in [below for above in pids for below in (*descendants(above), above)]:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


@contextmanager
def soon(team: Team, name: str, seconds: int) -> Iterator[None]:
    """An automation that waits for seconds instead of minutes."""
    found = next(row for row in team.ask("automations/filter", {}) if row["name"] == name)
    known = {key: found[key] for key in ("name", "description", "enabled", "trigger", "actions")}
    quick = {**known, "trigger": {**known["trigger"], "within": seconds}}
    team.ask(f"automations/{found['id']}", quick, method="PUT")
    yield
    team.ask(f"automations/{found['id']}", known, method="PUT")


def begun(team: Team, deployment: str) -> str:
    return str(team.ask(f"deployments/{deployment}/create_flow_run", {})["id"])


def state(team: Team, run: str) -> str:
    return str(team.ask(f"flow_runs/{run}")["state"]["type"])


def test_a_worker_that_dies_before_it_begins_a_run_does_not_hold_up_the_next_one(team, suite):
    deployment = deployed(team, suite)
    with soon(team, WATCH_BEGIN, 10):
        dead = begun(team, deployment)
        with team.working() as worker:
            wait_until(lambda: state(team, dead) == "PENDING")
            kill(worker.pid)
        assert state(team, dead) == "PENDING"
        wait_until(lambda: ended(team, dead), 120)
    assert ended(team, dead) == "Crashed"
    assert nights(team, suite) == []
    with team.working():                # the pool starts one run at a time: its place is free again
        after = begun(team, deployment)
        wait_until(lambda: ended(team, after))
    assert ended(team, after) == "Completed"
    assert len(nights(team, suite)) == 1


def test_a_worker_that_dies_with_its_run_does_not_hold_up_the_next_one(team, suite):
    deployment = deployed(team, suite)
    with soon(team, WATCH, 45):
        dead = begun(team, deployment)
        with team.working() as worker:
            wait_until((team.home / "history" / Path(suite).stem / "night.lock").exists)
            wait_until(lambda: heartbeats(team, dead))
            kill(worker.pid)
        wait_until(lambda: ended(team, dead), 180)
    with team.working():
        after = begun(team, deployment)
        wait_until(lambda: ended(team, after))
    assert ended(team, after) == "Completed"


def heartbeats(team: Team, run: str) -> int:
    asked = {"filter": {"event": {"name": ["prefect.flow-run.heartbeat"]},
                        "resource": {"id": [f"prefect.flow-run.{run}"]}}}
    return int(team.ask("events/filter", asked)["total"])


@contextmanager
def a_night(team: Team, suite: str) -> Iterator[subprocess.Popen[str]]:
    """From the command line; it has begun."""
    child = subprocess.Popen([sys.executable, "-m", "ganbench", "nightly", suite], stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True, env={**os.environ, **team.environment})
    wait_until((team.home / "history" / Path(suite).stem / "night.lock").exists)
    yield child
    if child.poll() is None:
        kill(child.pid)


def test_a_night_outlives_the_death_of_prefects_server(tmp_path, suite):
    team = a_team(tmp_path)
    with team.serving("mlflow"), team.serving("prefect") as server, a_night(team, suite) as child:
        kill(server.pid)
        time.sleep(3)
        with team.serving("prefect"):
            out, error = child.communicate(timeout=300)
            assert child.returncode == 0, out + error
            assert len(nights(team, suite)) == 1
            assert team.ganbench("nightly", suite).returncode == 0
    last = json.loads(nights(team, suite)[-1].read_text("utf-8"))
    assert (last["number"], last["observations"][0]["since"]) == (2, 1)


def test_what_mlflow_missed_when_it_died_is_logged_the_next_night(tmp_path, suite):
    team = a_team(tmp_path)
    with team.serving("prefect"):
        with team.serving("mlflow") as server, a_night(team, suite) as child:
            kill(server.pid)
            out, error = child.communicate(timeout=300)
            assert child.returncode == 0, out + error
            assert len(nights(team, suite)) == 1
        with team.serving("mlflow"):
            team.ganbench("nightly", suite)
            found = {row["data"]["tags"]["ganbench.kind"]: row for row in tracked(team)}
            steps = {metric["step"] for name in found["history"]["data"]["metrics"]
                     for metric in values(team, found["history"]["info"]["run_id"], name)}
    assert found.keys() == {"history", "evaluation"}
    assert steps == {1, 2}
    assert found["evaluation"]["data"]["tags"]["ganbench.complete"] == "true"


def tracked(team: Team) -> list[dict[str, Any]]:
    """What MLflow has, with tags and metrics by name."""
    found = post(f"{team.mlflow}/api/2.0/mlflow/runs/search", {"experiment_ids": ["1"]})["runs"]
    for row in found:
        for kind in ("tags", "metrics"):
            row["data"][kind] = {one["key"]: one["value"] for one in row["data"][kind]}
    return list(found)


def values(team: Team, run: str, metric: str) -> list[dict[str, Any]]:
    asked = urllib.parse.urlencode({"run_id": run, "metric_key": metric})
    return list(ask(f"{team.mlflow}/api/2.0/mlflow/metrics/get-history?{asked}")["metrics"])
