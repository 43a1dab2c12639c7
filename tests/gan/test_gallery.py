import numpy as np
import pytest

from ganbench.gan.gallery import TILE, tile, write_gallery
from ganbench.gan.images import read_image


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
