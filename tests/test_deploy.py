"""What deploy/ holds can be read by whom it is meant for, names settings that exist, and opens nothing to a network."""

from __future__ import annotations

import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

from ganbench.tasks.settings import ENVIRONMENT, Settings

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy"
UNITS = sorted(DEPLOY.glob("*.service"))
EXAMPLES = sorted(DEPLOY.glob("*.example"))
OTHERS = {"DO_NOT_TRACK", "AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "POSTGRES_USER",
          "POSTGRES_PASSWORD", "POSTGRES_DB", "RAY_USAGE_STATS_ENABLED"}
ASSIGNED = re.compile(r"^#?([A-Z][A-Z0-9_]*)=", re.MULTILINE)


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))


@pytest.fixture(scope="module")
def known() -> set[str]:
    """The names of all settings, by the programs that read them."""
    from prefect.settings.legacy import _get_valid_setting_names
    from prefect.settings.models.root import Settings as OfPrefect

    ours = {f"GANBENCH_{name.upper()}" for name in Settings.model_fields} | {"MLFLOW_TRACKING_URI"}
    return ours | OTHERS | _get_valid_setting_names(OfPrefect) | of_mlflow() | {"PREFECT_HOME"}


def of_mlflow() -> set[str]:
    """From its source: to import its command line takes seconds."""
    spec = find_spec("mlflow")
    assert spec
    assert spec.origin
    files = ("cli/__init__.py", "utils/cli_args.py", "environment_variables.py")
    return {name for file in files for name in
            re.findall(r'"(MLFLOW_[A-Z_]+)"', (Path(spec.origin).parent / file).read_text("utf-8"))}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_every_setting_of_an_example_exists(path, known):
    named = ASSIGNED.findall(path.read_text("utf-8"))
    assert len(named) > 8
    assert set(named) <= known
    assert len(named) == len(set(named))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_is_read_by_systemd_line_by_line(path):
    for line in path.read_text("utf-8").splitlines():
        assert re.fullmatch(r"(#.*|[A-Z][A-Z0-9_]*=\S*|)", line)


def test_every_setting_of_the_services_exists(compose, known):
    for service in compose["services"].values():
        assert set(service["environment"]) <= known
    named = re.findall(r"^Environment=(\w+)=", "\n".join(path.read_text("utf-8") for path in UNITS), re.MULTILINE)
    assert set(named) <= known


def test_telemetry_is_off_wherever_a_server_or_worker_starts(compose):
    for name, service in compose["services"].items():
        if name != "postgres":
            assert quiet(service["environment"])
    for path in EXAMPLES:
        given = dict(line.split("=", 1) for line in path.read_text("utf-8").splitlines() if re.match(r"[A-Z]", line))
        assert quiet(given)


def quiet(given: dict[str, str]) -> bool:
    """Whether every telemetry that is named is off, in the words of our own settings, and that of all programs is."""
    off = {name: value for name, value in ENVIRONMENT.items() if re.search("TRACK|TELEMETRY|ANALYTICS|USAGE", name)}
    return given["DO_NOT_TRACK"] == "true" and all(given[name] == value for name, value in off.items() if name in given)


def test_outside_of_the_services_everything_is_on_loopback(compose):
    for service in compose["services"].values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
        assert "network_mode" not in service
    text = (DEPLOY / "servers.example").read_text("utf-8")
    assert re.findall(r"_HOST=(.*)", text) == ["127.0.0.1", "127.0.0.1"]
    assert all(not re.search(r"--host|0\.0\.0\.0", path.read_text("utf-8")) for path in UNITS)


def test_no_password_stands_in_a_file_or_on_a_command_line(compose):
    text = "\n".join(path.read_text("utf-8") for path in DEPLOY.iterdir())
    for secret in re.findall(r"://\w+:([^@\s]+)@", text):
        assert secret in ("PASSWORD", "${POSTGRES_PASSWORD}")
    for service in compose["services"].values():
        assert "PASSWORD" not in " ".join(service.get("command", []))
    assert all("PASSWORD" not in path.read_text("utf-8") for path in UNITS)
    assert "${POSTGRES_PASSWORD:?" in (DEPLOY / "compose.yaml").read_text("utf-8")


def test_the_worker_does_not_see_the_password_of_the_database(compose):
    assert "POSTGRES" not in str(compose["services"]["worker"])
    unit = (DEPLOY / "ganbench-worker.service").read_text("utf-8")
    assert re.findall(r"EnvironmentFile=(.*)", unit) == ["/etc/ganbench/environment"]
    assert "DATABASE" not in (DEPLOY / "environment.example").read_text("utf-8")


def test_the_pool_of_the_worker_is_that_of_prefect_yaml(compose):
    pools = {row["work_pool"]["name"] for row in
             yaml.safe_load((ROOT / "prefect.yaml").read_text("utf-8"))["deployments"]}
    assert pools == {"ganbench"}
    assert "--pool ganbench " in (DEPLOY / "ganbench-worker.service").read_text("utf-8")
    assert compose["services"]["worker"]["command"][3:5] == ["--pool", "ganbench"]


def test_what_the_image_copies_exists():
    copied = re.findall(r"^COPY (.+) \S+$", (DEPLOY / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    assert copied
    assert all((ROOT / name).exists() for line in copied for name in line.split())


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_systemd_takes_the_units(path, tmp_path):
    if not shutil.which("systemd-analyze"):
        pytest.skip("no systemd here")
    text = path.read_text("utf-8")
    (tmp_path / "bin").mkdir()
    for program in re.findall(r"^ExecStart=/opt/ganbench/bin/(\w+)", text, re.MULTILINE):
        (tmp_path / "bin" / program).write_text("#!/bin/sh\n", "utf-8")
        (tmp_path / "bin" / program).chmod(0o755)
    unit = tmp_path / path.name
    unit.write_text(text.replace("/opt/ganbench/bin", str(tmp_path / "bin")), "utf-8")
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(unit)],
                          capture_output=True, text=True, timeout=60)
    said = [line for line in (done.stdout + done.stderr).splitlines() if path.name in line]
    assert done.returncode == 0, done.stderr
    assert said == []
