"""Folders, .npz and .parquet of images: what is read, and what is refused before work begins."""

import pickle
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from gan.datasets import DataFolders, is_statistics, open_data
from gan.images import png_bytes, resize, write_folder, write_npz, write_parquet
from gan.types import BadInput

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 3, 8, 8), np.uint8)
LABELS = [0, 1, 2, 0, 1, 2]


def opened(path, resize=None):
    return open_data(str(path), DataFolders(None, path.parent / "cache"), resize)


WRITERS = {"folder": write_folder, "a.npz": lambda pixels, path, *rest: write_npz(path, pixels, *rest),
           "a.parquet": lambda pixels, path, *rest: write_parquet(path, pixels, *rest)}      # fmt: skip


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("channels", [1, 3])
def test_what_was_written_is_read_back_in_any_order(tmp_path, name, channels):
    pixels = PIXELS[:, :channels]
    WRITERS[name](pixels, tmp_path / name)
    found = opened(tmp_path / name)
    assert (found.n, found.shape, found.labels) == (6, (channels, 8, 8), None)
    assert np.array_equal(found.read([4, 0, 5]), pixels[[4, 0, 5]])
    assert found.read([]).shape == (0, channels, 8, 8)


@pytest.mark.parametrize("name", WRITERS)
def test_labels_travel(tmp_path, name):
    WRITERS[name](PIXELS, tmp_path / name, LABELS)
    found = opened(tmp_path / name)
    order = np.argsort(LABELS, kind="stable") if name == "folder" else np.arange(6)
    assert found.labels.tolist() == np.array(LABELS)[order].tolist()
    assert np.array_equal(found.read(range(6)), PIXELS[order])


@pytest.mark.parametrize("name", WRITERS)
def test_the_digest_is_of_content_and_order_and_labels_but_not_of_place(tmp_path, name):
    WRITERS[name](PIXELS, tmp_path / name)
    digest = opened(tmp_path / name).digest
    shutil.move(tmp_path / name, tmp_path / f"moved-{name}")
    assert opened(tmp_path / f"moved-{name}").digest == digest
    WRITERS[name](PIXELS[::-1], tmp_path / name)
    assert opened(tmp_path / name).digest != digest
    WRITERS[name](PIXELS, tmp_path / f"labelled-{name}", LABELS)
    assert opened(tmp_path / f"labelled-{name}").digest != digest


@pytest.mark.parametrize("name", WRITERS)
def test_a_set_travels_to_another_process(tmp_path, name):
    WRITERS[name](PIXELS, tmp_path / name)
    found = pickle.loads(pickle.dumps(opened(tmp_path / name)))
    assert np.array_equal(found.read([1]), PIXELS[[1]])


@pytest.mark.parametrize("name", WRITERS)
def test_resizing_is_explicit_and_changes_the_digest(tmp_path, name):
    WRITERS[name](PIXELS, tmp_path / name)
    small = opened(tmp_path / name, 4)
    assert small.shape == (3, 4, 4)
    assert np.array_equal(small.read([2])[0], resize(PIXELS[2], 4))
    assert small.digest != opened(tmp_path / name).digest
    assert opened(tmp_path / name, 8).digest == opened(tmp_path / name).digest


@pytest.mark.parametrize("name", WRITERS)
def test_one_image_is_too_few(tmp_path, name):
    WRITERS[name](PIXELS[:1], tmp_path / name)
    with pytest.raises(BadInput, match="holds 1 image, expected at least 2"):
        opened(tmp_path / name)


def test_asking_beyond_the_end_is_a_sentence(tmp_path):
    write_folder(PIXELS, tmp_path / "a")
    with pytest.raises(BadInput, match="holds 6 images, but image 7 was asked for"):
        opened(tmp_path / "a").read([6])


def test_what_is_not_there_lists_what_would_be(tmp_path):
    with pytest.raises(BadInput, match=r"neither a file or folder nor a known data set \(fashion-mnist:test"):
        opened(tmp_path / "nothing")
    (tmp_path / "a.txt").write_text("")
    with pytest.raises(BadInput, match="is not a set of images"):
        opened(tmp_path / "a.txt")
    (tmp_path / "a.png").write_bytes(png_bytes(PIXELS[0]))
    with pytest.raises(BadInput, match="is a single image"):
        opened(tmp_path / "a.png")


