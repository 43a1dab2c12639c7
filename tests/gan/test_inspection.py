"""What is in a file: every tensor, every place, and a model file that loads what was proposed."""

import json
import os
import pickle
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from ganbench.gan.generators.dcgan import DCGAN
from ganbench.gan.images import write_folder
from ganbench.gan.inspection import inspect_model, save_toml, toml_of
from ganbench.gan.models.loading import load, resolve
from ganbench.gan.models.toml_file import read_spec
from tests.refusals import refused

CODE = """
from torch import nn
class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.model = nn.Sequential(nn.Linear(100, 128), nn.LeakyReLU(0.2), nn.Linear(128, 784), nn.Tanh())
    def forward(self, z):
        return self.model(z)
"""


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    torch.manual_seed(0)
    yield tmp_path
    sys.modules.pop("mymodel", None)


def values(found) -> dict:
    return {guess.field: guess.value for guess in found.guesses}


def test_every_tensor_of_every_state_dict_is_listed_in_its_order(here):
    generator, other = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)), nn.Linear(2, 2).half()
    torch.save({"epoch": 3, "G_ema": generator.state_dict(), "nets": {"D": other.state_dict()}}, "w.pth")
    found = inspect_model("w.pth")
    assert [weights.at for weights in found.sets] == ["G_ema", "nets.D"]
    assert [weights.numbers for weights in found.sets] == [3 * 4 + 4 + 4 * 4 + 1, 2 * 2 + 2]
    assert [(t.name, t.shape, t.dtype) for t in found.sets[0].tensors[:2]] == [
        ("0.weight", (4, 3), "float32"), ("0.bias", (4,), "float32")]
    assert found.sets[0].tensors[-1].dtype == "int64"
    assert found.sets[1].tensors[0].dtype == "float16"
    assert (found.kind, found.chosen) == ("torch.save", "G_ema")
    json.dumps(asdict(found))


@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
def test_a_known_family_is_proposed_with_its_arguments_and_loads(here, suffix):
    arguments = {"z_dim": 16, "width": 4, "resolution": 32, "channels": 1}
    state = DCGAN(**arguments).state_dict()
    save_file(state, "w.safetensors") if suffix == "safetensors" else torch.save({"netG": state}, "w.pth")
    found = inspect_model(f"w.{suffix}")
    assert found.kind == ("safetensors" if suffix == "safetensors" else "torch.save")
    assert values(found) == {"family": "dcgan", "latent": "normal", "output_range": (-1.0, 1.0),
                             **{f"arguments.{name}": value for name, value in arguments.items()}}
    save_toml(found, here / "m.toml")
    spec = resolve("m.toml")
    assert (spec.arguments, spec.weights, spec.sha256) == (arguments, str(here / f"w.{suffix}"), found.spec.sha256)
    assert load(spec).draws([0], 0).shape == (1, 16)
    text = (here / "m.toml").read_text()
    assert f'weights = "w.{suffix}"\n' in text
    assert "z_dim = 16  # guessed: read off the shapes" in text


def test_an_unknown_network_is_proposed_as_a_factory_that_only_has_to_be_named(here):
    (here / "mymodel.py").write_text(CODE)
    import mymodel

    torch.save(mymodel.Generator().state_dict(), "w.pth")
    found = inspect_model("w.pth")
    assert values(found) == {"factory": "mymodel:Generator", "latent_shape": (100,), "channels": 1, "resolution": 28,
                             "layout": "NC", "latent": "normal", "output_range": (-1.0, 1.0)}
    save_toml(found, here / "m.toml")
    assert read_spec(here / "m.toml") == found.spec
    model = load(resolve("m.toml"))
    assert model.sample(model.draws(range(3), 0)).shape == (3, 784)
    text = (here / "m.toml").read_text()
    assert "# no family has these shapes: put your own module:callable in the place of mymodel:Generator" in text
    assert "output_range = [-1.0, 1.0]  # guessed: usual; weights do not say it; or [0, 1] (a sigmoid" in text
    assert 'latent = "normal"  # guessed: weights do not say it; or "uniform" (in [-1, 1])' in text
    assert "latent_shape = [100]  # guessed: what model.0.weight (128, 100) takes" in text


