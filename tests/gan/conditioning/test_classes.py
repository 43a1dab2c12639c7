"""Three parts of labelled images that share none; classes by name and number; what cannot be used."""

import numpy as np
import pytest

from ganbench.gan.conditioning.classes import (
    GUIDE,
    HELD_OUT,
    JUDGE,
    class_named,
    part,
    real_images,
    sides_of,
)
from ganbench.gan.datasets import DataFolders
from ganbench.gan.datasets.base import of_array
from ganbench.gan.images import write_npz
from tests.refusals import refused

SHAPE = (1, 8, 8)


@pytest.fixture
def folders(tmp_path):
    return DataFolders(None, tmp_path / "cache")


def images(n, seed=0, side=8, channels=1):
    return np.random.default_rng(seed).integers(0, 256, (n, channels, side, side), np.uint8)


def data(tmp_path, counts, names=(), **how):
    labels = np.repeat(np.arange(len(counts)), counts)
    write_npz(tmp_path / "data.npz", images(len(labels), **how), labels.tolist(), names)
    return str(tmp_path / "data.npz")


def contents(found):
    return {image.tobytes() for image in found.read(range(found.n))}


def test_the_parts_share_no_image_and_hold_two_two_and_one_fifth_of_each_class(tmp_path, folders):
    real = real_images(data(tmp_path, [50, 100, 200]), SHAPE, folders, "toy")
    parts = [contents(found) for found in (real.guide, real.judge, real.held_out)]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 350
    for found, shares in ((real.guide, (20, 40, 80)), (real.judge, (20, 40, 80)), (real.held_out, (10, 20, 40))):
        assert np.bincount(found.labels).tolist() == list(shares)


def test_labels_stay_with_their_images(tmp_path, folders):
    path = data(tmp_path, [60, 60])
    first = {image.tobytes() for image in images(120)[:60]}
    real = real_images(path, SHAPE, folders, "toy")
    for found in (real.guide, real.judge, real.held_out):
        for label, image in zip(found.labels, found.read(range(found.n)), strict=True):
            assert (image.tobytes() in first) == (label == 0)


def test_copies_of_an_image_are_on_one_side_whatever_their_labels():
    prints = [bytes([k % 40]) for k in range(200)]
    sides = sides_of(prints, np.arange(200) // 100)
    assert len(np.unique(sides)) == 3
    assert all(len({side for one, side in zip(prints, sides, strict=True) if one == mine}) == 1 for mine in set(prints))


def test_the_order_of_the_files_changes_no_side():
    prints = [bytes([k]) for k in range(100)]
    sides = sides_of(prints, np.arange(100) % 2)
    order = np.random.default_rng(0).permutation(100)
    np.testing.assert_array_equal(sides_of([prints[i] for i in order], order % 2), sides[order])
    assert np.bincount(sides).tolist() == [40, 40, 20]
    assert (GUIDE, JUDGE, HELD_OUT) == (0, 1, 2)


def test_of_many_images_a_part_holds_so_many_of_each_class():
    whole = of_array("a", images(90), np.arange(90) % 3)
    found = part(whole, np.arange(90), 5)
    assert np.bincount(found.labels).tolist() == [5, 5, 5]
    np.testing.assert_array_equal(found.labels, np.array([whole.labels[i] for i in found.rows.chosen]))
    assert found.digest != part(whole, np.arange(90), 6).digest


def test_fashion_mnist_brings_its_judge_and_images_that_it_has_not_learnt(folders):
    real = real_images("", (1, 32, 32), folders, "toy")
    assert real.judge is None
    assert (real.guide.name, real.held_out.name) == ("fashion-mnist:train10k", "fashion-mnist:test")
    assert real_images("fashion-mnist:train", (1, 32, 32), folders, "toy").guide.digest == real.guide.digest


@pytest.mark.parametrize("asked", ["boot", "BOOT", "Ankle boot", "ankle boot", "9", " boot "])
def test_a_class_has_its_name_its_published_name_and_its_number(asked, folders):
    assert class_named(asked, real_images("", (1, 32, 32), folders, "toy")) == 9


def test_names_are_those_of_the_data(tmp_path, folders):
    real = real_images(data(tmp_path, [20, 20], ("Katze", "Hund")), SHAPE, folders, "toy")
    assert [class_named(name, real) for name in ("katze", "Hund", "0", "1")] == [0, 1, 0, 1]
    for asked in ("boot", "2", "-1", ""):
        with refused("unknown-choice", "'Katze'"):
            class_named(asked, real)


def test_a_class_without_images_keeps_its_number(tmp_path, folders):
    labels = np.repeat([1, 3], 20)
    write_npz(tmp_path / "gap.npz", images(40), labels.tolist())
    real = real_images(str(tmp_path / "gap.npz"), SHAPE, folders, "toy")
    assert class_named("3", real) == 3
    with refused("unknown-choice", "'2'"):
        class_named("2", real)
    write_npz(tmp_path / "gap.npz", images(40, seed=1), labels.tolist(), ("a", "b", "c", "d"))
    with refused("unknown-choice", "'c'"):
        class_named("c", real_images(str(tmp_path / "gap.npz"), SHAPE, folders, "toy"))


@pytest.mark.parametrize(("counts", "code", "fact"), [
    ([20, 9], "too-few-images", 9), ([40], "missing-labels", 2),
])
def test_too_little_to_tell_classes_apart_is_told(tmp_path, folders, counts, code, fact):
    with refused(code, fact):
        real_images(data(tmp_path, counts), SHAPE, folders, "toy")


def test_images_without_labels_are_told(noise, folders):
    with refused("missing-labels", "plain.npz"):
        real_images(str(noise("plain.npz", 40)), SHAPE, folders, "toy")


def test_images_of_another_size_become_as_large_as_the_models(tmp_path, folders):
    real = real_images(data(tmp_path, [20, 20], side=12), SHAPE, folders, "toy")
    assert real.shape == SHAPE


def test_other_colours_and_another_size_than_the_judges_are_told(tmp_path, folders):
    with refused("unequal-sizes", "toy", "3 channels"):
        real_images(data(tmp_path, [20, 20], channels=3), SHAPE, folders, "toy")
    with refused("unequal-sizes", "64x64", "--data"):
        real_images("", (3, 64, 64), folders, "toy")
