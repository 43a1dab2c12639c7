"""Weights are read without running anything, and what cannot be used is said in one sentence."""

import argparse
import errno
import hashlib
import json
import os
import pickle
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from ganbench.gan.checkpoints import file_digest, find_weights, load_into, load_state
from ganbench.gan.files import atomic_write
from tests.refusals import refused


class Net(nn.Sequential):
    """Pickled under a name that can be imported."""


def network(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return Net(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4))


@pytest.fixture
def state():
    return network().state_dict()


def saved(path: Path, content, **options) -> Path:
    torch.save(content, path, **options)
    return path


def same(a, b) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("suffix", ["safetensors", "pt", "pth", "ckpt", "bin"])
def test_every_kind_of_file_gives_the_state_dict_that_was_saved(tmp_path, state, suffix):
    path = tmp_path / f"w.{suffix}"
    if suffix == "safetensors":
        save_file(state, path)
    else:
        saved(path, state)
    assert same(load_state(path), state)


def test_files_of_torch_before_1_6_are_read(tmp_path, state):
    assert same(load_state(saved(tmp_path / "w.pt", state, _use_new_zipfile_serialization=False)), state)


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module."])
def test_prefixes_of_wrappers_are_dropped(tmp_path, state, prefix):
    path = saved(tmp_path / "w.pt", {prefix + name: value for name, value in state.items()})
    assert same(load_state(path), state)


def test_a_prefix_that_only_some_keys_have_belongs_to_the_model(tmp_path, state):
    mixed = {"module.weight": torch.ones(1), "weight": torch.zeros(1)}
    assert same(load_state(saved(tmp_path / "w.pt", mixed)), mixed)


@pytest.mark.parametrize("key", ["state_dict", "model", "ema", "G_ema", "generator", "netG", "params_ema", "whatever"])
def test_the_state_dict_is_found_under_the_usual_keys_or_as_the_only_one(tmp_path, state, key):
    assert same(load_state(saved(tmp_path / "w.pt", {"epoch": 3, key: state})), state)


def test_averaged_weights_are_preferred_and_a_key_overrides(tmp_path, state):
    other = network(1).state_dict()
    path = saved(tmp_path / "w.pt", {"generator": other, "ema": state, "nested": {"deep": other}})
    assert same(load_state(path), state)
    assert same(load_state(path, "generator"), other)
    assert same(load_state(path, "nested.deep"), other)


def test_a_training_state_with_optimiser_gives_the_model(tmp_path):
    model = network()
    adam = torch.optim.Adam(model.parameters())
    model(torch.randn(2, 1, 8, 8)).sum().backward()
    adam.step()
    path = saved(tmp_path / "w.pt", {"adam": adam.state_dict(), "weights_of_mine": model.state_dict()})
    assert same(load_state(path), model.state_dict())


def test_a_key_can_name_a_prefix_inside_a_lightning_file(tmp_path, state):
    flat = {f"generator.{name}": value for name, value in state.items()} | {"discriminator.w": torch.ones(2)}
    assert same(load_state(saved(tmp_path / "w.ckpt", {"state_dict": flat}), "state_dict.generator"), state)


def test_plain_settings_beside_the_weights_do_no_harm(tmp_path, state):
    content = {"args": argparse.Namespace(lr=1e-3), "loss": np.float64(2), "lr": np.float32(1), "model": state}
    assert same(load_state(saved(tmp_path / "w.pt", content)), state)


def test_an_unknown_key_says_which_exist(tmp_path, state):
    with refused("unknown-weights-key", "netG", "generator, ema"):
        load_state(saved(tmp_path / "w.pt", {"generator": state, "ema": state}), "netG")


def test_several_unknown_keys_are_not_chosen_from(tmp_path, state):
    with refused("several-weights", "a, b", "--weights-key"):
        load_state(saved(tmp_path / "w.pt", {"a": state, "b": state}))


