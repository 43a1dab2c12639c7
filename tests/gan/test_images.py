"""The image convention: quantising, layouts, ranges, reading and writing."""

import errno
import io
import json
import os
import zlib
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from ganbench.gan import images
from ganbench.gan.pictures import facts_of
from ganbench.gan.types import BadOutput, ModelSpec
from tests.refusals import refused

RANDOM = np.random.default_rng(0)
COLOUR = RANDOM.integers(0, 256, (5, 3, 8, 6), np.uint8)  # not square on purpose
GREY = RANDOM.integers(0, 256, (5, 1, 8, 8), np.uint8)


def spec(**facts) -> ModelSpec:
    return ModelSpec("model", factory="a:b", **facts)


def encoded(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


# Quantising


def test_every_byte_survives_the_way_to_float_and_back():
    every = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16)
    assert torch.equal(images.to_uint8(images.to_float(every)), every)


@pytest.mark.parametrize("low_high", [(-1.0, 1.0), (0.0, 1.0), (-0.5, 0.5)])
def test_every_declared_range_maps_its_ends_to_black_and_white(low_high):
    low, high = low_high
    raw = torch.tensor([low, (low + high) / 2, high]).reshape(1, 1, 1, 3)
    assert images.from_model(raw, spec(output_range=low_high)).flatten().tolist() == [0, 128, 255]


def test_whole_numbers_in_the_range_of_bytes_stay_what_they_are():
    every = torch.arange(256).reshape(1, 1, 16, 16)
    assert torch.equal(images.from_model(every.float(), spec(output_range=(0.0, 255.0))), every.to(torch.uint8))


@pytest.mark.parametrize("layout", ["NCHW", "NHWC", "NHW", "NC"])
def test_all_layouts_of_the_same_grey_images_agree(layout):
    pixels = torch.from_numpy(GREY)
    raw = {"NCHW": pixels, "NHWC": pixels.permute(0, 2, 3, 1), "NHW": pixels[:, 0], "NC": pixels.flatten(1)}[layout]
    assert torch.equal(images.from_model(images.to_float(raw), spec(layout=layout)), pixels)
    assert torch.equal(images.from_model(raw, spec(layout=layout)), pixels)  # uint8 passes


def test_flat_colour_images_are_read_channel_by_channel():
    pixels = torch.from_numpy(RANDOM.integers(0, 256, (2, 3, 8, 8), np.uint8))
    assert torch.equal(images.from_model(pixels.flatten(1), spec(layout="NC")), pixels)


@pytest.mark.parametrize(("shape", "facts", "said"), [
    ((2, 8, 8, 3), {}, ("not-images", 'looks like layout = "NHWC"')),
    ((2, 3, 8, 8), {"layout": "NHWC"}, ("not-images", 'looks like layout = "NCHW"')),
    ((2, 784), {}, ("not-images", 'looks like layout = "NC"')),
    ((2, 28, 28), {}, ("not-images", 'looks like layout = "NHW"')),
    ((2, 10), {}, ("not-images", "the output of a classifier")),
    ((2, 1000), {}, ("not-images", "the output of a classifier")),
    ((2, 2, 8, 8), {}, ("not-images", "NCHW")),
    ((2, 4, 8, 8), {}, ("not-images", "NCHW")),
    ((2, 3, 8, 8), {"channels": 1}, ("wrong-channels", 3, 1)),
    ((2, 3, 8, 8), {"resolution": 16}, ("wrong-size", "8x8", 16)),
])
def test_output_that_is_not_as_declared_is_refused_with_a_hint(shape, facts, said):
    with refused(*said, kind=BadOutput):
        images.from_model(torch.zeros(shape), spec(**facts))


def test_output_of_another_type_is_refused():
    with refused("not-images", "torch.int64", kind=BadOutput):
        images.from_model(torch.zeros(1, 1, 4, 4, dtype=torch.int64), spec())
    with refused("not-images", "list", kind=BadOutput):
        images.from_model([1], spec())  # type: ignore[arg-type]


@pytest.mark.parametrize("bad", [float("nan"), float("-inf")])
def test_values_that_are_not_finite_are_counted_and_located(bad):
    raw = torch.zeros(4, 1, 4, 4)
    raw[2, 0, 1] = bad
    with refused("images-not-finite", 4, 64, 22, kind=BadOutput):
        images.from_model(raw, spec(), first=20)


