"""CIFAR-10 on files made here: 20 images where the real ones have 10,000."""

import io
import tarfile

import numpy as np
import pytest

from ganbench.gan.datasets import DATASETS, DataFolders, cifar10, open_data
from ganbench.gan.files import file_digest
from tests.refusals import refused

N = 20


@pytest.fixture
def batches(monkeypatch):
    """The six files by name: label i % 10, and image i of the release with i in its first red pixel."""
    monkeypatch.setattr(cifar10, "PER_FILE", N)
    names = [*cifar10.FILES["train"], *cifar10.FILES["test"]]
    rows = np.random.default_rng(0).integers(0, 256, (len(names), N, cifar10.RECORD), np.uint8)
    rows[:, :, 0] = np.arange(N) % 10
    rows[:, :, 1] = np.arange(len(names) * N).reshape(-1, N)
    return {name: part.tobytes() for name, part in zip(names, rows, strict=True)}


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """No CIFAR-10 on this machine and no network."""
    monkeypatch.setattr(cifar10, "URL", (tmp_path / "away" / cifar10.ARCHIVE).as_uri())
    return DataFolders(None, tmp_path / "cache")


def write_folder(folder, batches):
    folder.mkdir(parents=True)
    for name, data in batches.items():
        (folder / name).write_bytes(data)


def write_archive(path, batches, monkeypatch):
    """As the release is packed; its sha256 becomes the published one."""
    path.parent.mkdir(parents=True)
    with tarfile.open(path, "w:gz") as archive:
        for name, data in batches.items():
            entry = tarfile.TarInfo(f"{cifar10.FOLDER}/{name}")
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    monkeypatch.setattr(cifar10, "SHA256", file_digest(path))


def test_images_are_planes_of_red_green_and_blue_in_the_order_of_the_files(batches, nowhere):
    write_folder(nowhere.cache / cifar10.FOLDER, batches)
    train, test = (open_data(f"cifar10:{split}", nowhere) for split in ("train", "test"))
    assert (train.n, test.n, train.shape) == (100, 20, (3, 32, 32))
    assert train.read(range(100))[:, 0, 0, 0].tolist() == list(range(100))
    assert test.read(range(20))[:, 0, 0, 0].tolist() == list(range(100, 120))
    assert train.labels.tolist() == [i % 10 for i in range(100)]
    assert train.classes == DATASETS["cifar10"].classes
    last = batches["data_batch_2.bin"][-cifar10.RECORD :]
    picture = train.read([39])[0]
    assert [picture[0, 0, 1], picture[1, 0, 0], picture[2, 31, 31]] == [last[2], last[1 + 1024], last[-1]]


def test_the_archive_holds_what_the_folder_holds(batches, nowhere, tmp_path, monkeypatch):
    write_folder(tmp_path / "given" / "cifar10", batches)
    write_archive(nowhere.cache / "cifar10" / cifar10.ARCHIVE, batches, monkeypatch)
    unpacked = open_data("cifar10:train", DataFolders(tmp_path / "given", tmp_path / "empty"))
    assert open_data("cifar10:train", nowhere).digest == unpacked.digest


def test_it_is_downloaded_once(batches, nowhere, tmp_path, monkeypatch):
    write_archive(tmp_path / "away" / cifar10.ARCHIVE, batches, monkeypatch)
    assert open_data("cifar10:test", nowhere).n == 20
    (tmp_path / "away" / cifar10.ARCHIVE).unlink()
    assert open_data("cifar10:train", nowhere).n == 100


def test_without_network_the_archive_is_asked_for_in_one_sentence(nowhere):
    with refused("not-fetched") as caught:
        open_data("cifar10:train", nowhere)
    for part in (cifar10.ARCHIVE, "could not be fetched", "put the file into", str(nowhere.cache / "cifar10")):
        assert part in str(caught.value)
    assert not list(nowhere.cache.rglob("*.gz"))


@pytest.mark.parametrize(("damage", "said"), [
    (lambda data: data[:-1], ("unreadable-data", "data_batch_3.bin", 61_459, 61_460, 20, 3_073)),
    (lambda data: b"", ("unreadable-data", "0 bytes")),
    (lambda data: b"\x07" + data[1:], ("another-data-set", 10)),
    (lambda data: b"\x63" + data[1:], ("another-data-set", "CIFAR-10")),
])
def test_files_that_are_not_cifar_10_are_named(batches, nowhere, damage, said):
    batches["data_batch_3.bin"] = damage(batches["data_batch_3.bin"])
    write_folder(nowhere.cache / cifar10.FOLDER, batches)
    with refused(*said) as caught:
        open_data("cifar10:train", nowhere)
    assert str(nowhere.cache / cifar10.FOLDER) in str(caught.value)


def test_a_missing_batch_and_an_archive_of_other_bytes_are_named(batches, nowhere):
    write_folder(nowhere.cache / cifar10.FOLDER, batches)
    (nowhere.cache / cifar10.FOLDER / "data_batch_4.bin").unlink()
    with refused("unreadable-file", "data_batch_4.bin", "No such file"):
        open_data("cifar10:train", nowhere)
    (nowhere.cache / cifar10.FOLDER).rename(nowhere.cache / "elsewhere")
    (nowhere.cache / cifar10.ARCHIVE).write_bytes(b"the Python release, perhaps")
    with refused("wrong-digest", "c4a38c50a1bc"):
        open_data("cifar10:test", nowhere)
