"""Exports are read back by the tools that they are for, with the same pixels, classes and origin."""

import io
import json

import numpy as np
import pytest
from PIL import Image

from ganbench.gan.applications.augment.exporting import FORMATS, Exported, export
from ganbench.gan.datasets import DataFolders, open_data
from ganbench.gan.synthetic import MARK
from tests.refusals import refused

NAMES = ("left", "right", "none")


def made(n=7, channels=1, seed=0):
    random = np.random.default_rng(seed)
    images = random.integers(0, 256, (n, channels, 12, 10), np.uint8)
    return Exported(images, np.arange(n) % 2, NAMES, "mine", "d" * 64, 5, np.arange(n) * 3, random.random(n))


def pixels(image):
    """A Pillow image -> CHW."""
    array = np.asarray(image)
    return array[None] if array.ndim == 2 else array.transpose(2, 0, 1)


@pytest.mark.parametrize("channels", [1, 3])
def test_torchvision_reads_the_image_folder_with_identical_pixels(tmp_path, channels):
    from torchvision.datasets import ImageFolder

    export(tmp_path / "out", "imagefolder", made(channels=channels))
    read = ImageFolder(tmp_path / "out", loader=Image.open)
    assert read.classes == ["00-left", "01-right"]
    order = [int(path.split("/")[-1][:6]) for path, _ in read.samples]
    for place, (image, label) in zip(order, read, strict=True):
        np.testing.assert_array_equal(pixels(image), made(channels=channels).images[place])
        assert label == made().labels[place]


@pytest.mark.parametrize("kind", FORMATS)
def test_datasets_of_hugging_face_reads_every_form_with_identical_pixels(tmp_path, kind):
    import datasets
    one = made()
    export(tmp_path / "out", kind, one)
    files = {"webdataset": {"data_files": str(tmp_path / "out" / "*.tar")}}
    read = datasets.load_dataset(kind, split="train", cache_dir=str(tmp_path / "cache"),
                                 **files.get(kind, {"data_dir": str(tmp_path / "out")}))
    assert len(read) == 7
    for row in read:
        origin = row["json"] if kind == "webdataset" else row
        place = int(origin["index"]) // 3
        np.testing.assert_array_equal(pixels(row["png" if kind == "webdataset" else "image"]), one.images[place])
        assert {name: origin[name] for name in ("model", "seed", "class", "synthetic")} == {
            "model": "mine", "seed": 5, "class": NAMES[one.labels[place]], "synthetic": True}
        assert origin["realism"] == pytest.approx(one.realism[place])


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")     # its own
def test_webdataset_reads_its_archives(tmp_path):
    import webdataset
    export(tmp_path / "out", "webdataset", made())
    rows = list(webdataset.WebDataset(str(tmp_path / "out" / "synthetic-000000.tar"), shardshuffle=False))
    assert [int(row["cls"]) for row in rows] == made().labels.tolist()
    np.testing.assert_array_equal(pixels(Image.open(io.BytesIO(rows[4]["png"]))), made().images[4])


@pytest.mark.parametrize("kind", ["imagefolder", "parquet"])
def test_ganbench_reads_its_own_exports(tmp_path, kind):
    export(tmp_path / "out", kind, made())
    place = tmp_path / "out" / ("data/train-00000-of-00001.parquet" if kind == "parquet" else "")
    read = open_data(str(place), DataFolders(None, tmp_path))
    assert (read.n, np.bincount(read.labels).tolist()) == (7, [4, 3])


def test_a_png_bears_the_mark_of_synthetic_media_and_its_origin(tmp_path):
    export(tmp_path / "out", "imagefolder", made())
    with Image.open(tmp_path / "out" / "01-right" / "000003.png") as image:
        assert MARK in image.info["XML:com.adobe.xmp"]
        assert json.loads(image.info["Description"])["index"] == 9


@pytest.mark.parametrize("kind", FORMATS)
def test_the_same_images_are_the_same_bytes(tmp_path, kind):
    for name in ("a", "b"):
        export(tmp_path / name, kind, made())
    one, other = ({path.relative_to(tmp_path / name): path.read_bytes() for path in (tmp_path / name).rglob("*.*")}
                  for name in ("a", "b"))
    assert one == other


def test_a_folder_that_holds_something_is_not_written_to(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with refused("output-exists", str(tmp_path)):
        export(tmp_path, "parquet", made())
    with refused("unknown-output-format", "'zip'"):
        export(tmp_path / "out", "zip", made())
