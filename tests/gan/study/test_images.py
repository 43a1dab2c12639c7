"""The real images of a study: fitted to the model, split as trainings split them, and read once."""

import numpy as np
import pytest
from PIL import Image

from ganbench.gan.datasets import DataFolders
from ganbench.gan.images import write_folder, write_npz
from ganbench.gan.recipes.training_set import ReadingOptions, prepare
from ganbench.gan.study.images import real_images
from ganbench.gan.study.options import Study
from ganbench.gan.types import Workspace
from tests.refusals import refused

SHAPE = (1, 32, 32)


@pytest.fixture
def pictures():
    return np.random.default_rng(0).integers(0, 256, (60, 1, 32, 32), np.uint8)


def read(data, folder, shape=SHAPE, **options):
    return real_images(Study(str(data), **options), shape, folder, Workspace(str(folder / "home")))


def images_in(path):
    with np.load(path) as arrays:
        return arrays["arr_0"]


def test_images_of_the_models_size_are_not_changed_and_keep_their_classes(tmp_path, pictures):
    write_folder(iter(pictures), tmp_path / "photos", [i % 3 for i in range(60)], ("a", "b", "c"))
    found = read(tmp_path / "photos", tmp_path / "study")
    assert not found.changed
    assert (found.n, found.kept.held_out, found.kept.classes) == (60, 12, ("a", "b", "c"))
    for path in (found.held_out, found.learnt):
        with np.load(path) as arrays:
            assert len(arrays["arr_1"]) == len(arrays["arr_0"])
            assert arrays["classes"].tolist() == ["a", "b", "c"]
    whole = images_in(found.all)
    assert sorted(image.tobytes() for image in whole) == sorted(
        image.transpose(1, 2, 0).tobytes() for image in pictures)


def test_the_split_is_that_of_a_training_on_the_same_images(tmp_path, pictures):
    write_npz(tmp_path / "photos.npz", pictures)
    found = read(tmp_path / "photos.npz", tmp_path / "study")
    prepare(ReadingOptions(str(found.all)), DataFolders.of(Workspace(str(tmp_path))), tmp_path / "training")
    assert (tmp_path / "training" / "held-out.npz").read_bytes() == found.held_out.read_bytes()
    apart = {image.tobytes() for image in images_in(found.held_out)}
    assert not apart & {image.tobytes() for image in images_in(found.learnt)}


@pytest.mark.parametrize(("shape", "fit"), [((1, 28, 28), "pad"), ((3, 28, 28), "squeeze"), ((1, 40, 24), "crop"),
                                            ((3, 64, 64), "squeeze")])
def test_images_of_other_sizes_and_colours_are_brought_to_the_models_and_it_is_said(tmp_path, shape, fit):
    images = np.random.default_rng(1).integers(0, 256, (60, *shape), np.uint8)
    write_npz(tmp_path / "photos.npz", images)
    found = read(tmp_path / "photos.npz", tmp_path / "study", fit=fit)
    assert found.changed
    assert found.sizes == (f"{shape[2]}x{shape[1]}",)
    assert images_in(found.all).shape == (60, 32, 32, 1)
    if fit == "pad":
        inner = images_in(found.all)[:, 2:30, 2:30, 0]
        assert (inner == images[:, 0]).all()


def test_a_folder_of_mixed_sizes_is_squeezed_or_refused_in_words(tmp_path, pictures):
    folder = tmp_path / "photos"
    folder.mkdir()
    for i, image in enumerate(pictures):
        Image.fromarray(image[0]).resize((32 + i % 2, 32)).save(folder / f"{i}.png")
    assert read(folder, tmp_path / "study").sizes == ("32x32", "33x32")
    with refused("unequal-sizes", "crop"):
        read(folder, tmp_path / "other", fit="crop")


def test_images_are_read_once_and_again_when_a_file_or_an_option_has_changed(tmp_path, pictures):
    write_npz(tmp_path / "photos.npz", pictures)
    first = read(tmp_path / "photos.npz", tmp_path / "study")
    before = first.all.stat().st_mtime_ns
    assert read(tmp_path / "photos.npz", tmp_path / "study").all.stat().st_mtime_ns == before
    assert read(tmp_path / "photos.npz", tmp_path / "study", held_out="50%").kept.held_out == 30
    write_npz(tmp_path / "photos.npz", 255 - pictures)
    assert (images_in(read(tmp_path / "photos.npz", tmp_path / "study").all) == 255 - pictures.transpose(
        0, 2, 3, 1)).all()


def test_a_model_of_oblong_images_is_refused(tmp_path, pictures):
    write_npz(tmp_path / "photos.npz", pictures)
    with refused("wrong-size", "48x32"):
        read(tmp_path / "photos.npz", tmp_path / "study", (1, 32, 48))
