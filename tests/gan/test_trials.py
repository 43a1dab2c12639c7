"""What a user's code gives is held against what it was asked for, at every batch; what it reads, against its key."""

import os
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from ganbench import Question, evaluate
from ganbench.gan import sampling, usercode
from ganbench.gan.drawing import draw
from ganbench.gan.images import write_npz
from ganbench.gan.models.loading import load, resolve
from ganbench.gan.sampling import sample_shard, shard_key
from ganbench.gan.store import rows_of, store_of
from ganbench.gan.trials import check_output
from ganbench.gan.types import ModelSpec
from ganbench.gan.usercode import own_modules
from tests.refusals import refused

SOURCE = """
import os
import sys
import time
import torch
from pathlib import Path
from torch import nn

calls = [0]

def later(change):
    "A model whose third batch is another than the first two."
    def sample(z):
        calls[0] += 1
        images = torch.tanh(z[:, :1, None, None].expand(-1, 1, 8, 8) + torch.linspace(-1, 1, 8))
        return change(images) if calls[0] > 2 else images
    sample.z_dim = 4
    return sample

def one_fewer(): return later(lambda x: x[:-1])
def one_more(): return later(lambda x: torch.cat([x, x[:1]]))
def larger(): return later(lambda x: x.repeat(1, 1, 2, 2))
def coloured(): return later(lambda x: x.expand(-1, 3, -1, -1))
def bytes_(): return later(lambda x: (x * 127).clip(0).to(torch.uint8))
def doubles(): return later(lambda x: x.double())
def nan(): return later(lambda x: x / 0 * 0)

class Batch(nn.Module):
    z_dim = 4
    def forward(self, z):
        x = torch.tanh(z[:, :1, None, None].expand(-1, 1, 8, 8) + torch.linspace(-1, 1, 8))
        return self.change(x, z)

class Centred(Batch):
    "Looks at the whole batch, as BatchNorm in training mode does."
    def change(self, x, z): return (x - x.mean(0, keepdim=True)) / 2

class Steps(Batch):
    "An ancestral sampler that seeds its own noise: the same batch again is the same."
    def change(self, x, z):
        random = torch.Generator().manual_seed(0)
        return (x + 0.3 * torch.randn(x.shape, generator=random)).clamp(-1, 1)

class Sound(Batch):
    def change(self, x, z): return x

class Loud(Batch):
    def change(self, x, z):
        print("step 1 of 1")
        os.chdir("/")
        return x

class Reads(Batch):
    def __init__(self):
        super().__init__()
        self.scale = float(Path("scale.txt").read_text())
    def change(self, x, z): return x * self.scale

class Slow(Batch):
    def change(self, x, z):
        time.sleep(0.2)
        return x

def quits(): sys.exit("no GPU here")
def raises(error): return Raising(error)

class Raising(Batch):
    def __init__(self, error):
        super().__init__()
        self.error = error
    def change(self, x, z):
        if self.error == "SystemExit": sys.exit(3)
        if self.error == "RecursionError": return self.change(x, z)
        if self.error == "Terabyte": return torch.empty(10**15)
        raise getattr(__import__("builtins"), self.error)("broken inside")
"""


@pytest.fixture(autouse=True)
def theirs(tmp_path, monkeypatch):
    """A module in the current folder, imported anew by each test."""
    (tmp_path / "their_models.py").write_text(textwrap.dedent(SOURCE))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def model(factory: str, workspace, **arguments) -> ModelSpec:
    """The spec of a factory; names without a module are of `their_models`."""
    path = Path(f"{factory.rpartition(':')[2]}.toml")
    lines = "".join(f"{name} = {value!r}\n" for name, value in arguments.items())
    path.write_text(f'factory = "{factory if ":" in factory else f"their_models:{factory}"}"\n[arguments]\n{lines}',
                    encoding="utf-8")
    return resolve(str(path), workspace)


@pytest.mark.parametrize(("factory", "code", "facts"), [
    ("one_fewer", "wrong-number", (19, 20, "image 40")), ("one_more", "wrong-number", (21, 20, "image 40")),
    ("larger", "unequal-batches", ("(1, 16, 16)", "image 40", "(1, 8, 8)")),
    ("coloured", "unequal-batches", ("(3, 8, 8)", "(1, 8, 8)")),
    ("bytes_", "unequal-batches", ("torch.uint8", "torch.float32")),
    ("doubles", "unequal-batches", ("torch.float64", "torch.float32")),
    ("nan", "images-not-finite", ("image 40",)),
])
def test_a_later_batch_is_checked_as_the_first_is(factory, code, facts, workspace):
    spec = model(factory, workspace)
    with refused(code, factory, *facts):
        draw(load(spec, workspace), spec, 0, 0, 60)


def test_nothing_of_a_batch_that_is_short_is_stored(workspace):
    spec = model("one_fewer", workspace)
    with refused("wrong-number"):
        sample_shard(spec, 0, 0, 60, workspace, store_of(workspace))
    entry = store_of(workspace).find("samples", shard_key(spec, 0, 0, workspace))
    assert entry is None or entry.facts["rows"] % 20 == 0


@pytest.mark.parametrize("factory", ["Centred", "Steps"])
def test_images_that_depend_on_their_batch_are_refused_with_the_cure(factory, workspace):
    with refused("depends-on-batch", factory, "12", 'latent = "none"', "eval()"):
        check_output(model(factory, workspace), 0, workspace)


def test_images_that_do_not_are_not(workspace):
    assert check_output(model("Sound", workspace), 0, workspace) == (1, 8, 8)


