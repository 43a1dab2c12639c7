"""Folders, .npz and .parquet of images: what is read, and what is refused before work begins."""

import io
import json
import os
import pickle
import shutil
import struct
import sys
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from ganbench.gan.datasets import DataFolders, is_images, open_data
from ganbench.gan.images import png_bytes, resize, write_folder, write_npz, write_parquet
from tests.refusals import refused

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 3, 8, 8), np.uint8)
LABELS = [0, 1, 2, 0, 1, 2]


def opened(path, resize=None):
    return open_data(str(path), DataFolders(None, path.parent / "cache"), resize)


def write_zip(pixels, path, labels=None):
    """As StyleGAN's dataset tool does it."""
    names = [f"{i // 4:05d}/img{i:08d}.png" for i in range(len(pixels))]
    with zipfile.ZipFile(path, "w", compression=zipfile.ZIP_STORED) as archive:
        for name, image in zip(names, pixels, strict=True):
            archive.writestr(name, png_bytes(image))
        pairs = None if labels is None else [[name, label] for name, label in zip(names, labels, strict=True)]
        archive.writestr("dataset.json", json.dumps({"labels": pairs}))


def write_tensor(pixels, path, labels=None):
    images = torch.from_numpy(np.ascontiguousarray(pixels))
    torch.save(images if labels is None else {"images": images, "labels": torch.tensor(labels)}, path)


WRITERS = {"folder": write_folder, "a.npz": lambda pixels, path, *rest: write_npz(path, pixels, *rest),
           "a.parquet": lambda pixels, path, *rest: write_parquet(path, pixels, *rest),
           "a.zip": write_zip, "a.pt": write_tensor}


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
    with refused("too-few-images", 1, 2):
        opened(tmp_path / name)


def test_asking_beyond_the_end_is_a_sentence(tmp_path):
    write_folder(PIXELS, tmp_path / "a")
    with refused("too-few-images", 6, 7):
        opened(tmp_path / "a").read([6])


def test_what_is_not_there_lists_what_would_be(tmp_path):
    with refused("unknown-data", "(fashion-mnist:test"):
        opened(tmp_path / "nothing")
    (tmp_path / "a.txt").write_text("")
    with refused("not-images"):
        opened(tmp_path / "a.txt")
    (tmp_path / "a.png").write_bytes(png_bytes(PIXELS[0]))
    with refused("single-image"):
        opened(tmp_path / "a.png")


# Folders

def test_an_empty_folder_says_what_lies_there_instead(tmp_path):
    (tmp_path / "a").mkdir()
    with refused("no-images", "a"):
        opened(tmp_path / "a")
    (tmp_path / "a" / "x.npy").write_bytes(b"")
    with refused("no-images", "only 1 .npy"):
        opened(tmp_path / "a")


def test_images_of_two_sizes_are_named_with_their_sizes_unless_resized(tmp_path):
    write_folder(PIXELS, tmp_path / "a")
    (tmp_path / "a" / "odd.png").write_bytes(png_bytes(PIXELS[0, :, :5]))
    with refused("unequal-sizes", "odd.png", "8x5", "000000.png", "8x8"):
        opened(tmp_path / "a")
    assert opened(tmp_path / "a", 4).shape == (3, 4, 4)


def test_a_grey_image_among_coloured_ones_becomes_coloured(tmp_path):
    write_folder(PIXELS, tmp_path / "a")
    (tmp_path / "a" / "grey.png").write_bytes(png_bytes(PIXELS[0, :1]))
    assert np.array_equal(opened(tmp_path / "a").read([6])[0], PIXELS[0, [0, 0, 0]])


def test_a_bad_image_is_found_when_the_folder_is_opened(tmp_path):
    write_folder(PIXELS, tmp_path / "a")
    cut = png_bytes(np.random.default_rng(1).integers(0, 256, (3, 8, 8), np.uint8))[:-40]
    for content, *said in ((b"", "empty-file"), (b"text", "not-an-image", b"text".hex()),
                          (cut, "not-an-image", "truncated")):
        (tmp_path / "a" / "bad.png").write_bytes(content)
        with refused(*said, "bad.png"):
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
    with refused("changed-content", "000000.png"):
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
    ({"arr_0": PIXELS / 255}, ("not-uint8", "float64", 0, 1)),
    ({"arr_0": PIXELS / 127.5 - 1}, ("not-uint8", "float64", -1, 1)),
    ({"arr_0": (PIXELS > 99).astype(np.uint8)}, ("out-of-range", 255)),
    ({"arr_0": np.full((2, 8, 8, 3), np.nan)}, ("not-uint8", "float64", "nan", "uint8")),
    ({"arr_0": np.zeros((2, 8, 8, 4), np.uint8)}, ("not-images", "(2, 8, 8, 4)", 1, 3)),
    ({"arr_0": np.zeros((0, 8, 8, 3), np.uint8)}, ("not-uint8", "(0, 3, 8, 8)", "uint8")),
    ({"arr_0": np.array([object()])}, ("untrusted-code", "pickled")),
    ({"x": PIXELS, "z": PIXELS}, ("no-images", "arr_0, images, samples", "x (6, 3, 8, 8), z")),
    ({"arr_0": PIXELS, "arr_1": np.zeros(5, int)}, ("labels-do-not-fit", 6)),
    ({"mu": np.zeros(3), "sigma": np.eye(3)}, ("statistics-not-images",)),
])
def test_npz_files_that_cannot_be_images_are_refused(tmp_path, arrays, said):
    np.savez(tmp_path / "a.npz", **arrays)
    with refused(*said):
        opened(tmp_path / "a.npz")


