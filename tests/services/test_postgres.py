"""The servers as a team runs them: Prefect and MLflow on the distribution's PostgreSQL, prefect.yaml deployed, a worker
that evaluates in processes; and the passwords reach no log, artefact, parameter or row.

Needs Debian's package postgresql, and the extra postgres, which `make growing` installs.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ganbench.gan.images import write_npz
from ganbench.tasks.servers import HOST, POOL, free_port, process, wait_for
from tests.services.live import ask, descendants, heard_beyond_loopback, wait_until

pytestmark = [pytest.mark.services, pytest.mark.timeout(900)]
ROOT = Path(__file__).parents[2]
DATABASE_SECRET, STORAGE_SECRET = "canary-of-the-database", "canary-of-the-storage"
PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))


@dataclass(frozen=True)
class Postgres:
    """A cluster of its own in a temporary folder, on loopback and a socket in that folder."""

    folder: Path
    port: int

    def run(self, program: str, *words: str) -> subprocess.CompletedProcess[str]:
        """One of PostgreSQL's programs, as a user that is not root."""
        return subprocess.run([*as_somebody(), str(PROGRAMS[-1] / program), *words], cwd=self.folder, check=True,
                              capture_output=True, text=True, timeout=120)

    def url(self, scheme: str, database: str) -> str:
        return f"{scheme}://ganbench:{DATABASE_SECRET}@{HOST}:{self.port}/{database}"

    def dump(self, database: str) -> str:
        """Every row of a database."""
        return self.run("pg_dump", "-h", str(self.folder), "-p", str(self.port), "-U", "postgres", database).stdout


def as_somebody() -> list[str]:
    """PostgreSQL refuses to be run by root."""
    return ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []


