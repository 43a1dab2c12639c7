"""What is installed has one name, `ganbench`, and never meets a user's gan.py, tasks.py or flows/."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import nbclient
import nbformat
import numpy as np
import pytest

from ganbench.gan.images import write_npz

pytestmark = pytest.mark.long

ROOT = Path(__file__).parent.parent


@pytest.fixture
def folder(tmp_path):
    """Of the user, with images to compare with."""
    shutil.copytree(ROOT / "tests" / "theirs", tmp_path / "theirs")
    write_npz(tmp_path / "theirs" / "real.npz", np.random.default_rng(0).integers(0, 256, (40, 1, 16, 16), np.uint8))
    return tmp_path / "theirs"


@pytest.fixture
def python(folder):
    """Python in the user's folder, with the installed ganbench; the checkout is not on the path."""

    def run(*words: str, **more) -> str:
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        done = subprocess.run([sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True,
                              timeout=240, **more)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


def test_the_public_door_opens_beside_the_users_modules(python):
    code = ("from ganbench import evaluate, load\nimport flows, gan, sys, tasks\n"
            "assert (gan.WIDTH, flows.scale, tasks.RANGE) == (2, 0.5, (-1.0, 1.0))\nprint(evaluate.__module__)\n"
            "import ganbench.flows.cli, ganbench.flows.run, ganbench.flows.compare, ganbench.tasks.tracking.suites\n"
            "ours = [name for name in sys.modules if name.startswith(('gan.', 'tasks.', 'flows.'))]\n"
            "assert ours == ['flows.affine'], ours")
    assert python("-c", code).strip() == "ganbench.gan.evaluate"


def test_an_installation_offers_no_other_name(tmp_path):
    code = ("import importlib.util as found\n"
            "print([name for name in ('gan', 'tasks', 'flows', 'ganbench') if found.find_spec(name)])")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.stdout.strip() == "['ganbench']", done.stderr


def test_a_factory_that_imports_the_users_modules_scores_through_the_command(python):
    told = python("-m", "ganbench", "evaluate", "mine.toml", "--reference", "real.npz", "--n", "20", "--metrics",
                  "kid,fd", "--extractor", "pixels", "--json", "-")
    assert {row["metric"] for row in json.loads(told)["scores"]} == {"kid_pixels", "fd_pixels"}


def test_a_cell_of_a_notebook_evaluates(folder):
    cells = ["from ganbench import Question, evaluate, load\nimport flows, gan, tasks",
             "model = load('mine.toml')\nmodel.sample(model.draws([0, 1], 0)).shape",
             "asked = Question(reference='real.npz', n=20, metrics='kid', extractor='pixels')\n"
             "print([score.metric for score in evaluate('mine.toml', asked)], flows.scale)"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbclient.NotebookClient(notebook, timeout=240, resources={"metadata": {"path": str(folder)}}).execute()
    assert notebook.cells[1].outputs[0]["data"]["text/plain"] == "torch.Size([2, 1, 16, 16])"
    assert notebook.cells[2].outputs[0]["text"] == "['kid_pixels'] 0.5\n"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Built from a copy of what is tracked."""
    code = "import sys; from setuptools import build_meta; print(build_meta.build_wheel(sys.argv[1]))"
    folder = tmp_path_factory.mktemp("wheel")
    copy = folder / "source"
    tracked = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT,
                             capture_output=True, text=True, check=True).stdout.split("\0")
    for name in filter(None, tracked):
        if name.startswith(("ganbench/", "gan/", "tasks/", "flows/", "pyproject", "README", "LICENSE")):
            place(ROOT / name, copy / name)
    subprocess.run([sys.executable, "-c", code, str(folder)], cwd=copy, capture_output=True, check=True, timeout=240)
    (found,) = folder.glob("*.whl")
    return found


def test_a_wheel_holds_ganbench_alone_and_all_of_it(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.partition("/")[0] for name in names} == {"ganbench", f"{wheel.name.rsplit('-', 3)[0]}.dist-info"}
    expected = {f"ganbench/{path.relative_to(ROOT)}" for folder in ("gan", "tasks", "flows")
                for path in (ROOT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    assert expected <= set(names), expected - set(names)


def test_a_wheel_works_without_the_repository(wheel, tmp_path):
    """Unpacked elsewhere, it comes before the editable install: the zoo, its data and the pages are in it."""
    home, installed = tmp_path / "empty", tmp_path / "installed"
    zipfile.ZipFile(wheel).extractall(installed)
    home.mkdir()

    def python(*words: str) -> str:
        done = subprocess.run([sys.executable, *words], cwd=home, capture_output=True, text=True, timeout=240,
                              env={**os.environ, "PYTHONPATH": str(installed), "HOME": str(home)})
        assert done.returncode == 0, done.stderr
        return done.stdout

    files = python("-c", "import ganbench, ganbench.gan as gan; print(ganbench.__file__, gan.__file__)").split()
    assert all(Path(file).is_relative_to(installed) for file in files)
    for model in ("dcgan", "memoriser"):
        python("-m", "ganbench", "sample", f"zoo:{model}-fashion-mnist", "--n", "5", "--out", f"{model}.npz")
    log = installed / "ganbench/gan/zoo/dcgan-fashion-mnist.csv"
    python("-m", "ganbench", "curves", str(log), "--report", "page.html")
    assert (home / "page.html").read_text("utf-8").startswith("<!doctype html>")


def place(source: Path, target: Path) -> None:
    """A link to a file; a link as it is."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.symlink_to(os.readlink(source) if source.is_symlink() else source)


def test_no_module_was_imported_under_two_names():
    """In this very process, which has imported most of the house."""
    files: dict[Path, list[str]] = {}
    for name, module in list(sys.modules.items()):
        file = Path(getattr(module, "__file__", None) or "/").resolve()
        if any(file.is_relative_to(ROOT / folder) for folder in ("ganbench", "gan", "tasks", "flows")):
            files.setdefault(file, []).append(name)
    assert files
    assert all(len(names) == 1 and names[0].startswith("ganbench") for names in files.values()), files
