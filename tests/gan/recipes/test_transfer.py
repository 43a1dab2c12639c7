"""A training that begins with another model: every strategy on small trainings for real, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from ganbench import Workspace
from ganbench.gan.datasets import DataFolders
from ganbench.gan.question import Training
from ganbench.gan.recipes.planning import plan
from ganbench.gan.recipes.running import conclude, train_stage
from ganbench.gan.recipes.transfer import CRITIC, WEIGHTS
from tests.refusals import refused

KINDS = ("r3gan", "flow", "gpt")


def saved(path, n=60, channels=1, classes=0, seed=0):
    random = np.random.default_rng(seed)
    images = random.integers(0, 256, (n, 32, 1, channels), np.uint8).repeat(32, 2)
    np.savez(path, images, *([np.arange(n) % classes] if classes else []))
    return str(path)


def planned(place, name, folder, **asked):
    asked = {"data": str(place / "mine.npz"), "budget": "3", "threads": 1} | asked
    home = Workspace(str(place / "home"))
    return plan(name, Training(**asked), place / folder, DataFolders(None, place), "cpu", home)


def trained(place, name, folder, **asked):
    found = planned(place, name, folder, **asked)
    for stage in found.stages:
        list(train_stage(stage, DataFolders(None, place)))
    conclude(found.last, Workspace(str(place / "home")))
    return found


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Trainings of every kind on images of three classes, a few steps long."""
    folder = tmp_path_factory.mktemp("transfer")
    saved(folder / "mine.npz", classes=3)
    for name in KINDS:
        trained(folder, name, name)
    saved(folder / "few.npz", n=12, classes=2, seed=1)
    saved(folder / "others.npz", n=20, classes=2, seed=2)
    saved(folder / "colour.npz", channels=3, seed=3)
    return folder


@pytest.mark.long
@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("strategy", ["finetune", "freezed", "ewc", "adapter"])
def test_every_strategy_learns_few_images_of_other_classes(name, strategy, place):
    if strategy == "freezed" and name != "r3gan":
        with refused("conflicting-options", "critic"):
            planned(place, name, "refused", start=str(place / name), strategy=strategy)
        return
    found = trained(place, name, f"{name} {strategy}", start=str(place / name), strategy=strategy,
                    data=str(place / "few.npz"), held_out=str(place / "others.npz"))
    assert found.taken.share > 0.9
    assert found.last.recipe.arguments["n_classes"] == 2
    assert len(found.stages) == 1                           # a transformer keeps its tokenizer
    weights = load_file(found.last.folder / "step-3.safetensors")
    assert all(value.isfinite().all() for value in weights.values() if value.is_floating_point())


@pytest.mark.long
def test_a_training_under_a_strategy_goes_on_to_the_same_weights(place):
    for strategy in ("freezed", "ewc", "adapter"):
        asked = {"start": str(place / "r3gan"), "strategy": strategy, "budget": "6"}
        whole = trained(place, "r3gan", f"whole {strategy}", **asked)
        found = planned(place, "r3gan", f"stopped {strategy}", **asked)
        first = train_stage(found.last, DataFolders(None, place))
        for _ in range(3):
            next(first)
        first.close()
        trained(place, "r3gan", f"stopped {strategy}", **asked)
        ours, theirs = (load_file(one.last.folder / "step-6.safetensors") for one in (found, whole))
        assert all(torch.equal(ours[key], theirs[key]) for key in theirs), strategy


@pytest.mark.long
def test_colours_and_classes_may_be_others(place):
    found = trained(place, "r3gan", "colour", start=str(place / "r3gan"), data=str(place / "colour.npz"))
    assert (found.last.recipe.arguments["channels"], found.last.recipe.arguments["n_classes"]) == (3, 0)
    assert "image.weight" in found.taken.remade
    assert found.taken.share > 0.9


@pytest.mark.long
def test_a_larger_network_begins_with_what_it_shares_with_a_smaller_one(place):
    found = planned(place, "r3gan", "larger", start=str(place / "r3gan"), resolution=64)
    assert found.last.recipe.arguments["widths"] == [384, 128, 64, 32]
    assert 0.5 < found.taken.share < 1
    assert "stages.3.0.first.weight" in found.taken.fresh


@pytest.mark.long
def test_a_model_without_its_critic_begins_with_the_critic_alone(place):
    found = planned(place, "r3gan", "alone", start=str(place / "r3gan" / "last.toml"), budget="10")
    assert (place / "alone" / WEIGHTS).exists()
    assert not (place / "alone" / CRITIC).exists()
    before = load_file(place / "alone" / WEIGHTS)
    task = found.last.recipe.make(found.last.recipe, found.last.folder)
    assert task.alone == 2
    assert all(torch.equal(value, before[name]) for name, value in task.generator.state_dict().items())


@pytest.mark.long
@pytest.mark.parametrize(("name", "asked", "code", "fact"), [
    ("dcgan", {}, "conflicting-options", "r3gan"), ("r3gan", {"strategy": "lora"}, "unknown-choice", "adapter"),
    ("r3gan", {"strategy": "ewc", "start": "last.toml"}, "conflicting-options", "critic"),
    ("r3gan", {"start": "", "strategy": "ewc"}, "conflicting-options", "--from"),
    ("r3gan", {"data": "few.npz"}, "no-held-out-images", "--held-out"),
])
def test_what_cannot_be_meant_is_refused(name, asked, code, fact, place):
    start = str(place / "r3gan" / asked.get("start", "")) if asked.get("start") != "" else ""
    data = str(place / asked.get("data", "mine.npz"))
    with refused(code, fact):
        planned(place, name, f"refused {code} {name}", **(asked | {"start": start, "data": data}))


def test_a_strategy_belongs_to_a_recipe():
    from ganbench.gan.recipes import RECIPES

    assert {replace(row).strategy for row in RECIPES.values()} == {""}


@pytest.mark.long
def test_images_become_as_large_as_the_network_that_it_begins_with(place):
    random = np.random.default_rng(4)
    np.savez(place / "large.npz", random.integers(0, 256, (60, 64, 1, 1), np.uint8).repeat(64, 2))
    np.savez(place / "small.npz", random.integers(0, 256, (60, 28, 1, 1), np.uint8).repeat(28, 2))
    large, small, asked = (
        planned(place, "r3gan", f"fitted {k}", start=start and str(place / start), data=str(place / f"{size}.npz"))
        for k, (size, start) in enumerate((("large", "r3gan"), ("small", "r3gan"), ("large", ""))))
    assert (large.last.training_set.resolution, large.taken.share) == (32, 1)
    assert (small.last.training_set.resolution, small.last.training_set.side) == (28, 32)
    assert asked.last.training_set.resolution == 64