@contextmanager
def postgres() -> Iterator[Postgres]:
    folder = Path(tempfile.mkdtemp(prefix="ganbench-postgres-"))
    found = Postgres(folder, free_port(5600))
    if os.getuid() == 0:
        somebody = pwd.getpwnam("postgres")
        os.chown(folder, somebody.pw_uid, somebody.pw_gid)
    password = folder / "password"
    password.write_text(DATABASE_SECRET, "utf-8")
    password.chmod(0o644)
    data, options = str(folder / "data"), f"-c listen_addresses={HOST} -p {found.port} -k {folder}"
    try:
        found.run("initdb", "-D", data, "-U", "postgres", "--auth-local=trust", "--auth-host=scram-sha-256",
                  "--pwfile", str(password), "-E", "UTF8", "--no-sync")
        found.run("pg_ctl", "-D", data, "-o", options, "-l", str(folder / "log"), "-w", "start")
        try:
            psql = ("psql", "-h", str(folder), "-p", str(found.port), "-U", "postgres", "-c")
            found.run(*psql, f"CREATE ROLE ganbench LOGIN PASSWORD '{DATABASE_SECRET}'")
            for name in ("prefect", "mlflow"):
                found.run(*psql, f"CREATE DATABASE {name} OWNER ganbench")
            yield found
        finally:
            found.run("pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True)
class Team:
    """Servers and a worker, by the settings of deploy/*.example."""

    folder: Path
    database: Postgres
    prefect: str
    mlflow: str
    pids: list[int]

    def ask(self, server: str, path: str, body: Any = None) -> Any:
        return ask(f"{server}/api/{path}", body)


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    if not PROGRAMS or not find_spec("psycopg2"):
        pytest.skip("PostgreSQL or psycopg2 is not installed: apt-get install postgresql; make growing")
    folder = tmp_path_factory.mktemp("team")
    prefect, mlflow = (f"http://{HOST}:{free_port(port)}" for port in (4500, 5500))
    program = [sys.executable, "-m"]
    base = {"GANBENCH_HOME": str(folder / "home"), "PREFECT_HOME": str(folder / "prefect"), "PYTHONPATH": str(ROOT)}
    clients = {**base, "PREFECT_API_URL": f"{prefect}/api", "MLFLOW_TRACKING_URI": mlflow,
               "GANBENCH_RUNNER": "processes", "GANBENCH_WORKERS": "2", "AWS_SECRET_ACCESS_KEY": STORAGE_SECRET}
    with postgres() as database, ExitStack() as stack:
        servers = {
            "prefect": ([*program, "prefect", "server", "start", "--host", HOST, "--port", prefect.rpartition(":")[2]],
                        {"PREFECT_SERVER_DATABASE_CONNECTION_URL": database.url("postgresql+asyncpg", "prefect"),
                         "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}, f"{prefect}/api/health"),
            "mlflow": ([*program, "mlflow", "server", "--host", HOST, "--port", mlflow.rpartition(":")[2],
                        "--workers", "1", "--artifacts-destination", str(folder / "artifacts")],
                       {"MLFLOW_BACKEND_STORE_URI": database.url("postgresql", "mlflow"),
                        "MLFLOW_DISABLE_TELEMETRY": "true"}, f"{mlflow}/health"),
        }
        children = {name: stack.enter_context(process(name, command, folder, base | given))
                    for name, (command, given, _) in servers.items()}
        for name, (_, _, url) in servers.items():
            wait_for(url, children[name], folder / f"{name}.log", 300)
        worker = [*program, "prefect", "worker", "start", "--pool", POOL, "--type", "process"]
        children["worker"] = stack.enter_context(process("worker", worker, folder, clients))
        found = Team(folder, database, prefect, mlflow, [child.pid for child in children.values()])
        wait_until(lambda: found.ask(prefect, "work_pools/filter", {}))
        deploy = subprocess.run([*program, "prefect", "--no-prompt", "deploy", "--all"], cwd=ROOT, capture_output=True,
                                text=True, env={**os.environ, **clients}, timeout=300)
        assert deploy.returncode == 0, deploy.stdout + deploy.stderr
        yield found


@pytest.fixture(scope="module")
def run(team: Team) -> dict[str, Any]:
    """An evaluation that was started from the deployment."""
    random = np.random.default_rng(0)
    write_npz(team.folder / "real.npz", random.integers(0, 256, (60, 1, 16, 16), np.uint8))
    write_npz(team.folder / "fake.npz", random.integers(0, 256, (30, 1, 16, 16), np.uint8))
    parameters = {"model": str(team.folder / "fake.npz"), "reference": str(team.folder / "real.npz"), "n": 20,
                  "extractor": "pixels"}
    deployment = team.ask(team.prefect, "deployments/name/evaluate/evaluate-one-model")["id"]
    begun = team.ask(team.prefect, f"deployments/{deployment}/create_flow_run", {"parameters": parameters})

    def ended() -> dict[str, Any] | None:
        now = team.ask(team.prefect, f"flow_runs/{begun['id']}")
        return now if now["state_type"] in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED") else None

    found: dict[str, Any] = wait_until(ended)
    assert found["state_type"] == "COMPLETED", (team.folder / "worker.log").read_text("utf-8")
    return found


def test_all_deployments_of_prefect_yaml_are_there(team):
    found = {row["name"] for row in team.ask(team.prefect, "deployments/filter", {})}
    text = (ROOT / "prefect.yaml").read_text("utf-8")
    assert {line.split("name: ")[1] for line in text.splitlines() if line.startswith("  - name: ")} <= found


def test_a_run_of_the_deployment_ends_in_mlflow(team, run):
    asked = {"experiment_ids": ["1"], "filter": f"tags.prefect.flow_run_id = '{run['id']}'"}
    (logged,) = team.ask(team.mlflow, "2.0/mlflow/runs/search", asked)["runs"]
    tags = {row["key"]: row["value"] for row in logged["data"]["tags"]}
    assert tags["ganbench.complete"] == "true"
    assert {"kid", "fd"} <= {row["key"] for row in logged["data"]["metrics"]}


def test_both_servers_keep_their_rows_in_postgresql(team, run):
    assert run["id"] in team.database.dump("prefect")
    assert run["id"] in team.database.dump("mlflow")
    assert not list(team.folder.rglob("*.db"))


def test_the_tasks_ran_in_processes_and_are_all_known(team, run):
    asked = {"flow_runs": {"id": {"any_": [run["id"]]}}}
    tasks = wait_until(lambda: [row for row in team.ask(team.prefect, "task_runs/filter", asked)
                                if row["name"].startswith(("sample", "pixels"))])
    assert {row["state_type"] for row in tasks} <= {"COMPLETED", "RUNNING", "PENDING"}


def test_passwords_reach_no_log_artefact_parameter_or_row(team, run):
    rows = team.database.dump("prefect") + team.database.dump("mlflow")
    files = [path for path in team.folder.rglob("*") if path.is_file()]
    assert len(files) > 20
    for secret in (DATABASE_SECRET, STORAGE_SECRET):
        assert secret not in rows
        assert [path for path in files if secret.encode() in path.read_bytes()] == []


def test_passwords_are_on_no_command_line(team, run):
    family = [pid for parent in team.pids for pid in (parent, *descendants(parent))]
    assert len(family) >= 3
    for pid in family:
        line = Path(f"/proc/{pid}/cmdline")
        assert not line.exists() or DATABASE_SECRET.encode() not in line.read_bytes()


def test_nobody_listens_beyond_loopback(team, run):
    assert heard_beyond_loopback([pid for parent in team.pids for pid in (parent, *descendants(parent))]) == set()
