"""`ganbench condition` on a user's model, data and classifiers: the table, the files, and what is refused."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from ganbench.flows.cli import app
from ganbench.flows.condition import condition as conditioning
from ganbench.gan.datasets import DataFolders, open_data
from ganbench.gan.images import read_image, write_npz
from ganbench.gan.models.loading import load
from ganbench.gan.types import Workspace
from tests.gan.conditioning import toys

CODE = '''
import torch
from torch import nn

SIDE, PLACES = 16, (4.0, 8.0, 12.0)


class Squares(nn.Module):
    """A light square whose place is the first latent, up to `last`."""

    input_shape = (1, SIDE, SIDE)

    def __init__(self, last=13.0):
        super().__init__()
        self.last = last

    def forward(self, z):
        axis = torch.arange(SIDE) + 0.5
        at, size = 3 + (self.last - 3) * torch.sigmoid(2 * z[:, 0]), 2 + torch.sigmoid(z[:, 1])
        across = torch.sigmoid(4 * (size[:, None] - (axis - at[:, None]).abs()))
        down = torch.sigmoid(4 * (size[:, None] - (axis - 8).abs()))
        return 2 * (down[:, :, None] * across[:, None, :])[:, None] - 1


class Centre(nn.Module):
    """Logits by the centre of brightness; `row`: from which row on."""

    input_shape = (1, SIDE, SIDE)

    def __init__(self, row=0, sharp=2.0):
        super().__init__()
        self.row, self.sharp = row, sharp

    def forward(self, images):
        columns = images[:, :, self.row:].sum((1, 2)) + 1e-3
        centre = (columns * (torch.arange(SIDE) + 0.5)).sum(1) / columns.sum(1)
        return -self.sharp * (centre[:, None] - torch.tensor(PLACES)) ** 2


def guide():
    return Centre()


def judge():
    return Centre(row=8, sharp=1.0)
'''
MODEL = '''name = "squares"
factory = "squaremodel:Squares"
latent = "normal"
latent_shape = [4]
'''
USUAL = ("--data", "data.npz", "--guide", "guide.toml", "--judge", "judge.toml", "--n", "20", "--draws", "600")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A user's folder with a model, one that lacks the right, data with names, and two classifiers."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "squaremodel.py").write_text(CODE)
    (tmp_path / "model.toml").write_text(MODEL)
    (tmp_path / "lost.toml").write_text(MODEL.replace('"squares"', '"lost"') + "[arguments]\nlast = 8.0\n")
    for name in ("guide", "judge"):
        (tmp_path / f"{name}.toml").write_text(f'factory = "squaremodel:{name}"\n')
    images, labels = toys.squares(300)
    write_npz(tmp_path / "data.npz", images, labels.tolist(), toys.NAMES)
    write_npz(tmp_path / "plain.npz", images)
    return tmp_path


def condition(*arguments, code=0):
    done = CliRunner().invoke(app, ["condition", *map(str, arguments)])
    assert done.exit_code == code, done.output
    return done


def arrays(path):
    with np.load(path) as archive:
        return dict(archive)


def test_a_class_is_reached_and_said_to_be_with_its_costs(folder):
    text = condition("model.toml", "--class", "Right", *USUAL, "--json", "found.json").stdout
    assert "right (class 2) is reachable by rejection" in text
    assert "real images" in text
    assert "impostors" in text
    found = json.loads((folder / "found.json").read_text())
    facts, rows = found["condition"], {row["method"]: row for row in found["methods"]}
    assert (facts["verdict"], facts["method"], facts["class"], facts["name"]) == ("reachable", "rejection", 2, "right")
    assert rows.keys() == {"rejection", "search", "projection", "direction"}
    assert rows["search"]["confirmed"]["share"] > 0.8
    assert rows["direction"]["decodes_before"] > 2_000
    assert facts["out"] is None


def test_a_class_that_the_model_lacks_is_unreachable_and_nothing_is_written(folder):
    text = condition("lost.toml", "--class", "2", *USUAL, "--out", "lost.npz", "--json", "found.json").stdout
    assert "right (class 2) is unreachable by rejection, search, projection and direction." in text
    assert "the guide accepted none of 600 draws: at most 0.5 % of the draws" in " ".join(text.split())
    assert "Nothing is written to lost.npz" in text
    assert not (folder / "lost.npz").exists()
    assert json.loads((folder / "found.json").read_text())["condition"]["verdict"] == "unreachable"
    assert "left (class 0) is reachable" in condition("lost.toml", "--class", "left", *USUAL).stdout


@pytest.mark.parametrize("method", ["rejection", "search", "direction"])
def test_images_are_written_with_what_makes_them_again(folder, method):
    condition("model.toml", "--class", "right", *USUAL, "--method", method, "--out", "right.npz")
    images = open_data("right.npz", DataFolders(None, folder))
    assert (images.n, set(images.labels), images.classes) == (20, {2}, toys.NAMES)
    origin = arrays(folder / "right.latents.npz")
    model = load("model.toml", Workspace(str(folder / "home")))
    import torch
    made = model.decode(*(torch.from_numpy(origin[name]) for name in ("latents", "noise")), space=str(origin["space"]))
    pixels = (made * 127.5 + 128).clip(0, 255).to(torch.uint8).numpy()
    assert np.abs(pixels.astype(int) - images.read(range(20))).max() <= 1
    if method == "rejection":
        drawn = model.split(model.draws(origin["indices"].tolist(), int(origin["seed"])))[0]
        np.testing.assert_array_equal(drawn.numpy(), origin["latents"])


def test_the_same_command_writes_the_same_images_and_another_seed_others(folder):
    for out, seed in (("a.npz", 5), ("b.npz", 5), ("c.npz", 6)):
        condition("model.toml", "--class", "right", *USUAL, "--method", "search", "--seed", seed, "--out", out)
    a, b, c = (arrays(folder / out)["arr_0"] for out in ("a.npz", "b.npz", "c.npz"))
    np.testing.assert_array_equal(a, b)
    assert (a != c).any()


@pytest.mark.parametrize("rule", ["pillow", "clean", "tf1", "area"])
def test_a_guide_that_resizes_its_images_still_has_gradients_to_search_with(folder, rule):
    (folder / "guide.toml").write_text(f'factory = "squaremodel:guide"\ninput = [1, 16, 16]\nresize = "{rule}"\n')
    text = condition("model.toml", "--class", "right", *USUAL, "--method", "search").stdout
    assert "reachable by search" in text


def test_a_folder_and_a_sheet_are_written(folder):
    for out in ("folder", "sheet.png"):
        condition("model.toml", "--class", "right", *USUAL, "--method", "rejection", "--out", out)
    assert len(list((folder / "folder").glob("*.png"))) == 20
    assert (folder / "folder.latents.npz").exists()
    assert read_image(folder / "sheet.png").shape[0] == 3
    assert (folder / "sheet.latents.npz").exists()


@pytest.mark.parametrize(("model", "arguments", "words"), [
    ("model.toml", {"--class": "up"}, "'left', 'middle', 'right'"),
    ("model.toml", {"--class": "3"}, "no class '3'"),
    ("model.toml", {"--method": "svm"}, "'svm'"),
    ("model.toml", {"--method": "direct"}, "no classes"),
    ("model.toml", {"--data": "plain.npz"}, "no classes"),
    ("model.toml", {"--data": "nowhere.npz"}, "nowhere.npz"),
    ("model.toml", {"--judge": "guide.toml"}, "guide and as judge"),
    ("model.toml", {"--judge": "pixels"}, "logits for 3 classes"),
    ("model.toml", {"--out": "a.gif"}, ".parquet"),
    ("model.toml", {"--data": ""}, "squares makes images of 16x16 pixels"),
    ("zoo:r3gan-fashion-mnist", {}, "10 classes and data.npz 3"),
    ("data.npz", {}, "set of images"),
    ("zoo:memoriser-fashion-mnist", {}, "set of images"),
])
def test_bad_input_is_one_sentence(model, arguments, words, folder):
    before = set(folder.rglob("*"))
    given = {"--class": "right"} | dict(zip(USUAL[::2], USUAL[1::2], strict=True)) | arguments
    done = condition(model, *(word for pair in given.items() for word in pair), code=2)
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not {path for path in set(folder.rglob("*")) - before if path.suffix in (".npz", ".png", ".gif")}


def test_a_folder_that_holds_something_is_not_written_to(folder):
    (folder / "full").mkdir()
    (folder / "full" / "a.txt").write_text("mine")
    assert "not an empty folder" in condition("model.toml", "--class", "right", *USUAL, "--out", "full", code=2).stderr


def test_a_run_from_the_form_has_each_methods_share_and_cost_in_mlflow_once(
    prefect_server, home, mlflow_runs, shown, repeated
):
    asked = {"data": "data.npz", "guide": "guide.toml", "judge": "judge.toml", "n": 20, "draws": 600,
             "method": "rejection,search"}
    made, tracked = conditioning("model.toml", asked="right", **asked)
    sheet = Path(made.out)
    assert sheet.parent == home / "conditions"
    client, (run,) = mlflow_runs()
    assert {file.path for file in client.list_artifacts(run.info.run_id)} == {
        sheet.name, f"{sheet.stem}.latents.npz", "report.html"}
    one, row = made.found.of("search")
    low, high = row.confirmed.interval
    assert [run.data.metrics[f"confirmed.search{end}"] for end in ("", ".low", ".high")] == [
        row.confirmed.value, low, high]
    assert run.data.metrics["vendi.search"] == row.vendi
    assert run.data.metrics["decoded_each.search"] == one.decodes / 20
    assert run.data.tags["verdict"] == "reachable"
    text, heading = shown("condition")
    assert heading == "right from squares"
    assert "right (class 2) is reachable by rejection" in text
    assert "](data:image/" in text

    before = sheet.read_bytes()
    sheet.unlink()
    assert "is reachable" in repeated(run)
    assert sheet.read_bytes() == before
    again, logged = conditioning("model.toml", asked="right", **asked)      # other seconds, the same run
    assert (again.out, logged.run_id, logged.new) == (made.out, tracked.run_id, False)
    client.delete_tag(run.info.run_id, "ganbench.complete")                 # as if it had been killed while it logged
    _, logged = conditioning("model.toml", asked="right", **asked)
    assert (logged.run_id, logged.new) == (tracked.run_id, True)
    (run,) = mlflow_runs()[1]
    assert run.data.tags["ganbench.complete"] == "true"


def test_a_run_that_does_not_reach_the_class_is_a_result_and_not_a_failure(prefect_server, home, mlflow_runs, shown):
    made, _ = conditioning("lost.toml", asked="right", data="data.npz", guide="guide.toml", judge="judge.toml", n=20,
                           draws=600, method="rejection")
    assert made.out == ""
    _, (run,) = mlflow_runs()
    assert (run.data.tags["verdict"], run.data.metrics["images.rejection"]) == ("unreachable", 0)
    assert "is unreachable by rejection" in shown("condition")[0]
