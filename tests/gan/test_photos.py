"""Image files of all sizes and colours, fitted to a model's images."""

import numpy as np
import pytest
from PIL import Image

from ganbench.gan.images import png_bytes
from ganbench.gan.photos import FITS, photo, photos
from tests.refusals import refused


def ramp(height, width, channels=1):
    """Brighter from left to right."""
    row = np.linspace(0, 255, width).astype(np.uint8)
    return np.broadcast_to(row, (channels, height, width)).copy()


@pytest.mark.parametrize("fit", FITS)
def test_an_image_of_that_size_is_not_changed(fit):
    image = np.random.default_rng(0).integers(0, 256, (3, 9, 7), np.uint8)
    np.testing.assert_array_equal(photo(image, (3, 9, 7), fit), image)


def test_squeezing_keeps_all_and_cropping_the_proportions():
    squeezed, cropped = (photo(ramp(20, 60), (1, 20, 20), fit)[0] for fit in ("squeeze", "crop"))
    assert squeezed[0, 0] < 10 < 245 < squeezed[0, -1]
    np.testing.assert_array_equal(cropped, ramp(20, 60)[0, :, 20:40])
    assert photo(ramp(60, 20), (1, 10, 30), "crop").shape == (1, 10, 30)


def test_padding_is_that_of_fashion_mnist():
    image = np.random.default_rng(0).integers(1, 256, (1, 28, 28), np.uint8)
    padded = photo(image, (1, 32, 32), "pad")
    np.testing.assert_array_equal(padded[:, 2:30, 2:30], image)
    assert int((padded > 0).sum()) == 28 * 28
    assert photo(image, (1, 30, 33), "pad").shape == (1, 30, 33)
    with refused("wrong-size", "28x28", "20x20"):
        photo(image, (1, 20, 20), "pad")


def test_grey_becomes_colour_and_colour_grey():
    assert photo(ramp(8, 8), (3, 8, 8)).shape == (3, 8, 8)
    red = np.zeros((3, 8, 8), np.uint8)
    red[0] = 255
    assert set(photo(red, (1, 8, 8)).ravel()) == {76}       # 0.299 of 255


def test_files_of_unlike_sizes_become_one_array(tmp_path):
    (tmp_path / "a.png").write_bytes(png_bytes(ramp(5, 9)))
    Image.new("RGB", (40, 30), (9, 99, 199)).save(tmp_path / "b.jpg")
    assert photos([tmp_path / "a.png", str(tmp_path / "b.jpg")], (3, 16, 16)).shape == (2, 3, 16, 16)


def test_what_is_no_photo_is_refused_in_one_sentence(tmp_path):
    (tmp_path / "a.txt").write_text("no image")
    Image.new("L", (20_000, 10_000)).save(tmp_path / "huge.png")
    for name, code in (("a.txt", "not-an-image"), ("huge.png", "too-large"), ("missing.png", "unreadable-file")):
        with refused(code, name):
            photos([tmp_path / name], (1, 8, 8))
    with refused("no-images"):
        photos([], (1, 8, 8))
    with refused("unknown-choice", "'stretch'"):
        photo(ramp(8, 8), (1, 8, 8), "stretch")
