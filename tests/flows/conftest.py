"""What the tests of flows and of the command share: one Prefect server, a model file, what a run left."""

import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import forget_settings


@pytest.fixture
def prefect_server(prefect_session, mlflow_database, home) -> None:
    """A server for flows, and in the fresh home MLflow's empty database, which takes a second to make."""
    (home / "mlflow").mkdir(parents=True)
    shutil.copy(mlflow_database, home / "mlflow")


@pytest.fixture(scope="package")
def prefect_session() -> Iterator[None]:
    """One server and one temporary database for all tests of this folder; it ends with them, since it is never idle.

    Processes that start a server of their own find its empty database, which takes seconds to make.
    """
    from ganbench.tasks.settings import configure

    configure()
    forget_settings()
    from prefect.settings import PREFECT_SERVER_DATABASE_CONNECTION_URL
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=180):
        made = PREFECT_SERVER_DATABASE_CONNECTION_URL.value().partition("///")[2]
        theirs = Path(os.environ["PREFECT_HOME"]) / "prefect.db"
        if not theirs.exists():
            with closing(sqlite3.connect(made)) as source, closing(sqlite3.connect(theirs)) as target:
                source.backup(target)
        yield


@pytest.fixture(scope="package")
def mlflow_database(prefect_session, tmp_path_factory) -> Path:
    """As a new home gets it."""
    from ganbench.tasks.settings import configure
    from ganbench.tasks.tracking.client import make_database

    made = configure(home=tmp_path_factory.mktemp("mlflow")).mlflow_database
    make_database()
    forget_settings()
    return made


@pytest.fixture
def model(tiny, tmp_path):
    """A TOML model file of the tiny DCGAN."""
    path = tmp_path / "tiny.toml"
    path.write_text(f'family = "dcgan"\nweights = "{tiny}"\n')
    return str(path)


@pytest.fixture
def run_flow(prefect_server, home, model, garments):
    """Run the flow on 30 images against 60, and read back what Prefect and MLflow know of it."""
    from ganbench.flows.evaluate import evaluate
    from ganbench.tasks.settings import configure

    def run(tracking_uri=None, **given):
        settings = configure(tracking_uri=tracking_uri)
        parameters = {
            "model": model,
            "protocol": None,
            "convention": "embedded",
            "reference": str(garments),
            "n": 30,
            **given,
        }
        state = evaluate(**parameters, return_state=True)
        return Run(state, state.result(), settings, state.state_details.flow_run_id)

    return run


@dataclass(frozen=True)
class Run:
    """What a run of the flow `evaluate` left."""

    state: Any
    outcome: Any
    settings: Any
    id: Any

    @property
    def tasks(self) -> dict[str, str]:
        return task_states(self.id)


def task_states(flow_run) -> dict[str, str]:
    """Task run name -> state name.  Prefect's server learns of task runs from events, some after the flow has ended: so
    look until nothing has changed for a second and a half."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId

    def look() -> dict[str, str]:
        with get_client(sync_client=True) as client:
            runs = client.read_task_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[flow_run])))
        return {run.name: run.state_name for run in runs}

    seen, since = look(), time.monotonic()
    while time.monotonic() < since + 1.5:
        time.sleep(0.3)
        if (now := look()) != seen:
            seen, since = now, time.monotonic()
    return seen


@pytest.fixture
def shown():
    """The newest Markdown of a key in Prefect's pages, with its description: shown("film")."""

    def read(key):
        from prefect.client.orchestration import get_client
        from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
        from prefect.client.schemas.sorting import ArtifactSort

        with get_client(sync_client=True) as client:
            found = client.read_artifacts(
                artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[key])), sort=ArtifactSort.CREATED_DESC)
        return found[0].data, found[0].description

    return read


@pytest.fixture
def repeated():
    """Run the command that a run of MLflow says makes it again."""

    def run(tracked):
        import shlex

        from typer.testing import CliRunner

        from ganbench.flows.cli import app

        name, *words = shlex.split(tracked.data.tags["mlflow.source.name"])
        assert name == "ganbench"
        assert f"Again: `{tracked.data.tags['mlflow.source.name']}`" in tracked.data.tags["mlflow.note.content"]
        done = CliRunner().invoke(app, words)
        assert done.exit_code == 0, done.output
        return done.stdout

    return run


@pytest.fixture
def mlflow_runs():
    """All runs of the settings' MLflow."""

    def read():
        from ganbench.tasks.tracking.client import connect, experiment_of

        client = connect()
        return client, client.search_runs([experiment_of(client)])

    return read
