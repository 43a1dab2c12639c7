import numpy as np
import pytest

from ganbench.gan.gallery import TILE, sheet, tile, write_gallery
from ganbench.gan.images import read_image
from tests.refusals import refused


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 32, 48), (3, 300, 200), (1, 96, 96)])
def test_every_image_becomes_a_tile_and_small_ones_are_enlarged_by_whole_pixels(shape):
    image = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    found = np.asarray(tile(image))
    assert found.shape == (TILE, TILE, 3)
    if max(shape[1:]) <= TILE:
        factor = TILE // max(shape[1:])
        top, left = (TILE - factor * shape[1]) // 2, (TILE - factor * shape[2]) // 2
        inner = found[top : top + factor * shape[1], left : left + factor * shape[2]]
        expected = image.repeat(factor, 1).repeat(factor, 2).transpose(1, 2, 0)
        assert np.array_equal(inner, np.broadcast_to(expected, inner.shape))


@pytest.mark.parametrize("n", [0, 1, 7])
def test_a_gallery_is_one_picture_however_many_rows_it_has(n, tmp_path):
    rows = [([np.full((1, 8, 8), 10 * i, np.uint8)] * 2, f"row {i}\nof {n}") for i in range(n)]
    write_gallery(tmp_path / "a.png", "title", ("left", "right"), rows)
    assert read_image(tmp_path / "a.png").shape[0] == 3


def test_a_sheet_has_every_image_at_its_place_enlarged_by_whole_pixels():
    images = np.random.default_rng(1).integers(0, 256, (5, 3, 8, 8), np.uint8)
    found = np.asarray(sheet(images, 3, side=16))
    assert found.shape == (2 * 18 + 2, 3 * 18 + 2, 3)
    for k, image in enumerate(images):
        top, left = 2 + 18 * (k // 3), 2 + 18 * (k % 3)
        larger = image.repeat(2, 1).repeat(2, 2).transpose(1, 2, 0)
        assert np.array_equal(found[top : top + 16, left : left + 16], larger)
    assert (found[2 + 18 :, 2 + 36 :] == 255).all()     # no sixth image
    assert sheet(images[0], side=16).size == (20, 20)


def test_captions_stand_below_their_images_and_are_cut_where_they_are_too_long():
    images = np.zeros((2, 1, 8, 8), np.uint8)
    plain, said = (np.asarray(sheet(images, 2, captions, 32)) for captions in ((), ("a", "a much too long text")))
    assert said.shape[0] == plain.shape[0] + 16
    below = said[2 + 32 : 2 + 48]
    assert [bool((below[:, x : x + 32] < 128).any()) for x in (2, 36)] == [True, True]
    assert (said[:, 68:] == 255).all()                  # nothing stands beyond the last image


@pytest.mark.parametrize("wrong", [np.zeros((2, 1, 8, 8)), np.zeros((8, 8), np.uint8), np.zeros((0, 1, 8, 8), np.uint8),
                                   np.zeros((2, 8, 8, 3), np.uint8)])
def test_what_is_not_a_set_of_images_is_refused_by_its_shape(wrong):
    with refused("not-images", str(wrong.dtype)):
        sheet(wrong)