def npy(shape: str, data: bytes = b"", kind: str = "|u1") -> bytes:
    """The bytes of a .npy file, written by hand."""
    header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


@pytest.mark.parametrize("suffix", ["npy", "npz"])
@pytest.mark.parametrize(("content", "code"), [
    (npy("(1000000, 1000, 1000, 3)"), "too-large"), (npy("(4294967296, 4294967296, 4, 3)"), "unreadable-data"),
    (npy("(-1, 8, 8, 3)", bytes(192)), "unreadable-data"), (npy("(2, 8, 8, 3)", bytes(10)), "unreadable-data"),
    (npy("'x'"), "unreadable-data"), (npy("(2, 8, 8, 3)", bytes(384), "|O"), "untrusted-code"),
    (b"\x93NUMPY\x09\x00", "unreadable-data"),
], ids=["terabytes", "overflow", "negative", "short", "text", "objects", "version"])
def test_arrays_whose_header_lies_are_refused(tmp_path, suffix, content, code):
    path = tmp_path / f"a.{suffix}"
    if suffix == "npy":
        path.write_bytes(content)
    else:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("arr_0.npy", content)
    with refused("unreadable-data" if (suffix, code) == ("npy", "untrusted-code") else code):
        opened(path)


def test_an_npz_that_grows_a_thousandfold_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    with zipfile.ZipFile(tmp_path / "a.npz", "w", compression=zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("arr_0.npy", npy("(20, 1000, 1000, 3)", bytes(60_000_000)))
    monkeypatch.setattr("ganbench.gan.checkpoints.MOST_UNPACKED", 10_000_000)
    with refused("too-large", "60,000,"):
        opened(tmp_path / "a.npz")


class Bomb:
    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


@pytest.mark.parametrize(("name", "said"), [
    ("a.npz", ("untrusted-code", "pickled")), ("a.npy", ("unreadable-data", "Object arrays")),
    ("a.pt", ("untrusted-code", "pickled")),
])
def test_objects_in_arrays_are_refused_and_not_run(tmp_path, name, said):
    content = np.array([Bomb(tmp_path / "ran")], object)
    if name == "a.pt":
        torch.save({"images": content.tolist()}, tmp_path / name)
    else:
        (np.save if name == "a.npy" else np.savez)(tmp_path / name, content, allow_pickle=True)
    with refused(*said):
        opened(tmp_path / name)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", ["a.npz", "a.parquet"])
def test_truncated_and_foreign_files_are_named(tmp_path, name):
    WRITERS[name](PIXELS, tmp_path / name)
    whole = (tmp_path / name).read_bytes()
    for content in (whole[: len(whole) // 2], whole[:10], b"hello", b"", b"PK\x03\x04" + whole[4:200]):
        (tmp_path / name).write_bytes(content)
        with refused("unreadable-data", name):
            opened(tmp_path / name)


# .parquet

def test_a_plain_binary_column_and_small_row_groups_are_read(tmp_path):
    table = pa.table({"n": list(range(6)), "picture": [png_bytes(image) for image in PIXELS]})
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=4)
    assert np.array_equal(opened(tmp_path / "a.parquet").read([5, 0, 3, 4]), PIXELS[[5, 0, 3, 4]])


@pytest.mark.parametrize(("classes", "names"), [
    (["cat", "dog"], ("cat", "dog")), (["cat", "dog", "cow"], ("cat", "dog", "cow")), (["cat"], ()),
    (["cat", "cat"], ()), ([1, 2], ()),
])
def test_an_npz_may_name_its_classes(tmp_path, classes, names):
    images = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 1), np.uint8)
    np.savez(tmp_path / "a.npz", images, [0, 1, 1, 0], classes=np.array(classes))
    found = opened(tmp_path / "a.npz")
    assert found.classes == names
    write_npz(tmp_path / "b.npz", found.read(range(4)), found.labels.tolist(), found.classes)
    assert opened(tmp_path / "b.npz").classes == names


