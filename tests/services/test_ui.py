"""`ganbench ui` for real: servers, a worker, a run from the deployment, and nothing left behind."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from mlflow import MlflowClient

from ganbench.flows.deployments import WATCH, WATCH_BEGIN
from ganbench.gan.images import write_folder
from tests.services.live import ask, deployments, full_name, post, wait_until

pytestmark = [pytest.mark.services, pytest.mark.timeout(900)]
ROOT = Path(__file__).parent.parent.parent


def test_the_pages_of_prefect_ask_the_server_that_sent_them(servers):
    assert ask(f"{servers['prefect']}/ui-settings")["api_url"] == f"{servers['prefect']}/api"


def test_servers_listen_on_loopback_only(servers):
    assert all(address.startswith("http://127.0.0.1:") for address in (servers["prefect"], servers["mlflow"]))


def test_the_deployments_are_those_of_prefect_yaml(servers):
    written = {full_name(row): row for row in yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]}
    found = deployments(servers)
    assert found.keys() == written.keys()
    for name, row in written.items():
        crons = [schedule["schedule"]["cron"] for schedule in found[name]["schedules"]]
        assert crons == [schedule["cron"] for schedule in row.get("schedules", [])]
        assert found[name]["work_pool_name"] == row["work_pool"]["name"]
        assert found[name]["description"] == row["description"]
        assert found[name]["parameters"] == row.get("parameters", {})


def test_the_clock_plans_the_nightly_run(servers):
    nightly = deployments(servers)["evaluate/evaluate-every-night"]["id"]
    body = {"deployments": {"id": {"any_": [nightly]}}, "flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}}}
    assert wait_until(lambda: post(f"{servers['prefect']}/api/flow_runs/filter", body))


def test_the_form_starts_a_run_that_ends_in_mlflow(servers, ui_home):
    images = np.random.default_rng(0).integers(0, 256, (60, 3, 16, 16), np.uint8)
    write_folder(images[:40], ui_home / "real")
    write_folder(images[40:], ui_home / "fake")
    # Relative to the folder where `ganbench ui` was started.
    parameters = {"model": "fake", "reference": "real", "n": 20}
    assert run_by_hand(servers, parameters) == "COMPLETED"
    logged = post(f"{servers['mlflow']}/api/2.0/mlflow/runs/search", {"experiment_ids": ["1"]})["runs"][0]
    metrics = {row["key"] for row in logged["data"]["metrics"]}
    assert {"fd", "kid", "is"} <= metrics
    listing = f"{servers['mlflow']}/ajax-api/2.0/mlflow/artifacts/list?run_id={logged['info']['run_id']}"
    assert {row["path"] for row in ask(listing)["files"]} >= {"samples.png", "scores.json"}
    without = MlflowClient(f"sqlite:///{ui_home / 'mlflow' / 'mlflow.db'}")  # as commands without a server read it
    assert without.download_artifacts(logged["info"]["run_id"], "scores.json", str(ui_home))


def test_runs_of_the_form_and_of_the_clock_see_the_users_modules_and_ours(servers, ui_home):
    """A factory that imports the user's gan, tasks and flows, beside ours of these names."""
    write_folder(np.random.default_rng(2).integers(0, 256, (30, 1, 16, 16), np.uint8), ui_home / "grey")
    parameters = {"model": "mine.toml", "reference": "grey", "n": 20, "metrics": "kid",
                  "extractor": "pixels"}
    assert run_by_hand(servers, parameters) == "COMPLETED"
    nightly = deployments(servers)["evaluate/evaluate-every-night"]["id"]
    every_minute = {"schedule": {"cron": "* * * * *", "timezone": "UTC"}, "active": True, "parameters": parameters}
    (added,) = post(f"{servers['prefect']}/api/deployments/{nightly}/schedules", [every_minute])
    asked = {"deployments": {"id": {"any_": [nightly]}}, "flow_runs": {"state": {"type": {"any_": ["COMPLETED"]}}}}
    (run, *_) = wait_until(lambda: post(f"{servers['prefect']}/api/flow_runs/filter", asked))
    assert run["auto_scheduled"]
    assert run["parameters"]["model"] == "mine.toml"
    ask(f"{servers['prefect']}/api/deployments/{nightly}/schedules/{added['id']}", method="DELETE")


