"""What a model is to be specialised to, and by which recipe."""

from pathlib import Path

import numpy as np
import pytest

from ganbench import Workspace
from ganbench.gan.datasets import DataFolders
from ganbench.gan.datasets.classes import only
from ganbench.gan.images import write_folder
from ganbench.gan.models.images import open_set
from ganbench.gan.models.loading import resolve
from ganbench.gan.question import Training
from ganbench.gan.recipes.planning import plan
from ganbench.gan.recipes.transfer import learnt_by, same_data
from ganbench.gan.specialise.target import design_of, strategies_of, target_of
from tests.refusals import refused


@pytest.fixture
def space(tmp_path):
    return Workspace(str(tmp_path / "home"))


@pytest.fixture
def images(tmp_path):
    """Three groups of flat images, and labels that are others."""
    random = np.random.default_rng(0)
    grey = np.repeat([20, 120, 240], [60, 50, 40])[:, None, None, None] + random.integers(0, 9, (150, 32, 32, 1))
    np.savez(tmp_path / "grey.npz", grey.astype(np.uint8), np.arange(150) % 4)
    return str(tmp_path / "grey.npz")


@pytest.mark.parametrize(("model", "design"), [
    ("dcgan-fashion-mnist", "dcgan"), ("flow-fashion-mnist", "flow"), ("gpt-fashion-mnist", "gpt"),
    ("maskgit-fashion-mnist", "maskgit"), ("r3gan-emoji", "r3gan"), ("wgan-gp-fashion-mnist", "wgan-gp"),
])
def test_a_model_of_the_zoo_goes_on_by_its_own_recipe(model, design, space):
    assert design_of(model, resolve(f"zoo:{model}", space)) == design


def test_images_have_no_recipe(images, space):
    with refused("conflicting-options", "grey.npz"):
        design_of(images, resolve(images, space))


@pytest.mark.parametrize(("model", "data"), [
    ("zoo:dcgan-fashion-mnist", "fashion-mnist:train"), ("zoo:r3gan-emoji-early", "emoji:train")])
def test_the_zoos_models_have_learnt_known_images(model, data):
    assert learnt_by(model) == data


@pytest.mark.parametrize(("model", "data", "same"), [
    ("zoo:r3gan-emoji", "emoji:test", True), ("zoo:r3gan-fashion-mnist", "fashion-mnist:train10k", True),
    ("zoo:r3gan-emoji", "fashion-mnist:test", False), ("mine.safetensors", "fashion-mnist:test", False)])
def test_classes_have_the_same_numbers_in_parts_of_one_data_set(model, data, same):
    assert same_data(model, data) == same


def test_a_model_is_measured_with_images_of_its_data_that_it_has_not_learnt(space, tmp_path):
    found = target_of("zoo:r3gan-fashion-mnist", Training(classes="boot"), 0, tmp_path, space)
    assert (found.training.data, found.training.held_out) == ("fashion-mnist:train", "fashion-mnist:test")
    asked = Training(classes="boot", data="fashion-mnist:test")
    named = target_of("zoo:r3gan-fashion-mnist", asked, 0, tmp_path, space)
    assert named.training.held_out == ""


def test_the_folder_of_a_training_names_its_images(tmp_path):
    (tmp_path / "recipe.toml").write_text('recipe = "r3gan"\ndata = "photos"\n')
    assert learnt_by(str(tmp_path)) == "photos"
    (tmp_path / "mine.toml").write_text('name = "mine"\nabout = "a model"\n')
    assert learnt_by(str(tmp_path / "mine.toml")) == ""


def test_what_a_training_held_out_is_chosen_by_the_names_of_its_classes(space, tmp_path):
    random = np.random.default_rng(6)
    for name in ("bag", "boot", "coat"):
        write_folder(random.integers(0, 256, (30, 1, 32, 32), np.uint8), tmp_path / "garments" / name)
    data = str(tmp_path / "garments")
    folders = DataFolders.of(space)
    plan("r3gan", Training(data=data, budget="2"), tmp_path / "source", folders)
    found = target_of(str(tmp_path / "source"), Training(classes="coat,bag"), 0, tmp_path, space).training
    assert Path(found.data) == tmp_path / "garments"
    learnt = plan("r3gan", found, tmp_path / "next", folders).last.training_set
    assert (learnt.classes, learnt.n, learnt.held_out) == (("bag", "coat"), 60, 12)


def test_scratch_and_finetune_always_run_beside():
    assert strategies_of("") == ["scratch", "finetune", "adapter"]
    assert strategies_of("ewc, finetune") == ["scratch", "finetune", "ewc"]
    with refused("unknown-choice", "lora"):
        strategies_of("adapter,lora")


