from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from ganbench.gan.features.resize import area, clean, pillow, square, tf1_bilinear, torch_bicubic


def tf1_by_loops(image: np.ndarray, size: int) -> np.ndarray:
    """(h, w) -> (size, size): source = target * in / out, two neighbours each way, by the book."""
    height, width = image.shape
    result = np.zeros((size, size))
    for i in range(size):
        for j in range(size):
            y, x = i * height / size, j * width / size
            top, left = int(y), int(x)
            bottom, right = min(top + 1, height - 1), min(left + 1, width - 1)
            above = image[top, left] * (1 - (x - left)) + image[top, right] * (x - left)
            below = image[bottom, left] * (1 - (x - left)) + image[bottom, right] * (x - left)
            result[i, j] = above * (1 - (y - top)) + below * (y - top)
    return result


def resized(rule, image: np.ndarray, size: int) -> np.ndarray:
    return rule(torch.from_numpy(image), size).numpy()


@pytest.mark.parametrize(("height", "width", "size"), [(8, 8, 29), (32, 20, 47), (60, 41, 23), (7, 7, 7)])
def test_tf1_bilinear_is_the_textbook_loop(pictures, height, width, size):
    image = pictures(1, 1, height, width)
    assert resized(tf1_bilinear, image, size)[0, 0] == pytest.approx(tf1_by_loops(image[0, 0], size), abs=2e-3)


def test_tf1_bilinear_keeps_an_image_of_the_right_size(pictures):
    image = pictures(2, 3, 299)
    np.testing.assert_array_equal(resized(tf1_bilinear, image, 299), image)


def test_tf1_bilinear_of_a_ramp_shows_the_missing_half_pixel():
    """4 -> 8: every source pixel, then the mean with the next one, the last one twice."""
    ramp = np.array([0, 10, 20, 30], np.uint8).reshape(1, 1, 1, 4).repeat(4, axis=2)
    assert resized(tf1_bilinear, ramp, 8)[0, 0, 0].tolist() == [0, 5, 10, 15, 20, 25, 30, 30]


@pytest.mark.parametrize(("height", "width", "size"), [(32, 32, 299), (64, 48, 224), (300, 400, 224), (299, 299, 299)])
def test_clean_resize_is_pillow_bicubic_in_float(pictures, height, width, size):
    image = pictures(1, 1, height, width)
    oracle = np.asarray(Image.fromarray(image[0, 0].astype(np.float32)).resize((size, size), Image.Resampling.BICUBIC))
    assert resized(clean, image, size)[0, 0] == pytest.approx(oracle.clip(0, 255), abs=5e-3)


def test_pillow_of_floats_is_pillow_in_float(pictures):
    image = pictures(1, 1, 32, 20).astype(np.float32) + np.float32(0.3)
    np.testing.assert_array_equal(resized(pillow, image, 47), resized(clean, image, 47))
    inside = image / 4 + 90                                                     # nothing is clipped between the passes
    assert np.abs(resized(pillow, inside, 47) - resized(pillow, inside.round().astype(np.uint8), 47)).max() < 2


def test_clean_resize_stays_within_the_range_of_pixels():
    stripes = np.tile(np.array([0, 255], np.uint8), (1, 1, 16, 8))
    result = resized(clean, stripes, 64)
    assert (result.min(), result.max()) == (0, 255)


def test_area_averages_blocks(pictures):
    image = pictures(1, 3, 64)
    assert resized(area, image, 32) == pytest.approx(image.reshape(1, 3, 32, 2, 32, 2).mean((3, 5)), abs=1e-4)


SIZES = [(28, 28), (32, 32), (224, 224), (256, 256), (300, 400), (37, 224), (1, 1), (2, 3), (96, 640), (500, 333)]


@pytest.mark.parametrize("size", [224, 336])
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_pillow_is_pillows_bicubic_to_the_last_pixel(pictures, height, width, size):
    """Across first, then down, as Pillow did until 13 turned that round for tall images that it shrinks: two calls, so
    that the order does not depend on what is installed."""
    images = np.concatenate([pictures(1, 3, height, width), checks(height, width)])
    for image, found in zip(images, resized(pillow, images, size), strict=True):
        oracle = Image.fromarray(image.transpose(1, 2, 0))
        for shape in ((size, height), (size, size)):
            oracle = oracle.resize(shape, Image.Resampling.BICUBIC)
        np.testing.assert_array_equal(found, np.asarray(oracle).transpose(2, 0, 1))


@pytest.mark.parametrize(("height", "width"), [(32, 32), (224, 224), (512, 512), (300, 400)])
def test_pillow_is_what_one_call_gives_for_images_that_are_not_tall(pictures, height, width):
    image = pictures(1, 3, height, width)
    oracle = Image.fromarray(image[0].transpose(1, 2, 0)).resize((224, 224), Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(resized(pillow, image, 224)[0], np.asarray(oracle).transpose(2, 0, 1))


def checks(height: int, width: int) -> np.ndarray:
    """(1, 3, height, width): 0 and 255 by turns, where a bicubic kernel overshoots most."""
    return (np.indices((height, width)).sum(axis=0) % 2 * 255).astype(np.uint8)[None, None].repeat(3, axis=1)


def test_torch_bicubic_is_close_to_pillows_and_overshoots(pictures):
    image = pictures(1, 3, 300)
    found = resized(torch_bicubic, image, 224)
    assert found.clip(0, 255) == pytest.approx(resized(clean, image, 224), abs=0.02)    # torch places taps in float32
    assert found.max() > 255
    dull = image // 2 + 64                                              # nothing overshoots, so nothing is clamped
    apart = resized(torch_bicubic, dull, 224) - resized(pillow, dull, 224)
    assert np.abs(apart).max() < 1.5                                    # 1/2 across, carried on, and 1/2 down


@pytest.mark.parametrize(("height", "width", "first"), [(5, 5, (0, 0)), (9, 4, (2, 0)), (4, 9, (0, 2)), (6, 5, (0, 0))])
def test_the_square_is_the_middle(height, width, first):
    """CMMD: the first row is (height - side) // 2, likewise the first column."""
    places = np.indices((height, width))[None]
    found = square(torch.from_numpy(places)).numpy()
    assert found.shape == (1, 2, min(height, width), min(height, width))
    assert tuple(found[0, :, 0, 0]) == first
