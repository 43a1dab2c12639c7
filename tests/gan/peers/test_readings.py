"""What ganbench says of other tools' readings is what these tools do, on one random state dict."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from cleanfid.fid import fid_from_feats, get_files_features
from pytorch_fid.fid_score import calculate_frechet_distance
from scipy.special import softmax
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_isc import isc_features_to_metric
from torchmetrics.image.fid import FrechetInceptionDistance, NoTrainInceptionV3, _compute_fid
from torchmetrics.image.inception import InceptionScore
from torchmetrics.image.kid import KernelInceptionDistance
from torchmetrics.image.mifid import _mifid_compute

from ganbench.gan import explain
from ganbench.gan.features.extract import extractor_of
from ganbench.gan.features.passing import extract
from ganbench.gan.images import write_folder, write_npz
from ganbench.gan.metrics.frechet import frechet_distance
from ganbench.gan.metrics.inception_score import inception_score
from ganbench.gan.metrics.kernel import kid_full
from ganbench.gan.metrics.memorisation import mifid
from ganbench.gan.models.loading import resolve
from ganbench.gan.statistics import moments
from ganbench.gan.types import Workspace

pytestmark = pytest.mark.long

SIZES = [(32, 32), (400, 130)]      # enlarged, and shrunk along one side
RELATIVE = 1e-5     # float32: convolutions sum in another order


def seen(name: str, images: np.ndarray, weights, workspace) -> np.ndarray:
    """Features of images under a reading."""
    workspace = replace(workspace, inception_weights=str(weights))
    look = explain.Looked(None, None, *explain.NETWORKS["inception"], weights, workspace)
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
                             replace(workspace, inception_weights=str(weights)))
    # The same operations in another module.
    assert close(seen(name, images, weights, workspace), extract(images, extractor)["features"])


@pytest.fixture(scope="module")
def sets() -> tuple[np.ndarray, np.ndarray]:
    """Generated and real pictures, (n, 3, 32, 32): 11, one more than the score has splits, and 8."""
    rng = np.random.default_rng(0)
    return (rng.integers(0, 200, (11, 3, 32, 32), np.uint8), rng.integers(50, 256, (8, 3, 32, 32), np.uint8))


@pytest.mark.filterwarnings("ignore:.*will save all extracted features", "ignore:.*degrees of freedom is <= 0")
def test_torchmetrics_prints_what_we_print(sets, weights, workspace):
    """FID, KID of all images and the Inception Score of one split, under `antialias=False`."""
    fid = FrechetInceptionDistance(feature_extractor_weights_path=str(weights), antialias=False)
    layers = ("2048", "logits_unbiased")
    pooled, classified = (NoTrainInceptionV3("x", [layer], str(weights), False) for layer in layers)
    kid, score = KernelInceptionDistance(pooled, subsets=1, subset_size=8), InceptionScore(classified, splits=1)
    generated, real = map(torch.tensor, sets)
    for metric, images in ((fid, generated), (kid, generated[:8])):
        metric.update(images, real=False)
        metric.update(real, real=True)
    score.update(generated)

    extractor = extractor_of("inception", replace(workspace, inception_weights=str(weights)))
    ours, theirs = (extract(images, extractor) for images in sets)
    x, y = ours["features"], theirs["features"]
    # Of 2,048 eigenvalues 7 are not 0; it takes the root of the rounding of all the others, too.
    expected = frechet_distance(moments(y).statistics(), moments(x).statistics())
    assert float(fid.compute()) == pytest.approx(expected, rel=1e-3)
    # Its kernel is float32.
    assert float(kid.compute()[0]) == pytest.approx(kid_full(y, x[:8]).value, rel=1e-4)
    assert float(score.compute()[0]) == pytest.approx(inception_score(ours["logits"]).value, rel=1e-5)


def test_mifid_is_torchmetrics_when_the_mean_is_over_the_training_images():
    rng = np.random.default_rng(0)
    real, generated = (rng.random((n, 6)).astype(np.float32) for n in (300, 200))
    sides = [moments(x).statistics() for x in (real, generated)]
    theirs = _mifid_compute(*(torch.tensor(a) for side, x in zip(sides, (real, generated), strict=True)
                              for a in (side.mu, side.sigma, x.astype(np.float64))))
    ours = mifid(sides[0], sides[1], [generated], None, real, over_training=True)
    # It takes the roots of the eigenvalues of a product that is not symmetric.
    assert ours.value == pytest.approx(float(theirs), rel=1e-6)


# Whole numbers: the tool's own features, and its own formula

@pytest.fixture(scope="module")
def look(sets, weights, tmp_path_factory) -> explain.Looked:
    folder = tmp_path_factory.mktemp("look")
    for name, images in zip(("drawn", "real"), sets, strict=True):
        write_npz(folder / f"{name}.npz", images)
        write_folder(images, folder / name)
    workspace = Workspace(home=str(folder / "home"), inception_weights=str(weights))
    return explain.looked(resolve(str(folder / "drawn.npz"), workspace), str(folder / "real.npz"), 11, workspace)


@pytest.fixture(scope="module")
def theirs(sets, look, weights, torch_fidelity, pytorch_fid) -> dict[str, Callable[[], list[np.ndarray]]]:
    """By reading: features (11, 2048) of the drawn and (8, 2048) of the real images, as the tool makes them."""

    def half(images: torch.Tensor) -> torch.Tensor:
        return pytorch_fid(images)[0].flatten(1)    # it takes [0, 1] itself

    def by_clean_fid(folder) -> np.ndarray:
        """Its network is a download: pytorch-fid's stands in, with its normalisation."""
        return get_files_features(sorted(folder.iterdir()), lambda resized: half(((resized - 128) / 128 + 1) / 2),
                                  num_workers=0, device=torch.device("cpu"), verbose=False)

    def by(network: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[], list[np.ndarray]]:
        @cache
        @torch.inference_mode()
        def run() -> list[np.ndarray]:
            return [network(torch.tensor(images)).numpy() for images in sets]

        return run

    folder = look.workspace.root.parent
    return {
        "fidelity": by(lambda images: torch_fidelity(images)[0]),
        "clean": lambda: [by_clean_fid(folder / name) for name in ("drawn", "real")],
        "pytorch-fid": by(lambda images: half(images / 255)),
        "torchmetrics": by(NoTrainInceptionV3("x", ["2048"], str(weights), True)),
    }