def test_class_names_come_from_the_metadata(tmp_path):
    write_parquet(tmp_path / "a.parquet", PIXELS, LABELS, ["x", "y", "z"])
    assert opened(tmp_path / "a.parquet").classes == ("x", "y", "z")


@pytest.mark.parametrize(("columns", "said"), [
    ({"n": [1, 2]}, ("no-images", "n: int64")),
    ({"a": [b"x", b"y"], "b": [b"x", b"y"]}, ("no-images", "2 columns")),
    ({"image": [b"x", b"y"]}, ("not-an-image", "a.parquet, row 0")),
    ({"image": [{"bytes": png_bytes(PIXELS[0]), "path": "p"}, {"bytes": None, "path": "p"}]}, ("no-images", "row 1")),
    ({"image": [png_bytes(PIXELS[0]), png_bytes(PIXELS[0, :, :4])]}, ("unequal-sizes", "row 1", "8x4", "row 0", "8x8")),
    ({"image": [png_bytes(PIXELS[0])] * 2, "label": [1, None]}, ("missing-labels", 1, "label")),
])
def test_parquet_files_that_cannot_be_images_are_refused(tmp_path, columns, said):
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    with refused(*said):
        opened(tmp_path / "a.parquet")


def encoded_by_pillow(image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def huge():
    """A PNG of 100 megapixels in 16 kB."""
    return encoded_by_pillow(Image.new("1", (10_000, 10_000)))


@pytest.mark.parametrize("name", ["a", "a.zip", "a.parquet"])
def test_an_image_of_100_megapixels_is_refused_by_its_header(tmp_path, huge, name, monkeypatch):
    if name == "a":
        (tmp_path / "a").mkdir()
        (tmp_path / "a" / "big.png").write_bytes(huge)
    elif name == "a.zip":
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr("big.png", huge)
    else:
        pq.write_table(pa.table({"image": [huge, huge]}), tmp_path / name)
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("it was decoded"))
    with refused("too-large", 100_000_000, 64_000_000):
        opened(tmp_path / name, 32)


def test_a_row_group_that_grows_when_it_is_read_is_refused(tmp_path, monkeypatch):
    picture = png_bytes(np.random.default_rng(0).integers(0, 256, (3, 64, 64), np.uint8))
    pq.write_table(pa.table({"image": [picture] * 500}), tmp_path / "a.parquet")
    assert (tmp_path / "a.parquet").stat().st_size < 5 * len(picture)           # stored once
    monkeypatch.setattr("ganbench.gan.datasets.parquet.MOST", 100 * len(picture))
    with refused("too-large", "row group"):
        opened(tmp_path / "a.parquet")


# .zip

def test_folders_in_a_zip_are_classes_when_nothing_says_otherwise(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for i, image in enumerate(PIXELS):
            archive.writestr(f"{'cat' if i % 2 else 'ant'}/{i}.png", png_bytes(image))
        archive.writestr("__MACOSX/cat/1.png", b"x")
        archive.writestr("readme.txt", b"x")
    found = opened(tmp_path / "a.zip")
    assert found.classes == ("ant", "cat")
    assert found.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert np.array_equal(found.read(range(6)), PIXELS[[0, 2, 4, 1, 3, 5]])


@pytest.mark.parametrize("name", ["../a.png", "/etc/a.png", "x/../../a.png", "..\\a.png", "C:/a.png"])
def test_a_zip_whose_entries_lead_outside_is_refused(tmp_path, name):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("b.png", png_bytes(PIXELS[0]))
        archive.writestr(name, png_bytes(PIXELS[0]))
    with refused("path-leads-outside"):
        opened(tmp_path / "a.zip")


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", compression=zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.png", bytes(300_000_000))
    with refused("too-large", "a.png", 300_000_000, 200_000_000):
        opened(tmp_path / "a.zip")


def test_a_list_of_labels_that_is_a_bomb_is_refused_too(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", compression=zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.png", png_bytes(PIXELS[0]))
        archive.writestr("dataset.json", bytes(300_000_000))
    with refused("too-large", "dataset.json", 300_000_000):
        opened(tmp_path / "a.zip")


