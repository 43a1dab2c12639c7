"""Files that somebody gives as a reference and that are not quite one: the sentence says what was found, and what to
do, and doing that works."""

import pickle
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from ganbench.gan.datasets.npz import as_bytes
from ganbench.gan.interchange import load_statistics
from ganbench.gan.jobs import prepare
from ganbench.gan.question import Question, protocol_of
from ganbench.gan.types import BadInput
from tests.refusals import refused

RANDOM = np.random.default_rng(11)
FEATURES = RANDOM.normal(size=(40, 6))
MEAN, COVARIANCE = FEATURES.mean(0), np.cov(FEATURES.T)
FLOATS = RANDOM.random((12, 8, 8, 3)).astype(np.float32)


@pytest.fixture
def ask(noise, workspace, tmp_path, monkeypatch):
    """Prepare an evaluation against a file in the current folder."""
    monkeypatch.chdir(tmp_path)
    model = str(noise("model.npz", 12, (3, 8, 8)))
    return lambda name: prepare(model, protocol_of(Question(reference=name, extractor="pixels", n=12)), 0, workspace)


# Statistics under other names


@pytest.mark.parametrize("names", [("m", "s"), ("mean", "cov"), ("mu", "Sigma"), ("arr_0", "arr_1")])
def test_statistics_under_other_names_are_recognised_and_the_line_that_renames_them_works(ask, tmp_path, names):
    np.savez("theirs.npz", **dict(zip(names, (MEAN, COVARIANCE), strict=True)))
    with refused("unfit-statistics", *names, "(6,)", "(6, 6)", "mu", "sigma") as caught:
        ask("theirs.npz")
    line = re.search(r"(f = np\.load.*\))\.$", str(caught.value))
    exec(line[1], {"np": np})
    found = load_statistics("statistics.npz")
    assert np.array_equal(found.mu, MEAN)
    assert np.array_equal(found.sigma, COVARIANCE)


@pytest.mark.parametrize("write", [
    lambda: torch.save({"mean": torch.tensor(MEAN), "cov": torch.tensor(COVARIANCE)}, "theirs.pt"),
    lambda: Path("theirs.pkl").write_bytes(pickle.dumps({"fid": {"mean": MEAN, "cov": COVARIANCE}})),
    lambda: Path("theirs.pkl").write_bytes(pickle.dumps({"mean": MEAN, "cov": COVARIANCE})),
], ids=["pt", "pkl", "flat pkl"])
def test_so_they_are_in_files_of_other_tools(ask, tmp_path, write):
    write()
    with refused("unfit-statistics", "mean", "cov", "mu", "sigma"):
        ask(next(file.name for file in tmp_path.glob("theirs.*")))


@pytest.mark.parametrize(("arrays", "said"), [
    ({"mean": MEAN, "var": COVARIANCE.diagonal()}, "only the diagonal"),
    ({"sigma": COVARIANCE}, "no mean of 6 numbers"),
    ({"features": FEATURES}, "feats"), ({"act": FEATURES.astype(np.float32)}, "feats"),
])
def test_what_lacks_something_is_told_what(ask, arrays, said):
    np.savez("theirs.npz", **arrays)
    with refused("unfit-statistics", "theirs.npz", said):
        ask("theirs.npz")


def test_arrays_that_are_neither_are_no_statistics(ask):
    np.savez("theirs.npz", a=np.arange(5), b=np.zeros((3, 4), np.int64))
    with refused("no-images", "a (5,)"):
        ask("theirs.npz")


# Floats


@pytest.mark.parametrize(("values", "expected"), [
    (FLOATS, FLOATS), (FLOATS.astype(np.float16), FLOATS.astype(np.float16)), (FLOATS * 1.02 - 0.01, None),
    (FLOATS * 2 - 1, FLOATS), (FLOATS - 0.5, FLOATS), (FLOATS * 255, FLOATS),
], ids=["[0, 1]", "half precision", "a little over", "[-1, 1]", "[-.5, .5]", "[0, 255]"])
def test_the_formula_that_is_proposed_fills_the_whole_range(ask, values, expected):
    """It is followed to the letter: [0, 1] becomes 0..255, and is not squeezed into half of it."""
    np.savez("theirs.npz", arr_0=values)
    with refused("not-uint8", "theirs.npz", str(values.dtype)) as caught:
        ask("theirs.npz")
    formula = re.search(r"with (.*)\.$", str(caught.value))[1]
    made = eval(formula, {"np": np, "x": values.astype(np.float64)})
    assert made.dtype == np.uint8
    assert made.min() <= 1
    assert made.max() >= 254
    if expected is not None:
        assert np.abs(made - expected.astype(np.float64) * 255).max() <= 1.01


@pytest.mark.parametrize(("write", "name"), [
    (lambda: np.save("theirs.npy", FLOATS), "theirs.npy"), (lambda: torch.save(torch.tensor(FLOATS), "theirs.pt"),
                                                           "theirs.pt"),
])
def test_in_every_kind_of_file(ask, write, name):
    write()
    with refused("not-uint8", "(x * 255 + 0.5)"):
        ask(name)


@pytest.mark.parametrize(("values", "said"), [
    ((FLOATS * 65_535).astype(np.uint16), "x >> 8"), (np.where(FLOATS > 0.9, np.nan, FLOATS), "NaN"),
    (FLOATS * 7 - 3, "[0, 1]"), (FLOATS > 0.5, "true and false"),
])
def test_other_values_have_a_hint_of_their_own(tmp_path, values, said):
    with refused("not-uint8", said):
        as_bytes(values, tmp_path / "theirs.npz", "arr_0")


def test_whole_floats_are_bytes(tmp_path):
    values = np.round(FLOATS * 255)
    assert np.array_equal(as_bytes(values, tmp_path / "x.npz", "arr_0"), values.astype(np.uint8))


def test_images_that_are_there_as_a_model_are_told_the_same(workspace, tmp_path):
    from ganbench.gan.models.loading import resolve

    np.savez(tmp_path / "theirs.npz", m=MEAN, s=COVARIANCE)
    with pytest.raises(BadInput, match="mu"):
        resolve(str(tmp_path / "theirs.npz"), workspace)
