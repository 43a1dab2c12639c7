"""FID, IS and KID are the peers': from folders of images to the printed number, and from the same features."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.linalg
import torch
from cleanfid.fid import fid_from_feats, kernel_distance
from pytorch_fid.fid_score import calculate_frechet_distance, compute_statistics_of_path, save_fid_stats
from torch_fidelity import calculate_metrics
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_isc import isc_features_to_metric
from torch_fidelity.metric_kid import kid_features_to_metric

from ganbench import evaluate
from ganbench.gan.datasets import DataFolders, open_data
from ganbench.gan.features import EXTRACTORS
from ganbench.gan.features.passing import extract
from ganbench.gan.images import to_uint8, write_folder
from ganbench.gan.interchange import load_statistics, save_statistics
from ganbench.gan.metrics.frechet import frechet_distance
from ganbench.gan.metrics.inception_score import deviation_over_splits, inception_score
from ganbench.gan.metrics.kernel import kid_full, kid_subsets
from ganbench.gan.models.loading import load
from ganbench.gan.protocols import CONVENTIONS
from ganbench.gan.statistics import moments
from ganbench.gan.types import Protocol

pytestmark = pytest.mark.long

FID, IS, KID = "frechet_inception_distance", "inception_score_mean", "kernel_inception_distance_mean"


def real_images(n: int, folder: Path) -> np.ndarray:
    return open_data("fashion-mnist:test", DataFolders(None, folder)).read(range(n))


def drawn_images(n: int) -> np.ndarray:
    """An early snapshot of the DCGAN, so that there is something to tell apart."""
    model = load("zoo:dcgan-fashion-mnist-early")
    with torch.inference_mode():
        return to_uint8(model.sample(model.draws(range(n), 0))).numpy()


# From images to scores

def with_few_features(n: int, weights: Path, path: Path) -> None:
    """Write the random weights with n of 2048 features alive, eight times as strong.

    So that n images nearly fill the covariances: torch-fidelity takes the root of every eigenvalue of a product, and
    the rounding of the many that should be 0 would change its FID by 3e-5 of itself.
    """
    state, alive = torch.load(weights), n // 6
    for name in [name for name in state if name.startswith("Mixed_7c.branch") and name.endswith("bn.weight")]:
        if any(last in name for last in ("1x1", "pool", "_2a", "_2b", "_3a", "_3b")):
            state[name][:alive] *= 8
            state[name][alive:] = 0
            state[name.replace("weight", "bias")][alive:] = -1
    state["fc.weight"] *= 0.4           # logits far apart would put every image into one class
    torch.save(state, path)


@pytest.mark.parametrize(("n", "subset"), [(24, 18), pytest.param(200, 100, marks=pytest.mark.slow)])
def test_folders_score_as_torch_fidelity_scores_them(n, subset, weights, workspace, tmp_path):
    few = tmp_path / "few.pth"
    with_few_features(n, weights, few)
    write_folder(255 - drawn_images(n), tmp_path / "drawn")     # negatives: to random weights the others are all alike
    write_folder(real_images(n, tmp_path), tmp_path / "real")
    theirs = calculate_metrics(
        input1=str(tmp_path / "drawn"), input2=str(tmp_path / "real"), cuda=False, isc=True, fid=True, kid=True,
        kid_subset_size=subset, feature_extractor_weights_path=str(few), save_cpu_ram=True, cache=False,
        verbose=False,
    )
    convention = CONVENTIONS["fidelity"]
    convention = replace(convention, settings={**convention.settings, "kid": {"subsets": 100, "subset_size": subset}})
    scores = evaluate(
        str(tmp_path / "drawn"), Protocol("parity", convention, str(tmp_path / "real"), n),
        workspace=replace(workspace, inception_weights=str(few)),
    )
    ours = {score.metric: score.value for score in scores}
    assert ours["fd_inception"] == pytest.approx(theirs[FID], rel=1e-6)
    assert ours["is_inception"] == pytest.approx(theirs[IS], rel=1e-5)
    assert ours["kid_inception"] == pytest.approx(theirs[KID], rel=1e-5)
    assert theirs[IS] > 1.02        # so that it is not the 1 of images that are all alike


# From features to scores

@pytest.fixture(scope="module")
def by_the_judge(tmp_path_factory):
    """Features (2000, 128) and logits (2000, 10) of drawn and of real images, by a network that was trained."""
    folder = tmp_path_factory.mktemp("cache")
    judge = EXTRACTORS["judge"].make(None, folder)
    return extract(drawn_images(2000), judge), extract(real_images(2000, folder), judge)


@pytest.fixture(params=[2000, 500, 100], ids=lambda n: f"{n} images")
def features(request, by_the_judge) -> list[np.ndarray]:
    """Drawn and real features: more images than features, and fewer."""
    return [found["features"][: request.param] for found in by_the_judge]


def fid(drawn: np.ndarray, real: np.ndarray) -> float:
    return frechet_distance(moments(real).statistics(), moments(drawn).statistics())


def test_fid_of_features_is_that_of_all_three(features, old_sqrtm):
    drawn, real = features
    mine = fid(drawn, real)
    first, second = (fid_features_to_statistics(torch.from_numpy(x)) for x in (drawn, real))
    assert mine == pytest.approx(fid_statistics_to_metric(first, second, False)[FID], rel=1e-6)
    assert mine == pytest.approx(calculate_frechet_distance(*first.values(), *second.values()), rel=1e-6)
    assert mine == pytest.approx(fid_from_feats(drawn, real), rel=1e-6)


def test_fid_of_many_features_with_a_falling_spectrum_is_torch_fidelitys():
    rng = np.random.default_rng(0)
    scale = np.arange(1, 769) ** -0.5
    drawn, real = (np.maximum(rng.standard_normal((1000, 768)) * scale + shift, 0) for shift in (0.02, 0))
    stats = [fid_features_to_statistics(torch.from_numpy(x)) for x in (drawn, real)]
    assert fid(drawn, real) == pytest.approx(fid_statistics_to_metric(*stats, False)[FID], rel=1e-6)


@pytest.mark.filterwarnings("ignore:Matrix is singular")       # scipy's sqrtm says so of few images
@pytest.mark.parametrize("d", [2, 8, 32, 256])
@pytest.mark.parametrize("n", [2, 8, 32, 256, 512, 4096, 32768])
def test_fid_has_scipys_root_to_five_places(n, d):
    """As torch-fidelity's authors fuzz theirs; of singular products the root itself is good to 1e-7 of the trace."""
    drawn, real = (moments(np.random.default_rng(seed).standard_normal((n, d))).statistics() for seed in (1, 2))
    shift, size = real.mu - drawn.mu, np.trace(real.sigma + drawn.sigma)
    theirs = shift @ shift + size - 2 * np.trace(scipy.linalg.sqrtm(drawn.sigma @ real.sigma)).real
    assert frechet_distance(real, drawn) == pytest.approx(theirs, rel=0, abs=5e-6 if n > d else 2e-7 * size)


