"""Emoji: the pictures that travel with the project, their split, and how they are made from a font."""

import hashlib
import io

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from ganbench.gan.datasets import DATASETS, DataFolders, emoji, open_data
from ganbench.gan.datasets.base import of_array
from tests.refusals import refused

pytestmark = pytest.mark.long

INSTALLED = {  # what the embedded file was made from; other versions have other pictures
    emoji.FONT: "e5899ed38b8ed83e08bd3ac5de09791e9d19d288333a796de1d35ad17396f1ec",
    emoji.LISTING: "8445f23ac8388e096be19d0262e14fceff856ff52093f2356dc89485f1a853db",
}
SHIPPED = emoji.EMBEDDED
SPLITS = ("train", "test")


@pytest.fixture
def nowhere(tmp_path):
    return DataFolders(None, tmp_path)


@pytest.mark.parametrize("split", SPLITS)
def test_a_split_is_what_its_row_says_and_has_pictures_of_every_group(split, nowhere):
    row, images = DATASETS["emoji"], open_data(f"emoji:{split}", nowhere)
    assert (images.n, images.shape, images.classes) == (row.splits[split], row.shape, row.classes)
    assert np.bincount(images.labels).min() >= 12
    assert len(np.bincount(images.labels)) == 9


def test_pictures_are_in_colour_on_white_and_no_two_are_equal(nowhere):
    pixels = np.concatenate([read_all(open_data(f"emoji:{split}", nowhere)) for split in SPLITS])
    assert pixels.dtype == np.uint8
    assert len({picture.tobytes() for picture in pixels}) == len(pixels) == 3_381
    corners = pixels[:, :, [0, 0, -1, -1], [0, -1, 0, -1]]
    assert np.mean(corners == 255) > 0.9
    spread = pixels.max(axis=1).astype(int) - pixels.min(axis=1)        # of red, green and blue
    assert np.mean(spread.max(axis=(1, 2)) > 50) > 0.9


def read_all(images):
    return images.read(range(images.n))


def test_no_variant_of_a_test_emoji_is_in_train():
    _, _, every = emoji.embedded()
    sides = {True: set(), False: set()}
    for one in every:
        sides[emoji.in_test(one)].add(emoji.base(one))
    assert not sides[True] & sides[False]
    assert len(sides[True]) / (len(sides[True]) + len(sides[False])) == pytest.approx(51 / 256, abs=0.03)


@pytest.mark.parametrize(("variants", "what"), [
    ("👋 👋🏻 👋🏿", "skin tone"),
    ("🧑‍🍳 👨‍🍳 👩‍🍳 👩🏽‍🍳", "sex and skin tone"),
    ("🏃 🏃‍♀️ 🏃🏾‍♂️", "sex, as a sign"),
    ("🧑 👨 👩‍🦰 👨🏿‍🦲", "hair"),
    ("🕐 🕛 🕧", "the hour"),
    ("❤️ ❤", "the variation selector"),
])
def test_variants_of_an_emoji_have_one_base(variants, what):
    assert len({emoji.base(tuple(map(ord, one))) for one in variants.split()}) == 1, what


def test_different_emoji_have_different_bases():
    different = ["👋", "🧑\u200d🍳", "🧑\u200d🚒", "🏃", "🕐", "❤️", "💔", "🇳🇴", "🇸🇪", "👪", "🔈", "😀", "😃"]
    assert len({emoji.base(tuple(map(ord, one))) for one in different}) == len(different)


@pytest.mark.parametrize("split", SPLITS)
def test_the_first_200_are_a_sample_of_all_groups(split, nowhere):
    labels = open_data(f"emoji:{split}", nowhere).labels
    share = np.bincount(labels) / len(labels)
    of_first = np.bincount(labels[:200], minlength=9) / 200
    assert (np.abs(of_first - share) < 4 * np.sqrt(share * (1 - share) / 200)).all()


def test_four_pixels_become_one_blended_with_white_and_rounded():
    """Blocks of 2x2 in the oracle's words: floats, one picture, one formula."""
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (128, 136, 4), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels, "RGBA").save(buffer, "PNG")
    made = emoji.over_white(buffer.getvalue())
    alpha = pixels[:, 4:132, 3:] / 255
    blended = pixels[:, 4:132, :3] * alpha + 255 * (1 - alpha)
    means = (blended[::2, ::2] + blended[1::2, ::2] + blended[::2, 1::2] + blended[1::2, 1::2]) / 4
    assert made.shape == (64, 64, 3)
    assert np.abs(made - means).max() <= 0.5 + 1e-9


def test_an_empty_picture_is_white():
    buffer = io.BytesIO()
    Image.new("RGBA", (136, 128), (9, 9, 9, 0)).save(buffer, "PNG")
    assert (emoji.over_white(buffer.getvalue()) == 255).all()


@pytest.mark.skipif(
    any(not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != sha256
        for path, sha256 in INSTALLED.items()),
    reason="needs fonts-noto-color-emoji 2.042 and unicode-data 15.0 of Debian 12",
)
def test_the_embedded_pictures_are_those_of_the_font(tmp_path):
    path = tmp_path / "emoji.parquet"
    emoji.build(emoji.FONT, emoji.LISTING, path)
    made, shipped = emoji.load(path), emoji.load(emoji.EMBEDDED)
    assert made[2] == shipped[2]
    digests = {of_array("emoji", images, labels).digest for images, labels, _ in (made, shipped)}
    assert len(digests) == 1


def test_it_is_a_parquet_file_of_images_as_any_other(nowhere):
    images = open_data(str(emoji.EMBEDDED), nowhere)
    assert (images.n, images.shape, images.classes) == (3_381, emoji.SHAPE, emoji.CLASSES)
    assert np.array_equal(images.read(range(10)), emoji.embedded()[0][:10])


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """Another file in place of the embedded one; nothing of it is kept in memory afterwards."""
    monkeypatch.setattr(emoji, "EMBEDDED", tmp_path / "emoji.parquet")
    emoji.embedded.cache_clear()
    yield emoji.EMBEDDED
    emoji.embedded.cache_clear()


def test_fewer_pictures_are_refused(nowhere, elsewhere):
    columns = pq.read_table(SHIPPED)
    pq.write_table(columns.slice(0, 1_000), elsewhere)
    with refused("wrong-digest", "emoji:test"):
        open_data("emoji:test", nowhere)


def test_a_truncated_file_is_named(nowhere, elsewhere):
    elsewhere.write_bytes(SHIPPED.read_bytes()[:10_000])
    with refused("unreadable-data", "Parquet") as caught:
        open_data("emoji:test", nowhere)
    assert str(elsewhere) in str(caught.value)
