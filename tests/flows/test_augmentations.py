"""`ganbench augment`: verdict, table, pictures and export, and what is refused before anything is trained."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from ganbench.flows.augment import augment as augmenting
from ganbench.flows.cli import app
from ganbench.gan.applications.augment.augmenting import factors_in
from ganbench.gan.images import read_image
from tests.gan.applications.augment.strokes import NAMES, strokes, write
from tests.refusals import refused

USUAL = ("--data", "real.npz", "--test", "test.npz", "--per-class", 6, "--seeds", 2, "--factors", "1,2", "--steps", 6)


def augment(*arguments, code=0):
    done = CliRunner().invoke(app, ["augment", *map(str, arguments)])
    assert done.exit_code == code, done.output
    return done


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, seed, n in (("real.npz", 1, 400), ("test.npz", 2, 400), ("model.npz", 3, 400)):
        write(tmp_path / name, *strokes(n, seed))
    return tmp_path


def test_a_verdict_with_its_table_pictures_and_json(folder):
    text = augment("model.npz", *USUAL, "--arms", "copies", "--out", "out", "--json", "found.json").stdout
    found = json.loads((folder / "found.json").read_text())
    facts, arms = found["augment"], {row["arm"]: row for row in found["arms"]}
    assert facts["verdict"] in ("helps", "neutral", "harms", "cannot tell")
    assert facts["set"] == "unknown"
    assert set(arms) == {"shifts", "flips and shifts", "copies", "synthetic x1", "synthetic x2", "oracle"}
    assert arms["synthetic x2"]["images"] == 3 * facts["real_images"] == 72
    for row in arms.values():
        assert row["accuracy"]["low"] <= 100 * np.mean(row["by_seed"]) <= row["accuracy"]["high"]
        assert len(row["recall"]) == len(NAMES)
    assert "Open or closed set: unknown" in text
    assert "2 seeds" in text
    assert min(read_image(folder / "out" / name).shape[1] for name in ("accuracy.png", "added.png")) > 200


@pytest.mark.parametrize("kind", ["imagefolder", "parquet", "webdataset"])
def test_the_images_that_were_added_are_exported(folder, kind):
    text = augment("model.npz", *USUAL, "--arms", "copies", "--export", "made", "--format", kind).stdout
    assert "made" in text
    assert "synthetic" in (folder / "made" / "README.md").read_text()


@pytest.mark.parametrize(("change", "words"), [
    ({"--task": "segment"}, "'segment'"), ({"--format": "zip", "--export": "made"}, "webdataset"),
    ({"--export": "full"}, "not an empty folder"), ({"--out": "real.npz"}, "real.npz"), ({"--factors": "1,a"}, "'a'"),
    ({"--seeds": 1}, "--seeds"), ({"--data": "nowhere.npz"}, "nowhere.npz"), ({"--arms": "mixup"}, "'mixup'"),
])
def test_bad_input_is_one_sentence(folder, change, words):
    (folder / "full").mkdir()
    (folder / "full" / "a.txt").write_text("mine")
    given = dict(zip(USUAL[::2], USUAL[1::2], strict=True)) | change
    done = augment("model.npz", *(word for pair in given.items() for word in pair), code=2)
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (folder / "made").exists()


@pytest.mark.parametrize("how", ["unchanged", "moved", "mirrored"])
def test_a_planted_test_image_exits_with_2_and_its_file(folder, how):
    from ganbench.gan.images import write_folder

    images, labels = strokes(200, 2)
    change = {"unchanged": lambda x: x, "moved": lambda x: np.roll(x, 1, 1), "mirrored": lambda x: x[..., ::-1]}[how]
    write_folder(images, folder / "others", labels.tolist(), NAMES)
    model, classes = strokes(400, 3)
    model[7] = change(images[50])
    write(folder / "planted.npz", model, classes)
    done = augment("planted.npz", *USUAL[:2], "--test", "others", *USUAL[4:], code=2)
    assert "000050.png" in done.stderr
    assert "Image 7" in done.stderr


def test_a_run_from_the_form_is_in_mlflow_once_with_every_arm_and_its_verdict(
    folder, prefect_server, home, mlflow_runs, shown, repeated
):
    asked = {"data": "real.npz", "test": "test.npz", "per_class": 6, "seeds": 2, "factors": "1,2", "steps": 6,
             "arms": "copies"}
    made, tracked = augmenting("model.npz", **asked)
    client, (run,) = mlflow_runs()
    assert {file.path for file in client.list_artifacts(run.info.run_id)} == {
        "accuracy.png", "added.png", "report.html"}
    one = made.found.grid.outcomes["synthetic x2"]
    low, high = one.accuracy.low, one.accuracy.high
    assert [run.data.metrics[f"accuracy.synthetic_x2{end}"] for end in ("", ".low", ".high")] == [
        one.accuracy.value, low, high]
    assert (run.data.tags["verdict"], run.data.tags["set"]) == (made.found.verdict.state, "unknown")
    text, heading = shown("augmentation")
    assert heading == f"model.npz for real.npz: {made.found.verdict.state}"
    assert "Open or closed set: unknown" in text
    assert "0 of 12 classifiers were trained now" in repeated(run)
    _, logged = augmenting("model.npz", **asked)
    assert (logged.run_id, logged.new) == (tracked.run_id, False)


def test_factors_are_numbers():
    assert factors_in("1, 4,16") == (1, 4, 16)
    with refused("unfit-value", "'x'"):
        factors_in("1,x")
