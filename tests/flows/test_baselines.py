"""The flow `baselines`: three kinds of models on a user's images, one report; what cannot be meant is told first."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from ganbench.flows.cli import app
from ganbench.gan.recipes import choosing


@pytest.fixture
def images(tmp_path):
    random = np.random.default_rng(0)
    stripes = random.integers(0, 256, (60, 32, 1, 1), np.uint8).repeat(32, 2)
    np.savez(tmp_path / "stripes.npz", stripes)
    return tmp_path / "stripes.npz"


@pytest.mark.long
def test_baselines_end_with_a_report_of_all_models_beside_the_users(prefect_server, home, images, tmp_path,
                                                                   monkeypatch):
    monkeypatch.setattr(choosing, "DRAWN", 20)
    monkeypatch.setattr(choosing, "DRAWN_SLOW", 20)
    done = CliRunner().invoke(app, [
        "baselines", "--data", str(images), "--budget", "2s", "--threads", "1", "--kinds", "dcgan,flow",
        "--against", str(images), "--out", str(tmp_path / "out"), "--n", "12", "--json", str(tmp_path / "found.json")])
    assert done.exit_code == 0, done.output
    assert "48 to learn from and 12 held out" in done.output
    found = json.loads((tmp_path / "found.json").read_text("utf-8"))
    assert {score["model"] for score in found["scores"]} == {"dcgan", "flow", "stripes.npz"}
    assert all(score["floor"] is not None for score in found["scores"])    # training images against the held-out ones
    assert (tmp_path / "out" / "report" / "report.html").exists()
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"dcgan", "flow", "report"}


@pytest.mark.parametrize(("options", "fact"), [
    (["--budget", "300"], "--budget"), (["--kinds", "dcgan,biggan"], "biggan"), (["--kinds", "flow,flow"], "twice"),
    (["--against", "nowhere.toml"], "nowhere.toml"), (["--data", "nowhere"], "nowhere"),
])
def test_bad_input_is_told_before_anything_is_trained(options, fact, home, images, tmp_path):
    command = ["baselines", "--data", str(images), "--budget", "1h", "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(app, [*command, *options])
    assert done.exit_code == 2, done.output
    assert fact in done.stderr
    assert not list(tmp_path.glob("out/*/state.pt"))
