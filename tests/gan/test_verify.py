"""`ganbench verify` on a CIFAR-10 made here and random weights, and where there is neither."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from ganbench.gan import verify
from ganbench.gan.datasets import DataFolders, cifar10, open_data
from ganbench.gan.datasets.base import of_array
from ganbench.gan.drawing import silent
from ganbench.gan.features import EXTRACTORS
from ganbench.gan.features import inception as fid_network
from ganbench.gan.features.passing import extract
from ganbench.gan.metrics.frechet import frechet_distance
from ganbench.gan.metrics.inception_score import inception_score
from ganbench.gan.metrics.kernel import kid_subsets
from ganbench.gan.statistics import moments
from ganbench.gan.types import BadInput
from ganbench.gan.verify import CHECKS, Bench, Check, Result, Subset, published

pytestmark = pytest.mark.long

OFFLINE = [check for check in CHECKS if not check.needs]


def check(find, expected=2.0, tolerance=0.1, needs=()):
    return Check("one plus one", find, expected, tolerance, "arithmetic", needs)


def results(checks, workspace):
    return list(verify.verify(checks, workspace))


@pytest.fixture
def away(monkeypatch, tmp_path):
    """No network."""
    monkeypatch.setattr(fid_network, "URL", (tmp_path / "away.pth").as_uri())
    monkeypatch.setattr(cifar10, "URL", (tmp_path / "away.tar.gz").as_uri())


@pytest.fixture
def small_cifar10(monkeypatch, workspace):
    """20 images a file: 100 to train and 20 to test."""
    monkeypatch.setattr(cifar10, "PER_FILE", 20)
    folder = workspace.root / "data" / cifar10.FOLDER
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name in [*cifar10.FILES["train"], *cifar10.FILES["test"]]:
        rows = rng.integers(0, 256, (20, cifar10.RECORD), np.uint8)
        rows[:, 0] = np.arange(20) % 10
        (folder / name).write_bytes(rows.tobytes())


@pytest.mark.parametrize("known", [
    pytest.param(check, id=check.name, marks=pytest.mark.slow if "zoo" in check.name else ()) for check in OFFLINE
])
def test_what_needs_nothing_is_right_here(known, workspace):
    result, = results([known], workspace)
    assert result.state == "ok", result


@pytest.mark.parametrize(("found", "expected", "state"), [
    (2.05, 2.0, "ok"), (2.2, 2.0, "FAILED"), (1.8, 2.0, "FAILED"), (float("nan"), 2.0, "FAILED"),
    ("67a", "67a", "ok"), ("67b", "67a", "FAILED"), (None, 2.0, "FAILED"),
])
def test_only_what_lies_within_the_tolerance_is_right(found, expected, state):
    assert Result(check(None, expected), found).state == state


def test_a_check_that_cannot_be_run_is_neither_right_nor_wrong_and_the_others_are_run(workspace):
    def refuse(bench):
        raise BadInput("unknown-choice", "no such backend.")

    refused, wrong, right = results([check(refuse), check(lambda *_: 3.0), check(lambda *_: 2.0)], workspace)
    assert (refused.state, refused.found) == ("not run: no such backend.", None)
    assert (wrong.state, right.state) == ("FAILED", "ok")


def test_without_network_what_is_missing_is_named_once(workspace, away):
    needy = [known for known in CHECKS if known.needs]
    states = [result.state for result in results(needy, workspace)]
    assert "needs pt_inception-2015-12-05-6726825d.pth" in states[0]
    assert "cifar-10-binary.tar.gz" in states[1]
    assert set(states[2:]) == {"not run: no weights, see above"}


def test_weights_of_another_file_are_told(workspace, weights):
    known = next(known for known in CHECKS if "sha256" in known.name)
    result, = results([known], workspace_with(workspace, weights))
    assert result.state == "FAILED"
    assert result.found != known.expected


def test_the_mean_pixel_is_that_of_the_training_images(workspace, small_cifar10):
    train = open_data("cifar10:train", DataFolders(None, workspace.root / "data"))
    assert verify.mean_pixel(Bench(workspace, 1, silent)) == pytest.approx(train.read(range(100)).mean())


# Subsets

def by_the_tools_loop(images: np.ndarray, n: int, noisy: bool) -> np.ndarray:
    """One file per image, named by its number: (n, H, W, 3) in the order of the names."""
    random, files = np.random.RandomState(2020), {}
    for i in random.choice(len(images), n, replace=False):
        image = images[i].transpose(1, 2, 0).astype(np.float32)
        if noisy:
            image += random.randn(*image.shape) * 64
        files[f"{i:05d}"] = np.trunc(image).astype(int) % 256
    return np.stack([files[name] for name in sorted(files)])


@pytest.mark.parametrize("noisy", [False, True])
def test_subsets_are_the_files_that_torch_fidelitys_tests_make(noisy):
    images = np.random.default_rng(0).integers(0, 256, (50, 3, 32, 32), np.uint8)
    subset = Subset("train", 30, noisy).read(of_array("fifty", images))
    assert subset.dtype == np.uint8
    assert np.array_equal(subset.transpose(0, 2, 3, 1), by_the_tools_loop(images, 30, noisy))
    assert len(Subset("train", 80).read(of_array("fifty", images))) == 50


# From subsets to scores

def workspace_with(workspace, weights):
    return replace(workspace, inception_weights=str(weights))


@pytest.fixture(scope="session")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "inception.pth"
    torch.save(verify.random_state(fid_network.Inception), path)
    return path


def test_scores_of_subsets_are_those_of_their_images_and_are_kept(
    workspace, weights, small_cifar10, tmp_path, monkeypatch
):
    """The whole way, against the extractor and the formulas alone."""
    few = {"a": Subset("train", 12), "b": Subset("test", 12, noisy=True)}
    monkeypatch.setattr(verify, "SUBSETS", few)
    settings = {"kid": {"subsets": 3, "subset_size": 10}, "is": {"splits": 2, "shuffle_seed": 2020}}
    fidelity = replace(verify.CONVENTIONS["fidelity"], settings=settings)
    monkeypatch.setitem(verify.CONVENTIONS, "fidelity", fidelity)
    extractor = EXTRACTORS["inception"].make(weights, tmp_path)
    folders = DataFolders(None, workspace.root / "data")
    a, b = (extract(part.read(open_data(f"cifar10:{part.split}", folders)), extractor) for part in few.values())
    expected = {
        "fd": frechet_distance(moments(b["features"]).statistics(), moments(a["features"]).statistics()),
        "kid": kid_subsets(b["features"], a["features"], 3, 10).value,
        "is": inception_score(a["logits"], splits=2).value,
    }
    checks = [published(name, name, "a", "b", value, 1e-5 * abs(value), "here") for name, value in expected.items()]
    told = []
    workspace = workspace_with(workspace, weights)
    first = list(verify.verify(checks, workspace, lambda stage, images, total=None: told.append(images)))
    assert [result.state for result in first] == ["ok"] * 3, first
    assert sum(told) == 3 * 24                      # each check hears of all its images, those that were kept too

    monkeypatch.setattr("ganbench.gan.features.network.NetworkExtractor.__call__", None)
    assert results(checks, workspace) == first      # nothing is extracted again


def test_images_count_once_however_many_checks_they_serve():
    assert verify.n_images(CHECKS) == 100 + 3 * 5_000 + 10_000 + 50_000
    quick = verify.at_once(CHECKS)
    assert verify.n_images(quick) == 100
    assert [known for known in OFFLINE if known not in quick] == []
