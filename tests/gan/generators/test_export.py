"""Programs of torch.export: walked, not unpickled; what they compute is what torch itself computes of them."""

import json
import zipfile
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional

from ganbench.gan.drawing import draw
from ganbench.gan.models.identity import identity
from ganbench.gan.models.loading import load, resolve
from ganbench.gan.models.openers import OPENERS
from ganbench.gan.types import BadOutput, Workspace
from tests.refusals import refused

Z = 6


class Small(nn.Module):
    """Layers as in tutorials, and steps that exports write in their own way: sizes, splits, in-place, constants."""

    def __init__(self):
        super().__init__()
        self.project = nn.Linear(Z, 8 * 4 * 4)
        self.norm = nn.BatchNorm2d(8)
        self.drop = nn.Dropout(0.5)
        self.up = nn.ConvTranspose2d(8, 4, 4, 2, 1)
        self.last = nn.Conv2d(4, 1, 3, padding=1)
        self.register_buffer("shift", torch.tensor([0.1]))

    def forward(self, z):
        x = functional.relu(self.norm(self.project(z).view(z.size(0), 8, 4, 4)), inplace=True)
        one, two = self.drop(x).chunk(2, dim=1)
        x = functional.gelu(self.up(torch.cat([two, one], 1)), approximate="tanh")
        x = functional.interpolate(x, scale_factor=2, mode="bilinear") + torch.arange(16).float() / 16
        return torch.tanh(self.last(x) + self.shift + torch.zeros(z.shape[0], 1, 1, 1))


class Conditional(nn.Module):
    def __init__(self):
        super().__init__()
        self.table, self.layer = nn.Embedding(10, Z), nn.Linear(Z, 64)

    def forward(self, z, labels):
        return torch.sigmoid(self.layer(z * self.table(labels))).reshape(-1, 8, 8)


class Noisy(nn.Module):
    def forward(self, z):
        return torch.tanh(z.view(-1, 1, 2, 3) + torch.randn(2, 3))


