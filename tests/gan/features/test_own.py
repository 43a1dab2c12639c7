"""A user's own network as extractor: what is accepted, what comes out, and which mistakes are explained."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from ganbench.gan.features import own, resize
from ganbench.gan.features.extract import extract_shard, extractor_of
from ganbench.gan.rows import Rows
from ganbench.gan.store import Store, extend
from ganbench.gan.types import Features, Workspace
from ganbench.gan.usercode import find
from tests.refusals import refused

SOURCE = """
import torch
from torch import nn

class Net(nn.Module):
    input_shape = (3, 32, 32)

    def __init__(self, width=6, classes=4):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, width, 3, 2), nn.BatchNorm2d(width), nn.ReLU(), nn.Dropout(0.5))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(width, classes)

    def forward(self, images):
        return self.head(self.pool(self.body(images)).flatten(1))

class Pair(Net):
    def forward(self, images):
        features = self.pool(self.body(images)).flatten(1)
        return features, self.head(features)

class Named(Pair):
    def forward(self, images):
        features, logits = super().forward(images)
        return {"deep": {"features": features}, "logits": logits}

class Flat(nn.Module):                      # only contiguous images can be viewed so
    input_shape = [3, 8, 8]
    def forward(self, images):
        return images.view(len(images), -1)

class Batched(Net):
    def forward(self, images):
        features = super().forward(images)
        return features - features.mean(0)

class Random(Net):
    def forward(self, images):
        return super().forward(images) + torch.rand(len(images), 4)

class Constant(Net):
    def forward(self, images):
        return torch.ones(len(images), 4)

class Dividing(Net):
    def forward(self, images):
        return super().forward(images) / 0.0 * 0.0

class Fewer(Net):
    def forward(self, images):
        return super().forward(images)[:3]

class Fails(Net):
    def forward(self, images):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

class Shapeless(nn.Module):
    pass

def mean():
    return lambda images: images.flatten(2).mean(2)

def text():
    return "a network"
