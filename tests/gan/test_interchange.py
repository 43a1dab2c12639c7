"""Files of other tools: each is made here as that tool makes it, with its own code where it is installed."""

import io
import os
import pickle
import sys
import types
import zipfile

import numpy as np
import pytest
import torch

from ganbench.gan.interchange import is_features, is_statistics, load_features, load_statistics, save_statistics
from ganbench.gan.statistics import moments
from ganbench.gan.types import Statistics
from tests.refusals import refused


@pytest.fixture
def found() -> Statistics:
    rng = np.random.default_rng(0)
    return moments((rng.standard_normal((100, 7)) @ rng.standard_normal((7, 7)) + 3).astype(np.float32)).statistics()


@pytest.mark.parametrize("name", ["a.npz", "a.pt", "a.pkl"])
def test_what_is_written_is_read_to_the_last_bit(name, found, tmp_path):
    save_statistics(tmp_path / name, found)
    loaded = load_statistics(tmp_path / name)
    assert np.array_equal(loaded.mu, found.mu)
    assert np.array_equal(loaded.sigma, found.sigma)
    assert loaded.mu.dtype == loaded.sigma.dtype == np.float64
    assert loaded.n == (0 if name == "a.pt" else 100)  # torch-fidelity's files do not say
    assert is_statistics(tmp_path / name)
    assert not is_features(tmp_path / name)


def test_an_ending_that_no_tool_reads_is_refused(found, tmp_path):
    with refused("unknown-output-format", ".npz (pytorch-fid", "a.csv"):
        save_statistics(tmp_path / "a.csv", found)


def test_a_file_that_does_not_say_n_has_n_0(tmp_path):
    np.savez(tmp_path / "ttur.npz", mu=np.zeros(2, np.float32), sigma=np.eye(2))
    assert load_statistics(tmp_path / "ttur.npz").n == 0


# guided-diffusion

def test_a_batch_of_guided_diffusion_has_statistics_of_both_layers_and_images(found, tmp_path):
    from ganbench.gan.datasets import DataFolders, open_data

    images = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 3), np.uint8)
    save_statistics(tmp_path / "batch.npz", found, spatial=Statistics(np.ones(3), np.eye(3), 100), images=images)
    with np.load(tmp_path / "batch.npz") as batch:  # what its evaluator looks for
        assert {"mu", "sigma", "mu_s", "sigma_s", "arr_0"} <= set(batch.files)
    assert np.array_equal(load_statistics(tmp_path / "batch.npz", "spatial").mu, np.ones(3))
    read = open_data(str(tmp_path / "batch.npz"), DataFolders(None, tmp_path)).read(range(5))
    assert np.array_equal(read.transpose(0, 2, 3, 1), images)


def test_a_file_without_spatial_statistics_has_none(found, tmp_path):
    save_statistics(tmp_path / "a.npz", found)
    assert load_statistics(tmp_path / "a.npz", "spatial") is None


# clean-fid and torch-fidelity

def test_features_of_clean_fid_and_torch_fidelity_are_read(tmp_path):
    features = np.random.default_rng(0).standard_normal((20, 4)).astype(np.float32)
    np.savez_compressed(tmp_path / "custom_clean_kid.npz", feats=features)
    torch.save(torch.from_numpy(features), tmp_path / "set-inception-v3-compat-features-2048.pt")
    for name in ("custom_clean_kid.npz", "set-inception-v3-compat-features-2048.pt"):
        assert is_features(tmp_path / name)
        assert not is_statistics(tmp_path / name)
        assert np.array_equal(load_features(tmp_path / name), features)


