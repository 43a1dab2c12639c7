"""Settings: the one reader of the environment, and the one place that sets it for Prefect and MLflow.

Every field can be given as GANBENCH_<FIELD> in the environment or in a `.env` file.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pydantic import AliasChoices, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from ganbench.gan.mirror import check_mirror
from ganbench.gan.types import BadInput, Workspace

# Telemetry off, longer timeouts for slow machines, and shorter ones for servers that are down.
ENVIRONMENT = {
    "DO_NOT_TRACK": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "RAY_USAGE_STATS_ENABLED": "0",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
    "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # the screens have a link of their own
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # seven processes for chats that nobody holds here
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "GIT_PYTHON_REFRESH": "quiet",
    "OMP_WAIT_POLICY": "PASSIVE",  # threads that wait for each other by spinning are 4 times slower on busy cores
}
LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Settings(BaseSettings):
    """Paths, parallelism and servers; these settings do not affect results."""

    model_config = SettingsConfigDict(
        env_prefix="GANBENCH_", env_file=".env", env_ignore_empty=True, extra="ignore", populate_by_name=True)

    home: Path = Field(Path("~/.ganbench"), description="store, databases, downloads, pictures")
    workers: int = Field(
        default_factory=lambda: os.cpu_count() or 1, ge=1,
        description="shards worked on at a time, a thread each (`--workers`); changes no number")
    batch_size: int = Field(
        250, ge=1, description="images between two savings: a killed run loses at most these (`--batch-size`); "
        "changes no number")
    runner: str = Field(  # a row of tasks.runners.RUNNERS
        "threads", description="where shards are worked on: `threads`, `processes`, `dask` or `ray` (`--runner`); "
        "changes no number")
    cluster: str = Field(
        "", description="the address of a running Dask scheduler or Ray head; empty: a cluster of this machine for "
        "each run")
    mirror: str = Field(  # see gan.mirror
        "", description="where finished artefacts are copied to, such as `s3://BUCKET/FOLDER`")
    tracking_uri: str = Field(
        "", validation_alias=AliasChoices("GANBENCH_TRACKING_URI", "MLFLOW_TRACKING_URI"),
        description="MLflow's address; empty: a SQLite file in the home folder")
    experiment: str = Field("ganbench", description="MLflow's experiment")
    webhook: SecretStr = Field(  # see flows.notifications
        SecretStr(""), description="an address that is told what a night found")
    notification_block: str = Field("", description="the same for a block in Prefect, `TYPE/NAME`")
    device: str = Field(
        "cpu", description="where networks run (`--device`): `cpu`, `cuda:1`, or `cuda` for all GPUs, one for each "
        "worker process")
    data: str = Field("", description="a folder that may hold data sets by name")
    inception_weights: str = Field(
        "", description="a file with the 2015 Inception weights (`--inception-weights`)")
    extractor_weights: dict[str, str] = Field(
        default_factory=dict, description="weights of extractors, as JSON: name → file or folder (`--weights "
        "dinov2-vitl14=FILE`)")
    prefect_port: int = Field(4200, description="the port of Prefect's server in `ganbench ui`")
    mlflow_port: int = Field(5000, description="the port of MLflow's server in `ganbench ui`")

    @property
    def root(self) -> Path:
        return self.home.expanduser().absolute()

    @property
    def tracking(self) -> str:
        """MLflow's address: the given one, or a SQLite file in the home folder."""
        return self.tracking_uri or f"sqlite:///{self.mlflow_database}"

    @property
    def mlflow_database(self) -> Path:
        return self.root / "mlflow" / "mlflow.db"


_current: list[Settings] = []


def settings() -> Settings:
    """The settings of this process, read once."""
    return _current[0] if _current else configure()