def test_a_training_from_the_form_ends_with_a_model_beside_its_images(servers, ui_home):
    stripes = np.random.default_rng(3).integers(0, 256, (60, 1, 32, 1), np.uint8).repeat(32, 3)
    write_folder(stripes, ui_home / "stripes")
    parameters = {"recipe": "dcgan", "data": "stripes", "budget": "2", "out": "trained"}
    assert run_by_hand(servers, parameters, "train/train-on-my-images") == "COMPLETED"
    assert (ui_home / "trained" / "best.toml").exists()
    asked = {"experiment_ids": ["1"], "filter": "tags.mlflow.runName = 'train trained'"}
    (logged,) = post(f"{servers['mlflow']}/api/2.0/mlflow/runs/search", asked)["runs"]
    assert {"kid", "generator", "discriminator"} <= {row["key"] for row in logged["data"]["metrics"]}


def test_a_comparison_from_the_form_leaves_its_report_in_mlflow(servers, ui_home):
    images = np.random.default_rng(1).integers(0, 256, (20, 3, 16, 16), np.uint8)
    write_folder(images, ui_home / "other")
    parameters = {"models": ["fake", "other"], "reference": "real", "n": 20}
    assert run_by_hand(servers, parameters, "compare/compare-models") == "COMPLETED"
    asked = {"experiment_ids": ["1"], "filter": "tags.`ganbench.kind` = 'comparison'"}
    logged = post(f"{servers['mlflow']}/api/2.0/mlflow/runs/search", asked)["runs"][0]
    listing = f"{servers['mlflow']}/ajax-api/2.0/mlflow/artifacts/list?run_id={logged['info']['run_id']}"
    files = {row["path"] for row in ask(listing)["files"]}
    assert files >= {"leaderboard.json", "report.html", "report.md", "report.json", "play.html", "pictures"}


def test_the_page_of_mlflow_that_is_printed_shows_the_scores(servers, ui_home):
    page = next(line for line in (ui_home / "ui.log").read_text().splitlines() if line.startswith("MLflow"))
    assert page.split() == ["MLflow", f"{servers['mlflow']}/ganbench"]
    with urllib.request.urlopen(page.split()[1], timeout=30) as answer:
        text = answer.read().decode()
    assert "#/experiments/1/runs?" in text
    assert "tags.`kid`" in text


def test_a_run_without_a_sign_of_life_will_be_marked_as_crashed(servers):
    found = {row["name"]: row for row in post(f"{servers['prefect']}/api/automations/filter", {})}
    assert found.keys() >= {WATCH, WATCH_BEGIN}
    assert found[WATCH]["enabled"]
    assert found[WATCH_BEGIN]["enabled"]
    assert found[WATCH]["trigger"]["within"] >= 3 * 30  # heartbeats are 30 seconds apart


def run_by_hand(servers: dict[str, str], parameters: dict[str, Any], name: str = "evaluate/evaluate-one-model") -> str:
    by_hand = deployments(servers)[name]["id"]
    run = post(f"{servers['prefect']}/api/deployments/{by_hand}/create_flow_run", {"parameters": parameters})
    return wait_until(lambda: ended(servers, run["id"]))


def ended(servers: dict[str, str], run: str) -> str:
    state = ask(f"{servers['prefect']}/api/flow_runs/{run}")["state_type"]
    return state if state in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED") else ""


def test_a_second_call_says_that_it_runs(servers, ui_home):
    environment = {**os.environ, "GANBENCH_HOME": str(ui_home)}
    command = [sys.executable, "-m", "ganbench", "ui"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert "runs already" in done.stderr


def test_prefect_deploy_takes_prefect_yaml_as_it_is(servers, ui_home):
    environment = {**os.environ, "PREFECT_API_URL": f"{servers['prefect']}/api"}
    command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert deployments(servers)["evaluate/evaluate-every-night"]["entrypoint"] == "ganbench.flows.evaluate.evaluate"
    folders = {"model": str(ui_home / "fake"), "reference": str(ui_home / "real")}
    assert run_by_hand(servers, {**folders, "n": 20}) == "COMPLETED"
