"""MODEL -> ModelSpec -> Generator: every way in, and a sentence for every wrong one."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from ganbench.gan.files import file_digest
from ganbench.gan.generators import GENERATORS
from ganbench.gan.generators.base import Generator
from ganbench.gan.generators.dcgan import DCGAN
from ganbench.gan.images import from_model, write_folder, write_npz
from ganbench.gan.models.loading import load, resolve
from ganbench.gan.models.names import zoo_models
from ganbench.gan.types import Workspace
from tests.refusals import refused

SMALL = {"z_dim": 10, "width": 4, "resolution": 32, "channels": 1}


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


@pytest.fixture
def here(tmp_path):
    return Workspace(home=str(tmp_path / "home"))


def weights(path: Path, **arguments) -> Path:
    state = DCGAN(**(arguments or SMALL)).state_dict()
    torch.save({f"module.{name}": value for name, value in state.items()}, path)
    return path


def make_zoo(folder: Path) -> Path:
    folder.mkdir()
    save_file(DCGAN(**SMALL).state_dict(), folder / "small.safetensors")
    lines = 'family = "dcgan"\nweights = "small.safetensors"\n[arguments]\nz_dim = 10\n[about]\nlicence = "MIT"\n'
    (folder / "small.toml").write_text(lines)
    return folder


# Families

def test_the_tutorials_dcgan_loads_with_the_arguments_that_its_shapes_imply(tmp_path):
    path = weights(tmp_path / "netG.pth", z_dim=100, width=64, resolution=64, channels=3)
    spec = resolve(str(path), family="dcgan")
    assert spec.arguments == {"z_dim": 100, "width": 64, "resolution": 64, "channels": 3}
    assert (spec.name, spec.channels, spec.resolution) == ("netG", 3, 64)
    assert spec.sha256 == file_digest(path)
    generator = load(spec)
    one_by_one = torch.cat([from_model(generator.sample(generator.draws([i], 7)), spec) for i in range(8)])
    together = from_model(generator.sample(generator.draws(range(8), 7)), spec)
    assert together.shape == (8, 3, 64, 64)
    assert torch.equal(one_by_one, together)


def test_a_loaded_model_is_frozen_in_eval_mode_and_keeps_the_callers_randomness(tmp_path):
    spec = resolve(str(weights(tmp_path / "w.pt")), family="dcgan")
    before = torch.get_rng_state()
    generator = load(spec)
    assert torch.equal(before, torch.get_rng_state())
    assert isinstance(generator, DCGAN)
    assert not generator.training
    assert not any(parameter.requires_grad for parameter in generator.parameters())


@pytest.mark.parametrize("family", sorted(GENERATORS))
def test_every_family_is_a_generator_that_says_what_it_is(family):
    row = GENERATORS[family]
    assert row.what
    assert row.paper
    assert row.arguments_of({"fc.weight": torch.zeros(2, 2)}) == {}
    assert isinstance(row.make(), Generator)


def test_a_uniform_latent_reaches_the_family(tmp_path):
    path = weights(tmp_path / "w.pt")
    spec = replace(resolve(str(path), family="dcgan"), latent="uniform")
    assert load(spec).draws(range(100), 0).abs().max() <= 1


def test_weights_alone_are_told_which_family_fits(tmp_path):
    with refused("needs-family", "--family dcgan"):
        resolve(str(weights(tmp_path / "w.pt")))


def test_weights_of_an_unknown_kind_ask_for_family_or_factory(tmp_path):
    torch.save(nn.Linear(3, 3).state_dict(), tmp_path / "w.pt")
    with refused("needs-family", "--family (dcgan", "--factory module:callable"):
        resolve(str(tmp_path / "w.pt"))


def test_a_classifier_is_refused_as_a_classifier(tmp_path):
    classifier = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(8, 10))
    torch.save(classifier.state_dict(), tmp_path / "w.pt")
    with refused("needs-family", "classifier"):
        resolve(str(tmp_path / "w.pt"))


@pytest.mark.parametrize(("options", "said"), [
    ({"family": "biggan"}, ("unknown-family", "biggan", "dcgan", "pipeline")),
    ({"arguments": {"width": 8}},
     ("weights-do-not-fit", "dcgan", "main.0.weight is (10, 16, 4, 4), expected (10, 32, 4, 4)")),
    ({"arguments": {"widht": 8}}, ("unknown-argument", "widht", "z_dim, width")),
    ({"arguments": {"width": "8"}}, ("unfit-value", "width", 8, 64)),
    ({"arguments": {"width": 0}}, ("unfit-value", "width", 0)),
    ({"arguments": {"width": -3}}, ("unfit-value", "width = -3")),
    ({"arguments": {"width": 10**6}},
     ("weights-do-not-fit", "dcgan")),      # refused from its shapes, without the memory
    ({"weights_key": "ema"}, ("unknown-weights-key", "ema", "the top level")),
])
def test_options_that_do_not_fit_are_sentences(tmp_path, options, said):
    with refused(*said):
        resolve(str(weights(tmp_path / "w.pt")), **{"family": "dcgan", **options})


def test_the_place_in_the_file_is_noted(tmp_path):
    state = DCGAN(**SMALL).state_dict()
    torch.save({"generator": state, "ema": state}, tmp_path / "w.pt")
    assert resolve(str(tmp_path / "w.pt"), family="dcgan").weights_key == "ema"


def test_a_pickled_model_needs_trust(tmp_path):
    torch.save(DCGAN(**SMALL), tmp_path / "w.pt")
    with refused("untrusted-code", "--trust-pickle"):
        resolve(str(tmp_path / "w.pt"), family="dcgan")
    spec = resolve(str(tmp_path / "w.pt"), Workspace(trust_pickle=True), family="dcgan")
    assert load(spec, trust_pickle=True).draws([0], 0).shape == (1, 10)


def test_weights_that_changed_since_are_refused(tmp_path):
    path = weights(tmp_path / "w.pt")
    spec = resolve(str(path), family="dcgan")
    torch.manual_seed(1)
    weights(path)
    with refused("wrong-digest", file_digest(path), spec.sha256):
        load(spec)


# The zoo

def test_a_zoo_model_loads_by_name(tmp_path):
    zoo = make_zoo(tmp_path / "zoo")
    spec = resolve("zoo:small", zoo=zoo)
    assert spec.arguments == SMALL
    assert load(spec).draws([0], 0).shape == (1, 10)
    assert [model.name for model in zoo_models(zoo)] == ["small"]


def test_an_unknown_zoo_model_lists_what_is_there(tmp_path):
    with refused("unknown-model", "big", "small"):
        resolve("zoo:big", zoo=make_zoo(tmp_path / "zoo"))


def test_what_is_not_there_says_what_would_be(tmp_path):
    with refused("unknown-model", "nothing.pt", "zoo:NAME (`ganbench models` lists them)"):
        resolve("nothing.pt", zoo=make_zoo(tmp_path / "zoo"))
    with refused("unknown-model", "did you mean zoo:small?"):
        resolve("zoo-small", zoo=make_zoo(tmp_path / "other"))


def test_single_images_and_statistics_are_no_models(tmp_path, here):
    write_folder(np.zeros((1, 1, 8, 8), np.uint8), tmp_path / "a")
    with refused("single-image"):
        resolve(str(tmp_path / "a" / "000000.png"), here)
    np.savez(tmp_path / "s.npz", mu=np.zeros(2), sigma=np.eye(2))
    with refused("statistics-not-images"):
        resolve(str(tmp_path / "s.npz"), here)


def test_an_archive_of_images_and_a_data_set_are_models_too(tmp_path, here):
    pixels = np.random.default_rng(0).integers(0, 256, (4, 1, 8, 8), np.uint8)
    write_npz(tmp_path / "a.npz", pixels)
    spec = resolve(str(tmp_path / "a.npz"), here)
    assert (spec.family, spec.channels, spec.resolution) == ("images", 1, 8)
    assert resolve("fashion-mnist:test", here).name == "fashion-mnist:test"
    with refused("unknown-data"):
        resolve("zoo:small", here, data=True)