def test_what_a_model_prints_or_moves_to_is_not_ours(workspace, capsys, theirs):
    check_output(model("Loud", workspace), 0, workspace)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "step 1 of 1" in captured.err
    assert os.getcwd() == str(theirs)


@pytest.mark.parametrize("error", ["KeyError", "AttributeError", "ZeroDivisionError", "OSError", "MemoryError",
                                   "AssertionError", "NotImplementedError", "SystemExit", "RecursionError", "Terabyte"])
def test_whatever_a_model_raises_ends_in_a_sentence(error, workspace):
    with refused("call-failed", "raises"):
        check_output(model("raises", workspace, error=error), 0, workspace)


@pytest.mark.parametrize(("factory", "said"), [("Slow", "the first batch of Slow has been running"), ("Sound", "")])
def test_code_that_does_not_come_back_is_named_while_it_runs(factory, said, workspace, monkeypatch, caplog):
    monkeypatch.setattr(usercode, "PATIENCE", 0.1)
    assert check_output(model(factory, workspace), 0, workspace) == (1, 8, 8)
    lines = [line for line in caplog.messages if "has been running" in line]
    assert [said in line and "Ctrl-C" in line for line in lines] == [True] * bool(said)


def test_a_factory_that_quits_ends_in_a_sentence(workspace):
    with refused("call-failed", "quits", "SystemExit", "no GPU here"):
        check_output(model("quits", workspace), 0, workspace)


# What decides the images

FILES = {
    "net.py": "import torch\nfrom parts.layers import SCALE\n"
    "class Net(torch.nn.Module):\n    z_dim = 4\n    def forward(self, z):\n"
    "        return torch.tanh(SCALE * z[:, :1, None, None].expand(-1, 1, 8, 8) + torch.linspace(-1, 1, 8))\n",
    "parts/__init__.py": "",
    "parts/layers.py": "from .deeper.numbers import SCALE\n",
    "parts/deeper/__init__.py": "from . import unused_here\n",
    "parts/deeper/numbers.py": "SCALE = 0.1\n",
    "parts/deeper/unused_here.py": "X = 1\n",
    "bystander.py": "Y = 1\n",
}


@pytest.fixture
def package(theirs):
    for name, text in FILES.items():
        path = theirs / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return theirs


def test_the_users_modules_are_found_without_importing_them(package):
    found = own_modules("net")
    assert set(found) == {"net", "parts", "parts.layers", "parts.deeper", "parts.deeper.numbers",
                          "parts.deeper.unused_here"}
    assert "net" not in sys.modules


def test_folders_without_init_are_packages_too(theirs, workspace):
    for name, text in {"outer/inner/deep/net.py": "from outer.inner.numbers import SCALE\nfrom . import beside\n",
                       "outer/inner/numbers.py": "SCALE = 1\n", "outer/inner/deep/beside.py": ""}.items():
        (theirs / name).parent.mkdir(parents=True, exist_ok=True)
        (theirs / name).write_text(text)
    expected = {"outer.inner.deep.net", "outer.inner.numbers", "outer.inner.deep.beside"}
    assert set(own_modules("outer.inner.deep.net")) == expected
    before = shard_key(model("outer.inner.deep.net:Net", workspace), 0, 0, workspace)
    (theirs / "outer" / "inner" / "numbers.py").write_text("SCALE = 2\n")
    assert shard_key(model("outer.inner.deep.net:Net", workspace), 0, 0, workspace) != before


@pytest.mark.parametrize("edited", ["net.py", "parts/__init__.py", "parts/layers.py", "parts/deeper/numbers.py",
                                    "parts/deeper/unused_here.py"])
def test_an_edit_of_any_of_them_makes_another_model(package, edited, workspace):
    before = shard_key(model("net:Net", workspace), 0, 0, workspace)
    (package / edited).write_text(FILES[edited] + "# edited\n")
    assert shard_key(model("net:Net", workspace), 0, 0, workspace) != before
    (package / edited).write_text(FILES[edited])
    (package / "bystander.py").write_text("Y = 2\n")
    assert shard_key(model("net:Net", workspace), 0, 0, workspace) == before


def test_an_edited_constant_draws_new_images_in_the_same_process(package, workspace):
    def images():
        spec = model("net:Net", workspace)
        shard = sample_shard(spec, 0, 0, 30, workspace, store_of(workspace))
        return shard.computed, rows_of(shard)["images"].astype(int)

    drawn, before = images()
    assert (drawn, images()[0]) == (30, 0)
    (package / "parts" / "deeper" / "numbers.py").write_text("SCALE = 1.5\n")
    drawn, after = images()
    assert drawn == 30
    assert np.abs(after - before).mean() > 5


def test_images_of_a_data_file_that_changed_are_refused(theirs, workspace):
    (theirs / "scale.txt").write_text("1")
    spec = model("Reads", workspace)
    sample_shard(spec, 0, 0, 30, workspace, store_of(workspace))
    assert check_output(spec, 0, workspace) == (1, 8, 8)
    (theirs / "scale.txt").write_text("0.2")
    sampling._loaded.clear()                                # as in a new process
    with refused("stale-images", "Reads", "cache collect"):
        check_output(spec, 0, workspace)


def test_a_short_batch_ends_an_evaluation_before_any_score(theirs, workspace):
    write_npz(theirs / "real.npz", np.random.default_rng(0).integers(0, 256, (60, 1, 8, 8), np.uint8))
    with refused("wrong-number"):
        evaluate(model("one_fewer", workspace), Question(reference=str(theirs / "real.npz"), n=60, metrics="kid",
                                                        extractor="pixels"), workspace=workspace)
