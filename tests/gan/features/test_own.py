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
from ganbench.gan.types import BadInput, Features, Workspace
from ganbench.gan.usercode import find

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
    with pytest.raises(BadInput, match=r"takes 3x32x32 .* these are 3x28x28"):
        extract(pictures(2, 3, 28))


def test_colours_are_not_shown_to_a_network_of_grey_images(mine, pictures):
    (mine / "grey.toml").write_text('factory = "mynets:mean"\ninput = [1, 16, 16]\nresize = "area"\n')
    extract = own.make(own.resolve(str(mine / "grey.toml")), "cpu")
    assert extract(pictures(2, 1, 32))["features"].shape == (2, 1)
    with pytest.raises(BadInput, match="takes grey images, but these have 3 channels"):
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
    ("Batched", "depend on its neighbours in the batch"), ("Random", "depend on chance"),
    ("Constant", "gives all images the same features"), ("Dividing", "are not finite numbers"),
    ("Fewer", "output has 3 rows for 10 images"), ("Shapeless", "does not say which images its network takes"),
    ("Fails", r"failed when called with images of shape \(10, 3, 32, 32\): mat1 and mat2"),
    ("Pair", "output is a tuple, expected a tensor"), ("Named", "output is a dictionary with deep, logits"),
    ("text", "returned a str, expected a PyTorch module or a function"), ("nothing", "has no 'nothing', only"),
])
def test_networks_that_cannot_be_measured_with_are_refused(factory, said, workspace):
    with pytest.raises(BadInput, match=said) as told:
        extractor_of(f"mynets:{factory}", workspace)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(("changes", "said"), [
    ({"features": '"neck"'}, "has no part 'neck', only body, body.0"),
    ({"features": '"output.3"'}, "output.3 is not there"),
    ({"features": '"body"'}, r"body has the shape \(10, 5, 15, 15\), expected \(images, features\)"),
    ({"input": "[3, 32, 16]"}, "resize = 'area' makes square images, but input is 3x32x16"),
    ({"input": "[2, 32, 32]"}, r"input is \[2, 32, 32\], expected \[channels, height, width\]"),
    ({"input": "[1, 32, 32]"}, "mean and std have 3 and 1 numbers, expected 1 or 1"),
    ({"std": "[0.0]"}, r"std is \[0.0\], expected one number above 0"),
    ({"value_range": "[1, 0]"}, "expected two numbers, low and high"),
    ({"resize": '"lanczos"'}, "resize is 'lanczos', expected one of none, clean"),
    ({"layer": '"body"'}, "unknown field 'layer'"), ({"feature": '"body"'}, "did you mean features"),
    ({"factory": ""}, "has no factory"), ({"weights": '"none.pth"'}, "none.pth does not exist"),
    ({"name": '"clip"'}, "cannot be called 'clip'"), ({"name": '"My net"'}, "cannot be called 'My net'"),
    ({"weights_key": '"ema"'}, "no weights under 'ema'"),
])
def test_mistakes_in_the_file_are_explained(changes, said, mine, workspace):
    with pytest.raises(BadInput, match=said) as told:
        extractor_of(write(mine, **changes), workspace)
    assert "\n" not in str(told.value)


def test_weights_must_fit_the_module(mine, workspace):
    path = write(mine)
    save_file({"head.bias": torch.zeros(4)}, mine / "net.safetensors")
    with pytest.raises(BadInput, match=r"net\.safetensors does not fit mynets:Net: missing body\.0\.weight"):
        extractor_of(path, workspace)
    (mine / "f.toml").write_text('factory = "mynets:mean"\nweights = "net.safetensors"\ninput = [3, 8, 8]\n')
    with pytest.raises(BadInput, match=r"returned a function, into which .*cannot be loaded: expected a PyTorch"):
        extractor_of(str(mine / "f.toml"), workspace)


def test_unknown_names_say_what_there_is(workspace: Workspace):
    with pytest.raises(BadInput, match=r"No extractor 'mine'.*dinov2.*a TOML file, or module:callable"):
        extractor_of("mine", workspace)
    with pytest.raises(BadInput, match=r"mine\.toml cannot be read"):
        extractor_of("mine.toml", workspace)
    with pytest.raises(BadInput, match="there is no module 'nowhere'"):
        extractor_of("nowhere:Net", replace(workspace, device="cpu"))
