"""Artefacts: whole or not there, verified when found, extended instead of made again."""

import errno
import hashlib
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from ganbench.gan.store import (
    Store,
    extend,
    is_sound,
    read_arrays,
    remember,
    rows_of,
    whole_batches,
    write_arrays,
)
from ganbench.gan.types import Shard
from tests.refusals import refused

ROOT = Path(__file__).parents[2]
KEY = "ab" * 32
IMAGES = np.random.default_rng(0).integers(0, 256, (1_000, 3, 4, 4), np.uint8)
LOGITS = np.random.default_rng(1).normal(size=(1_000, 10)).astype(np.float32)
LABELS = np.arange(1_000)


class Counted:
    """Rows of the arrays above; notes from where on it was asked."""

    def __init__(self):
        self.asked = []

    def __call__(self, start, stop):
        self.asked.append(start)
        return {"images": IMAGES[start:stop], "logits": LOGITS[start:stop], "labels": LABELS[start:stop]}


class Killed(BaseException):
    """What `kill -9` does, as far as a test can raise it."""


class KilledAt(Counted):
    """Is killed when asked for rows from `last` on."""

    def __init__(self, last: int):
        super().__init__()
        self.last = last

    def __call__(self, start, stop):
        if start >= self.last:
            raise Killed
        return super().__call__(start, stop)


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path / "store")


def made(store: Store, rows: int) -> tuple[Shard, Counted]:
    compute = Counted()
    return extend(store, "samples", KEY, 0, rows, compute), compute


def data_file(store: Store) -> Path:
    entry = store.find("samples", KEY)
    assert entry is not None
    return entry.path


def flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file() and path.parent.name != "locks"}


# What comes back


def test_arrays_of_every_kind_come_back_bit_by_bit_and_read_only(store):
    shard, _ = made(store, 1_000)
    found = rows_of(shard)
    for name, expected in (("images", IMAGES), ("logits", LOGITS), ("labels", LABELS)):
        assert found[name].dtype == expected.dtype
        assert np.array_equal(found[name], expected)
        assert not found[name].flags.writeable
    assert shard.digest == hashlib.sha256(IMAGES.tobytes()).hexdigest()
    assert shard.computed == 1_000


def test_the_file_is_arrow_that_others_can_read(store):
    made(store, 10)
    table = pa.ipc.open_file(str(data_file(store))).read_all()
    assert table.num_rows == 10
    assert table["images"][7].as_py() == IMAGES[7].tobytes()
    assert table["logits"][7].as_py() == LOGITS[7].tolist()


def test_an_array_without_rows_comes_back(store):
    entry = store.commit("samples", KEY, "0.arrow", lambda path: write_arrays(path, {"x": IMAGES[:0]}))
    assert read_arrays(entry.path)["x"].shape == (0, 3, 4, 4)


# Extending


def test_more_rows_compute_only_the_missing_ones(store):
    made(store, 500)
    shard, compute = made(store, 1_000)
    assert compute.asked == [500]
    assert shard.computed == 500
    assert np.array_equal(rows_of(shard)["images"], IMAGES)
    assert np.array_equal(rows_of(shard)["labels"], LABELS)


def test_fewer_rows_after_more_compute_nothing_and_are_the_short_set(store, tmp_path):
    made(store, 1_000)
    shard, compute = made(store, 300)
    alone, _ = made(Store(tmp_path / "another"), 300)
    assert compute.asked == []
    assert shard.computed == 0
    assert shard.digest == alone.digest
    assert np.array_equal(rows_of(shard)["logits"], LOGITS[:300])


def test_a_reader_of_the_short_file_keeps_it_while_the_shard_grows(store):
    short, _ = made(store, 500)
    held = rows_of(short)["images"]
    made(store, 1_000)
    assert np.array_equal(held, IMAGES[:500])
    assert np.array_equal(rows_of(short)["images"], IMAGES[:500])