@pytest.mark.parametrize(("low", "high", "share"), [(0, 255, "100 %"), (-1, 1, "48 %")])  # 1.05/2 - .05/2 = .475
def test_a_wrong_range_says_what_was_found_and_what_would_fit(low, high, share):
    raw = torch.linspace(low, high, 3_000).reshape(3, 1, 100, 10)
    with refused("out-of-range", kind=BadOutput) as caught:
        images.check_range(raw, (0.0, 1.0), "zoo:x")
    assert str(caught.value) == (
        f"zoo:x gave values from {low} to {high}, declared was the range [0, 1]: {share} of them lie outside by more "
        f"than 0.05; output_range = [{low}, {high}] would fit."
    )


def test_unbounded_output_is_said_to_fit_no_range():
    with refused("out-of-range", "last activation may be missing", kind=BadOutput):
        images.check_range(torch.linspace(-900, 900, 300).reshape(3, 1, 10, 10), (-1.0, 1.0))


def test_a_small_overshoot_is_clipped_and_counted():
    raw = torch.full((1, 1, 10, 10), 0.5)
    raw[0, 0, 0, 0], raw[0, 0, 0, 1] = 1.09, 5  # one beyond the slack is 1 %: still allowed
    assert images.from_model(raw, spec())[0, 0, 0, :2].tolist() == [255, 255]
    assert images.count_clipped(raw, (-1.0, 1.0)) == 2
    raw[0, 0, 0, 2] = 5
    with refused("out-of-range", "2 %", kind=BadOutput):
        images.from_model(raw, spec())


# Reading


@pytest.mark.parametrize(("mode", "channels"), [("1", 1), ("L", 1), ("LA", 1), ("P", 3), ("RGB", 3), ("RGBA", 3)])
def test_grey_files_have_one_channel_and_all_others_three(tmp_path, mode, channels):
    picture = Image.fromarray(COLOUR[0].transpose(1, 2, 0)).convert(mode)
    picture.save(tmp_path / "a.png")
    found = images.read_image(tmp_path / "a.png")
    assert found.shape == (channels, 8, 6)
    assert found.dtype == np.uint8
    expected = np.asarray(picture.convert("L" if channels == 1 else "RGB")).reshape(8, 6, channels)
    assert np.array_equal(found, expected.transpose(2, 0, 1))


def test_alpha_is_dropped_and_not_blended(tmp_path):
    pixels = np.dstack([COLOUR[0].transpose(1, 2, 0), np.zeros((8, 6), np.uint8)])
    Image.fromarray(pixels).save(tmp_path / "a.png")
    assert np.array_equal(images.read_image(tmp_path / "a.png"), COLOUR[0])


def test_transparent_palettes_are_read_without_a_warning():
    picture = Image.fromarray(COLOUR[0].transpose(1, 2, 0)).quantize(8)
    data = encoded(picture, transparency=bytes(range(8)))
    assert np.array_equal(images.decode(data, "a").transpose(1, 2, 0), np.asarray(picture.convert("RGB")))


def test_the_exif_orientation_is_ignored():
    exif = Image.Exif()
    exif[0x0112] = 6  # rotate by 90 degrees
    data = encoded(Image.fromarray(COLOUR[0].transpose(1, 2, 0)), "PNG", exif=exif)
    assert np.array_equal(images.decode(data, "a"), COLOUR[0])


