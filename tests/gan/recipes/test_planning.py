"""What `ganbench train` is to do: recipe files, folders of trainings, and what does not fit together."""

import tomllib
from dataclasses import replace

import numpy as np
import pytest

from ganbench.gan.datasets import DataFolders
from ganbench.gan.question import Training
from ganbench.gan.recipes.planning import default_folder, default_name, plan
from ganbench.gan.training.loop import keep
from tests.refusals import refused


@pytest.fixture
def place(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (80, 28, 28, 1), np.uint8)
    np.savez(tmp_path / "mine.npz", images, np.arange(80) % 4)
    return tmp_path


def planned(place, recipe="r3gan", folder="run", **asked):
    asked = {"data": str(place / "mine.npz"), "budget": "20"} | asked
    return plan(str(recipe), Training(**asked), place / folder, DataFolders(None, place))


def begun(place, folder="run", steps=10):
    keep(place / folder, {}, steps, 1.0)


def test_the_folder_has_a_recipe_file_that_plans_the_same(place):
    first = planned(place, batch=16, augment="ada")
    again = plan(str(place / "run" / "recipe.toml"), Training(), place / "copy", DataFolders(None, place))
    assert again.recipe == first.recipe == "r3gan"
    assert replace(again.last.recipe, data="") == replace(first.last.recipe, data="")
    assert again.training == first.training


def test_the_folder_of_a_training_goes_on_without_its_images(place):
    first = planned(place)
    begun(place)
    (place / "mine.npz").unlink()
    again = plan(str(place / "run"), Training(budget="40"), place / "run", DataFolders(None, place))
    assert (again.last.recipe.schedule.steps, again.last.training_set) == (40, first.last.training_set)


def test_a_recipe_file_may_say_other_than_the_rule(place):
    (place / "mine.toml").write_text(
        'recipe = "r3gan"\ndata = "mine.npz"\nbudget = "30"\n[arguments]\nz_dim = 16\n[schedule]\nrate = 0.001\n'
        "[settings]\nr1 = 2.0\n[about]\nanything = 1\n")
    found = plan(str(place / "mine.toml"), Training(), place / "run", DataFolders(None, place)).last.recipe
    assert (found.arguments["z_dim"], found.schedule.rate, found.schedule.steps) == (16, 0.001, 30)
    assert (found.settings["r1"], found.settings["loss"]) == (2.0, "relativistic")
    assert tomllib.loads((place / "run" / "recipe.toml").read_text())["settings"] == {"r1": 2.0}


def test_a_transformer_has_a_tokenizer_before_it(place):
    tokenizer, writer = planned(place, "gpt").stages
    assert (tokenizer.folder, writer.folder) == (place / "run" / "tokenizer", place / "run")
    assert tokenizer.images == writer.images == place / "run" / "images"
    assert tokenizer.recipe.arguments["resolution"] == writer.recipe.arguments["resolution"] == 32


def test_a_shipped_recipe_on_other_images_is_one_of_its_kind(place):
    assert planned(place, "flow-fashion-mnist").recipe == "flow"
    assert planned(place, "r3gan-emoji").recipe == "r3gan"
    with refused("unknown-recipe", "dcgan"):
        planned(place, "judge-fashion-mnist")


@pytest.mark.parametrize(("text", "code", "fact"), [
    ("recipe = 3", "unfit-value", "3"), ('recipe = "r3gan"\nbudgets = "3"', "unknown-field", "budget"),
    ('recipe = "biggan"', "unknown-recipe", "biggan"), ("[arguments]", "unknown-recipe", "dcgan"),
    ('recipe = "dcgan"\n[arguments]\nwidhts = 3', "unknown-field", "arguments.widths"),
    ('recipe = "dcgan"\n[schedule]\nlr = 3', "unknown-field", "schedule.rate"),
    ('recipe = "dcgan"\nbatch = true', "unfit-value", "batch"), ("recipe = ", "unusable-config", "TOML"),
])
def test_a_recipe_file_that_cannot_be_meant_is_refused(text, code, fact, place):
    (place / "mine.toml").write_text(text)
    with refused(code, fact):
        planned(place, place / "mine.toml")
    assert not (place / "run").exists()


@pytest.mark.parametrize("recipe", ["biggan", "nowhere.toml", "mine.npz"])
def test_an_unknown_recipe_is_refused_with_those_that_are_known(recipe, place):
    with refused("unknown-recipe", "maskgit"):
        planned(place, place / recipe if "." in recipe else recipe)


def test_a_recipe_for_own_images_needs_them(place):
    with refused("no-training-data", "--data"):
        planned(place, data="")


def test_a_shipped_recipe_takes_no_options_of_own_images(place):
    with refused("conflicting-options", "--resolution"):
        plan("dcgan-fashion-mnist", Training(resolution=32), place / "run", DataFolders(None, place))
    with refused("unfit-value", "2h"):
        plan("dcgan-fashion-mnist", Training(budget="2h"), place / "run", DataFolders(None, place))


@pytest.mark.parametrize(("recipe", "changed"), [("dcgan", {}), ("r3gan", {"batch": 8}), ("r3gan", {"seed": 1}),
                                                 ("r3gan", {"no_classes": True})])
def test_a_training_that_has_begun_does_not_become_another_one(recipe, changed, place):
    planned(place)
    begun(place)
    with refused("another-training"):
        planned(place, recipe, **changed)
    planned(place, budget="50", patience=0)                 # but may be a longer one


def test_a_training_that_goes_on_stays_in_its_folder(place):
    planned(place)
    assert default_folder(str(place / "run"), Training(), place) == place / "run"
    assert default_folder("r3gan", Training(data="cats"), place) == place / "r3gan-cats"


def test_names_of_folders(place):
    assert default_name("r3gan", Training(data="photos/cats")) == "r3gan-cats"
    assert default_name("my/recipe.toml", Training()) == "recipe"
    assert default_name("gpt", Training(data="emoji:train")) == "gpt-emoji-train"


def test_before_a_training_has_begun_its_images_may_be_read_in_another_way(place):
    assert planned(place).last.training_set.classes
    assert not planned(place, no_classes=True).last.training_set.classes
    assert planned(place, held_out="50%").last.training_set.held_out == 40


def test_the_recipe_file_says_what_was_decided(place):
    made = planned(place).last.recipe
    about = tomllib.loads((place / "run" / "recipe.toml").read_text())["about"]
    assert about["arguments"] == made.arguments
    assert (about["schedule"]["batch"], about["settings"]["r1"]) == (made.schedule.batch, made.settings["r1"])


def test_a_training_that_has_begun_does_not_take_other_tables_of_its_recipe_file(place):
    (place / "mine.toml").write_text('recipe = "r3gan"\n[schedule]\nrate = 0.001\n')
    planned(place, place / "mine.toml")
    begun(place)
    (place / "mine.toml").write_text('recipe = "r3gan"\n[schedule]\nrate = 0.002\n')
    with refused("another-training", "schedule"):
        planned(place, place / "mine.toml")