def by_torch_fidelity(drawn: np.ndarray, real: np.ndarray) -> float:
    stats = [fid_features_to_statistics(torch.from_numpy(x)) for x in (drawn, real)]
    return fid_statistics_to_metric(*stats, False)["frechet_inception_distance"]


def by_pytorch_fid(drawn: np.ndarray, real: np.ndarray) -> float:
    return calculate_frechet_distance(*(f(x) for x in (drawn, real) for f in (mean, covariance)))


def by_torchmetrics(drawn: np.ndarray, real: np.ndarray) -> float:
    return float(_compute_fid(*(torch.from_numpy(f(x)) for x in (drawn, real) for f in (mean, covariance))))


def mean(x: np.ndarray) -> np.ndarray:
    return x.mean(axis=0)


def covariance(x: np.ndarray) -> np.ndarray:
    return np.cov(x, rowvar=False)


FORMULAS = {
    "fidelity": by_torch_fidelity, "clean": fid_from_feats, "pytorch-fid": by_pytorch_fid,
    "torchmetrics": by_torchmetrics,
}


def turned(drawn: np.ndarray, real: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same points in the 19 dimensions that they fill, float64: a turn changes no Fréchet distance, and of the
    other 2,029 eigenvalues these tools would take the roots of rounding."""
    basis, _ = np.linalg.qr(np.concatenate([drawn, real]).astype(np.float64).T)
    return drawn @ basis, real @ basis


@pytest.mark.filterwarnings("ignore:Matrix is singular")       # scipy's sqrtm says so of few images
@pytest.mark.parametrize("name", FORMULAS)
def test_the_distance_of_a_reading_is_the_tools_own(name, look, theirs, old_sqrtm):
    expected = FORMULAS[name](*turned(*theirs[name]()))
    # Features agree to 1e-5; the roots of a singular product are good to the root of float64's rounding.
    assert explain.fid(look, explain.READINGS[name]) == pytest.approx(expected, rel=1e-5)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_gap_between_two_tools_is_the_gap_of_their_own_numbers(look, theirs, old_sqrtm):
    (found,) = explain.explain("pytorch-fid", "torchmetrics", look)
    ours, other = (FORMULAS[name](*turned(*theirs[name]())) for name in ("pytorch-fid", "torchmetrics"))
    assert found.metric == "fd_inception"       # of random weights
    assert abs(other - ours) > 0.01 * ours
    assert sum(part.share for part in found.shares) == pytest.approx(other - ours, rel=1e-4)    # of two larger numbers
    shares = {part.axis: part.share for part in found.shares}
    assert shares.keys() == {"resize", "normalisation", "quantisation"}
    assert shares["quantisation"] == 0


def test_the_score_of_fidelity_is_torch_fidelitys(look, sets, torch_fidelity):
    with torch.inference_mode():
        logits = torch_fidelity(torch.tensor(sets[0]))[1]
    theirs = isc_features_to_metric(logits, splits=10, shuffle=True, rng_seed=2020)["inception_score_mean"]
    # To random weights noise is all alike: what there is to compare lies above 1.
    assert explain.score(look, explain.READINGS["fidelity"]) - 1 == pytest.approx(theirs - 1, rel=1e-4)


def test_the_score_of_studiogan_is_of_one_split_of_logits_with_the_bias(look, theirs, weights):
    """From its source: pytorch-fid's network and its last layer whole, one split.  It is no package."""
    state = torch.load(weights)
    logits = theirs["pytorch-fid"]()[0].astype(np.float64) @ state["fc.weight"].numpy().T + state["fc.bias"].numpy()
    p = softmax(logits, axis=1)
    expected = np.exp((p * (np.log(p) - np.log(p.mean(axis=0)))).sum(axis=1).mean())
    assert explain.score(look, explain.READINGS["studiogan"]) - 1 == pytest.approx(expected - 1, rel=1e-4)


@pytest.mark.filterwarnings("ignore:.*will save all extracted features")
def test_truncation_is_torchmetrics_of_floats():
    """The bytes that its network is given by `normalize=True`."""
    seen: list[torch.Tensor] = []

    class Catch(torch.nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            seen.append(images)
            return torch.zeros(len(images), 2)

    class Model:
        n_classes, output_range = 0, (-1.0, 1.0)

        def draws(self, indices, seed):
            return torch.rand(len(indices), 3, 8, 8, generator=torch.Generator().manual_seed(seed)) * 2 - 1

        def sample(self, draws, labels=None):
            return draws

    images = Model().draws(range(4), 0)
    InceptionScore(Catch(), normalize=True).update((images + 1) / 2)
    assert (explain.Truncating(Model(), 0, (-1.0, 1.0)).sample(images) == seen[0]).all()