def test_the_generators_part_of_a_lightning_file_is_found(here):
    (here / "mymodel.py").write_text(CODE)
    import mymodel

    module = nn.ModuleDict({"discriminator": nn.Linear(784, 1), "generator": mymodel.Generator()})
    torch.save({"epoch": 1, "state_dict": module.state_dict(), "optimizer_states": [], "callbacks": {}}, "w.ckpt")
    found = inspect_model("w.ckpt")
    assert found.spec.weights_key == "state_dict.generator"
    assert "# guessed: tensors of generator beside discriminator" in toml_of(found)
    save_toml(found, here / "m.toml")
    model = load(resolve("m.toml"))
    assert torch.equal(model.sample(z := model.draws([0], 0)), module["generator"](z))


BLOCK = [nn.BatchNorm2d(8), nn.ReLU()]


@pytest.mark.parametrize(("module", "expected"), [
    (nn.Sequential(nn.ConvTranspose2d(50, 8, 4, bias=False), *BLOCK, nn.ConvTranspose2d(8, 3, 4)),
     {"latent_shape": (50, 1, 1), "channels": 3}),
    (nn.Sequential(nn.ConvTranspose2d(50, 8, 4), *BLOCK, nn.Conv2d(8, 1, 3)),
     {"latent_shape": (50, 1, 1), "channels": 1}),
    (nn.Sequential(nn.Linear(64, 512), *BLOCK, nn.Conv2d(8, 8, 3), nn.Conv2d(8, 3, 3)),
     {"latent_shape": (64,), "channels": 3}),
    (nn.ModuleDict({"label_emb": nn.Embedding(10, 6), "net": nn.Sequential(nn.Linear(26, 9), nn.Linear(9, 3 * 32**2))}),
     {"n_classes": 10, "latent_shape": (20,), "channels": 3, "resolution": 32, "layout": "NC"}),
    (nn.ModuleDict({"label_emb": nn.Embedding(10, 26), "net": nn.Linear(26, 784)}),
     {"n_classes": 10, "latent_shape": (26,), "channels": 1, "resolution": 28, "layout": "NC"}),
], ids=["transposed", "transposed then plain", "linear then plain", "classes beside z", "classes times z"])
def test_shapes_say_what_goes_in_and_what_comes_out(here, module, expected):
    torch.save(module.state_dict(), "w.pth")
    found = values(inspect_model("w.pth"))
    always = {"factory": "mymodel:Generator", "latent": "normal", "output_range": (-1.0, 1.0)}
    assert found == {**always, **expected}


def test_a_classifier_is_called_one(here):
    torch.save(nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(8, 10)).state_dict(), "w.pth")
    assert any("looks like a classifier" in note for note in inspect_model("w.pth").notes)


def test_several_sets_that_nobody_knows_are_shown_and_not_chosen_from(here):
    torch.save({"a": nn.Linear(2, 2).state_dict(), "b": nn.Linear(3, 3).state_dict()}, "w.pth")
    found = inspect_model("w.pth")
    assert [weights.at for weights in found.sets] == ["a", "b"]
    assert found.spec is None
    with refused("no-model-file", "choose one with --weights-key"):
        toml_of(found)
    assert inspect_model("w.pth", weights_key="b").spec.weights_key == "b"


class Bomb:
    def __reduce__(self):
        return os.mkdir, ("ran",)


class Net(nn.Linear):
    """Pickled under a name that can be imported."""


@pytest.mark.parametrize(("name", "content", "kind"), [
    ("w.pkl", {"G": Bomb()}, "pickled objects"), ("w.pth", {"G": Bomb()}, "pickled objects"),
    ("module.pth", Net(2, 2), "pickled objects"),
    ("beside.pth", {"state_dict": nn.Linear(2, 2).state_dict(), "callback": Bomb()}, "torch.save"),
])
def test_pickles_are_looked_through_and_not_run(here, name, content, kind):
    if name.endswith("pkl"):
        (here / name).write_bytes(pickle.dumps(content))
    else:
        torch.save(content, name)
    found = inspect_model(name)
    assert found.kind == kind
    assert any(asked.endswith(("mkdir", "Net")) for asked in found.asks_for)
    assert any("--trust-pickle" in note for note in found.notes)
    assert not (here / "ran").exists()