@pytest.mark.parametrize(("files", "said"), [
    ({"a.txt": b"x"}, ("no-images", 1)),
    ({"a.png": b"x", "b.png": b"y"}, ("not-an-image", "a.png")),
    ({"a.png": png_bytes(PIXELS[0])}, ("too-few-images", 1, 2)),
    ({"a.png": png_bytes(PIXELS[0]), "b.png": png_bytes(PIXELS[1]), "dataset.json": b'{"labels": [["a.png", 0]]}'},
     ("missing-labels", "b.png")),
    ({"a.png": png_bytes(PIXELS[0]), "b.png": png_bytes(PIXELS[1]), "dataset.json": b"["},
     ("unreadable-data", "dataset.json")),
])
def test_zips_that_cannot_be_images_are_refused(tmp_path, files, said):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    with refused(*said):
        opened(tmp_path / "a.zip")


@pytest.mark.parametrize("cut", [0, 10, 0.5])
def test_a_truncated_zip_is_named(tmp_path, cut):
    write_zip(PIXELS, tmp_path / "a.zip")
    whole = (tmp_path / "a.zip").read_bytes()
    (tmp_path / "a.zip").write_bytes(whole[: int(cut * len(whole)) if cut < 1 else cut])
    with refused("unreadable-data", ".zip", "truncated"):
        opened(tmp_path / "a.zip")


# Arrays: .npy, tensors, callables

@pytest.mark.parametrize("layout", [(0, 1, 2, 3), (0, 2, 3, 1)])
def test_npy_files_are_read_in_both_layouts(tmp_path, layout):
    np.save(tmp_path / "a.npy", PIXELS.transpose(layout))
    assert np.array_equal(opened(tmp_path / "a.npy").read(range(6)), PIXELS)


@pytest.mark.parametrize(("content", "said"), [
    (torch.randn(4, 3, 8, 8), ("not-uint8", "float32")),
    (torch.zeros(4, 5, 8, 8, dtype=torch.uint8), ("not-images", "(4, 5, 8, 8)")),
    ({"weight": torch.zeros(3)}, ("no-images", "arr_0, images, samples", "weight")),
    ({"images": [1, 2]}, ("not-images", "list")),
    (torch.ones(4, 3, 8, 8, dtype=torch.uint8), ("out-of-range", 1)),
])
def test_tensors_that_are_no_images_are_refused(tmp_path, content, said):
    torch.save(content, tmp_path / "a.pt")
    with refused(*said):
        opened(tmp_path / "a.pt")


def test_weights_and_images_with_the_same_ending_are_told_apart(tmp_path):
    torch.save({"weight": torch.zeros(3, 3)}, tmp_path / "weights.pt")
    torch.save(torch.from_numpy(PIXELS), tmp_path / "images.pt")
    assert [is_images(str(tmp_path / name)) for name in ("weights.pt", "images.pt", "none.pt")] == [False, True, False]


CODE = """
import numpy as np, torch
pixels = np.random.default_rng(0).integers(0, 256, (6, 3, 8, 8), np.uint8)
def array(): return pixels
def tensor(): return torch.from_numpy(pixels)
def labelled(): return pixels, np.array([0, 1, 2, 0, 1, 2])
def batches(): return (pixels[i : i + 4] for i in (0, 4))
def nothing(): return []
def number(): return 3
"""


@pytest.fixture
def pictures(tmp_path, monkeypatch):
    (tmp_path / "pictures.py").write_text(CODE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "pictures", raising=False)
    yield lambda name: open_data(f"pictures:{name}", DataFolders(None, tmp_path))
    sys.modules.pop("pictures", None)


@pytest.mark.parametrize("name", ["array", "tensor", "labelled", "batches"])
def test_a_callable_of_the_users_gives_images(pictures, name):
    found = pictures(name)
    assert np.array_equal(found.read([5, 1]), PIXELS[[5, 1]])
    assert (found.labels is None) == (name != "labelled")


@pytest.mark.parametrize(("name", "said"), [
    ("nothing", ("no-images", "pictures:nothing")), ("number", ("not-images", "int")), ("absent",
     ("not-callable", "absent")),
])
def test_a_callable_that_gives_no_images_is_refused(pictures, name, said):
    with refused(*said):
        pictures(name)


@pytest.mark.parametrize(("folders", "classes"), [
    (("00-t-shirt", "01-bag", "11-boot"), ("t-shirt", "bag", "boot")),          # as `sample` and `augment` write them
    (("10-euro", "20-euro"), ("10-euro", "20-euro")), (("00-a", "b"), ("00-a", "b")), (("2-a", "3-b"), ("2-a", "3-b")),
    (("2024-01", "2024-02"), ("2024-01", "2024-02"))])
def test_numbers_before_the_names_of_class_folders_are_no_part_of_the_names(tmp_path, folders, classes):
    for folder in folders:
        (tmp_path / folder).mkdir()
        Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / folder / "a.png")
    found = open_data(str(tmp_path), DataFolders(None, tmp_path / "cache"))
    assert found.classes == classes
    assert found.labels.tolist() == list(range(len(folders)))
