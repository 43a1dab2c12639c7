"""Fashion-MNIST: the embedded files, the idx format, and where the 60,000 come from."""

import gzip
import struct

import numpy as np
import pytest

from ganbench.gan.datasets import DATASETS, DataFolders, fashion_mnist, open_data
from tests.refusals import refused


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """No data set on this machine and no network; only what travels with the project."""
    monkeypatch.setattr(fashion_mnist, "DEBIAN", tmp_path / "debian")
    monkeypatch.setattr(fashion_mnist, "MIRROR", (tmp_path / "mirror").as_uri() + "/")
    return DataFolders(None, tmp_path / "cache")


@pytest.mark.parametrize("split", ["test", "train10k"])
def test_the_embedded_splits_have_1000_images_of_each_class_or_nearly(split, nowhere):
    images = open_data(f"fashion-mnist:{split}", nowhere)
    assert (images.n, images.shape) == (10_000, (1, 32, 32))
    assert images.classes == fashion_mnist.CLASSES
    counts = np.bincount(images.labels)
    assert counts.tolist() == [1000] * 10 if split == "test" else counts.min() > 900
    pixels = images.read(range(100))
    assert pixels.dtype == np.uint8
    assert not pixels[:, :, [0, 1, -2, -1]].any()           # the padding
    assert not pixels[..., [0, 1, -2, -1]].any()


def test_the_mean_of_the_test_images_is_the_known_one(nowhere):
    pixels = open_data("fashion-mnist:test", nowhere).read(range(10_000))[:, :, 2:-2, 2:-2]
    assert pixels.mean() / 255 == pytest.approx(0.2868, abs=1e-4)      # 0.2860 is the training set's


@pytest.mark.skipif(not fashion_mnist.DEBIAN.is_dir(), reason="needs the package dataset-fashion-mnist")
def test_train10k_is_the_beginning_of_train(tmp_path):
    folders = DataFolders(None, tmp_path)
    train, part = open_data("fashion-mnist:train", folders), open_data("fashion-mnist:train10k", folders)
    assert train.n == 60_000
    assert train.read(range(10_000)).mean() == part.read(range(10_000)).mean()
    assert np.array_equal(train.read([0, 9_999]), part.read([0, 9_999]))
    assert np.array_equal(train.labels[:10_000], part.labels)
    assert train.read(range(60_000))[:, :, 2:-2, 2:-2].mean() / 255 == pytest.approx(0.2860, abs=1e-4)


def test_every_row_says_how_many_images_it_has(nowhere):
    row = DATASETS["fashion-mnist"]
    for split in ("test", "train10k"):
        images = open_data(f"fashion-mnist:{split}", nowhere)
        assert (images.n, images.shape, images.classes) == (row.splits[split], row.shape, row.classes)


def test_without_network_the_training_images_are_asked_for_in_one_sentence(nowhere):
    with refused("not-fetched") as caught:
        open_data("fashion-mnist:train", nowhere)
    for part in ("train-images-idx3-ubyte.gz", "could not be fetched", "put train-images", str(nowhere.cache)):
        assert part in str(caught.value)


def test_files_of_mnist_under_the_same_names_are_refused(tmp_path, nowhere):
    write(tmp_path / "t10k-images-idx3-ubyte.gz", np.zeros((3, 28, 28), np.uint8))
    write(tmp_path / "t10k-labels-idx1-ubyte.gz", np.zeros(3, np.uint8))
    with refused("another-data-set", "Fashion-MNIST"):
        open_data("fashion-mnist:test", DataFolders(tmp_path, nowhere.cache))


def test_an_unknown_split_lists_the_known_ones(nowhere):
    for data in ("fashion-mnist", "fashion-mnist:validation"):
        with refused("unknown-data", "test, train10k, train"):
            open_data(data, nowhere)


def write(path, values):
    header = b"\x00\x00\x08" + bytes([values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape)
    path.write_bytes(gzip.compress(header + values.tobytes(), mtime=0))


def test_idx_files_are_read_packed_and_unpacked(tmp_path):
    values = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    write(tmp_path / "a.gz", values)
    assert np.array_equal(fashion_mnist.read_idx(tmp_path / "a.gz"), values)
    (tmp_path / "a").write_bytes(gzip.decompress((tmp_path / "a.gz").read_bytes()))
    assert np.array_equal(fashion_mnist.read_idx(tmp_path / "a"), values)


@pytest.mark.parametrize(("damage", "said"), [
    (lambda raw: raw[: len(raw) // 2], ("unreadable-data", "gzip")),
    (lambda raw: raw[:12] + bytes(10) + raw[22:], ("unreadable-data", "gzip")),
    (lambda raw: gzip.compress(b"\x01" + gzip.decompress(raw)[1:]), ("unreadable-data", "01000803")),
    (lambda raw: gzip.compress(gzip.decompress(raw)[:-1]), ("unreadable-data", 23)),
    (lambda raw: gzip.compress(gzip.decompress(raw)[:6]), ("unreadable-data", "idx header")),
    (lambda raw: b"", ("empty-file",)),
])
def test_damaged_idx_files_are_named(tmp_path, damage, said):
    path = tmp_path / "a.gz"
    write(path, np.arange(24, dtype=np.uint8).reshape(2, 3, 4))
    path.write_bytes(damage(path.read_bytes()))
    with refused(*said) as caught:
        fashion_mnist.read_idx(path)
    assert str(path) in str(caught.value)


def test_labels_must_lie_beside_the_images_and_be_as_many(tmp_path):
    write(tmp_path / "train-images-idx3-ubyte.gz", np.zeros((3, 28, 28), np.uint8))
    with refused("missing-labels"):
        fashion_mnist.load("train", [tmp_path])
    write(tmp_path / "train-labels-idx1-ubyte.gz", np.zeros(2, np.uint8))
    with refused("labels-do-not-fit", "(n, 28, 28)", "(n,)"):
        fashion_mnist.load("train", [tmp_path])
