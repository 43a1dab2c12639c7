"""The mirror: finished artefacts are copied, found again from an empty store, and never trusted unseen."""

import json
import logging
from pathlib import Path

import fsspec
import numpy as np
import pytest

import ganbench
from ganbench.gan import mirror
from ganbench.gan.mirror import check_mirror
from ganbench.gan.store import Store, extend, is_sound, remember
from ganbench.gan.types import Workspace
from tests.refusals import refused

KEY = "cd" * 32
IMAGES = np.random.default_rng(0).integers(0, 256, (1_000, 1, 4, 4), np.uint8)
SECRET = "canary-4711"


@pytest.fixture(params=["memory", "file"])
def url(request, tmp_path, monkeypatch):
    monkeypatch.setattr(mirror, "_down", {})
    if request.param == "file":
        yield f"file://{tmp_path / 'there'}"
        return
    fsspec.filesystem("memory").store.clear()
    yield "memory://there"
    fsspec.filesystem("memory").store.clear()


@pytest.fixture
def homes(tmp_path, url):
    """A store by name, all with one mirror."""
    return lambda name: Store(tmp_path / name, url)


def rows_made(store, rows, step=1_000):
    asked = []

    def compute(start, stop):
        asked.append((start, stop))
        return {"images": IMAGES[start:stop]}

    return extend(store, "samples", KEY, 0, rows, compute, step), asked


def files_there(url):
    found, folder = mirror.file_system(url)
    return {path.removeprefix(folder).lstrip("/"): found.cat_file(path) for path in found.find(folder)}


def test_a_finished_shard_is_copied_once_and_what_was_saved_on_the_way_is_not(homes, url):
    rows_made(homes("one"), 1_000, step=250)
    assert set(files_there(url)) == {f"samples/cd/{KEY}/1000.arrow", f"samples/cd/{KEY}/manifest.json"}


def test_an_empty_store_finds_the_copy_and_computes_nothing(homes):
    first, _ = rows_made(homes("one"), 700)
    second, asked = rows_made(homes("two"), 700)
    assert asked == []
    assert second.computed == 0
    assert second.digest == first.digest
    assert Path(second.path).read_bytes() == Path(first.path).read_bytes()
    assert is_sound(homes("two").find("samples", KEY))
    assert list(homes("two").strays(older_than=0)) == []


def test_more_rows_elsewhere_are_fetched_and_fewer_do_not_replace_them(homes, url):
    rows_made(homes("two"), 200)
    rows_made(homes("one"), 700)
    third, asked = rows_made(homes("two"), 700)
    assert (asked, third.computed) == ([], 0)
    rows_made(homes("three"), 100)
    assert json.loads(files_there(url)[f"samples/cd/{KEY}/manifest.json"])["rows"] == 700


def test_what_is_longer_than_the_copy_goes_on_from_it(homes):
    rows_made(homes("one"), 300)
    shard, asked = rows_made(homes("two"), 800)
    assert asked == [(300, 800)]
    assert shard.computed == 500


def test_a_small_value_is_found_too(homes):
    assert remember(homes("one"), "gates", KEY, lambda: {"a": 1}) == ({"a": 1}, True)
    assert remember(homes("two"), "gates", KEY, lambda: {"a": 2}) == ({"a": 1}, False)


@pytest.mark.parametrize("spoil", [lambda data: data[:-1], lambda data: data[:-9] + b"x" + data[-8:]])
def test_a_damaged_copy_is_not_taken(homes, url, spoil):
    rows_made(homes("one"), 500)
    found, folder = mirror.file_system(url)
    place = f"{folder}/samples/cd/{KEY}/500.arrow"
    found.pipe_file(place, spoil(found.cat_file(place)))
    shard, asked = rows_made(homes("two"), 500)
    assert asked == [(0, 500)]
    assert shard.computed == 500


@pytest.mark.parametrize("manifest", [b"", b"{", b"[]", b'{"file": "../../x", "sha256": "", "bytes": 0}'])
def test_a_manifest_that_is_none_is_no_copy(homes, url, manifest):
    rows_made(homes("one"), 500)
    found, folder = mirror.file_system(url)
    found.pipe_file(f"{folder}/samples/cd/{KEY}/manifest.json", manifest)
    assert rows_made(homes("two"), 500)[1] == [(0, 500)]


def test_a_copy_without_a_manifest_does_not_exist(homes, url):
    rows_made(homes("one"), 500)
    found, folder = mirror.file_system(url)
    found.rm_file(f"{folder}/samples/cd/{KEY}/manifest.json")
    assert rows_made(homes("two"), 500)[1] == [(0, 500)]


def test_storage_that_is_down_is_told_once_and_stops_nothing(homes, monkeypatch, caplog):
    def fail(*_):
        raise PermissionError(f"signed with {SECRET}")

    monkeypatch.setattr(mirror, "manifest_at", fail)
    with caplog.at_level(logging.WARNING):
        assert rows_made(homes("one"), 500)[1] == [(0, 500)]
        assert rows_made(homes("two"), 500)[1] == [(0, 500)]
    (said,) = caplog.messages
    assert "PermissionError" in said
    assert "ganbench cache mirror" in said
    assert SECRET not in said


@pytest.mark.parametrize("given", [
    f"s3://key:{SECRET}@bucket/x", f"sftp://me:{SECRET}@host/x", f"https://host/x?signature={SECRET}",
])
def test_credentials_in_the_address_are_refused_and_not_repeated(given):
    with refused("unfit-setting", "GANBENCH_MIRROR") as error:
        check_mirror(given)
    assert SECRET not in str(error.value)


def test_an_address_that_is_none_is_refused():
    with refused("unfit-setting", "GANBENCH_MIRROR"):
        check_mirror("bucket/folder")


def test_a_storage_that_nobody_knows_needs_a_package():
    with refused("missing-package"):
        check_mirror("nosuchstorage://bucket/folder")


def test_an_evaluation_in_an_empty_home_with_the_mirror_draws_nothing_and_has_the_same_scores(
        tiny, garments, tmp_path, url):
    (tmp_path / "tiny.toml").write_text(f'family = "dcgan"\nweights = "{tiny}"\n', encoding="utf-8")
    question = ganbench.Question(reference=str(garments), metrics="kid,fd", extractor="pixels")
    scores = [
        ganbench.evaluate(str(tmp_path / "tiny.toml"), question, n=30,
                          workspace=Workspace(str(tmp_path / name), mirror=url))
        for name in ("one", "two")
    ]
    assert scores[0] == scores[1]
    stores = [Store(tmp_path / name / "store") for name in ("one", "two")]
    shared = [{(row.kind, row.key): row.facts["sha256"] for row in store.entries()} for store in stores]
    assert shared[1].items() <= shared[0].items()
    assert {kind for kind, _ in shared[1]} >= {"samples", "features", "scores"}
    assert {Path(name).parts[0] for name in files_there(url)} == {kind for kind, _ in shared[0]}