@pytest.mark.parametrize(("step", "asked"), [
    (1_000, [0]), (300, [0, 300, 600, 900]), (999, [0, 999]), (5_000, [0]),
])
def test_rows_are_saved_every_so_many_and_are_the_same(store, tmp_path, step, asked):
    compute = Counted()
    shard = extend(store, "samples", KEY, 0, 1_000, compute, step)
    assert compute.asked == asked
    assert shard.computed == 1_000
    assert shard.digest == made(Store(tmp_path / "at once"), 1_000)[0].digest
    assert np.array_equal(rows_of(shard)["labels"], LABELS)
    assert files(store.root) == {"1000.arrow", "manifest.json"}


def test_a_shard_that_was_cut_elsewhere_grows_on_to_the_next_multiple(store):
    made(store, 130)
    compute = Counted()
    assert extend(store, "samples", KEY, 0, 400, compute, 100).computed == 270
    assert compute.asked == [130, 200, 300]
    assert files(store.root) == {"130.arrow", "400.arrow", "manifest.json"}  # 130.arrow may have readers


@pytest.mark.parametrize(("last", "saved"), [(0, 0), (250, 250), (750, 750)])
def test_who_is_killed_in_a_shard_loses_what_was_not_saved_yet(store, last, saved):
    with pytest.raises(Killed):
        extend(store, "samples", KEY, 0, 1_000, KilledAt(last), 250)
    compute = Counted()
    shard = extend(store, "samples", KEY, 0, 1_000, compute, 250)
    assert compute.asked[0] == saved
    assert shard.computed == 1_000 - saved
    assert np.array_equal(rows_of(shard)["images"], IMAGES)


@pytest.mark.parametrize(("rows", "micro_batch", "whole"), [(7, 20, 20), (64, 20, 80), (250, 250, 250), (1, 1, 1)])
def test_a_batch_size_is_rounded_up_to_whole_micro_batches(rows, micro_batch, whole):
    assert whole_batches(rows, micro_batch) == whole


# Damage and interruption


def test_data_without_a_manifest_do_not_exist(store):
    made(store, 10)
    (data_file(store).parent / "manifest.json").unlink()
    assert store.find("samples", KEY) is None
    assert list(store.entries()) == []
    _, compute = made(store, 10)
    assert compute.asked == [0]


@pytest.mark.parametrize("damage", [flip_a_byte, Path.unlink, lambda path: path.write_bytes(path.read_bytes()[:-1])],
                         ids=["a flipped byte", "a lost file", "a lost end"])
def test_damaged_data_are_found_and_made_again(store, damage):
    made(store, 1_000)
    damage(data_file(store))
    assert store.find("samples", KEY) is None
    assert [is_sound(entry) for entry in store.entries()] == [False]
    shard, compute = made(store, 1_000)
    assert compute.asked == [0]
    assert np.array_equal(rows_of(shard)["images"], IMAGES)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"file": 3}', "\x00\xff"])
def test_a_damaged_manifest_is_no_manifest(store, text):
    made(store, 10)
    (data_file(store).parent / "manifest.json").write_text(text)
    assert store.find("samples", KEY) is None
    assert made(store, 10)[1].asked == [0]


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, RuntimeError, MemoryError])
def test_an_interrupted_write_leaves_nothing(store, interruption):
    def write(path: Path) -> None:
        path.write_bytes(b"half")
        raise interruption

    with pytest.raises(interruption):
        store.commit("samples", KEY, "10.arrow", write)
    assert store.find("samples", KEY) is None
    assert files(store.root) == set()


def test_a_failed_computation_leaves_what_was_there(store):
    made(store, 500)

    def compute(start, stop):
        raise RuntimeError("the generator broke")

    with pytest.raises(RuntimeError, match="the generator broke"):
        extend(store, "samples", KEY, 0, 1_000, compute)
    assert made(store, 500)[1].asked == []


def test_what_a_killed_process_left_is_a_stray_once_it_is_old(store):
    made(store, 500)
    made(store, 1_000)  # 500.arrow stays for its readers
    folder = data_file(store).parent
    (folder / ".2000.arrow.0123.partial").write_bytes(b"half")
    assert store.strays() == []
    hours_ago = time.time() - 7_200
    for path in folder.iterdir():
        os.utime(path, (hours_ago, hours_ago))
    assert {path.name for path in store.strays()} == {"500.arrow", ".2000.arrow.0123.partial"}


