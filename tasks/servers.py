"""Prefect, MLflow and a worker on loopback, started and stopped together: `ganbench ui`."""

from __future__ import annotations

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ganbench.gan.files import atomic_write
from ganbench.gan.types import BadInput
from ganbench.tasks.claims import claimed, place_of
from ganbench.tasks.settings import settings

if TYPE_CHECKING:
    from filelock import BaseFileLock

HOST, POOL = "127.0.0.1", "ganbench"
PORTS = 50      # that are tried, from the one of the settings on
_ports: list[BaseFileLock] = []  # those of this process

Child = subprocess.Popen[bytes]


@dataclass(frozen=True)
class Servers:
    """Addresses of the servers, and the process that started them."""

    prefect: str
    mlflow: str
    pid: int

    @property
    def api(self) -> str:
        return f"{self.prefect}/api"


def note() -> Path:
    """The file by which other commands find running servers."""
    return settings().root / "servers.json"


def running() -> Servers | None:
    """The servers that `ganbench ui` started, if they still answer."""
    try:
        found = Servers(**json.loads(note().read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return found if answers(f"{found.api}/health") and answers(f"{found.mlflow}/health") else None


def join(servers: Servers) -> None:
    """Direct this process's flows and runs to running servers, before Prefect is imported; explicit settings win."""
    os.environ.setdefault("PREFECT_API_URL", servers.api)
    settings_now = settings()
    if not settings_now.tracking_uri:
        settings_now.tracking_uri = servers.mlflow


def answers(url: str, seconds: float = 2) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=seconds):
            return True
    except (OSError, ValueError):
        return False


@contextmanager
def serving(log: Path, meanwhile: Callable[[], None] = lambda: None) -> Iterator[Servers]:
    """Start Prefect and MLflow, and stop them at the end; each writes into its own file in the folder `log`.

    Other commands find them by `note()`.  `meanwhile` is called while they start, which takes seconds.
    """
    log.mkdir(parents=True, exist_ok=True)
    servers = Servers(
        f"http://{HOST}:{free_port(settings().prefect_port)}",
        f"http://{HOST}:{free_port(settings().mlflow_port)}",
        os.getpid(),
    )
    here = {
        "PREFECT_API_URL": servers.api,
        "PREFECT_HOME": str(settings().root / "prefect"),
        "PREFECT_UI_API_URL": servers.api,  # without it the pages of a server on another port than 4200 ask 4200
        "PREFECT_SERVER_SERVICES_LATE_RUNS_AFTER_SECONDS": "86400",  # a run that waits for its turn is not late
    }
    with alone(), ExitStack() as stack:
        os.environ.update(here)  # before Prefect is imported
        prefect = stack.enter_context(process("prefect", prefect_command(servers), log))
        mlflow = stack.enter_context(process("mlflow", mlflow_command(servers), log, mlflow_environment()))
        meanwhile()
        wait_for(f"{servers.mlflow}/health", mlflow, log / "mlflow.log")
        wait_for(f"{servers.api}/health", prefect, log / "prefect.log")
        settings().tracking_uri = servers.mlflow
        atomic_write(note(), lambda path: path.write_text(json.dumps(asdict(servers))))
        try:
            yield servers
        finally:
            note().unlink(missing_ok=True)


def start_prefect() -> None:
    """A Prefect server until this process ends, before Prefect is imported: workers in other processes would each start
    a temporary one of their own."""
    log = settings().root / "logs"
    log.mkdir(parents=True, exist_ok=True)
    servers = Servers(f"http://{HOST}:{free_port(settings().prefect_port)}", "", os.getpid())
    stack = ExitStack()
    child = stack.enter_context(process("prefect", prefect_command(servers), log))
    atexit.register(stack.close)
    wait_for(f"{servers.api}/health", child, log / "prefect.log")
    os.environ["PREFECT_API_URL"] = servers.api


@contextmanager
def working(servers: Servers, log: Path) -> Iterator[Child]:
    """A worker whose runs use these servers, this home folder, and paths as they are read here."""
    command = [
        sys.executable, "-m", "prefect", "worker", "start", "--pool", POOL, "--type", "process", "--name", "local",
    ]
    given = {"GANBENCH_TRACKING_URI": servers.mlflow, "GANBENCH_HOME": str(settings().root),
             "PREFECT_WORKER_QUERY_SECONDS": os.environ.get("PREFECT_WORKER_QUERY_SECONDS", "1")}
    with process("worker", command, log, given) as child:
        yield child


@contextmanager
def alone() -> Iterator[None]:
    """Refuse to start twice on one home folder, also while the first one is still starting."""
    from filelock import FileLock, Timeout

    try:
        held = FileLock(settings().root / "ui.lock", blocking=False, fallback_to_soft=False).acquire()
    except Timeout as error:
        raise BadInput("already-running", f"ganbench ui is starting or stopping on {settings().root}.") from error
    with held:
        yield


def prefect_command(servers: Servers) -> list[str]:
    port = servers.prefect.rpartition(":")[2]
    return [sys.executable, "-m", "prefect", "server", "start", "--host", HOST, "--port", port]


def mlflow_command(servers: Servers) -> list[str]:
    """See `ganbench.tasks.tracking.pages`."""
    port = servers.mlflow.rpartition(":")[2]
    return [sys.executable, "-m", "ganbench.tasks.tracking.pages", "--host", HOST, "--port", port]


def mlflow_environment() -> dict[str, str]:
    """MLflow on the same SQLite file and folder that commands without a server use, by the names of `mlflow server`.

    Artifacts are not proxied: a run that was logged through this server can be read without it, and the reverse.
    """
    database = settings().mlflow_database
    return {"_MLFLOW_SERVER_FILE_STORE": f"sqlite:///{database}", "_MLFLOW_SGI_NAME": "uvicorn",
            "_MLFLOW_SERVER_ARTIFACT_ROOT": (database.parent / "artifacts").as_uri(),
            "GANBENCH_HOME": str(settings().root), "GANBENCH_TRACKING_URI": ""}


@contextmanager
def process(name: str, command: list[str], log: Path, environment: dict[str, str] | None = None) -> Iterator[Child]:
    """A child in its own session; it and its children end with the block."""
    with (log / f"{name}.log").open("w", encoding="utf-8") as file:
        child = subprocess.Popen(
            command, stdout=file, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True,
            env={**os.environ, **(environment or {})},
        )
        try:
            yield child
        finally:
            stop(child)


def stop(child: Child, seconds: float = 10) -> None:
    """Terminate the child's session, then kill it."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(child.pid, number)
            child.wait(seconds)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue
        return


def wait_for(url: str, child: Child, log: Path, seconds: float = 180) -> None:
    end = time.monotonic() + seconds
    while not answers(url):
        if child.poll() is not None:
            raise RuntimeError(f"the server for {url} ended with code {child.returncode}; see {log}")
        if time.monotonic() > end:
            raise BadInput("no-answer", f"{url} did not answer within {seconds:.0f} seconds; see {log}.")
        time.sleep(0.1)


def free_port(first: int) -> int:
    """The first free port from `first` on.  It is this process's until it ends, so that two that start at the same
    moment do not choose the same one, which neither has opened yet."""
    found = claimed(place_of("ports"), (port for port in range(first, first + PORTS) if silent(port)))
    if found is None:
        raise BadInput("no-free-port", f"No free port from {first} to {first + PORTS - 1} on {HOST}.")
    _ports.append(found[1])
    return found[0]


def silent(port: int) -> bool:
    """Whether nobody listens there."""
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) != 0
