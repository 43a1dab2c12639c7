"""Trainings on a user's images for real, a few steps long: every kind, killed and resumed, measured and compared."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from ganbench import Workspace
from ganbench.gan.datasets import DataFolders
from ganbench.gan.drawing import draw
from ganbench.gan.models.loading import load, resolve
from ganbench.gan.question import Training
from ganbench.gan.recipes import choosing
from ganbench.gan.recipes.own import DESIGNS
from ganbench.gan.recipes.planning import plan
from ganbench.gan.recipes.running import conclude, train_stage
from tests.refusals import refused

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def grey(tmp_path_factory):
    """28x28 garments of four classes of unequal sizes."""
    from ganbench.gan.datasets import open_data

    found = open_data("fashion-mnist-28:test", DataFolders(None, Path("nowhere")))
    images, labels = found.read(range(600)), found.labels[:600]
    rows = np.concatenate([np.flatnonzero(labels == k)[:n] for k, n in ((0, 10), (1, 20), (7, 30), (8, 40))])
    path = tmp_path_factory.mktemp("grey") / "garments.npz"
    np.savez(path, images[rows].transpose(0, 2, 3, 1), labels[rows])
    return path


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """Smooth colours in files of many sizes."""
    folder, random = tmp_path_factory.mktemp("photographs"), np.random.default_rng(0)
    for k in range(60):
        small = Image.fromarray(random.integers(0, 256, (5, 5, 3), np.uint8))
        small.resize(tuple(random.integers(32, 70, 2)), Image.Resampling.BICUBIC).save(folder / f"{k}.jpg")
    return folder


@pytest.fixture
def quick(monkeypatch, tmp_path):
    monkeypatch.setattr(choosing, "DRAWN", 20)
    monkeypatch.setattr(choosing, "DRAWN_SLOW", 20)
    return Workspace(str(tmp_path / "home"))


def trained(name, data, folder, workspace, budget="3", **asked):
    asked = {"threads": 1} | asked
    found = plan(name, Training(data=str(data), budget=budget, **asked), folder, DataFolders.of(workspace))
    for stage in found.stages:
        events = list(train_stage(stage, DataFolders.of(workspace), workspace))
    return found.last, events


@pytest.mark.parametrize("name", DESIGNS)
def test_every_kind_learns_a_users_images_and_is_measured(name, grey, quick, tmp_path):
    stage, events = trained(name, grey, tmp_path / "run", quick)
    assert events[-1].step == 3
    choice = conclude(stage, quick)
    spec = resolve(str(tmp_path / "run" / "best.toml"), quick)
    found = draw(load(spec, quick), spec, 0, 0, 20)
    assert found["images"].shape == (20, 1, 28, 28)
    assert ("labels" in found) == DESIGNS[name].classes
    rows = choosing.scores_in(tmp_path / "run")
    assert [row.step for row in rows] == [1, 2, 3]
    assert choice.best in rows
    assert choice.again.se > 0
    assert {path.suffix for path in (tmp_path / "run").glob("step-3.*")} == {".png", ".safetensors"}


@pytest.mark.parametrize("name", ["dcgan", "flow", "maskgit"])
def test_photographs_of_many_sizes(name, photographs, quick, tmp_path):
    stage, _ = trained(name, photographs, tmp_path / "run", quick, resolution=32, budget="2")
    assert conclude(stage, quick)
    spec = resolve(str(tmp_path / "run" / "last.toml"), quick)
    assert draw(load(spec, quick), spec, 0, 0, 20)["images"].shape == (20, 3, 32, 32)


def test_classes_are_drawn_as_often_as_they_come(grey, quick, tmp_path):
    trained("r3gan", grey, tmp_path / "run", quick, budget="1")
    stage, _ = trained("r3gan", grey, tmp_path / "run", quick, budget="1")
    conclude(stage, quick)
    spec = resolve(str(tmp_path / "run" / "best.toml"), quick)
    labels = draw(load(spec, quick), spec, 0, 0, 2_000)["labels"]
    assert np.bincount(labels) / 2_000 == pytest.approx(spec.class_shares, abs=0.035)
    assert spec.class_shares == pytest.approx((0.1, 0.2, 0.3, 0.4))


@pytest.mark.parametrize("precision", ["bfloat16"])
def test_mixed_precision_keeps_weights_in_float32(precision, grey, quick, tmp_path):
    from dataclasses import replace

    for name in ("flow", "gpt"):
        found = plan(name, Training(data=str(grey), budget="2"), tmp_path / name, DataFolders.of(quick))
        stage = replace(found.last, recipe=replace(
            found.last.recipe, hardware=replace(found.last.recipe.hardware, precision=precision, threads=1)))
        for before in found.stages[:-1]:
            list(train_stage(before, DataFolders.of(quick)))
        events = list(train_stage(stage, DataFolders.of(quick)))
        assert np.isfinite([list(event.losses.values()) for event in events]).all()
        weights = load_file(tmp_path / name / "step-2.safetensors")
        assert {value.dtype for value in weights.values() if value.is_floating_point()} == {torch.float32}


KILLED = """
import sys
from pathlib import Path
from ganbench import Workspace
from ganbench.gan.datasets import DataFolders
from ganbench.gan.question import Training
from ganbench.gan.recipes.planning import plan
from ganbench.gan.recipes.running import train_stage
name, data, folder, home = sys.argv[1:]
found = plan(name, Training(data=data, budget="200", threads=1), Path(folder), DataFolders.of(Workspace(home)))
for stage in found.stages:
    for event in train_stage(stage, DataFolders.of(Workspace(home))):
        print(event.step, flush=True)