class Counting(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("calls", torch.zeros(1))

    def forward(self, z):
        self.calls.add_(1)
        return torch.tanh(z.view(-1, 1, 2, 3) + self.calls)


def exported(path: Path, module: nn.Module, *given: torch.Tensor, free: bool = True) -> Path:
    n = torch.export.Dim("n")
    shapes = tuple({0: n} for _ in given) if free else None
    torch.export.save(torch.export.export(module, given or (torch.randn(4, Z),), dynamic_shapes=shapes), path)
    return path


@pytest.fixture
def small(tmp_path):
    torch.manual_seed(0)
    module = Small()
    module(torch.randn(64, Z))       # moves the running means
    return module.eval()


@pytest.mark.parametrize("free", [True, False])
def test_a_program_computes_what_torch_makes_of_it(tmp_path, small, free):
    path = exported(tmp_path / "g.pt2", small, torch.randn(4, Z), free=free)
    model = load(str(path))
    draws = model.draws(range(10), seed=3)
    assert draws.shape == (10, Z)
    expected = torch.cat([torch.export.load(path).module()(part) for part in torch.cat([draws, draws[:2]]).split(4)])
    assert torch.allclose(model.sample(draws), expected[:10], atol=1e-6)
    assert torch.allclose(model.sample(draws), small(draws), atol=1e-5)


def test_a_program_keeps_its_draws_and_gives_the_same_again(tmp_path, small):
    model = load(str(exported(tmp_path / "g.pt2", small, torch.randn(4, Z))))
    draws = model.draws(range(5), 0)
    before, first = draws.clone(), model.sample(draws)
    assert torch.equal(model.sample(draws), first)
    assert torch.equal(draws, before)


def test_labels_reach_a_conditional_program(tmp_path):
    torch.manual_seed(0)
    module = Conditional()
    path = exported(tmp_path / "c.pt2", module, torch.randn(4, Z), torch.zeros(4, dtype=torch.int64))
    (tmp_path / "m.toml").write_text('family = "export"\nweights = "c.pt2"\nn_classes = 10\nlayout = "NHW"\n'
                                     "output_range = [0, 1]\n")
    spec = resolve(str(tmp_path / "m.toml"))
    model = load(spec)
    draws, labels = model.draws(range(5), 0), torch.arange(5)
    assert torch.allclose(model.sample(draws, labels), module(draws, labels), atol=1e-6)
    assert draw(model, spec, 0, 0, 30)["images"].shape == (30, 1, 8, 8)
    with refused("unfit-signature", 2, 1, "latents alone (n_classes = 0)"):
        resolve(str(path))


def test_the_identity_is_that_of_the_bytes(tmp_path, small):
    first = exported(tmp_path / "g.pt2", small, torch.randn(4, Z))
    (tmp_path / "h.pt2").write_bytes(first.read_bytes())
    one, two = resolve(str(first)), resolve(str(tmp_path / "h.pt2"))
    assert identity(one) == identity(two)
    assert (one.family, one.channels) == ("export", 1)
    first.write_bytes(exported(tmp_path / "i.pt2", small, torch.randn(2, Z), free=False).read_bytes())
    with refused("wrong-digest"):
        OPENERS["export"].look(one, Workspace())


@pytest.mark.parametrize(("module", "said"), [
    (Small(), ("training-mode", "model.eval()")),
    (Noisy(), ("unseeded-randomness", "aten.randn.default")),
    (Counting(), ("training-mode", "aten.add_.Tensor", "b_calls")),
])
def test_programs_whose_images_would_depend_on_chance_or_on_each_other_are_refused(tmp_path, module, said):
    with refused(*said):
        resolve(str(exported(tmp_path / "g.pt2", module, torch.randn(4, Z))))


def test_a_batch_that_the_program_cannot_take_is_a_sentence(tmp_path):
    class Rows(nn.Module):
        def forward(self, z):
            return torch.tanh(z.view(4, 1, 2, 3))

    path = exported(tmp_path / "g.pt2", Rows(), torch.randn(4, Z), free=False)
    edited(path, lambda module: module["graph"]["tensor_values"]["z"]["sizes"].__setitem__(0, {"as_int": 3}))
    model = load(str(path))
    with refused("call-failed", "(3, 6)", kind=BadOutput):
        model.sample(model.draws(range(3), 0))


# Hostile files

def edited(path: Path, change) -> Path:
    """Write the archive again with its graph changed by hand."""
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    model = next(name for name in content if name.endswith("models/model.json"))
    program = json.loads(content[model])
    change(program["graph_module"])
    content[model] = json.dumps(program).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return path


def call(module, target: str, **texts: str) -> None:
    """Put a call at the head of the graph."""
    inputs = [{"name": name, "arg": {"as_string": text}, "kind": 1} for name, text in texts.items()]
    node = {"target": target, "inputs": inputs, "outputs": [{"as_tensor": {"name": "x"}}], "metadata": {}}
    module["graph"]["nodes"].insert(0, node)


def test_torch_itself_would_run_code_from_such_a_file(tmp_path, small):
    """The reason why torch.export.load is not called: a formula of a shape is evaluated as Python."""
    path, marker = exported(tmp_path / "g.pt2", small, torch.randn(4, Z)), tmp_path / "ran"
    code = f"__import__('os').mkdir({str(marker)!r})"
    edited(path, lambda module: module["graph"]["tensor_values"]["z"]["sizes"].__setitem__(
        0, {"as_expr": {"expr_str": code, "hint": {"as_int": 4}}}))
    load(str(path))
    assert not marker.exists()
    with pytest.raises(Exception):      # noqa: B017, PT011  whatever torch says once the code has run
        torch.export.load(path)
    assert marker.exists()


@pytest.mark.parametrize(("target", "texts", "said"), [
    ("torch.os.system", {"command": "true"}, ("untrusted-code", "torch.os.system", "torch.ops")),
    ("torch.serialization.os.mkdir", {"path": "x"}, ("untrusted-code", "torch.ops.aten")),
    ("torch.ops.aten.from_file.default", {"filename": "secret"}, ("untrusted-code", "from_file.default", "secret")),
    ("torch.ops.aten.save.default", {"filename": "x"}, ("untrusted-code", "torch.ops.aten.save.default")),
    ("torch.ops.aten.__class__.mro", {}, ("untrusted-code", "torch.ops.aten")),
    ("torch.ops.load_library", {"path": "x"}, ("untrusted-code", "torch.ops.aten")),
    ("_operator.attrgetter", {"x": "__class__"}, ("untrusted-code", "torch.ops.aten")),
    ("builtins.eval", {"x": "1"}, ("untrusted-code", "torch.ops.aten")),
    ("#higher.order", {}, ("untrusted-code", "torch.ops.aten")),
])
def test_a_graph_may_call_nothing_but_operators_on_tensors(tmp_path, small, target, texts, said):
    path = exported(tmp_path / "g.pt2", small, torch.randn(4, Z))
    with refused(*said):
        resolve(str(edited(path, lambda module: call(module, target, **texts))))


def test_pickles_in_the_archive_are_not_looked_at_and_pickled_weights_are_refused(tmp_path, small):
    path = exported(tmp_path / "g.pt2", small, torch.randn(4, Z))
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in content.items():
            archive.writestr(name, b"no pickle" if name.endswith(".pt") else data)
    load(str(path))
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in content.items():
            archive.writestr(name, data.replace(b'"use_pickle": false', b'"use_pickle": true'))
    with refused("untrusted-code", "project.weight"):
        resolve(str(path))


def test_sizes_that_reach_beyond_the_stored_weights_are_refused(tmp_path, small):
    path = exported(tmp_path / "g.pt2", small, torch.randn(4, Z))
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in content.items():
            archive.writestr(name, data.replace(b'{"as_int": 128}', b'{"as_int": 1280}'))
    with refused("unreadable-program", "torch.export"):
        resolve(str(path))


@pytest.mark.parametrize("part", [0.3, 0.9])
def test_a_cut_program_is_named(tmp_path, small, part):
    path = exported(tmp_path / "g.pt2", small, torch.randn(4, Z))
    path.write_bytes(path.read_bytes()[: int(part * path.stat().st_size)])
    with refused("unreadable-weights", "truncated"):
        resolve(str(path), family="")
    with refused("unreadable-program", "torch.export"):
        resolve(str(path), family="export")