"""
FIELDS = {
    "factory": '"mynets:Net"', "arguments": "{width = 5}", "weights": '"net.safetensors"', "input": "[3, 32, 32]",
    "resize": '"area"', "value_range": "[-1, 1]", "mean": "[0.1, 0.2, 0.3]", "std": "[0.5]", "features": '"pool"',
    "logits": '"output"', "about": "{anything = 1}",
}


@pytest.fixture(autouse=True)
def mine(tmp_path, monkeypatch):
    """A module in the current folder, and no extractor of another test's."""
    (tmp_path / "mynets.py").write_text(SOURCE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr("ganbench.gan.features.extract._made", {})
    yield tmp_path
    sys.modules.pop("mynets", None)


def write(folder: Path, **changes: str) -> str:
    """mine.toml and its weights; `changes` take the place of FIELDS, or are added to them; empty: left out."""
    torch.manual_seed(0)
    save_file(find("mynets:Net")(width=5).state_dict(), folder / "net.safetensors")
    lines = [f"{name} = {value}" for name, value in {**FIELDS, **changes}.items() if value]
    (folder / "mine.toml").write_text("\n".join(lines))
    return str(folder / "mine.toml")


def net(folder: Path) -> torch.nn.Module:
    from safetensors.torch import load_file

    module = find("mynets:Net")(width=5)
    module.load_state_dict(load_file(folder / "net.safetensors"))
    return module.eval()


@pytest.mark.parametrize(("rule", "side"), [("area", 48), ("clean", 40), ("none", 32)])
def test_a_toml_file_says_what_the_network_sees_and_where_its_features_are(rule, side, mine, workspace, pictures):
    extract = extractor_of(write(mine, resize=f'"{rule}"'), workspace)
    images = pictures(3, 3, side)
    found = extract(images)
    module, seen = net(mine), torch.from_numpy(images).float()
    if rule != "none":
        seen = {"area": resize.area, "clean": resize.clean}[rule](seen, 32)
    with torch.inference_mode():
        given = (seen / 127.5 - 1 - torch.tensor([0.1, 0.2, 0.3]).view(3, 1, 1)) / 0.5
        logits, features = module(given), module.pool(module.body(given)).flatten(1)
    assert (extract.name, extract.d, extract.outputs) == ("mine", 5, {"features": 5, "logits": 4})
    assert found["features"] == pytest.approx(features.numpy(), abs=1e-6)
    assert found["logits"] == pytest.approx(logits.numpy(), abs=1e-6)
    assert 1000 % extract.micro_batch == 0


@pytest.mark.parametrize(("factory", "features", "logits", "d"), [
    ("Pair", "output.0", "output.1", 6), ("Named", "output.deep.features", "output.logits", 6),
    ("Net", "output", "", 4), ("Net", "body.2", "", 6), ("Flat", "output", "", 192), ("mean", "output", "", 3)])
def test_features_are_what_the_module_returns_or_a_part_of_it(factory, features, logits, d, mine, pictures):
    side = 8 if factory == "Flat" else 32
    (mine / "any.toml").write_text(f'factory = "mynets:{factory}"\ninput = [3, {side}, {side}]\npool = "mean"\n'
                                   f'features = "{features}"\nlogits = "{logits}"\n')
    extract = own.make(own.resolve(str(mine / "any.toml")), "cpu")
    assert extract.outputs == {"features": d, **({"logits": 4} if logits else {})}
    assert extract(pictures(2, 3, side))["features"].shape == (2, d)


def test_a_factory_alone_takes_images_of_the_modules_own_shape(workspace, pictures, mine):
    extract = extractor_of("mynets:Net", workspace)
    assert (extract.name, extract.d, extract.weights) == ("net", 4, "")
    assert extract(pictures(2, 1, 32))["features"].shape == (2, 4)              # grey becomes RGB
    with refused("wrong-size", "3x32x32", "3x28x28"):
        extract(pictures(2, 3, 28))


def test_colours_are_not_shown_to_a_network_of_grey_images(mine, pictures):
    (mine / "grey.toml").write_text('factory = "mynets:mean"\ninput = [1, 16, 16]\nresize = "area"\n')
    extract = own.make(own.resolve(str(mine / "grey.toml")), "cpu")
    assert extract(pictures(2, 1, 32))["features"].shape == (2, 1)
    with refused("wrong-channels", 3):
        extract(pictures(2, 3, 32))


def test_features_are_kept_and_found_under_the_spec_the_weights_and_the_source(mine, workspace, pictures):
    path = write(mine)
    before = own.identity(own.resolve(path))
    write(mine, features='"body.0"', pool='"mean"')
    layer = own.identity(own.resolve(path))
    write(mine)
    assert own.identity(own.resolve(path)) == before
    (mine / "mine.toml").rename(mine / "renamed.toml")
    assert own.identity(own.resolve(str(mine / "renamed.toml"))) == before      # neither name nor place counts
    save_file({name: value + 1 for name, value in net(mine).state_dict().items()}, mine / "net.safetensors")
    weights = own.identity(own.resolve(str(mine / "renamed.toml")))
    (mine / "mynets.py").write_text(SOURCE + "\n# edited\n")
    source = own.identity(own.resolve(str(mine / "renamed.toml")))
    assert len({before, layer, weights, source}) == 4


def test_an_edited_file_is_another_extractor(mine, workspace, pictures):
    images = pictures(2, 3, 32)
    one = extractor_of(write(mine), workspace)
    two = extractor_of(write(mine, features='"body.0"', pool='"mean"'), workspace)
    assert extractor_of(write(mine), workspace) is one
    assert one.digest != two.digest
    assert np.abs(one(images)["features"] - two(images)["features"]).max() > 0.01


def test_its_features_go_the_way_of_all_features(mine, workspace, pictures):
    """Through shards, with the logits beside them."""
    extract, images, store = extractor_of(write(mine), workspace), pictures(25, 3, 32), Store(mine / "store")
    shard = extend(store, "samples", "0" * 64, 0, 25, lambda start, stop: {"images": images[start:stop]})
    features = Features("mine", (extract_shard(shard, extract, store, batch_size=10),))
    whole = [extract(images[first : first + 10]) for first in (0, 10, 20)]
    for what in ("features", "logits"):
        np.testing.assert_array_equal(Rows(features, what)[:], np.concatenate([part[what] for part in whole]))


@pytest.mark.parametrize(("factory", "said"), [
    ("Batched", ("unsteady-features", "its neighbours in the batch")), ("Random", ("unsteady-features", "chance")),
    ("Constant", ("constant-features",)), ("Dividing", ("features-not-finite",)),
    ("Fewer", ("unequal-counts", "output", 3, 10)), ("Shapeless", ("undeclared-shape",)),
    ("Fails", ("call-failed", "(10, 3, 32, 32)", "mat1 and mat2")),
    ("Pair", ("not-features", "output", "a tuple")), ("Named",
     ("not-features", "output", "a dictionary with deep, logits")),
    ("text", ("not-a-module", "str")), ("nothing", ("not-callable", "nothing")),
])
def test_networks_that_cannot_be_measured_with_are_refused(factory, said, workspace):
    with refused(*said) as told:
        extractor_of(f"mynets:{factory}", workspace)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(("changes", "said"), [
    ({"features": '"neck"'}, ("unknown-part", "neck", "body, body.0")),
    ({"features": '"output.3"'}, ("not-features", "output.3", "not there")),
    ({"features": '"body"'}, ("not-features", "body", "(10, 5, 15, 15)")),
    ({"input": "[3, 32, 16]"}, ("conflicting-options", "area", "3x32x16")),
    ({"input": "[2, 32, 32]"}, ("unfit-value", "input", "[2, 32, 32]", "[channels, height, width]")),
    ({"input": "[1, 32, 32]"}, ("unfit-value", 3, 1)),
    ({"std": "[0.0]"}, ("unfit-value", "std", "[0.0]", "one number above 0")),
    ({"value_range": "[1, 0]"}, ("unfit-value", "two numbers, low and high")),
    ({"resize": '"lanczos"'}, ("unfit-value", "resize", "lanczos", "one of none, clean")),
    ({"layer": '"body"'}, ("unknown-field", "layer")), ({"feature": '"body"'},
     ("unknown-field", "did you mean features")),
    ({"factory": ""}, ("needs-family", "factory")), ({"weights": '"none.pth"'}, ("no-such-file", "none.pth")),
    ({"name": '"clip"'}, ("malformed-name", "clip")), ({"name": '"My net"'}, ("malformed-name", "My net")),
    ({"weights_key": '"ema"'}, ("unknown-weights-key", "ema")),
])
def test_mistakes_in_the_file_are_explained(changes, said, mine, workspace):
    with refused(*said) as told:
        extractor_of(write(mine, **changes), workspace)
    assert "\n" not in str(told.value)


def test_weights_must_fit_the_module(mine, workspace):
    path = write(mine)
    save_file({"head.bias": torch.zeros(4)}, mine / "net.safetensors")
    with refused("weights-do-not-fit", "net.safetensors", "mynets:Net", "missing body.0.weight"):
        extractor_of(path, workspace)
    (mine / "f.toml").write_text('factory = "mynets:mean"\nweights = "net.safetensors"\ninput = [3, 8, 8]\n')
    with refused("not-a-module", "function"):
        extractor_of(str(mine / "f.toml"), workspace)


def test_unknown_names_say_what_there_is(workspace: Workspace):
    with refused("unknown-extractor", "mine", "dinov2", "module:callable"):
        extractor_of("mine", workspace)
    with refused("unreadable-file", "mine.toml"):
        extractor_of("mine.toml", workspace)
    with refused("missing-module", "nowhere"):
        extractor_of("nowhere:Net", replace(workspace, device="cpu"))
