"""`ganbench ui`: Prefect, MLflow and a worker.  Servers are started before anything that takes seconds to import."""

from __future__ import annotations

import signal
from importlib import import_module
from pathlib import Path

from ganbench.gan.types import BadInput
from ganbench.tasks.guardian import guard
from ganbench.tasks.servers import running, serving, working
from ganbench.tasks.settings import settings


def run_servers() -> None:
    """Keep Prefect, MLflow and a worker up until Ctrl-C, or until the terminal is closed."""
    found = running()
    if found:
        raise BadInput("already-running",
                       f"ganbench ui runs already (process {found.pid}): {found.prefect} and {found.mlflow}.")
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: signal.raise_signal(signal.SIGINT))
    guard()
    logs = settings().root / "logs"
    print(f"Starting Prefect, MLflow and a worker (logs in {logs}) ...", flush=True)
    with serving(logs, meanwhile=load) as servers:
        from ganbench.flows.deployments import deploy, skip_missed
        from ganbench.tasks.tracking.client import page_of_scores

        names = deploy(str(Path.cwd()))
        skip_missed()
        with working(servers, logs) as worker:
            print(f"Prefect  {servers.prefect}   deployments: {', '.join(names)}")
            print(f"MLflow   {page_of_scores()}")
            print("Ctrl-C stops all three.", flush=True)
            code = worker.wait()
    raise RuntimeError(f"the worker ended with code {code}; see {logs / 'worker.log'}")


def load() -> None:
    """Import what deploying needs."""
    for name in ("ganbench.flows.deployments", "ganbench.flows.compare", "prefect.deployments.runner"):
        import_module(name)
