"""Servers as a team runs them, without `ganbench ui`; and what becomes of its runs and nights."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ganbench.gan.datasets import DataFolders, open_data
from ganbench.gan.images import write_npz
from ganbench.tasks.servers import HOST, POOL, Child, free_port, process, wait_for
from tests.services.live import ask, far_from_night

ROOT = Path(__file__).parents[2]
SUITE = """
schedule = "0 3 * * *"
timezone = "Europe/Paris"
[[protocols]]
reference = "real.npz"
extractor = "judge"
metrics = "kid"
n = 40
[[models]]
name = "mine"
model = "fake.npz"
"""


@dataclass(frozen=True)
class Team:
    """Addresses of the servers, and the home of their data."""

    home: Path
    prefect: str
    mlflow: str
    extra: tuple[tuple[str, str], ...] = ()     # of the environment

    def prefect_command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "prefect", "--no-prompt", *words]

    @property
    def environment(self) -> dict[str, str]:
        """What README tells a team to set."""
        return {"GANBENCH_HOME": str(self.home), "MLFLOW_TRACKING_URI": self.mlflow,
                "PREFECT_API_URL": f"{self.prefect}/api", "PREFECT_HOME": str(self.home / "prefect"),
                **dict(self.extra)}

    def ask(self, path: str, body: Any = None, method: str | None = None) -> Any:
        return ask(f"{self.prefect}/api/{path}", body, method)

    def server(self, name: str) -> tuple[list[str], str]:
        """The command of a server, and where it says that it is well."""
        port = getattr(self, name).rpartition(":")[2]
        if name == "prefect":
            command = self.prefect_command("server", "start", "--host", HOST, "--port", port)
            return command, f"{self.prefect}/api/health"
        return [sys.executable, "-m", "mlflow", "server", "--host", HOST, "--port", port, "--workers", "1",
                "--backend-store-uri", f"sqlite:///{self.home / 'mlflow.db'}",
                "--artifacts-destination", str(self.home / "artifacts")], f"{self.mlflow}/health"

    @contextmanager
    def serving(self, name: str) -> Iterator[Child]:
        command, url = self.server(name)
        with process(name, command, self.home, self.environment) as child:
            wait_for(url, child, self.home / f"{name}.log")
            yield child

    @contextmanager
    def working(self) -> Iterator[Child]:
        """A plain worker."""
        command = self.prefect_command("worker", "start", "--pool", POOL, "--type", "process")
        with process("worker", command, self.home, self.environment) as child:
            yield child

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """A command of a member of the team."""
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300,
                              env={**os.environ, **self.environment})
        assert done.returncode == 0 or not check, done.stdout + done.stderr
        return done

    def ganbench(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return self.run(sys.executable, "-m", "ganbench", *words, check=check)


def a_team(home: Path, **extra: str) -> Team:
    """Without servers."""
    return Team(home, f"http://{HOST}:{free_port(4400)}", f"http://{HOST}:{free_port(5400)}", tuple(extra.items()))


@contextmanager
def serving_team(home: Path, **extra: str) -> Iterator[Team]:
    """Both servers, without a worker."""
    team = a_team(home, **extra)
    with team.serving("mlflow"), team.serving("prefect"):
        yield team


def runs(team: Team, deployment: str) -> list[dict[str, Any]]:
    return list(team.ask("flow_runs/filter", {"deployments": {"id": {"any_": [deployment]}}}))


def ended(team: Team, run: str) -> str:
    """The name of the state in which a run ended; '' while it has not."""
    state = team.ask(f"flow_runs/{run}")["state"]
    return str(state["name"]) if state["type"] in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED") else ""


def deployed(team: Team, suite: str, night: bool = False) -> str:
    """`night`: at its own time; else far from it."""
    team.ganbench("nightly", suite, "--deploy")
    if not night:
        far_from_night(f"{team.prefect}/api")
    return str(team.ask(f"deployments/name/nightly/{Path(suite).stem}")["id"])


def nights(team: Team, suite: str) -> list[Path]:
    """The files of a suite's history."""
    return sorted((team.home / "history" / Path(suite).stem).glob("*.json"))


def small_suite(folder: Path, name: str) -> str:
    """Garments, and noise as a model."""
    real = open_data("fashion-mnist:test", DataFolders(None, folder)).read(range(100))
    write_npz(folder / "real.npz", real)
    write_npz(folder / "fake.npz", np.random.default_rng(0).integers(0, 256, (40, 1, 32, 32), np.uint8))
    path = folder / f"{name}.toml"
    path.write_text(f'name = "{name}"\n{SUITE}', "utf-8")
    return str(path)
