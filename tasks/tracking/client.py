"""MLflow's address, database and experiment, and the URLs of logged runs."""

from __future__ import annotations

import getpass
import re
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from ganbench.gan.files import atomic_write
from ganbench.gan.store import Store
from ganbench.tasks import score_view
from ganbench.tasks.settings import settings, without_user

if TYPE_CHECKING:
    from mlflow import MlflowClient

KEY, COMPLETE = "ganbench.key", "ganbench.complete"     # tags: what a run is, and that all of it is there
TRAINING_VIEW = {"mlflow.experimentKind": "custom_model_development"}
PAGES = "workflowType=machine_learning"  # MLflow's pages for models, not those for chats
LATEST = "ganbench.view"  # a tag of the experiment: the key of the view of the newest results
NOTE, OUR_NOTE = "mlflow.note.content", "ganbench.note"  # MLflow's tag of a description, and what we wrote into it
FIRST_PAGE = "ganbench"


@dataclass(frozen=True)
class Tracked:
    """Where a record was logged: a run of MLflow, or a file that the next run will log."""

    run_id: str = ""
    url: str = ""
    new: bool = False
    picture: str = ""  # where a browser finds it, when a server is up
    problem: str = ""


def unreachable(address: str, seconds: float = 5) -> str:
    """Why an MLflow server does not answer, or ''; files and databases always answer."""
    if not address.startswith("http"):
        return ""
    try:
        with urllib.request.urlopen(f"{address.rstrip('/')}/health", timeout=seconds):
            return ""
    except (OSError, ValueError) as error:
        return f"MLflow at {without_user(address)} does not answer ({getattr(error, 'reason', error)})"


def failed(error: Exception) -> str:
    """What MLflow, its client or its database says, without the address that it was given: it may hold a password."""
    address = settings().tracking
    said = str(error).replace(address, without_user(address))
    secret = re.search(r"//[^/]*?:([^/]*)@", address)
    if secret:
        said = said.replace(secret[1], "***")
    return f"MLflow at {without_user(address)} failed ({' '.join(said.split())[:200]})"


def connect() -> MlflowClient:
    """A client of the settings' MLflow; the home's own database is made first."""
    from mlflow import MlflowClient

    if not settings().tracking_uri:
        make_database()
    return MlflowClient(settings().tracking)  # mlflow.set_tracking_uri would write into the environment


def make_database() -> None:
    """Create MLflow's SQLite file in the home folder atomically.

    MLflow migrates a new file step by step; an interrupted or concurrent migration leaves it broken.
    """
    from mlflow import MlflowClient

    path = settings().mlflow_database
    with Store(settings().root / "store").lock("tracking", "database"):
        if path.exists():
            return
        for unfinished in path.parent.glob(".*.partial*"):
            unfinished.unlink()
        atomic_write(path, lambda file: MlflowClient(f"sqlite:///{file}").search_experiments())


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """A lock, so that of two processes with the same result the second one finds the run of the first."""
    with Store(settings().root / "store").lock("tracking", "00"):
        yield


def attempt(log: Callable[[MlflowClient], Tracked], otherwise: str) -> Tracked:
    """Log something that can be logged again later, or say why it was not, and what follows."""
    problem = unreachable(settings().tracking)
    if not problem:
        try:
            with one_at_a_time():
                return log(connect())
        except Exception as error:  # of MLflow, its client, its database or its disk
            problem = failed(error)
    return Tracked(problem=f"{problem}; {otherwise}")


def experiment_of(client: MlflowClient) -> str:
    """The id of the settings' experiment; made when it is new, its artifacts beside the SQLite file."""
    found = client.get_experiment_by_name(settings().experiment)
    if found is not None:
        for name in TRAINING_VIEW.keys() - found.tags.keys():
            client.set_experiment_tag(found.experiment_id, name, TRAINING_VIEW[name])
        return str(found.experiment_id)
    local = settings().tracking.startswith("sqlite")
    artifacts = (settings().root / "mlflow" / "artifacts").as_uri() if local else None
    return str(client.create_experiment(settings().experiment, artifact_location=artifacts, tags=TRAINING_VIEW))


def tracked(experiment: str, run_id: str, new: bool) -> Tracked:
    """A run of MLflow, with addresses for a browser while a server is up."""
    server = without_user(settings().tracking).rstrip("/")
    if not server.startswith("http"):
        return Tracked(run_id, new=new)
    return Tracked(
        run_id,
        f"{server}/{page_of_run(experiment, run_id)}",
        new,
        f"{server}/get-artifact?path=samples.png&run_uuid={run_id}",
    )


def show(client: MlflowClient, experiment: str, view: Mapping[str, str], note: str) -> None:
    """Save a view, and let it be what MLflow's page begins with, below a note; a person's own note stays."""
    tags = client.get_experiment(experiment).tags
    new = {score_view.TAG + view["key"]: view["tag"], LATEST: view["key"]}
    if tags.get(NOTE, "") in ("", tags.get(OUR_NOTE)):
        new |= {NOTE: note, OUR_NOTE: note}
    for name, value in new.items():
        if tags.get(name) != value:
            client.set_experiment_tag(experiment, name, value)


def page_of_scores() -> str:
    """Where a browser finds the newest results on the settings' server: the address that `tracking.pages` answers."""
    return f"{without_user(settings().tracking).rstrip('/')}/{FIRST_PAGE}"


def page_of_run(experiment: str, run_id: str, rest: str = "") -> str:
    """Relative to MLflow's address, so that a link in a description holds on whatever server shows it."""
    return f"#/experiments/{experiment}/runs/{run_id}{rest}?{PAGES}"


def page_of_runs(experiment: str, facets: Mapping[str, Any]) -> str:
    """A list of runs: a filter and an order."""
    given = {name: str(value).lower() if isinstance(value, bool) else value for name, value in facets.items()}
    return f"#/experiments/{experiment}/runs?{PAGES}&{urlencode(given, quote_via=quote)}"


def whoever() -> str:
    """The user's name, for MLflow's page; empty where the machine has none for this number."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return ""
