"""A user's own model by `module:callable`: what is accepted, and which mistakes are explained."""

import sys
import textwrap
from dataclasses import replace

import numpy as np
import pytest
import torch

from ganbench.gan.generators.base import Generator
from ganbench.gan.images import from_model
from ganbench.gan.models.identity import identity
from ganbench.gan.models.loading import load, resolve
from ganbench.gan.models.openers import complete
from ganbench.gan.types import BadOutput, ModelSpec, Workspace
from ganbench.gan.usercode import find
from tests.refusals import refused

SOURCE = """
import numpy as np
import torch
from torch import nn

class Net(nn.Module):
    z_dim = 4

    def __init__(self, side=8, rate=0.5):
        super().__init__()
        self.layer = nn.Linear(4, side * side)
        self.drop = nn.Dropout(rate)
        self.side = side

    def forward(self, z):
        return self.drop(torch.sigmoid(self.layer(z))).view(len(z), self.side, self.side)

class Own:
    n_classes = 0
    output_range = (-1.0, 1.0)
    def draws(self, indices, seed):
        return torch.tensor(list(indices))
    def sample(self, draws, labels=None):
        return torch.zeros(len(draws), 1, 8, 8)

def noise():                        # one seed per image instead of a latent
    def call(seeds):
        random = [np.random.default_rng(int(s)) for s in seeds]
        return np.stack([r.integers(0, 256, (8, 8, 3), np.uint8) for r in random])
    return call

def conditional():
    return lambda z, labels: labels.float().view(-1, 1, 1, 1).expand(-1, 1, 8, 8) / 10

def classifier():
    return lambda z: torch.zeros(len(z), 10)

def pair():
    return lambda z: (torch.zeros(len(z), 1, 8, 8), z)

def pictures():
    return lambda z: ["picture"] * len(z)

def fails():
    raise KeyError("no such preset")

def number():
    return 3

def silent():
    return lambda z: z.view(3, 3, 3)

constant = 7
"""


@pytest.fixture(autouse=True)
def mine(tmp_path, monkeypatch):
    """A module in the current folder, which is not otherwise on the path."""
    (tmp_path / "mine.py").write_text(textwrap.dedent(SOURCE))
    (tmp_path / "broken.py").write_text("1 / 0")
    (tmp_path / "needy.py").write_text("import no_such_library")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    for name in ("mine", "broken", "needy"):
        sys.modules.pop(name, None)


def spec(factory: str, **facts) -> ModelSpec:
    return ModelSpec("model", factory=f"mine:{factory}", **{"latent_shape": (4,), **facts})


def drawn(model: ModelSpec, n: int = 3) -> torch.Tensor:
    generator = load(model)
    labels = torch.arange(n) if generator.n_classes else None
    return from_model(generator.sample(generator.draws(range(n), 0), labels), model)


def test_a_module_with_weights_loads_in_eval_mode(mine):
    net = find("mine:Net")()
    torch.save(net.state_dict(), mine / "w.pt")
    (mine / "m.toml").write_text('factory = "mine:Net"\nweights = "w.pt"\nlayout = "NHW"\noutput_range = [0, 1]\n')
    model = resolve(str(mine / "m.toml"))
    generator = load(model)
    assert isinstance(generator, Generator)
    z = generator.draws(range(3), 0)
    assert z.shape == (3, 4)                        # from the module's own z_dim
    expected = from_model(net.eval()(z), model)     # without Dropout
    assert torch.equal(from_model(generator.sample(z), model), expected)
    assert torch.equal(drawn(model), expected)      # again: nothing is random


def test_weights_that_do_not_fit_the_factorys_module_are_listed(mine):
    torch.save({"layer.weight": torch.zeros(1)}, mine / "w.pt")
    with refused("weights-do-not-fit", "w.pt", "mine:Net", "missing layer.bias; layer.weight is (1,)"):
        load(resolve(str(mine / "w.pt"), factory="mine:Net"))


def test_arguments_reach_the_factory():
    assert drawn(spec("Net", arguments={"side": 16}, layout="NHW", output_range=(0.0, 1.0))).shape == (3, 1, 16, 16)


def test_an_object_with_draws_and_sample_is_used_as_it_is():
    assert load(spec("Own")).draws([5], 0).tolist() == [5]


def test_a_function_of_seeds_may_return_uint8_arrays():
    model = spec("noise", latent="none", latent_shape=(), layout="NHWC")
    pixels = drawn(model)
    assert pixels.shape == (3, 3, 8, 8)
    assert pixels.dtype == torch.uint8
    assert torch.equal(drawn(model, 2), pixels[:2])
    assert len(np.unique(pixels.flatten(1).float().mean(1))) == 3


def test_labels_reach_a_conditional_function():
    model = spec("conditional", n_classes=10, output_range=(0.0, 1.0))
    assert drawn(model)[:, 0, 0, 0].tolist() == [0, 26, 51]         # 255 * k / 10, quantised


def test_a_tuple_that_begins_with_images_is_accepted():
    assert drawn(spec("pair")).shape == (3, 1, 8, 8)


@pytest.mark.parametrize(("factory", "said"), [
    ("classifier", ("not-images", "a classifier cannot be evaluated as a generator")),
    ("pictures", ("not-images", "list of str")),
    ("silent", ("call-failed", "model", "(3, 4)", "shape")),
])
def test_output_that_is_no_images_is_explained(factory, said):
    with refused(*said, kind=BadOutput):
        drawn(spec(factory))


@pytest.mark.parametrize(("factory", "said"), [
    ("nowhere:f", ("missing-module", "nowhere")),
    ("mine.deeper:f", ("missing-module", "mine.deeper")),
    ("needy:f", ("missing-module", "needy", "no_such_library")),
    ("broken:f", ("import-failed", "broken", "ZeroDivisionError", "division by zero")),
    ("mine:nothing", ("not-callable", "mine", "nothing", "Net, Own, noise")),
    ("mine:constant", ("not-callable", "constant", "int")),
    ("mine:number", ("not-a-module", "int")),
    ("mine:fails", ("call-failed", "mine:fails", "KeyError", "no such preset")),
    ("mine", ("malformed-name", "mine")),
])
def test_a_factory_that_does_not_work_is_explained(factory, said):
    with refused(*said):
        load(replace(spec("x"), factory=factory))


def test_wrong_arguments_are_shown_as_they_were_given():
    with refused("call-failed", "mine:Net", "sides=3", "TypeError", "unexpected keyword argument 'sides'"):
        load(spec("Net", arguments={"sides": 3}))


def test_a_function_without_latent_shape_is_asked_for_it():
    with refused("undeclared-shape", "latent_shape = [100]"):
        load(spec("pair", latent_shape=()))


def test_weights_for_something_that_is_no_module_are_refused(mine):
    torch.save({"a": torch.zeros(1)}, mine / "w.pt")
    with refused("not-a-module", "function", "w.pt"):
        load(spec("pair", weights=str(mine / "w.pt")))


def test_editing_the_factorys_file_changes_the_models_identity(mine):
    net = complete(spec("Net"), Workspace())
    before = identity(net)
    assert identity(net) == before
    with (mine / "mine.py").open("a") as file:
        file.write("# edited\n")
    assert identity(net) != before