def test_sixteen_bits_are_refused_in_words(tmp_path):
    Image.fromarray(np.zeros((8, 8), np.uint16)).save(tmp_path / "a.png")
    with refused("not-uint8", "a.png", 16):
        images.read_image(tmp_path / "a.png")


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_truncated_image_names_its_file(tmp_path, kind):
    data = encoded(Image.fromarray(RANDOM.integers(0, 256, (64, 64, 3), np.uint8)), kind)
    path = tmp_path / "cut"
    path.write_bytes(data[: len(data) // 2])
    with refused("not-an-image", "cut"):
        images.read_image(path)
    with refused("not-an-image", "cut"):
        facts_of(path.read_bytes(), str(path))


@pytest.mark.parametrize(("content", "said"), [
    (b"", ("empty-file",)), (b"hello", ("not-an-image", b"hello".hex())),
])
def test_what_is_no_image_names_its_file(tmp_path, content, said):
    (tmp_path / "a.png").write_bytes(content)
    with refused(*said, "a.png"):
        images.read_image(tmp_path / "a.png")
    with refused("unreadable-file", "No such file"):
        images.read_image(tmp_path / "none.png")


@pytest.mark.parametrize("side", [9_000, 12_000, 20_000])  # below, between and above Pillow's own two limits
def test_a_decompression_bomb_is_refused_from_its_header(side):
    data = bytearray(encoded(Image.new("1", (8, 8))))
    data[16:24] = side.to_bytes(4, "big") * 2
    data[29:33] = zlib.crc32(bytes(data[12:29])).to_bytes(4, "big")
    with refused("too-large", "bomb", side**2):
        images.decode(bytes(data), "bomb")


def test_resizing_is_pillows_bicubic_and_leaves_equal_sizes_alone():
    picture = Image.fromarray(COLOUR[0].transpose(1, 2, 0))
    expected = np.asarray(picture.resize((5, 5), Image.Resampling.BICUBIC)).transpose(2, 0, 1)
    assert np.array_equal(images.resize(COLOUR[0], 5), expected)
    assert np.array_equal(images.resize(GREY[0], 8), GREY[0])


# Writing


@pytest.mark.parametrize("pixels", [COLOUR, GREY])
def test_a_folder_reads_back_as_it_was_written(tmp_path, pixels):
    images.write_folder(pixels, tmp_path / "out")
    files = sorted((tmp_path / "out").iterdir())
    assert [file.name for file in files] == [f"{i:06d}.png" for i in range(5)]
    assert np.array_equal([images.read_image(file) for file in files], pixels)
    assert os.listdir(tmp_path) == ["out"]


def test_labels_become_sub_folders_that_sort_as_they_count(tmp_path):
    images.write_folder(GREY, tmp_path / "out", [1, 0, 1, 0, 2], ["shirt", "a/b", "bag"])
    assert sorted(os.listdir(tmp_path / "out")) == ["00-shirt", "01-a-b", "02-bag"]


def test_a_folder_with_files_is_not_written_into(tmp_path):
    (tmp_path / "old.png").write_bytes(b"")
    with refused("output-exists"):
        images.write_folder(GREY, tmp_path)


def test_a_full_disk_is_a_sentence_and_leaves_nothing(tmp_path, monkeypatch):
    def full(path: Path, data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", full)
    with refused("no-space"):
        images.write_folder(GREY, tmp_path / "out")
    with refused("no-space"):
        images.write_contact_sheet(tmp_path / "sheet.png", GREY)
    assert os.listdir(tmp_path) == []


def test_npz_is_what_guided_diffusion_reads(tmp_path):
    images.write_npz(tmp_path / "a.npz", COLOUR, [0, 1, 2, 0, 1])
    with np.load(tmp_path / "a.npz", allow_pickle=False) as arrays:
        assert arrays.files == ["arr_0", "arr_1"]
        assert arrays["arr_0"].dtype == np.uint8
        assert np.array_equal(arrays["arr_0"], COLOUR.transpose(0, 2, 3, 1))
        assert arrays["arr_1"].tolist() == [0, 1, 2, 0, 1]


def test_parquet_has_pictures_that_hugging_face_recognises(tmp_path):
    images.write_parquet(tmp_path / "a.parquet", COLOUR, [0, 1, 0, 1, 0], ["x", "y"])
    table = pq.read_table(tmp_path / "a.parquet")
    features = json.loads(table.schema.metadata[b"huggingface"])["info"]["features"]
    assert features == {"image": {"_type": "Image"}, "label": {"_type": "ClassLabel", "names": ["x", "y"]}}
    assert str(table.schema.field("image").type) == "struct<bytes: binary, path: string>"
    rows = table.to_pylist()
    assert [row["label"] for row in rows] == [0, 1, 0, 1, 0]
    assert np.array_equal([images.decode(row["image"]["bytes"], "a") for row in rows], COLOUR)


def test_parquet_streams_more_than_one_row_group(tmp_path):
    images.write_parquet(tmp_path / "a.parquet", (GREY[i % 5] for i in range(1_001)))
    with pq.ParquetFile(tmp_path / "a.parquet") as file:
        assert [file.metadata.row_group(i).num_rows for i in range(2)] == [1_000, 1]


def test_a_contact_sheet_shows_each_image_enlarged_by_whole_pixels(tmp_path):
    images.write_contact_sheet(tmp_path / "a.png", GREY)
    sheet = images.read_image(tmp_path / "a.png")
    assert sheet.shape == (3, 2 * (128 + 4) + 4, 3 * (128 + 4) + 4)
    assert np.array_equal(sheet[0, 4 : 4 + 128 : 16, 4 : 4 + 128 : 16], GREY[0, 0])
    assert (sheet[:, -100:, -100:] == 255).all()
