from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from gan.features.resize import area, clean, tf1_bilinear


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


def test_clean_resize_stays_within_the_range_of_pixels():
    stripes = np.tile(np.array([0, 255], np.uint8), (1, 1, 16, 8))
    result = resized(clean, stripes, 64)
    assert (result.min(), result.max()) == (0, 255)


def test_area_averages_blocks(pictures):
    image = pictures(1, 3, 64)
    assert resized(area, image, 32) == pytest.approx(image.reshape(1, 3, 32, 2, 32, 2).mean((3, 5)), abs=1e-4)
