"""The flow `train`: steps and losses in MLflow while they come, pictures, and nothing twice when it goes on."""

import csv
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from ganbench.flows.cli import app
from ganbench.gan.datasets.base import of_array
from ganbench.gan.recipes import RECIPES, running
from ganbench.gan.training.loop import Schedule
from ganbench.tasks import training
from ganbench.tasks.settings import settings
from ganbench.tasks.tracking.client import connect


@pytest.fixture
def small(monkeypatch, tmp_path):
    """The DCGAN for 200 steps and the GPT with its tokenizer for 100, on a handful of images."""
    images = np.random.default_rng(0).integers(0, 256, (70, 1, 32, 32), np.uint8)
    found = of_array("a few", images, np.arange(70) % 10)
    monkeypatch.setattr(running, "open_data", lambda data, folders: found)
    for name, steps in (("dcgan-fashion-mnist", 200), ("tokenizer-fashion-mnist", 50), ("gpt-fashion-mnist", 50)):
        schedule = replace(RECIPES[name].schedule, steps=steps, batch=2, keep_every=50)
        assert isinstance(schedule, Schedule)
        monkeypatch.setitem(RECIPES, name, replace(RECIPES[name], schedule=schedule, snapshots=(50, steps)))
    monkeypatch.setattr(training, "SECONDS", 0)             # to MLflow at every step
    return tmp_path


def run_of(name):
    client = connect()
    (experiment,) = [row for row in client.search_experiments() if row.name == settings().experiment]
    found = client.search_runs([experiment.experiment_id], f"tags.mlflow.runName = 'train {name}'")
    return client, found


def test_losses_and_pictures_stream_to_one_run_and_a_second_call_adds_nothing(prefect_server, home, small):
    command = ["train", "dcgan-fashion-mnist", "--out", str(small / "out")]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    assert "200 steps" in done.stdout
    client, (run,) = run_of("dcgan-fashion-mnist")
    assert run.info.status == "FINISHED"
    with (small / "out" / "loss.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    history = client.get_metric_history(run.info.run_id, "generator")
    assert [(point.step, point.value) for point in history] == [
        (int(row["step"]), float(row["generator"])) for row in rows
    ]
    assert [point.step for point in history] == [50, 100, 150, 200]
    pictures = [file.path for file in client.list_artifacts(run.info.run_id, "images")]
    assert len([path for path in pictures if path.endswith(".png")]) == 2
    assert run.data.params["batch"] == "2"

    again = CliRunner().invoke(app, command)
    assert again.exit_code == 0, again.output
    _, runs = run_of("dcgan-fashion-mnist")
    assert len(runs) == 1
    assert len(client.get_metric_history(run.info.run_id, "generator")) == 4


def test_what_a_recipe_is_after_is_trained_first(prefect_server, home, small):
    done = CliRunner().invoke(app, ["train", "gpt-fashion-mnist", "--out", str(small / "gpt")])
    assert done.exit_code == 0, done.output
    assert (small / "gpt" / "step-50.png").exists()
    assert (small / "gpt" / "tokenizer-fashion-mnist" / "step-50.safetensors").exists()
    assert [len(run_of(name)[1]) for name in ("tokenizer-fashion-mnist", "gpt-fashion-mnist")] == [1, 1]


def test_an_mlflow_that_is_down_does_not_stop_a_training(prefect_server, home, small, monkeypatch):
    monkeypatch.setenv("GANBENCH_TRACKING_URI", "http://127.0.0.1:9")
    done = CliRunner().invoke(app, ["train", "dcgan-fashion-mnist", "--out", str(small / "out")])
    assert done.exit_code == 0, done.output
    assert "does not answer" in done.stdout
    assert (small / "out" / "step-200.safetensors").exists()


def test_an_unknown_recipe_is_told_before_prefect_starts(home, small):
    done = CliRunner().invoke(app, ["train", "biggan", "--out", str(small / "out")])
    assert done.exit_code == 2
    assert "No recipe 'biggan'" in done.stderr


def test_a_training_that_diverges_is_failed_work_and_no_bad_input(prefect_server, home, tmp_path):
    random = np.random.default_rng(0)
    np.savez(tmp_path / "mine.npz", random.integers(0, 256, (60, 16, 16, 1), np.uint8))
    (tmp_path / "mine.toml").write_text('recipe = "dcgan"\ndata = "mine.npz"\nbudget = "50"\n[schedule]\nrate = 1e30\n')
    done = CliRunner().invoke(app, ["train", str(tmp_path / "mine.toml"), "--out", str(tmp_path / "out")])
    assert done.exit_code == 1, done.output
    assert "The training diverged at step" in done.stderr