# Folders

def test_an_empty_folder_says_what_lies_there_instead(tmp_path):
    (tmp_path / "a").mkdir()
    with pytest.raises(BadInput, match=r"a holds no images\.$"):
        opened(tmp_path / "a")
    (tmp_path / "a" / "x.npy").write_bytes(b"")
    with pytest.raises(BadInput, match=r"holds no images, only 1 \.npy\.$"):
        opened(tmp_path / "a")


def test_images_of_two_sizes_are_named_with_their_sizes_unless_resized(tmp_path):
    write_folder(PIXELS, tmp_path / "a")
    (tmp_path / "a" / "odd.png").write_bytes(png_bytes(PIXELS[0, :, :5]))
    with pytest.raises(BadInput, match=r"odd\.png has 8x5 pixels, but .*000000\.png has 8x8"):
        opened(tmp_path / "a")
    assert opened(tmp_path / "a", 4).shape == (3, 4, 4)


def test_a_grey_image_among_coloured_ones_becomes_coloured(tmp_path):
    write_folder(PIXELS, tmp_path / "a")
    (tmp_path / "a" / "grey.png").write_bytes(png_bytes(PIXELS[0, :1]))
    assert np.array_equal(opened(tmp_path / "a").read([6])[0], PIXELS[0, [0, 0, 0]])


def test_a_bad_image_is_found_when_the_folder_is_opened(tmp_path):
    write_folder(PIXELS, tmp_path / "a")
    cut = png_bytes(np.random.default_rng(1).integers(0, 256, (3, 8, 8), np.uint8))[:-40]
    for content, said in ((b"", "is empty"), (b"text", "cannot be read as an image"), (cut, "may be truncated")):
        (tmp_path / "a" / "bad.png").write_bytes(content)
        with pytest.raises(BadInput, match=f"bad.png {said}|bad.png cannot be decoded, it {said}"):
            opened(tmp_path / "a")


def test_hidden_files_are_passed_over_and_suffixes_may_be_capitals(tmp_path):
    write_folder(PIXELS, tmp_path / "a")
    (tmp_path / "a" / "._000000.png").write_bytes(b"macOS")
    (tmp_path / "a" / "000000.png").rename(tmp_path / "a" / "000000.PNG")
    (tmp_path / "a" / "notes.txt").write_text("x")
    assert opened(tmp_path / "a").n == 6


def test_a_link_that_leads_back_is_followed_once(tmp_path):
    write_folder(PIXELS, tmp_path / "a")
    (tmp_path / "a" / "again").symlink_to(tmp_path / "a")
    assert opened(tmp_path / "a").n == 6


def test_a_single_sub_folder_is_no_class(tmp_path):
    write_folder(PIXELS, tmp_path / "a" / "images")
    assert opened(tmp_path / "a").labels is None
    write_folder(PIXELS[:2], tmp_path / "a" / "more")
    assert opened(tmp_path / "a").labels.tolist() == [0] * 6 + [1] * 2
    assert opened(tmp_path / "a").classes == ("images", "more")


def test_an_image_that_changes_after_the_scan_is_noticed(tmp_path):
    write_folder(PIXELS, tmp_path / "a")
    found = opened(tmp_path / "a")
    (tmp_path / "a" / "000000.png").write_bytes(png_bytes(PIXELS[0, :, :4]))
    with pytest.raises(BadInput, match=r"000000\.png has changed"):
        found.read([0])


# .npz

@pytest.mark.parametrize("array", [PIXELS, PIXELS.transpose(0, 2, 3, 1), PIXELS.astype(np.float32), PIXELS.astype(int)])
def test_layouts_and_types_that_hold_whole_bytes_are_read(tmp_path, array):
    np.savez(tmp_path / "a.npz", array)
    assert np.array_equal(opened(tmp_path / "a.npz").read(range(6)), PIXELS)