def test_a_program_says_itself_what_it_takes_and_gives(here):
    module = nn.Sequential(nn.Linear(5, 64), nn.Unflatten(1, (8, 8, 1)), nn.Tanh()).eval()
    given = (torch.randn(4, 5),)
    torch.export.save(torch.export.export(module, given, dynamic_shapes=({0: torch.export.Dim("n")},)), "g.pt2")
    found = inspect_model("g.pt2")
    assert found.kind == "torch.export"
    assert found.notes == ("takes input (n, 5) and gives (n, 8, 8, 1)",)
    assert {tensor.name: tensor.shape for tensor in found.sets[0].tensors} == {"0.weight": (64, 5), "0.bias": (64,)}
    save_toml(found, here / "m.toml")
    spec = resolve("m.toml")
    assert (spec.layout, spec.channels) == ("NHWC", 1)
    assert torch.allclose(load(spec).sample(z := load(spec).draws([0, 1], 0)), module(z), atol=1e-6)


def test_a_pipeline_lists_its_parts(here):
    diffusers = pytest.importorskip("diffusers")
    unet = diffusers.UNet2DModel(
        sample_size=8, in_channels=1, out_channels=1, layers_per_block=1, block_out_channels=(8,), norm_num_groups=4,
        down_block_types=("DownBlock2D",), up_block_types=("UpBlock2D",),
    )
    diffusers.DDPMPipeline(unet, diffusers.DDPMScheduler()).save_pretrained("pipe")
    found = inspect_model("pipe")
    assert found.kind == "diffusers pipeline"
    assert found.notes == ("DDPMPipeline of scheduler: diffusers.DDPMScheduler, unet: diffusers.UNet2DModel",)
    assert [(weights.at, weights.numbers) for weights in found.sets] == [("unet", unet.num_parameters())]
    save_toml(found, here / "m.toml")
    assert resolve("m.toml").sha256 == resolve("pipe").sha256


def test_a_pipeline_with_a_tokenizer_is_given_a_list_of_prompts_to_write(here):
    (here / "pipe").mkdir()
    index = {"_class_name": "StableDiffusionPipeline", "tokenizer": ["transformers", "CLIPTokenizer"]}
    (here / "pipe" / "model_index.json").write_text(json.dumps(index))
    text = toml_of(inspect_model("pipe"), here)
    assert '[arguments]\nprompts = "prompts.txt"  # guessed: it has a tokenizer; write one prompt per line' in text
    (here / "m.toml").write_text(text)
    with refused("unreadable-file", "prompts.txt"):
        resolve("m.toml")
    (here / "prompts.txt").write_text("a cat\n")
    assert resolve("m.toml").arguments == {"prompts": str(here / "prompts.txt")}


def test_images_the_zoo_and_model_files_can_be_inspected_too(here):
    write_folder(np.random.default_rng(0).integers(0, 256, (3, 1, 8, 8), np.uint8), here / "a")
    assert (inspect_model("a").kind, inspect_model("a").spec.family) == ("images", "images")
    found = inspect_model("zoo:dcgan-fashion-mnist")
    assert found.sets[0].tensors
    assert found.spec == resolve("zoo:dcgan-fashion-mnist")


@pytest.mark.parametrize(("content", "said"), [
    (b"", ("empty-file",)), (b"<html>", ("web-page",)), (b"hello", ("not-weights",)),
    (b"PK\x03\x04" + bytes(50), ("unreadable-weights", "truncated")),
])
def test_what_is_no_model_is_one_sentence(here, content, said):
    (here / "w.pth").write_bytes(content)
    with refused(*said):
        inspect_model("w.pth")
    with refused("unknown-model"):
        inspect_model(str(Path("nowhere.pth")))
