"""What ganbench says of other tools' readings is what these tools do, on one random state dict."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torchmetrics.image.fid import FrechetInceptionDistance, NoTrainInceptionV3
from torchmetrics.image.inception import InceptionScore
from torchmetrics.image.kid import KernelInceptionDistance
from torchmetrics.image.mifid import _mifid_compute

from gan import explain
from gan.features.extract import extract, extractor_of
from gan.generators.loading import resolve
from gan.images import write_npz
from gan.metrics.frechet import frechet_distance
from gan.metrics.inception_score import inception_score
from gan.metrics.kernel import kid_full
from gan.metrics.memorisation import mifid
from gan.statistics import moments

SIZES = [(32, 32), (400, 130)]      # enlarged, and shrunk along one side
RELATIVE = 1e-5     # float32: convolutions sum in another order


def seen(name: str, images: np.ndarray, weights, workspace) -> np.ndarray:
    """Features of images under a reading."""
    workspace = replace(workspace, inception_weights=str(weights))
    look = explain.Looked(None, None, *explain.NETWORKS["inception"], weights, workspace, 1, lambda n: None)
    return extract(images, explain.extractor_for(explain.READINGS[name], look))["features"]


def close(ours: np.ndarray, theirs: np.ndarray) -> bool:
    return np.abs(ours - theirs).max() < RELATIVE * np.abs(theirs).max()


@pytest.mark.parametrize("size", SIZES)
def test_pytorch_fid_reads_as_it_does(size, pictures, weights, workspace, pytorch_fid):
    images = pictures(*size)
    with torch.inference_mode():
        theirs = pytorch_fid(torch.tensor(images) / 255)[0].flatten(1).numpy()
    assert close(seen("pytorch-fid", images, weights, workspace), theirs)


@pytest.mark.parametrize(("antialias", "reading"), [(True, "torchmetrics"), (False, "fidelity")])
@pytest.mark.parametrize("size", SIZES)
def test_torchmetrics_reads_as_it_does_and_without_antialiasing_as_fidelity(
    antialias, reading, size, pictures, weights, workspace
):
    images = pictures(*size)
    network = NoTrainInceptionV3("x", ["2048"], str(weights), antialias)
    with torch.inference_mode():
        theirs = network(torch.tensor(images)).numpy()
    assert close(seen(reading, images, weights, workspace), theirs)


@pytest.mark.parametrize("name", ["fidelity", "clean"])
def test_conventions_read_as_their_extractors(name, pictures, weights, workspace):
    images = pictures(64, 64)
    extractor = extractor_of({"fidelity": "inception", "clean": "inception_clean"}[name],
                             replace(workspace, inception_weights=str(weights)))    # fmt: skip
    # The same operations in another module.
    assert close(seen(name, images, weights, workspace), extract(images, extractor)["features"])


@pytest.fixture(scope="module")
def sets() -> tuple[np.ndarray, np.ndarray]:
    """Generated and real pictures, (n, 3, 32, 32): 14 and 12."""
    rng = np.random.default_rng(0)
    return (rng.integers(0, 200, (14, 3, 32, 32), np.uint8), rng.integers(50, 256, (12, 3, 32, 32), np.uint8))


@pytest.mark.filterwarnings("ignore:.*will save all extracted features", "ignore:.*degrees of freedom is <= 0")
def test_torchmetrics_prints_what_we_print(sets, weights, workspace):
    """FID, KID of all images and the Inception Score of one split, under `antialias=False`."""
    fid = FrechetInceptionDistance(feature_extractor_weights_path=str(weights), antialias=False)
    layers = ("2048", "logits_unbiased")
    pooled, classified = (NoTrainInceptionV3("x", [layer], str(weights), False) for layer in layers)
    kid, score = KernelInceptionDistance(pooled, subsets=1, subset_size=12), InceptionScore(classified, splits=1)
    generated, real = map(torch.tensor, sets)
    for metric, images in ((fid, generated), (kid, generated[:12])):
        metric.update(images, real=False)
        metric.update(real, real=True)
    score.update(generated)

    extractor = extractor_of("inception", replace(workspace, inception_weights=str(weights)))
    ours, theirs = (extract(images, extractor) for images in sets)
    x, y = ours["features"], theirs["features"]
    # Of 2,048 eigenvalues 11 are not 0; it takes the root of the rounding of all the others, too.
    expected = frechet_distance(moments(y).statistics(), moments(x).statistics())
    assert float(fid.compute()) == pytest.approx(expected, rel=1e-3)
    # Its kernel is float32.
    assert float(kid.compute()[0]) == pytest.approx(kid_full(y, x[:12]).value, rel=1e-4)
    assert float(score.compute()[0]) == pytest.approx(inception_score(ours["logits"]).value, rel=1e-5)


def test_mifid_is_torchmetrics_when_the_mean_is_over_the_training_images():
    rng = np.random.default_rng(0)
    real, generated = (rng.random((n, 6)).astype(np.float32) for n in (300, 200))
    sides = [moments(x).statistics() for x in (real, generated)]
    theirs = _mifid_compute(*(torch.tensor(a) for side, x in zip(sides, (real, generated), strict=True)
                              for a in (side.mu, side.sigma, x.astype(np.float64))))   # fmt: skip
    ours = mifid(sides[0], sides[1], [generated], None, real, over_training=True)
    # It takes the roots of the eigenvalues of a product that is not symmetric.
    assert ours.value == pytest.approx(float(theirs), rel=1e-6)


def test_a_gap_between_two_tools_is_the_gap_of_their_own_numbers(sets, weights, workspace, tmp_path):
    """pytorch-fid's and torchmetrics' FID of the same pictures, computed by themselves, and explained."""
    for name, images in zip(("drawn.npz", "real.npz"), sets, strict=True):
        write_npz(tmp_path / name, images)
    workspace = replace(workspace, inception_weights=str(weights))
    spec = resolve(str(tmp_path / "drawn.npz"), workspace)
    found, _ = explain.explain("pytorch-fid", "torchmetrics", spec, str(tmp_path / "real.npz"), 14, workspace)
    network = NoTrainInceptionV3("x", ["2048"], str(weights), True)
    with torch.inference_mode():
        features = [network(torch.tensor(images)).numpy() for images in sets]
    expected = frechet_distance(*(moments(x).statistics() for x in reversed(features)))
    assert found.b == pytest.approx(expected, rel=1e-4)
    assert sum(part.share for part in found.shares) == pytest.approx(found.b - found.a, rel=1e-9)
