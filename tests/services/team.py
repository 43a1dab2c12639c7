"""Servers as a team runs them, without `ganbench ui`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganbench.tasks.servers import HOST, POOL, Child, free_port, process, wait_for

ROOT = Path(__file__).parents[2]


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
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.prefect}/api/{path}", data, headers, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            text = answer.read()
        return json.loads(text) if text else None

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


@contextmanager
def serving_team(home: Path, **extra: str) -> Iterator[Team]:
    """Both servers, without a worker."""
    team = Team(home, f"http://{HOST}:{free_port(4400)}", f"http://{HOST}:{free_port(5400)}", tuple(extra.items()))
    ports = {name: getattr(team, name).rpartition(":")[2] for name in ("prefect", "mlflow")}
    mlflow = [sys.executable, "-m", "mlflow", "server", "--host", HOST, "--port", ports["mlflow"], "--workers", "1",
              "--backend-store-uri", f"sqlite:///{home / 'mlflow.db'}",
              "--artifacts-destination", str(home / "artifacts")]
    server = team.prefect_command("server", "start", "--host", HOST, "--port", ports["prefect"])
    with ExitStack() as stack:
        for name, command, url in (("mlflow", mlflow, team.mlflow), ("prefect", server, f"{team.prefect}/api")):
            child = stack.enter_context(process(name, command, home, team.environment))
            wait_for(f"{url}/health", child, home / f"{name}.log")
        yield team