def test_a_cluster_is_one_group_of_images(images, space, tmp_path):
    sizes = []
    for cluster in (1, 2, 3):
        found = target_of("mine.toml", Training(data=images), cluster, tmp_path, space)
        with np.load(found.training.data) as arrays:
            sizes.append(len(arrays["arr_0"]))
            assert np.ptp(arrays["arr_0"].mean((1, 2, 3))) < 50
        assert (tmp_path / f"cluster-{cluster}.png").exists()
    assert sizes == sorted(sizes, reverse=True)


@pytest.mark.parametrize(("asked", "cluster", "code", "fact"), [
    ({}, 0, "no-training-data", "--classes"), ({"classes": "1"}, 2, "conflicting-options", "--cluster"),
    ({"classes": "1"}, 0, "no-training-data", "mine.toml"),
    ({"data": "x", "start": "y"}, 0, "conflicting-options", "--from"),
])
def test_what_cannot_be_meant_is_told(asked, cluster, code, fact, space, tmp_path):
    with refused(code, fact):
        target_of("mine.toml", Training(**asked), cluster, tmp_path, space)


def test_the_held_out_images_of_a_cluster_are_those_that_belong_to_it(images, space, tmp_path):
    random = np.random.default_rng(5)
    grey = np.repeat([22, 118, 238], 20)[:, None, None, None] + random.integers(0, 9, (60, 32, 32, 1))
    np.savez(tmp_path / "others.npz", grey.astype(np.uint8))
    asked = Training(data=images, held_out=str(tmp_path / "others.npz"))
    found = target_of("mine.toml", asked, 2, tmp_path, space)
    means = [np.load(path)["arr_0"].mean() for path in (found.training.data, found.training.held_out)]
    assert 4 <= len(np.load(found.training.held_out)["arr_0"]) <= 20
    assert abs(means[0] - means[1]) < 10


def test_too_few_held_out_images_of_a_cluster_are_told_where_the_user_named_them(images, space, tmp_path):
    grey = np.arange(16, 26, dtype=np.uint8)[:, None, None, None]
    np.savez(tmp_path / "others.npz", grey.repeat(32, 1).repeat(32, 2))
    asked = Training(data=images, held_out=str(tmp_path / "others.npz"))        # all of them in one cluster
    with refused("too-few-images", "others.npz has 0 images of cluster 3", "at least 4"):
        target_of("mine.toml", asked, 3, tmp_path, space)


def test_few_different_images_have_fewer_clusters(space, tmp_path):
    np.savez(tmp_path / "four.npz", np.repeat(np.arange(4) * 60, 10)[:, None, None, None].repeat(32, 1).repeat(
        32, 2).astype(np.uint8))
    with refused("too-few-images", "cluster 9"):
        target_of("mine.toml", Training(data=str(tmp_path / "four.npz")), 9, tmp_path, space)


@pytest.mark.parametrize("cluster", [11, -1])
def test_there_are_ten_clusters(cluster, images, space, tmp_path):
    with refused("unfit-value", "--cluster"):
        target_of("mine.toml", Training(data=images), cluster, tmp_path, space)


# Classes

def test_classes_are_chosen_by_number_or_name(images, tmp_path, space):
    found = only(open_set(images, DataFolders.of(space)), "3, 1")
    assert set(found.labels) == {1, 3}
    assert found.n == 75
    assert found.digest != only(open_set(images, DataFolders.of(space)), "1").digest
    garments = open_set("fashion-mnist:test", DataFolders.of(space))
    named, numbered = only(garments, "boot,bag"), only(garments, "9,8")
    assert named.digest == numbered.digest
    assert (named.read([0, 1]) == numbered.read([0, 1])).all()


def test_names_that_are_numbers_are_no_positions(tmp_path, space):
    for name in ("10", "20", "3"):
        write_folder(np.full((4, 1, 8, 8), int(name), np.uint8), tmp_path / "digits" / name)
    found = open_set(str(tmp_path / "digits"), DataFolders.of(space))
    assert (only(found, "3").read([0]) == 3).all()
    with refused("unknown-choice", "'0'"):
        only(found, "0")


@pytest.mark.parametrize(("chosen", "fact"), [("7", "'7'"), ("shoe", "'shoe'"), ("", "")])
def test_an_unknown_class_is_named_with_the_known_ones(chosen, fact, images, space):
    found = open_set(images, DataFolders.of(space))
    if not chosen:
        assert only(found, "") is found
        return
    with refused("unknown-choice", fact, "0, 1, 2, 3"):
        only(found, chosen)
