"""The flow `specialise`: several strategies, one table; what cannot be meant is told first."""

import json

import numpy as np
import pytest
from mlflow import MlflowClient
from typer.testing import CliRunner

from ganbench.flows.cli import app
from ganbench.gan.recipes import choosing
from ganbench.tasks.settings import settings


@pytest.fixture
def images(tmp_path):
    random = np.random.default_rng(0)
    stripes = random.integers(0, 256, (180, 32, 1, 1), np.uint8).repeat(32, 2)
    np.savez(tmp_path / "stripes.npz", stripes, np.arange(180) % 3)
    return tmp_path / "stripes.npz"


def invoked(*words):
    return CliRunner().invoke(app, list(map(str, words)))


@pytest.mark.long
def test_a_model_learns_two_of_its_classes_by_several_strategies(prefect_server, home, images, tmp_path, monkeypatch):
    monkeypatch.setattr(choosing, "DRAWN", 40)
    source = tmp_path / "source"
    done = invoked("train", "r3gan", "--data", images, "--budget", "2", "--threads", "1", "--out", source)
    assert done.exit_code == 0, done.output
    done = invoked("specialise", source, "--classes", "2,0", "--budget", "2", "--threads", "1", "--strategy", "ewc",
                   "--n", "100", "--out", tmp_path / "out", "--json", tmp_path / "found.json")
    assert done.exit_code == 0, done.output
    assert "Target: the classes 2,0 of" in done.output
    assert "The target is far" in done.output               # from what two steps have learnt
    assert "1 tensors re-made" in done.output               # vectors of the classes: their own
    found = json.loads((tmp_path / "found.json").read_text("utf-8"))
    assert [row["name"] for row in found["rows"]] == ["source", "real images", "scratch", "finetune", "ewc"]
    assert found["steps"] == {"scratch": 2, "finetune": 2, "ewc": 2}
    assert found["against_finetune"].keys() == {"scratch", "ewc"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "scratch", "finetune", "ewc", "specialised.json", "specialised.png"}
    (run,) = MlflowClient(settings().tracking).search_runs(["1"], "tags.`ganbench.kind` = 'specialisation'")
    assert run.data.tags["mlflow.source.name"] == (
        f"ganbench specialise {source} --budget 2 --strategy ewc --classes 2,0 --threads 1 --n 100 --out "
        f"{tmp_path / 'out'}")
    assert run.data.metrics["kid.ewc"] == pytest.approx(found["rows"][-1]["kid"]["value"])


@pytest.mark.parametrize(("options", "fact"), [
    ([], "--classes"), (["--classes", "7"], "'7'"), (["--data", "nowhere"], "nowhere"),
    (["--classes", "bag", "--strategy", "lora"], "lora"), (["--classes", "bag", "--strategy", "ewc"], "critic"),
    (["--cluster", "12"], "--cluster"),
])
def test_bad_input_is_told_before_anything_is_trained(options, fact, home, images, tmp_path):
    data = [] if "--data" in options or not options else ["--data", images if "7" in options else "fashion-mnist:test"]
    done = invoked("specialise", "zoo:r3gan-fashion-mnist", *data, *options, "--out", tmp_path / "out")
    assert done.exit_code == 2, done.output
    assert fact in done.stderr
    assert not list(tmp_path.glob("out/*/state.pt"))
