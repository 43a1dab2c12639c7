"""Nights as a team runs them: missed ones, crashed ones, killed ones, and who is told."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ganbench.gan.images import write_npz
from tests.services.live import wait_until
from tests.services.team import Team, deployed, ended, nights, runs, serving_team, small_suite

pytestmark = [pytest.mark.services, pytest.mark.timeout(900)]
SECRET = "canary-5f1c"


class Mailbox:
    """A webhook on loopback."""

    def __init__(self) -> None:
        self.posts: list[dict[str, Any]] = []
        posts = self.posts

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                posts.append({"path": self.path, **json.loads(body)})
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/{SECRET}"

    def __enter__(self) -> Mailbox:
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture(scope="module")
def mailbox() -> Iterator[Mailbox]:
    with Mailbox() as found:
        yield found


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory, mailbox: Mailbox) -> Iterator[Team]:
    with serving_team(tmp_path_factory.mktemp("team"), GANBENCH_WEBHOOK=mailbox.url) as found:
        yield found


@pytest.fixture
def suite(tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """A suite of its own for each test."""
    return small_suite(tmp_path, request.node.name.removeprefix("test_")[:40])


def missed(team: Team, deployment: str, days: int) -> str:
    """A run that the clock should have begun some days ago."""
    then = (datetime.now(UTC) - timedelta(days=days)).isoformat()
    state = {"type": "SCHEDULED", "state_details": {"scheduled_time": then}}
    return str(team.ask(f"deployments/{deployment}/create_flow_run", {"state": state})["id"])


def test_a_suite_is_planned_at_its_own_time_in_its_own_zone(team, suite):
    deployment = deployed(team, suite, night=True)
    schedule = team.ask(f"deployments/{deployment}")["schedules"][0]["schedule"]
    assert (schedule["cron"], schedule["timezone"]) == ("0 3 * * *", "Europe/Paris")
    planned = wait_until(lambda: [run for run in runs(team, deployment) if run["auto_scheduled"]])
    assert {run["expected_start_time"][11:16] for run in planned} <= {"01:00", "02:00"}     # summer and winter


def test_of_three_missed_nights_a_plain_worker_makes_up_for_one(team, suite):
    deployment = deployed(team, suite)
    late = [missed(team, deployment, days) for days in (3, 2, 1)]
    with team.working():
        wait_until(lambda: all(ended(team, run) for run in late), 600)
    names = sorted(ended(team, run) for run in late)
    assert names == ["Completed", "Skipped", "Skipped"]
    assert len(nights(team, suite)) == 1


def test_a_night_that_crashes_at_import_is_told_once_within_a_minute(team, suite, mailbox):
    """The deployment's entrypoint names a module that is not there."""
    deployment = deployed(team, suite)
    team.ask(f"deployments/{deployment}", {"entrypoint": "ganbench.flows.gone.nightly"}, method="PATCH")
    before = len(mailbox.posts)
    run = team.ask(f"deployments/{deployment}/create_flow_run", {})["id"]
    with team.working():
        wait_until(lambda: ended(team, run))
        wait_until(lambda: len(mailbox.posts) > before, 60)
    assert len(mailbox.posts) == before + 1
    assert Path(suite).stem in mailbox.posts[-1]["text"]


def test_a_regression_is_told_once_and_its_recovery_once(team, suite, mailbox):
    folder = Path(suite).parent
    real = np.load(folder / "real.npz")["arr_0"].transpose(0, 3, 1, 2)
    write_npz(folder / "good.npz", real[:40])
    gate = '[gate]\nchampion = "good.npz"\n[margins]\nkid_judge = 0.01\n'
    Path(suite).write_text(Path(suite).read_text("utf-8").replace("[[models]]", gate + "[[models]]"), "utf-8")
    before = len(mailbox.posts)
    for _ in range(2):
        assert team.ganbench("nightly", suite, check=False).returncode == 3
    wait_until(lambda: len(mailbox.posts) == before + 1, 60)
    assert "Regression" in mailbox.posts[-1]["text"]
    write_npz(folder / "fake.npz", real[40:80])
    assert team.ganbench("nightly", suite).returncode == 0
    wait_until(lambda: len(mailbox.posts) == before + 2, 60)
    assert "Recovery" in mailbox.posts[-1]["text"]


def test_the_address_of_the_webhook_is_in_no_log_parameter_or_artifact(team, suite, mailbox):
    team.ganbench("nightly", suite)
    run = team.ask("flow_runs/filter", {"sort": "START_TIME_DESC", "limit": 200})
    logs = team.ask("logs/filter", {"limit": 200})
    artifacts = team.ask("artifacts/filter", {"limit": 200})
    automations = team.ask("automations/filter", {})
    assert SECRET not in json.dumps([run, logs, artifacts, automations])
    for path in team.home.rglob("*"):
        if path.is_file() and path.suffix in (".log", ".json", ".toml", ".txt", ".html"):
            assert SECRET not in path.read_text("utf-8", errors="replace"), path


def test_a_killed_night_leaves_nothing_and_the_next_one_does_its_work(team, suite):
    environment = {**os.environ, **team.environment}
    child = subprocess.Popen([sys.executable, "-m", "ganbench", "nightly", suite], env=environment,
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    lock = team.home / "history" / Path(suite).stem / "night.lock"
    wait_until(lock.exists, 120)
    child.send_signal(signal.SIGKILL)
    child.wait(60)
    assert nights(team, suite) == []
    assert team.ganbench("nightly", suite).returncode == 0
    assert len(nights(team, suite)) == 1


def test_two_nights_at_once_take_turns(team, suite):
    environment = {**os.environ, **team.environment}
    both = [subprocess.Popen([sys.executable, "-m", "ganbench", "nightly", suite], env=environment,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    texts = [child.communicate(timeout=300) for child in both]
    assert [child.returncode for child in both] == [0, 0], texts
    assert [path.stem for path in nights(team, suite)] == ["000001", "000002"]
    second = json.loads(nights(team, suite)[1].read_text("utf-8"))
    assert second["observations"][0]["since"] == 1          # and nothing was measured twice
