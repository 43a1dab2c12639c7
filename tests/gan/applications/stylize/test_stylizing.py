"""From names to numbers: critics of trainings, classes of files, what is written and what is said of it."""

import json
import math

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from ganbench.gan.applications.stylize.measuring import measured
from ganbench.gan.applications.stylize.networks import Eyes, of_filters
from ganbench.gan.applications.stylize.pictures import Picture
from ganbench.gan.applications.stylize.stylizing import (
    classes_in,
    critic_of,
    facts_of,
    stylize,
    with_label,
)
from ganbench.gan.datasets import DataFolders, open_data
from ganbench.gan.features.extract import extractor_of
from ganbench.gan.generators import r3gan
from ganbench.gan.models.loading import resolve
from ganbench.gan.question import Opening, Styling
from tests.refusals import refused

EYES = Eyes("filters", of_filters)


def quiet(*progress):
    """No bars."""


def flat(*levels, side=16):
    return np.stack([np.full((1, side, side), level, np.uint8) for level in levels])


def training(folder):
    """The folder of a training of a small R3GAN, with its critic."""
    torch.manual_seed(0)
    arguments = {"widths": [16, 16, 16], "group": 16, "channels": 1, "z_dim": 8}
    state = r3gan.R3GAN(**arguments).state_dict()
    save_file({name: value.contiguous() for name, value in state.items()}, folder / "step-1.safetensors")
    (folder / "last.toml").write_text(
        'family = "r3gan"\nweights = "step-1.safetensors"\n[arguments]\nwidths = [16, 16, 16]\ngroup = 16\n'
        "channels = 1\nz_dim = 8\n")
    critic = r3gan.Discriminator(widths=[16, 16, 16], group=16, channels=1)
    torch.save({"discriminator": critic.state_dict(), "step": 1, "seconds": 1.0}, folder / "state.pt")
    return critic


def test_the_folder_of_a_training_brings_its_own_critic(tmp_path, workspace):
    critic = training(tmp_path)
    found = critic_of(str(tmp_path), resolve(str(tmp_path / "last.toml"), workspace))
    for name, value in critic.state_dict().items():
        assert torch.equal(found.state_dict()[name], value)
    made = stylize(quiet, str(tmp_path), None, Styling("0:0", "0:1", "1", steps=2), Opening(), workspace)
    assert (made.optimiser, made.judge) == ("critic, filters, random", "judge")
    assert made.found.left < 1
    assert critic_of(str(tmp_path / "last.toml"), resolve(str(tmp_path / "last.toml"), workspace)) is None


def test_the_way_to_the_style_is_monotone_halved_or_neither():
    grey = lambda *levels: measured(flat(*levels), (0, 0.5, 1), flat(10)[0], flat(110)[0], EYES)    # noqa: E731
    down, back = grey(10, 60, 85), grey(10, 85, 60)
    assert (down.monotone, back.monotone) == (True, False)
    assert down.left == pytest.approx(0.25, abs=0.01)       # flat images: means alone differ
    assert back.left == pytest.approx(0.5, abs=0.01)
    assert [step.unchanged for step in grey(10, 11, 12).steps] == [True, True, False]
    assert down.steps[0].decibels == math.inf
    assert down.steps[1].decibels == pytest.approx(20 * math.log10(255 / 50))
    assert down.kept is None


def test_the_class_counts_as_kept_if_it_is_that_of_the_content_itself(workspace):
    """And not that of strength 0, where an inversion may have lost it."""
    data = open_data("fashion-mnist:test", DataFolders.of(workspace))
    bag, trouser = (data.read([int(np.flatnonzero(data.labels == label)[0])])[0] for label in (8, 1))
    judge = extractor_of("judge", workspace)
    for images, kept in (((bag, trouser), True), ((trouser, bag), False)):
        found = measured(np.stack([*images[:1], images[1]]), (0, 1), trouser, bag, EYES, classifier=judge)
        assert found.kept == kept
        assert found.label == 1


def test_the_judge_tells_the_class_of_a_file_where_nobody_does(workspace):
    data, judge = open_data("fashion-mnist:test", DataFolders.of(workspace)), extractor_of("judge", workspace)
    trouser = Picture("a.png", data.read([int(np.flatnonzero(data.labels == 1)[0])])[0])

    class Model:
        n_classes = 10

    assert with_label(trouser, None, Model, judge).label == 1
    assert with_label(trouser, 7, Model, judge).label == 7
    assert with_label(trouser, None, Model, None).label is None
    Model.n_classes = 3
    assert with_label(trouser, None, Model, judge).label is None


def test_classes_are_those_of_content_and_style():
    assert classes_in("", 0, "m") == (None, None)
    assert classes_in("3", 10, "m") == (3, 3)
    assert classes_in("3,8", 10, "m") == (3, 8)
    for text in ("1,2,3", "10"):
        with refused("unfit-value", text, 9):
            classes_in(text, 10, "m")
    with refused("missing-labels", "m"):
        classes_in("1", 0, "m")


def test_numbers_are_json_without_infinity(tmp_path, workspace, tiny):
    made = stylize(quiet, str(tiny), tmp_path / "a", Styling("0:0", "0:0", "1", network="filters", steps=1),
                   Opening("dcgan"), workspace)
    text = (tmp_path / "a" / "numbers.json").read_text()
    assert json.loads(text) == json.loads(json.dumps(facts_of(made), allow_nan=False))
    assert made.found.unchanged
    assert made.elsewhere.drift == 0


@pytest.mark.parametrize("options", [
    {"method": "tuning"}, {"method": "statistics"}, {"method": "statistics", "learn": "latent"}])
def test_a_file_in_its_own_style_is_what_the_model_makes_of_it_at_every_strength(options, tmp_path, workspace, tiny):
    image = str(tmp_path / "photo.png")
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (32, 32), np.uint8)).save(image)
    made = stylize(quiet, str(tiny), None, Styling(image, image, "0,0.5,1", network="filters", steps=2, **options),
                   Opening("dcgan"), workspace)
    assert (made.images == made.images[0]).all()
    assert made.found.unchanged