def test_what_a_killed_process_left_beside_an_artefact_goes_when_it_is_made(store):
    made(store, 500)
    left = data_file(store).parent / ".1000.arrow.0123.partial"
    left.write_bytes(b"half")
    made(store, 1_000)
    assert not left.exists()


def test_a_removed_artefact_is_gone_with_its_folder(store):
    made(store, 10)
    entry = store.find("samples", KEY)
    store.remove(entry)
    assert store.find("samples", KEY) is None
    assert not entry.path.parent.exists()
    assert made(store, 10)[1].asked == [0]


# A full disk


def test_a_full_disk_is_a_sentence_and_the_old_artefact_stays(small_disk):
    store = Store(small_disk / "store")
    large = np.random.default_rng(0).integers(0, 256, (1_000, 3, 32, 32), np.uint8)
    short = extend(store, "samples", KEY, 0, 100, lambda start, stop: {"images": large[:100]})
    with refused("no-space", "1000.arrow"):
        extend(store, "samples", KEY, 0, 1_000, lambda start, stop: {"images": large[start:]})
    assert files(store.root) == {"100.arrow", "manifest.json"}
    again = extend(store, "samples", KEY, 0, 100, lambda start, stop: pytest.fail("it was there"))
    assert again.digest == short.digest
    assert np.array_equal(rows_of(again)["images"], large[:100])


def test_a_disk_that_fills_up_while_writing_is_a_sentence(store, monkeypatch):
    def full(number):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    made(store, 100)
    monkeypatch.setattr(os, "fsync", full)
    with refused("no-space"):
        made(store, 1_000)
    monkeypatch.undo()
    assert files(store.root) == {"100.arrow", "manifest.json"}
    assert made(store, 100)[1].asked == []


def test_a_home_that_cannot_be_written_is_a_sentence(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with refused("unwritable-file"):
        made(Store(tmp_path / "file" / "store"), 10)


# Several at once


def test_threads_that_want_one_artefact_compute_it_once(store):
    compute = Counted()

    def slow(start, stop):
        time.sleep(0.05)
        return compute(start, stop)

    with ThreadPoolExecutor(8) as pool:
        shards = list(pool.map(lambda _: extend(store, "samples", KEY, 0, 1_000, slow), range(8)))
    assert compute.asked == [0]
    assert sorted(shard.computed for shard in shards) == [0] * 7 + [1_000]


FOUR_PROCESSES = """
import os, sys, time
from pathlib import Path

import numpy as np
from ganbench.gan.store import Store, extend

def compute(start, stop):
    time.sleep(0.5)
    return {"images": np.zeros((10, 3), np.uint8)}

os.fork(), os.fork()        # four processes
shard = extend(Store(Path(sys.argv[1])), "samples", "ab" * 32, 0, 10, compute)
os.write(1, f"{shard.computed} {shard.digest}\\n".encode())
"""


def test_processes_that_want_one_artefact_compute_it_once(store, run_python):
    """Forks after the slow imports: one import serves all."""
    done = run_python("-c", FOUR_PROCESSES, str(store.root))
    computed, digests = zip(*(line.split() for line in done.stdout.splitlines()), strict=True)
    assert sorted(computed) == ["0", "0", "0", "10"], done.stderr
    assert len(set(digests)) == 1


# Small values, and keys


def test_a_killed_processs_lock_is_free(store):
    held = subprocess.Popen([sys.executable, "-c", HOLDER, str(store.root)], stdout=subprocess.PIPE, cwd=ROOT)
    assert held.stdout.readline() == b"held\n"
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(remember, store, "values", KEY, lambda: 1)
        time.sleep(0.2)
        assert not waiting.done()
        held.kill()
        held.communicate()
        assert waiting.result(timeout=20) == (1, True)


HOLDER = f"""
import sys, time
from pathlib import Path
from ganbench.gan.store import Store

with Store(Path(sys.argv[1])).lock("values", "{KEY}"):
    print("held", flush=True)
    time.sleep(600)
"""


def test_a_small_value_is_computed_once(store):
    assert remember(store, "scores", KEY, lambda: {"fd": [1 / 3, 0.25]}) == ({"fd": [1 / 3, 0.25]}, True)
    assert remember(store, "scores", KEY, lambda: pytest.fail("it was there")) == ({"fd": [1 / 3, 0.25]}, False)
