"""`ganbench curves`: the screen, the files, and what it refuses; runs of MLflow."""

import csv
import json

import numpy as np
import pytest
from typer.testing import CliRunner

from ganbench.flows.cli import app
from ganbench.flows.curves import runs_of_log
from ganbench.gan.curves.beside import loss_of_recipe
from ganbench.gan.curves.readers import read_logs
from ganbench.gan.curves.table import table_of
from tests.gan.curves.cases import RUNS, ZOO
from tests.gan.curves.writing import BEGUN, as_ganbench, training
from tests.refusals import refused

LOG = str(RUNS / "rate-x10.csv")


def curves(*arguments, code=0):
    done = CliRunner().invoke(app, ["curves", *map(str, arguments)])
    assert done.exit_code == code, done.output
    return done


def test_the_screen_shows_values_evidence_and_advice():
    text = curves(LOG).stdout
    assert "discriminator" in text
    assert "1,500" in text
    assert "The discriminator wins between steps" in text
    assert "Lower the discriminator's learning rate" in text
    assert "Not judged, since too little is logged: mode collapse." in text


def test_in_french():
    text = curves(LOG, "--language", "fr").stdout
    assert "Le discriminateur domine" in text
    assert "dernière valeur" in text


def test_all_that_can_be_written(tmp_path):
    curves(LOG, ZOO / "dcgan-fashion-mnist.csv", "--json", tmp_path / "a.json", "--csv", tmp_path / "a.csv",
           "--report", tmp_path / "deep" / "a.html", "--picture", tmp_path / "a.png", "--recipe", "dcgan-fashion-mnist")
    found = json.loads((tmp_path / "a.json").read_text())
    assert [run["run"] for run in found["runs"]] == ["rate-x10", "dcgan-fashion-mnist"]
    rules = [row["rule"] for row in found["runs"][0]["diagnosis"] if row["said"] == "found"]
    assert rules == ["discriminator wins"]
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert "<polygon" in (tmp_path / "deep" / "a.html").read_text("utf-8")


def test_bands_of_a_folder_s_recipe_and_of_runs_that_went_well(tmp_path):
    (tmp_path / "run").mkdir()
    as_ganbench(tmp_path / "run", training())
    mine = ("--healthy", LOG, "--healthy", LOG)
    for recipe, more, bands in (("", (), 0), ("", mine, 2), ('recipe = "dcgan"', (), 2)):
        (tmp_path / "run" / "recipe.toml").write_text(recipe)
        curves(tmp_path / "run", "--report", tmp_path / "a.html", *more)
        assert (tmp_path / "a.html").read_text("utf-8").count("<polygon") == bands


def test_the_table_that_is_written_is_read_again(tmp_path):
    (tmp_path / "run").mkdir()
    as_ganbench(tmp_path / "run", training())
    curves(tmp_path / "run", "--csv", tmp_path / "all.csv")
    first, again = (table_of(read_logs([path])) for path in (tmp_path / "run", tmp_path / "all.csv"))
    np.testing.assert_array_equal(first.metric, again.metric)
    np.testing.assert_array_equal(first.step, again.step)
    np.testing.assert_array_equal(first.value, again.value)
    with (tmp_path / "all.csv").open(encoding="utf-8") as file:
        assert next(csv.reader(file)) == ["run", "metric", "step", "seconds", "value"]


@pytest.mark.parametrize(("arguments", "words"), [
    (("nowhere.csv",), "nowhere.csv does not exist"), ((LOG, "--loss", "mse"), "non-saturating"),
    ((LOG, "--language", "de"), "en, fr"), ((LOG, "--smoothing", "1"), "below 1"),
    ((LOG, "--recipe", "nothing"), "dcgan-fashion-mnist"),
])
def test_bad_input_is_one_sentence(arguments, words):
    done = curves(*arguments, code=2)
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_the_loss_of_a_recipe_is_known():
    assert {name: loss_of_recipe(name) for name in
            ("", "dcgan-fashion-mnist", "wgan-gp-fashion-mnist", "r3gan-emoji", "flow-fashion-mnist")} == {
        "": "", "dcgan-fashion-mnist": "non-saturating", "wgan-gp-fashion-mnist": "wasserstein",
        "r3gan-emoji": "relativistic", "flow-fashion-mnist": ""}


@pytest.mark.long
def test_a_finished_training_has_its_curves_and_their_diagnosis_in_mlflow(tmp_path):
    from ganbench.tasks.tracking.client import connect
    from ganbench.tasks.tracking.trainings import Curve, follow_training

    rows = [f"{row},{row / 10}" for row in range(10, 400, 10)]
    (tmp_path / "loss.csv").write_text("\n".join(
        ["step,seconds,discriminator,generator", *(f"{row},{0.01 * k:.3f},{5 + 0.01 * k:.3f}"
                                                   for k, row in enumerate(rows)), ""]))
    tracked = follow_training(Curve("mine", "key", tmp_path, {}), complete=True)
    assert not tracked.problem
    client = connect()
    assert {file.path for file in client.list_artifacts(tracked.run_id)} == {"curves.png", "curves.html"}
    note = client.get_run(tracked.run_id).data.tags["mlflow.note.content"]
    assert note.startswith("The discriminator wins")


@pytest.mark.long
def test_a_run_of_mlflow_gives_the_table_of_its_log(tmp_path):
    from mlflow.entities import Metric

    from ganbench.tasks.tracking.client import connect, experiment_of

    rows, client = training(), connect()
    run = client.create_run(experiment_of(client), run_name="mine")
    client.log_batch(run.info.run_id, [
        Metric(name, row[name], round(1000 * (BEGUN + row["seconds"])), int(row["step"]))
        for row in rows for name in ("discriminator", "generator", "kid") if name in row])
    as_ganbench(tmp_path, rows)
    (theirs,) = read_logs([tmp_path])
    for word in (run.info.run_id, "mine"):
        (found,) = runs_of_log(f"mlflow:{word}")
        assert found.name == "mine"
        for one, other in zip(*(table_of([each]).__dict__.items() for each in (theirs, found)), strict=True):
            if one[0] not in ("run", "seconds"):
                np.testing.assert_array_equal(one[1], other[1])
    with refused("unknown-log", "nothing"):
        runs_of_log("mlflow:nothing")