"""


@pytest.mark.parametrize("name", ["dcgan", "gpt"])
def test_a_killed_training_goes_on_to_the_same_weights(name, grey, quick, tmp_path):
    """With `kill -9` after the first kept state."""
    home = str(tmp_path / "home")
    folder = tmp_path / "killed"
    child = subprocess.Popen([sys.executable, "-c", KILLED, name, str(grey), str(folder), home], cwd=ROOT,
                             env={**os.environ, "OMP_NUM_THREADS": "1"}, stdout=subprocess.DEVNULL)
    first = folder / "tokenizer" if name == "gpt" else folder
    for _ in range(600):
        if list(first.glob("step-*.safetensors")):
            break
        time.sleep(0.2)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert not (folder / "step-200.safetensors").exists()
    for place in (folder, tmp_path / "whole"):
        found = plan(name, Training(data=str(grey), budget="200", threads=1), place, DataFolders.of(quick))
        for stage in found.stages:
            list(train_stage(stage, DataFolders.of(quick)))
    ours, theirs = (load_file(place / "step-200.safetensors") for place in (folder, tmp_path / "whole"))
    assert all(torch.equal(ours[key], theirs[key]) for key in theirs)


def test_a_training_that_is_limited_in_time_ends_and_has_its_snapshots(grey, quick, tmp_path):
    stage, events = trained("dcgan", grey, tmp_path / "run", quick, budget="3s")
    assert events[-1].last
    assert 3 <= events[-1].seconds < 10
    rows = choosing.scores_in(tmp_path / "run")
    assert 2 <= len(rows) <= 10
    assert rows[-1].step == events[-1].step
    assert list(train_stage(stage, DataFolders.of(quick), quick)) == []


def test_losses_that_are_no_numbers_end_a_training_and_keep_the_last_sound_state(grey, quick, tmp_path):
    recipe = tmp_path / "mine.toml"
    recipe.write_text(f'recipe = "dcgan"\ndata = "{grey}"\nbudget = "200"\nthreads = 1\n[schedule]\nrate = 1e30\n')
    found = plan(str(recipe), Training(), tmp_path / "run", DataFolders.of(quick))
    with refused("training-diverged"):
        list(train_stage(found.last, DataFolders.of(quick)))