def configure(**given: object) -> Settings:
    """Read the settings again; `given` values that are not None override the environment.

    Sets environment variables for Prefect and MLflow, so it must be called before they are imported.
    """
    try:
        found = Settings(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        raise BadInput("unfit-setting", f"{'; '.join(map(sentence, error.errors()))}.") from error
    except SettingsError as error:
        name = str(error).partition('field "')[2].partition('"')[0]
        raise BadInput("unfit-setting",
                       f"The setting GANBENCH_{name.upper()} is not valid JSON, such as "
                       '{"dinov2": "/path/to/file"}.') from error
    check_mirror(found.mirror)
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    keep_local_work_local()
    if found.runner == "ray" and not found.cluster:
        os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")  # on Linux, too: its servers are on loopback
    if not os.environ.get("PREFECT_API_URL"):
        os.environ.setdefault("PREFECT_HOME", str(found.root / "prefect"))
    _current[:] = [found]
    return found


def launched() -> tuple[int, int, int]:
    """What torch's launcher says of this process: its number, how many there are, and its number on this machine."""
    rank, size, place = (os.environ.get(name, default) for name, default in
                         (("RANK", "0"), ("WORLD_SIZE", "1"), ("LOCAL_RANK", "0")))
    return int(rank), int(size), int(place)


def names_server() -> bool:
    """Whether the environment names a Prefect server."""
    return bool(os.environ.get("PREFECT_API_URL"))


def keep_local_work_local() -> None:
    """Reach servers of this machine directly: no proxy for them, and none of the network's settings that would stop
    Prefect's client (httpx) before it reaches anything: a SOCKS proxy without socksio, certificates that do not exist.
    """
    for name in ("NO_PROXY", "no_proxy"):
        known = [host for host in os.environ.get(name, "").split(",") if host.strip()]
        os.environ[name] = ",".join([*known, *(host for host in LOOPBACK if host not in known)])
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        if os.environ[name].lower().startswith("socks") and not find_spec("socksio"):
            del os.environ[name]
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        if name in os.environ and not os.path.exists(os.environ[name]):
            del os.environ[name]
    for name in ("PREFECT_API_URL", "PREFECT_HOME", "PREFECT_PROFILE", "MLFLOW_TRACKING_URI"):
        if not os.environ.get(name, "x").strip():
            del os.environ[name]


@contextmanager
def unchanged(name: str) -> Iterator[None]:
    """Restore an environment variable afterwards."""
    before = os.environ.get(name)
    try:
        yield
    finally:
        os.environ.pop(name, None)
        if before is not None:
            os.environ[name] = before


def without_user(address: str) -> str:
    """An address as it may be printed and linked: `postgresql://host/mlflow`, with no user and no password."""
    return re.sub(r"//[^/]*@", "//", address)


def sentence(problem: Any) -> str:
    """A pydantic error about one setting, as a sentence."""
    name = str(problem["loc"][0]).upper().removeprefix("GANBENCH_")
    return f"The setting GANBENCH_{name} is {problem['input']!r}: {problem['msg'].lower().removeprefix('input ')}"


def histories() -> Path:
    """The folder of the suites' histories."""
    return settings().root / "history"


def workspace_of(trust_pickle: bool = False) -> Workspace:
    """The part of the settings that stages need."""
    found = settings()
    return Workspace(
        str(found.root), found.data, found.inception_weights, found.device, trust_pickle, found.batch_size,
        found.extractor_weights, found.mirror,
    )


def hub_token() -> str:
    """For the Hugging Face Hub: HF_TOKEN, what `hf auth login` has stored, or the keyring; '' without one."""
    from huggingface_hub import get_token

    return os.environ.get("HF_TOKEN") or get_token() or in_keyring("huggingface")


def github_token() -> str:
    """GITHUB_TOKEN, GH_TOKEN, or the keyring; '' without one."""
    return os.environ.get("GITHUB_TOKEN") or os.environ.get("GH_TOKEN") or in_keyring("github")


def github_api() -> str:
    """The address of GitHub's API, where GITHUB_API_URL names one, as on GitHub Enterprise."""
    return os.environ.get("GITHUB_API_URL", "")


def in_keyring(name: str) -> str:
    """What `keyring set ganbench NAME` has stored; '' without the package keyring, or without a keyring."""
    if not find_spec("keyring"):
        return ""
    import keyring

    try:
        return keyring.get_password("ganbench", name) or ""
    except Exception:                   # of whatever keeps the passwords of this system
        return ""
