"""Real images among others: planted unchanged, moved, mirrored, and not at all."""

from pathlib import Path

import numpy as np
import pytest

from ganbench.gan.applications.augment.copies import copies
from ganbench.gan.datasets import DataFolders, open_data
from ganbench.gan.datasets.base import of_array

CHANGES = {
    "unchanged": lambda x: x,
    "mirrored": lambda x: x[..., ::-1],
    "down": lambda x: np.roll(x, 1, 2),
    "left": lambda x: np.roll(x, -1, 3),
    "moved with its edge": lambda x: np.pad(x, ((0, 0), (0, 0), (1, 0), (0, 0)), "edge")[:, :, :-1],
    "mirrored and moved by two": lambda x: np.roll(x[..., ::-1], (2, -2), (2, 3)),
    "a little brighter": lambda x: np.where(x < 250, x + 1, x),
}


def photographs(n, first, data="fashion-mnist:test"):
    return open_data(data, DataFolders(None, Path("nowhere"))).read(range(first, first + n))


@pytest.mark.parametrize("how", CHANGES)
@pytest.mark.parametrize("data", ["fashion-mnist:test", "emoji:train"])
def test_a_planted_image_is_found_and_no_other_one(how, data):
    mine, others = photographs(40, 0, data), photographs(400, 200, data)
    others[77] = CHANGES[how](mine[11:12])[0]
    found = copies(mine, of_array("others", np.ascontiguousarray(others)))
    assert (11, 77) in found
    assert len(found) == 1


def test_plain_images_are_nobodys_copies():
    plain = np.full((5, 1, 16, 16), 200, np.uint8)
    assert copies(plain, of_array("others", plain)) == []


def test_a_larger_picture_moved_by_one_of_its_own_pixels_is_found():
    mine = photographs(10, 0, "emoji:train")
    assert mine.shape[-1] == 64
    found = copies(mine, of_array("others", np.ascontiguousarray(np.roll(mine, (1, 1), (2, 3)))))
    assert [one for one, _ in found] == list(range(10))
