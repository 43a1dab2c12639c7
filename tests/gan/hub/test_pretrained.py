"""A published generator is the one that was published: weights, images and mode, here and with the Hub's class."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from ganbench.gan.drawing import draw
from ganbench.gan.hub.pretrained import WEIGHTS, Pretrained
from ganbench.gan.models.loading import resolve
from ganbench.gan.sampling import generator_of
from tests.refusals import refused

MODELS = ("dcgan-fashion-mnist", "r3gan-fashion-mnist")


@pytest.fixture(params=MODELS)
def opened(request, workspace):
    spec = resolve(f"zoo:{request.param}", workspace)
    return spec, generator_of(spec, workspace)


@pytest.fixture
def folder(opened, tmp_path):
    """As `save_pretrained` writes it."""
    spec, generator = opened
    model = Pretrained(spec.family, dict(spec.arguments), spec.output_range)
    model.generator.load_state_dict(generator.state_dict())
    model.save_pretrained(tmp_path / "published")
    return tmp_path / "published"


def test_a_saved_model_loads_with_the_very_weights_and_images(opened, folder, workspace):
    spec, generator = opened
    again = Pretrained.from_pretrained(folder)
    for name, value in generator.state_dict().items():
        assert torch.equal(again.generator.state_dict()[name], value), name
    assert (again.images(8, seed=3) == draw(generator, spec, 3, 0, 8)["images"]).all()


def test_it_is_in_eval_mode_and_frozen_and_stays_so_for_one_image(folder):
    model = Pretrained.from_pretrained(folder)
    assert not any(module.training for module in model.modules())
    assert not any(weight.requires_grad for weight in model.parameters())
    assert (model.images(4)[:1] == model.images(1)).all()       # BatchNorm of a batch would differ


def test_the_folder_holds_no_pickle_and_what_it_needs(folder, opened):
    spec, _ = opened
    assert sorted(path.name for path in folder.iterdir() if path.name != "README.md") == ["config.json", WEIGHTS]
    config = json.loads((folder / "config.json").read_text())
    assert (config["family"], config["arguments"]) == (spec.family, dict(spec.arguments))
    assert not any(name.startswith("generator.") for name in load_file(folder / WEIGHTS))       # as `evaluate` reads it


def test_the_same_folder_is_a_model_of_the_command_line(folder, opened, workspace):
    spec, generator = opened
    found = resolve(str(folder), workspace)
    assert (found.family, found.arguments) == (spec.family, spec.arguments)
    images = draw(generator_of(found, workspace), found, 3, 0, 4)["images"]
    assert (images == draw(generator, spec, 3, 0, 4)["images"]).all()


def test_images_of_one_class_are_those_of_that_class(workspace):
    spec = resolve("zoo:r3gan-fashion-mnist", workspace)
    generator = generator_of(spec, workspace)
    model = Pretrained(spec.family, dict(spec.arguments))
    model.generator.load_state_dict(generator.state_dict())
    assert not np.array_equal(model.images(2, label=1), model.images(2, label=8))


def test_a_family_that_is_not_known_is_refused():
    with refused("unknown-family", "biggan", "dcgan"):
        Pretrained("biggan")
