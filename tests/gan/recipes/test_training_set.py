"""A user's images before a training: sizes, classes, what is held out, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganbench.gan.datasets import DataFolders
from ganbench.gan.recipes.training_set import ReadingOptions, batch_in, prepare, resolution_of, side_for
from ganbench.gan.report.document import said_of_data
from tests.refusals import refused

FOLDERS = DataFolders(None, Path("nowhere"))


def pictures(n, side=28, channels=1, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, side, side, channels), np.uint8)


def saved(path, images, labels=None):
    np.savez(path, images, *([] if labels is None else [np.asarray(labels)]))
    return str(path)


def prepared(tmp_path, images, labels=None, **wanted):
    data = saved(tmp_path / "mine.npz", images, labels)
    return prepare(ReadingOptions(data, **wanted), FOLDERS, tmp_path / "images")


def held_out(tmp_path):
    with np.load(tmp_path / "images" / "held-out.npz") as arrays:
        return arrays["arr_0"], arrays.get("arr_1")


def test_training_and_held_out_images_are_all_of_them_and_share_none(tmp_path):
    images, labels = pictures(100), np.repeat([3, 7], [30, 70])
    found = prepared(tmp_path, images, labels)
    mine, (away, away_labels) = batch_in(tmp_path / "images"), held_out(tmp_path)
    assert (found.n, found.held_out) == (80, 20)
    assert (found.channels, found.resolution, found.side, found.crop) == (1, 28, 32, 28)
    learnt = mine.images.numpy()[:, 0, 2:30, 2:30]
    assert not mine.images[:, :, :2].any()                  # zeros around the 28 pixels
    both = {image.tobytes() for image in learnt} | {image[..., 0].tobytes() for image in away}
    assert both == {image[..., 0].tobytes() for image in images}
    known = {image.tobytes(): label for image, label in zip(images, labels, strict=True)}
    names = dict(enumerate(found.classes))
    assert found.classes == ("3", "7")
    assert [names[k] for k in away_labels] == [str(known[image.tobytes()]) for image in away]
    assert found.counts == tuple(np.bincount(mine.labels.numpy()).tolist())
    assert sum(found.shares) == pytest.approx(1)


def test_what_is_held_out_does_not_depend_on_the_order_of_the_images(tmp_path):
    images = pictures(60)
    first = prepare(ReadingOptions(saved(tmp_path / "a.npz", images)), FOLDERS, tmp_path / "images")
    ours, _ = held_out(tmp_path)
    prepare(ReadingOptions(saved(tmp_path / "b.npz", images[::-1])), FOLDERS, tmp_path / "other" / "images")
    theirs, _ = held_out(tmp_path / "other")
    assert first.held_out == 12
    assert {image.tobytes() for image in ours} == {image.tobytes() for image in theirs}


def test_copies_of_an_image_are_on_one_side_and_counted(tmp_path):
    images = np.concatenate([pictures(60)] * 2)
    found = prepared(tmp_path, images)
    learnt, (away, _) = batch_in(tmp_path / "images").images.numpy(), held_out(tmp_path)
    assert found.repeated == 60
    cropped = {image[0, 2:30, 2:30].tobytes() for image in learnt}
    assert not cropped & {image[..., 0].tobytes() for image in away}


def test_a_folder_of_photographs_of_many_sizes_becomes_squares(tmp_path):
    folder = tmp_path / "photographs"
    folder.mkdir()
    random = np.random.default_rng(0)
    for k in range(60):
        width, height = random.integers(40, 90, 2)
        Image.fromarray(random.integers(0, 256, (height, width, 3), np.uint8)).save(folder / f"{k}.png")
    found = prepare(ReadingOptions(str(folder)), FOLDERS, tmp_path / "images")
    assert (found.resolution, found.side, found.crop, found.channels) == (32, 32, 0, 3)
    assert found.squeezed > 50
    asked = prepare(ReadingOptions(str(folder), resolution=48), FOLDERS, tmp_path / "others")
    assert (asked.resolution, asked.side, asked.crop) == (48, 64, 48)


@pytest.mark.parametrize(("sizes", "largest", "expected"), [
    ({(28, 28): 5}, 64, 28), ({(64, 64): 5}, 64, 64), ({(512, 512): 5}, 64, 64), ({(512, 512): 5}, 256, 256),
    ({(100, 300): 5, (90, 90): 1}, 64, 64), ({(20, 20): 3, (21, 20): 1}, 64, 32), ({(130, 200): 4}, 256, 128),
])
def test_a_resolution_that_nobody_asked_for(sizes, largest, expected):
    assert resolution_of(sizes, largest) == expected


@pytest.mark.parametrize(("resolution", "source", "side"), [
    (28, 0, 32), (64, 0, 64), (28, 32, 32), (48, 48, 48), (30, 48, 48), (16, 16, 16), (28, 64, 32), (64, 48, 64),
])
def test_the_size_of_a_network_is_that_of_the_one_it_begins_with_where_images_nearly_fill_it(resolution, source, side):
    assert side_for(resolution, source) == side


def test_the_folder_of_a_training_is_enough_to_go_on(tmp_path):
    found = prepared(tmp_path, pictures(60))
    assert prepared(tmp_path, pictures(60)) == found
    with refused("another-training"):
        prepared(tmp_path, pictures(60, seed=1))


def test_other_images_may_be_held_out(tmp_path):
    others = saved(tmp_path / "others.npz", pictures(25, seed=2))
    found = prepared(tmp_path, pictures(60), held_out=others)
    assert (found.n, found.held_out) == (60, 25)


@pytest.mark.parametrize(("images", "labels", "more", "code", "words"), [
    (pictures(3), None, {}, "too-few-images", 3),
    (np.repeat(pictures(1), 300, 0), None, {}, "too-few-images", 300),
    (pictures(60), [0] * 59 + [1], {}, "too-few-images", "1"),
    (pictures(60), None, {"resolution": 4}, "unfit-value", 256),
    (pictures(60), None, {"resolution": 512}, "unfit-value", 256),
    (pictures(60), None, {"held_out": "120%"}, "unfit-value", "99%"),
    (pictures(60), None, {"held_out": "some%"}, "unfit-value", "99%"),
])
def test_bad_input_is_refused_in_a_sentence_and_nothing_is_left(images, labels, more, code, words, tmp_path):
    with refused(code, words):
        prepared(tmp_path, images, labels, **more)
    assert not (tmp_path / "images" / "training-set.json").exists()


def test_a_report_names_the_data_of_which_images_were_held_out(tmp_path):
    prepared(tmp_path, pictures(60))
    assert said_of_data(str(tmp_path / "images" / "held-out.npz")) == (
        "held-out images of mine.npz", "les images de mine.npz mises de côté")
    assert said_of_data("elsewhere/held-out.npz") == ("held-out.npz", "held-out.npz")
    (tmp_path / "images" / "training-set.json").write_text("[1]")
    assert said_of_data(str(tmp_path / "images" / "held-out.npz")) == ("held-out.npz", "held-out.npz")


def test_a_report_names_the_other_data_that_were_held_out(tmp_path):
    others = saved(tmp_path / "others.npz", pictures(60, seed=1))
    prepared(tmp_path, pictures(60), held_out=others)
    assert said_of_data(str(tmp_path / "images" / "held-out.npz"))[0] == "held-out images of others.npz"


def test_classes_may_be_left_aside(tmp_path):
    data = saved(tmp_path / "mine.npz", pictures(60), [0] * 59 + [1])
    found = prepare(ReadingOptions(data, labels=False), FOLDERS, tmp_path / "images")
    assert found.classes == ()
    assert batch_in(tmp_path / "images").labels is None


def test_a_corrupt_file_is_named(tmp_path):
    folder = tmp_path / "photographs"
    folder.mkdir()
    for k in range(60):
        Image.fromarray(pictures(1, 32, 3, k)[0]).save(folder / f"{k}.png")
    (folder / "7.png").write_bytes(b"not a picture")
    with refused("not-an-image", "7.png"):
        prepare(ReadingOptions(str(folder)), FOLDERS, tmp_path / "images")