@pytest.mark.parametrize(("content", "said"), [
    (b"", ("empty-file",)),
    (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", ("git-lfs-pointer",)),
    (b"<!DOCTYPE html><html><body>404</body></html>", ("web-page",)),
    (b"\n <html>", ("web-page",)),
    (b"just some text that is no checkpoint", ("not-weights", "6a75737420736f6d")),
    (b"\x89PNG\r\n\x1a\n" + bytes(100), ("not-weights",)),
])
def test_files_that_are_no_checkpoints_are_named_for_what_they_are(tmp_path, content, said):
    path = tmp_path / "w.pth"
    path.write_bytes(content)
    with refused(*said) as caught:
        load_state(path)
    assert str(path) in str(caught.value)


def test_a_missing_file_a_folder_and_a_foreign_zip_are_refused(tmp_path):
    with refused("no-such-file"):
        load_state(tmp_path / "none.pt")
    with refused("not-a-file"):
        load_state(tmp_path)
    np.savez(tmp_path / "w.npz", a=np.zeros(2))
    with refused("not-weights", "data.pkl"):
        load_state(tmp_path / "w.npz")


def test_a_file_without_tensors_says_what_it_holds(tmp_path):
    with refused("not-weights", "a dictionary with epoch"):
        load_state(saved(tmp_path / "w.pt", {"epoch": 1}))
    with refused("not-weights", "a Tensor"):
        load_state(saved(tmp_path / "w.pt", torch.zeros(3)))


@pytest.mark.parametrize("kind", ["zip", "legacy", "safetensors"])
def test_a_truncated_file_is_called_truncated_wherever_it_was_cut(tmp_path, state, kind):
    path = tmp_path / ("w.safetensors" if kind == "safetensors" else "w.pt")
    if kind == "safetensors":
        save_file(state, path)
    else:
        saved(path, state, _use_new_zipfile_serialization=kind == "zip")
    whole = path.read_bytes()
    for length in (20, len(whole) // 4, len(whole) // 2, len(whole) - 3):
        path.write_bytes(whole[:length])
        with refused("unreadable-weights", "truncated"):
            load_state(path)


def test_a_damaged_safetensors_header_is_refused(tmp_path, state):
    path = tmp_path / "w.safetensors"
    save_file(state, path)
    whole = path.read_bytes()
    path.write_bytes(whole[:9] + b"\xff\xff" + whole[11:])
    with refused("unreadable-weights", "damaged", "header"):
        load_state(path)
    path.write_bytes(b"hello, I am not one")
    with refused("unreadable-weights", "safetensors", "header"):
        load_state(path)


def write_safetensors(path: Path, header, data: bytes = bytes(8), length: int | None = None) -> Path:
    """A file whose header says what a test wants."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + data)
    return path


def entry(**lies) -> dict:
    return {"dtype": "F32", "shape": [2], "data_offsets": [0, 8], **lies}


def test_such_a_header_is_read_when_it_is_true(tmp_path):
    found = load_state(write_safetensors(tmp_path / "w.safetensors", {"a": entry()}))
    assert same(found, {"a": torch.zeros(2)})


@pytest.mark.parametrize("header", [
    {"a": entry(), "b": entry(data_offsets=[4, 8])},
    {"a": entry(data_offsets=[-8, 0])},
    {"a": entry(data_offsets=[8, 0])},
    {"a": entry(data_offsets=[0, 2**70])},
    {"a": entry(data_offsets=[0, 1e400])},
    {"a": entry(data_offsets=[0, 4])},
    {"a": entry(data_offsets="08")},
    {"a": entry(dtype="F64")},
    {"a": entry(dtype="PICKLE")},
    {"a": entry(shape=[-2])},
    {"a": entry(shape=[2**62, 2**62])},
    {"a": entry(shape=[1])},
    {"a": [1, 2]},
    {"__metadata__": {"a": 1}, "a": entry()},
    [1, 2],
    b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    b'{"a": {"dtype": "F32", "shape": [NaN], "data_offsets": [0, 8]}}',
], ids=["overlap", "negative", "reversed", "beyond", "infinite", "short", "text", "wrong size", "unknown dtype",
        "negative shape", "overflow", "other size", "list", "metadata", "no table", "deep", "NaN"])
def test_a_safetensors_header_that_lies_is_one_sentence(tmp_path, header):
    with refused("unreadable-weights") as caught:
        load_state(write_safetensors(tmp_path / "w.safetensors", header))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("length", [0, 7, 10**8, 2**63, 2**64 - 1])
def test_a_safetensors_header_of_another_length_is_refused(tmp_path, length):
    with refused("unreadable-weights"):
        load_state(write_safetensors(tmp_path / "w.safetensors", {"a": entry()}, length=length))


def test_an_archive_that_grows_a_thousandfold_is_refused_before_it_is_unpacked(tmp_path, state, monkeypatch):
    path = saved(tmp_path / "w.pt", {**state, "zeros": torch.zeros(5_000_000)})
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", compression=zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    monkeypatch.setattr("ganbench.gan.checkpoints.MOST_UNPACKED", 10_000_000)
    with refused("too-large", "20,"):
        load_state(path)


def test_a_tensor_of_more_values_than_the_file_holds_is_refused(tmp_path):
    path = saved(tmp_path / "w.pt", {"a": torch.zeros(1).expand(1_000_000, 1_000)})
    with refused("unreadable-weights", "a", 1_000_000_000, 1):
        load_state(path)


def test_a_damaged_index_inside_a_whole_archive_is_refused(tmp_path, state):
    path = saved(tmp_path / "w.pt", state)
    damaged = bytearray(path.read_bytes())
    damaged[100:300] = b"\xff" * 200
    path.write_bytes(damaged)
    with refused("unreadable-weights", "damaged"):
        load_state(path)


class Bomb:
    """Unpickling it makes a file."""

    def __init__(self, marker: Path):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


@pytest.mark.parametrize("kind", ["zip", "legacy", "pickle"])
@pytest.mark.parametrize("name", ["w.pt", "w.pkl", "w.safetensors", "w.bin"])
def test_code_in_a_file_is_not_run(tmp_path, kind, name):
    path, marker = tmp_path / name, tmp_path / "ran"
    content = {"state_dict": Bomb(marker)}
    if kind == "pickle":
        path.write_bytes(pickle.dumps(content))
    else:
        saved(path, content, _use_new_zipfile_serialization=kind == "zip")
    weights = name == "w.safetensors"
    with refused("unreadable-weights" if weights else "untrusted-code", name, "safetensors" if weights else "pickled"):
        load_state(path)
    assert not marker.exists()


def test_a_pickled_module_is_loaded_only_when_trusted(tmp_path):
    model = network()
    path = saved(tmp_path / "w.pt", model)
    with refused("untrusted-code", "--trust-pickle"):
        load_state(path)
    assert same(load_state(path, trust_pickle=True), model.state_dict())
    path = saved(tmp_path / "w.pt", {"G_ema": model, "D": network(1)})
    assert same(load_state(path, trust_pickle=True), model.state_dict())


def test_a_trusted_raw_pickle_yields_its_module_and_missing_code_is_named(tmp_path):
    path = tmp_path / "w.pkl"
    path.write_bytes(pickle.dumps({"G_ema": network()}))
    assert same(load_state(path, trust_pickle=True), network().state_dict())
    path.write_bytes(b"\x80\x04cno_such_module\nNet\n.")
    with refused("missing-module", "no_such_module"):
        load_state(path, trust_pickle=True)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_name_the_tensor(tmp_path, state, bad):
    state["0.weight"][1, 0, 0, 0] = bad
    with refused("weights-not-finite", "0.weight", 1, 36):
        load_state(saved(tmp_path / "w.pt", state))


def test_loading_into_a_module_copies_every_tensor(state):
    model = network(1)
    load_into(model, state, "w.pt")
    assert same(model.state_dict(), state)


def test_a_missing_batch_counter_is_tolerated_and_nothing_else(state):
    del state["1.num_batches_tracked"]
    load_into(network(1), state, "w.pt")
    del state["1.running_mean"], state["1.running_var"]
    with refused("weights-do-not-fit", "w.pt", "Net", "missing 1.running_mean (and 1 more)"):
        load_into(network(1), state, "w.pt")


def test_what_does_not_fit_is_listed_with_both_shapes(state):
    state["0.weight"] = torch.zeros(8, 1, 3, 3)
    state["extra"] = torch.zeros(1)
    with refused("weights-do-not-fit", "dcgan", "unexpected extra; 0.weight is (8, 1, 3, 3), expected (4, 1, 3, 3)"):
        load_into(network(1), state, "w.pt", "dcgan")


CONTENT = b"weights"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def test_a_given_file_wins_whatever_its_hash(tmp_path):
    given = tmp_path / "mine.pth"
    given.write_bytes(b"other")
    assert find_weights("Inception", "w.pth", SHA256, "", given, tmp_path) == given


def test_a_given_file_must_exist(tmp_path):
    with refused("no-such-file"):
        find_weights("Inception", "w.pth", SHA256, "", tmp_path / "none", tmp_path)


def test_the_cache_is_used_when_its_hash_is_right(tmp_path):
    (tmp_path / "w.pth").write_bytes(CONTENT)
    assert find_weights("Inception", "w.pth", SHA256, "", None, tmp_path) == tmp_path / "w.pth"


def test_a_download_lands_in_the_cache_under_its_name_alone(tmp_path):
    (tmp_path / "source").write_bytes(CONTENT)
    cache = tmp_path / "cache"
    found = find_weights("Inception", "w.pth", SHA256, (tmp_path / "source").as_uri(), None, cache)
    assert found.read_bytes() == CONTENT
    assert os.listdir(cache) == ["w.pth"]


def test_a_wrong_file_in_the_cache_is_replaced_by_a_download_but_never_used(tmp_path):
    (tmp_path / "source").write_bytes(CONTENT)
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / "w.pth").write_bytes(b"something else")
    with refused("not-fetched", "sha256"):
        find_weights("Inception", "w.pth", SHA256, "", None, cache)
    found = find_weights("Inception", "w.pth", SHA256, (tmp_path / "source").as_uri(), None, cache)
    assert found.read_bytes() == CONTENT


def test_a_failed_download_is_one_sentence_with_all_that_one_needs(tmp_path):
    (tmp_path / "source").write_bytes(b"tampered")
    url = (tmp_path / "source").as_uri()
    with refused("not-fetched") as caught:
        find_weights("Inception", "w.pth", SHA256, url, None, tmp_path / "cache")
    for part in ("w.pth", SHA256, url, "--inception-weights FILE", str(tmp_path / "cache"), "its sha256 is"):
        assert part in str(caught.value)
    assert os.listdir(tmp_path / "cache") == []


def test_an_unreachable_address_is_a_sentence_too(tmp_path):
    with refused("not-fetched", "http://127.0.0.1:9/w"):
        find_weights("Inception", "w.pth", SHA256, "http://127.0.0.1:9/w", None, tmp_path)


def test_the_digest_of_a_file_is_sha256(tmp_path):
    (tmp_path / "w").write_bytes(CONTENT)
    assert file_digest(tmp_path / "w") == SHA256


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "w"
    path.write_bytes(b"old")

    def fill_the_disk(partial: Path) -> None:
        partial.write_bytes(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with refused("no-space"):
        atomic_write(path, fill_the_disk)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["w"]