def test_kid_of_features_is_torch_fidelitys_which_draws_its_input_1_first(by_the_judge):
    drawn, real = (found["features"] for found in by_the_judge)
    mine = kid_subsets(real, drawn, subsets=100, subset_size=1000).value
    theirs = kid_features_to_metric(torch.from_numpy(drawn), torch.from_numpy(real), verbose=False)
    swapped = kid_features_to_metric(torch.from_numpy(real), torch.from_numpy(drawn), verbose=False)
    assert mine == pytest.approx(theirs[KID], rel=1e-5)
    assert mine != pytest.approx(swapped[KID], rel=1e-5)


def test_kid_of_all_images_is_clean_fids_when_its_one_subset_holds_them_all(by_the_judge):
    """It draws its subsets unseeded, so one that leaves nothing out is the one to compare.

    In float64, since it adds four million kernel values in the features' own precision: in float32 it is off by 1e-5.
    """
    drawn, real = (found["features"] for found in by_the_judge)
    theirs = kernel_distance(drawn.astype(float), real.astype(float), num_subsets=1, max_subset_size=2000)
    assert kid_full(real, drawn).value == pytest.approx(theirs, rel=1e-9)


@pytest.mark.parametrize("n", [2000, 1999, 103])
def test_inception_score_and_deviation_of_logits_are_torch_fidelitys(n, by_the_judge):
    for found in by_the_judge:
        logits = found["logits"][:n]
        theirs = isc_features_to_metric(torch.from_numpy(logits))
        assert inception_score(logits, splits=10).value == pytest.approx(theirs[IS], rel=1e-5)
        assert deviation_over_splits(logits) == pytest.approx(theirs["inception_score_std"], rel=1e-5)


# Files of statistics

def test_pytorch_fid_reads_our_statistics_and_we_read_its_own(pytorch_fid, pictures, tmp_path):
    found = moments(np.random.default_rng(0).standard_normal((50, 16))).statistics()
    save_statistics(tmp_path / "ours.npz", found)
    mu, sigma = compute_statistics_of_path(str(tmp_path / "ours.npz"), None, 1, 16, "cpu")
    assert np.array_equal(mu, found.mu)
    assert np.array_equal(sigma, found.sigma)

    images = np.concatenate([pictures(299, 299), pictures(299, 299)[:, :, ::-1]])
    write_folder(images, tmp_path / "images")
    save_fid_stats([str(tmp_path / "images"), str(tmp_path / "theirs.npz")], 4, "cpu", 2048, num_workers=0)
    theirs = load_statistics(tmp_path / "theirs.npz")
    with torch.inference_mode():
        features = pytorch_fid(torch.tensor(images) / 255)[0].flatten(1).numpy()
    assert theirs.n == 0
    np.testing.assert_allclose(theirs.mu, features.mean(axis=0), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(theirs.sigma, np.cov(features, rowvar=False), rtol=1e-4, atol=1e-5)