def test_torch_fidelitys_own_cache_is_read(tmp_path):
    metric_fid = pytest.importorskip("torch_fidelity.metric_fid")
    utils = pytest.importorskip("torch_fidelity.utils")
    features = torch.randn(50, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    made = metric_fid.fid_features_to_statistics(features)
    utils.torch_atomic_save(made, str(tmp_path / "set-fid.pt"))
    loaded = load_statistics(tmp_path / "set-fid.pt")
    assert np.array_equal(loaded.sigma, np.cov(features.numpy(), rowvar=False))


def test_features_with_nan_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", feats=np.array([[1, np.nan], [0, 1]]))
    with refused("features-not-finite", 0):
        load_features(tmp_path / "a.npz")


# EDM2

def edm2(found: Statistics) -> dict:
    """What calculate_metrics.py pickles: two detectors and the number of images."""
    return {"num_images": found.n, "fid": {"mu": found.mu, "sigma": found.sigma},
            "fd_dinov2": {"mu": np.zeros(3), "sigma": np.eye(3)}}


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickles_of_edm2_are_read_by_the_length_of_their_features(protocol, found, tmp_path):
    (tmp_path / "img512.pkl").write_bytes(pickle.dumps(edm2(found), protocol=protocol))
    assert np.array_equal(load_statistics(tmp_path / "img512.pkl", d=7).mu, found.mu)
    assert load_statistics(tmp_path / "img512.pkl", d=3).n == 100
    assert len(load_statistics(tmp_path / "img512.pkl", d=3).mu) == 3


def test_pickles_of_numpy_1_and_of_edm2s_own_dictionary_are_read(found, tmp_path, monkeypatch):
    class EasyDict(dict):
        pass

    module = types.ModuleType("dnnlib.util")
    module.EasyDict = EasyDict
    EasyDict.__module__, EasyDict.__qualname__ = "dnnlib.util", "EasyDict"
    monkeypatch.setitem(sys.modules, "dnnlib", types.ModuleType("dnnlib"))
    monkeypatch.setitem(sys.modules, "dnnlib.util", module)
    text = pickle.dumps(EasyDict(edm2(found)), protocol=2).replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    (tmp_path / "old.pkl").write_bytes(text)
    assert np.array_equal(load_statistics(tmp_path / "old.pkl", d=7).mu, found.mu)


class Trap:
    """Makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("name", ["trap.pkl", "trap.pt", "trap.npz"])
def test_files_that_would_run_code_are_refused_and_it_did_not_run(name, found, tmp_path):
    content = {"mu": Trap(tmp_path / "ran"), "sigma": found.sigma}
    if name == "trap.pkl":
        (tmp_path / name).write_bytes(pickle.dumps({"fid": content}))
    elif name == "trap.pt":
        torch.save(content, tmp_path / name)
    else:
        np.savez(tmp_path / name, mu=np.array([content["mu"]], object), sigma=found.sigma)
    with refused("unreadable-statistics" if name == "trap.npz" else "untrusted-code"):
        load_statistics(tmp_path / name)
    assert not (tmp_path / "ran").exists()
    assert not is_statistics(tmp_path / name) or name == "trap.npz"  # names are read, contents are not


@pytest.mark.parametrize("asked", ["os.system", "builtins.eval", "numpy.load", "numpy.f2py.compile", "torch.load"])
def test_whatever_else_a_pickle_asks_for_is_named(asked, tmp_path):
    module, _, name = asked.rpartition(".")
    (tmp_path / "a.pkl").write_bytes(b"c" + f"{module}\n{name}\n".encode() + b"(S'x'\ntR.")
    with refused("untrusted-code", asked):
        load_statistics(tmp_path / "a.pkl")


def test_a_truncated_pickle_is_refused_in_words(found, tmp_path):
    buffer = io.BytesIO()
    pickle.dump(edm2(found), buffer)
    (tmp_path / "a.pkl").write_bytes(buffer.getvalue()[:200])
    with refused("unreadable-statistics", "truncated"):
        load_statistics(tmp_path / "a.pkl")


# What is no statistics

EYE = np.eye(2)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"mu": np.zeros(2)}, ("no-statistics", "mu")),
        ({"arr_0": np.zeros(2)}, ("no-statistics", "arr_0")),
        ({"mu": np.zeros(3), "sigma": EYE}, ("unfit-statistics", "(3,)", "(2, 2)")),
        ({"mu": np.zeros((1, 2)), "sigma": EYE}, ("unfit-statistics", "(1, 2)", "(2, 2)")),
        ({"mu": np.array([0, np.nan]), "sigma": EYE}, ("features-not-finite",)),
        ({"mu": np.zeros(2), "sigma": np.array([[1, 0.5], [0, 1]])}, ("not-a-covariance", "symmetric")),
        ({"mu": np.zeros(2), "sigma": -EYE}, ("not-a-covariance", "negative")),
        ({"mu": np.array(["a", "b"]), "sigma": EYE}, ("unfit-statistics", "mu")),
        ({"mu": np.zeros(2), "sigma": EYE, "n": np.array(-5)}, ("unfit-statistics", -5)),
    ],
)
def test_a_file_that_holds_no_statistics_is_refused_in_words(tmp_path, arrays, message):
    np.savez(tmp_path / "bad.npz", **arrays)
    with refused(*message):
        load_statistics(tmp_path / "bad.npz")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 broken", b"\x93NUMPY", b"<html>404</html>"])
def test_a_file_that_is_no_archive_is_refused_in_words(tmp_path, content):
    (tmp_path / "bad.npz").write_bytes(content)
    with refused("unreadable-statistics", ".npz"):
        load_statistics(tmp_path / "bad.npz")


def test_an_npz_that_grows_a_thousandfold_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    np.savez_compressed(tmp_path / "bomb.npz", mu=np.zeros(2_000), sigma=np.zeros((2_000, 2_000)))
    assert (tmp_path / "bomb.npz").stat().st_size < 40_000
    assert is_statistics(tmp_path / "bomb.npz")
    monkeypatch.setattr("ganbench.gan.checkpoints.MOST_UNPACKED", 10_000_000)
    for read in (load_statistics, load_features):
        with refused("too-large", "32,") as caught:
            read(tmp_path / "bomb.npz")
        assert "\n" not in str(caught.value)
    assert not is_statistics(tmp_path / "bomb.npz")


def test_an_array_that_claims_more_than_memory_is_refused_in_words(tmp_path):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (10**15,)})
    with zipfile.ZipFile(tmp_path / "lying.npz", "w") as archive:
        archive.writestr("mu.npy", header.getvalue() + bytes(16))
    with refused("too-large", "lying.npz"):
        load_statistics(tmp_path / "lying.npz")


def test_a_single_array_or_an_absent_file_is_refused_in_words(tmp_path):
    np.save(tmp_path / "one.npy", np.zeros(3))
    with refused("no-statistics", ".npz, .pt, .pkl"):
        load_statistics(tmp_path / "one.npy")
    with refused("no-such-file"):
        load_statistics(tmp_path / "absent.npz")


def test_statistics_are_told_from_images(tmp_path):
    np.savez(tmp_path / "s.npz", mu=np.zeros(3), sigma=np.eye(3))
    np.savez(tmp_path / "i.npz", np.zeros((2, 8, 8, 3), np.uint8))
    (tmp_path / "d.npz").write_bytes(b"hello")
    np.savez(tmp_path / "o.npz", mu=np.array([object()]))
    found = [is_statistics(tmp_path / name) for name in ("s.npz", "i.npz", "d.npz", "o.npz", "none.npz")]
    assert found == [True, False, False, False, False]
