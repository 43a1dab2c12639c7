"""`ganbench audit`, `attribute` and `explain-diff`, through the command line."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from ganbench.flows.cli import app
from ganbench.gan.images import read_image, write_npz


@pytest.fixture
def ganbench(home, prefect_server):
    return lambda *words: CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def sets(tmp_path):
    """120 training images, 100 others, and 60 images of which six are training images."""
    from ganbench.gan.datasets import DataFolders, open_data

    real = open_data("fashion-mnist:test", DataFolders(None, tmp_path)).read(range(300))
    write_npz(tmp_path / "training.npz", real[:120])
    write_npz(tmp_path / "unseen.npz", real[120:220])
    write_npz(tmp_path / "drawn.npz", np.concatenate([real[:6], real[220:274]]))
    return tmp_path


def test_an_audit_lists_copies_shows_them_and_is_logged(ganbench, sets, mlflow_runs):
    done = ganbench("audit", sets / "drawn.npz", "--training", sets / "training.npz", "--held-out",
                    sets / "unseen.npz", "--n", 60, "--json", sets / "audit.json")
    assert done.exit_code == 0, done.output
    found = json.loads((sets / "audit.json").read_text())
    assert [match["by_pixels"] for match in found["audit"]["matches"][:6]] == [
        match["image"] for match in found["audit"]["matches"][:6]
    ]
    assert {match["image"] for match in found["audit"]["matches"] if match["listed"]} <= set(range(60))
    assert "60 images against 120" in done.stdout
    picture = next(line.removeprefix("Picture: ") for line in done.stdout.splitlines() if line.startswith("Picture"))
    assert read_image(Path(picture)).shape[0] == 3
    _, (run,) = mlflow_runs()
    assert run.data.metrics["audit_nearer"] > 0.05


def test_an_audit_without_unseen_images_says_what_to_give(ganbench, sets):
    done = ganbench("audit", sets / "drawn.npz", "--training", sets / "training.npz", "--n", 60)
    assert done.exit_code == 0, done.output
    assert "(--held-out): without them no image has a p-value" in " ".join(done.stdout.split())


@pytest.mark.parametrize(("words", "said"), [
    ((), "give --training"),
    (("--training", "training.npz", "--held-out", "training.npz"), "gives no unseen images"),
    (("--training", "unseen.npz", "--held-out", "few.npz"), "fewer than the 60 images that are audited"),
    (("--training", "nothing.npz"), "nothing.npz"),
])
def test_what_an_audit_lacks_is_told_before_prefect_starts(words, said, sets, home, monkeypatch):
    monkeypatch.setattr("ganbench.flows.run.begin_flow", lambda: pytest.fail("Prefect was started"))
    write_npz(sets / "few.npz", np.load(sets / "drawn.npz")["arr_0"].transpose(0, 3, 1, 2)[:59])
    words = [str(sets / word) if word.endswith(".npz") else word for word in words]
    done = CliRunner().invoke(app, ["audit", str(sets / "drawn.npz"), "--n", "60", *words])
    assert done.exit_code == 2, done.output
    assert said in done.stderr


def test_a_distance_is_taken_apart(ganbench, sets):
    done = ganbench("attribute", sets / "drawn.npz", "--reference", sets / "training.npz", "--n", 60, "--json",
                    sets / "a.json")
    assert done.exit_code == 0, done.output
    found = json.loads((sets / "a.json").read_text())
    assert len(found["psi"]) == 60
    assert sum(found["psi"]) == pytest.approx(0, abs=1e-6 * max(map(abs, found["psi"])) * 60)
    assert f"The distance is {found['distance']:.4g}" in done.stdout


def test_a_gap_is_explained_as_a_table_and_as_json(ganbench, sets, model):
    words = ("explain-diff", "fidelity", "torchmetrics", "--model", model, "--reference", sets / "training.npz",
             "--n", 20, "--extractor", "efficientnet_lite0")
    table, listed = ganbench(*words), ganbench(*words, "--json", "-")
    assert table.exit_code == listed.exit_code == 0, table.output
    found = json.loads(listed.stdout)["differences"]
    assert [row["metric"] for row in found] == ["fd_efficientnet_lite0", "is_efficientnet_lite0"]
    for row in found:
        assert sum(part["share"] for part in row["shares"]) == pytest.approx(row["b"] - row["a"], abs=1e-9)
    assert "quantisation" in table.stdout
    assert "explains" in table.stdout


@pytest.mark.parametrize(("words", "said"), [
    (("fidelity", "fidelity"), "the same reading"),
    (("fidelity", "mine"), "No reading 'mine'"),
    (("fidelity", "clean", "--extractor", "judge"), "explained through inception or efficientnet_lite0"),
])
def test_what_cannot_be_explained_is_refused(ganbench, words, said):
    done = ganbench("explain-diff", *words, "--n", 20)
    assert done.exit_code == 2
    assert said in done.stderr