def test_grey_images_without_a_channel_axis_and_under_another_name_are_read(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", pictures=PIXELS[:, 0], y=np.array(LABELS))
    found = opened(tmp_path / "a.npz")
    assert np.array_equal(found.read(range(6)), PIXELS[:, :1])
    assert found.labels.tolist() == LABELS


@pytest.mark.parametrize(("arrays", "said"), [
    ({"arr_0": PIXELS / 255}, r"float64 values from 0 to 1, expected uint8"),
    ({"arr_0": PIXELS / 127.5 - 1}, r"float64 values from -1 to 1, expected uint8"),
    ({"arr_0": (PIXELS > 99).astype(np.uint8)}, "without multiplying them by 255"),
    ({"arr_0": np.full((2, 8, 8, 3), np.nan)}, "expected uint8"),
    ({"arr_0": np.zeros((2, 8, 8, 4), np.uint8)}, r"shape \(2, 8, 8, 4\), expected \(n, height, width, 1 or 3\)"),
    ({"arr_0": np.zeros((0, 8, 8, 3), np.uint8)}, "expected uint8 images"),
    ({"arr_0": np.array([object()])}, "pickled Python objects"),
    ({"x": PIXELS, "z": PIXELS}, r"no array of images under arr_0, images, samples; it holds x \(6, 3, 8, 8\), z"),
    ({"arr_0": PIXELS, "arr_1": np.zeros(5, int)}, "expected 6 class numbers"),
    ({"mu": np.zeros(3), "sigma": np.eye(3)}, "holds statistics"),
])  # fmt: skip
def test_npz_files_that_cannot_be_images_are_refused(tmp_path, arrays, said):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(BadInput, match=said):
        opened(tmp_path / "a.npz")


@pytest.mark.parametrize("name", ["a.npz", "a.parquet"])
def test_truncated_and_foreign_files_are_named(tmp_path, name):
    WRITERS[name](PIXELS, tmp_path / name)
    whole = (tmp_path / name).read_bytes()
    for content in (whole[: len(whole) // 2], whole[:10], b"hello", b"", b"PK\x03\x04" + whole[4:200]):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(BadInput, match=f"{name} is not (a|an) "):
            opened(tmp_path / name)


def test_statistics_are_told_from_images(tmp_path):
    np.savez(tmp_path / "s.npz", mu=np.zeros(3), sigma=np.eye(3))
    np.savez(tmp_path / "i.npz", PIXELS)
    (tmp_path / "d.npz").write_bytes(b"hello")
    np.savez(tmp_path / "o.npz", mu=np.array([object()]))
    found = [is_statistics(tmp_path / name) for name in ("s.npz", "i.npz", "d.npz", "o.npz", "none.npz")]
    assert found == [True, False, False, False, False]


# .parquet

def test_a_plain_binary_column_and_small_row_groups_are_read(tmp_path):
    table = pa.table({"n": list(range(6)), "picture": [png_bytes(image) for image in PIXELS]})
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=4)
    assert np.array_equal(opened(tmp_path / "a.parquet").read([5, 0, 3, 4]), PIXELS[[5, 0, 3, 4]])


def test_class_names_come_from_the_metadata(tmp_path):
    write_parquet(tmp_path / "a.parquet", PIXELS, LABELS, ["x", "y", "z"])
    assert opened(tmp_path / "a.parquet").classes == ("x", "y", "z")


@pytest.mark.parametrize(("columns", "said"), [
    ({"n": [1, 2]}, r"no columns of encoded images, expected one .* it holds n: int64"),
    ({"a": [b"x", b"y"], "b": [b"x", b"y"]}, "2 columns of encoded images"),
    ({"image": [b"x", b"y"]}, r"a\.parquet, row 0, cannot be read as an image"),
    ({"image": [{"bytes": png_bytes(PIXELS[0]), "path": "p"}, {"bytes": None, "path": "p"}]}, "row 1, holds no bytes"),
    ({"image": [png_bytes(PIXELS[0]), png_bytes(PIXELS[0, :, :4])]}, r"row 1, has 8x4 pixels, but .*row 0, has 8x8"),
    ({"image": [png_bytes(PIXELS[0])] * 2, "label": [1, None]}, "1 rows without a label"),
])  # fmt: skip
def test_parquet_files_that_cannot_be_images_are_refused(tmp_path, columns, said):
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    with pytest.raises(BadInput, match=said):
        opened(tmp_path / "a.parquet")


def test_an_oversized_image_is_refused_when_the_folder_is_opened(tmp_path):
    (tmp_path / "a").mkdir()
    Image.new("1", (9_000, 8_000)).save(tmp_path / "a" / "big.png")
    with pytest.raises(BadInput, match=r"big\.png has 72,000,000 pixels, more than"):
        opened(tmp_path / "a", 32)
