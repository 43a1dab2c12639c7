"""One random state dict in three networks: the features are the peers' at any size of image, on both backends."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from cleanfid.fid import get_files_features
from PIL import Image

from ganbench.gan.backend import start
from ganbench.gan.features import inception
from ganbench.gan.features.network import load

pytestmark = pytest.mark.long

SIZES = [(32, 32), (64, 64), (256, 256), (299, 299), (512, 512), (48, 80), (400, 130)]
CLOSE = 1e-5        # of the vector's length


def apart(ours: np.ndarray, theirs: np.ndarray) -> float:
    """|a - b| / |b| of the worst image: (n, d) each."""
    return float((np.linalg.norm(ours - theirs, axis=1) / np.linalg.norm(theirs, axis=1)).max())


@pytest.fixture(scope="module")
def by_torch_fidelity(torch_fidelity, pictures):
    """Features and logits of the pictures of a size; computed once for both backends."""

    @cache
    def compute(height: int, width: int) -> list[np.ndarray]:
        with torch.inference_mode():
            return [values.numpy() for values in torch_fidelity(torch.from_numpy(pictures(height, width)))]

    return compute


@pytest.fixture(scope="module")
def by_pytorch_fid(pytorch_fid, pictures):
    @cache
    def compute(height: int, width: int) -> np.ndarray:
        with torch.inference_mode():
            return pytorch_fid(torch.from_numpy(pictures(height, width)) / 255)[0].flatten(1).numpy()

    return compute


@pytest.fixture(scope="module")
def network(weights):
    """Our network alone, on two images that are resized and normalised already."""
    module = load(inception.TF1, weights)
    return cache(lambda backend: start(module, (2, 3, 299, 299), "cpu", backend)[0])


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_the_extractor_gives_torch_fidelitys_features_and_logits(
    height, width, ours, by_torch_fidelity, pictures, backend
):
    found = ours("inception", backend)(pictures(height, width))
    their_features, their_logits = by_torch_fidelity(height, width)
    assert found["features"].shape == their_features.shape == (2, 2048)
    assert apart(found["features"], their_features) < CLOSE
    assert apart(found["logits"], their_logits) < CLOSE


@pytest.mark.parametrize(("height", "width"), [(32, 32), (299, 299), (48, 80)])
def test_the_spatial_features_are_seven_channels_of_torch_fidelitys_mixed_6d(
    height, width, ours, torch_fidelity, by_torch_fidelity, pictures, backend
):
    """As guided-diffusion's evaluator takes them: [..., :7] of a channels-last array, flattened."""
    images, seen = pictures(height, width), []
    hook = torch_fidelity.Mixed_6d.branch1x1.register_forward_hook(lambda module, given, output: seen.append(output))
    with torch.inference_mode():
        torch_fidelity(torch.from_numpy(images))
    hook.remove()
    theirs = seen[0].numpy().transpose(0, 2, 3, 1)
    assert theirs.shape == (2, 17, 17, 192)
    found = ours("inception_spatial", backend)(images)
    assert apart(found["spatial"], theirs[..., :7].reshape(2, -1)) < CLOSE
    for what, array in zip(("features", "logits"), by_torch_fidelity(height, width), strict=True):
        assert apart(found[what], array) < CLOSE


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_the_network_gives_pytorch_fids_features_behind_its_resize(
    height, width, network, by_pytorch_fid, pictures, backend
):
    """It resizes by half-pixel bilinear interpolation without antialiasing, and maps 0..1 to -1..1."""
    images = torch.from_numpy(pictures(height, width)) / 255
    prepared = 2 * F.interpolate(images, (299, 299), mode="bilinear", align_corners=False) - 1
    with torch.inference_mode():
        features, _ = network(backend)(prepared)
    assert apart(features, by_pytorch_fid(height, width)) < CLOSE


def test_the_clean_extractor_gives_the_features_of_clean_fids_pipeline(ours, pytorch_fid, pictures, backend, tmp_path):
    """Its files, loader and resize; its network is a download, so pytorch-fid's stands in, with its normalisation."""
    images = pictures(400, 130)
    for i, image in enumerate(images):
        Image.fromarray(image.transpose(1, 2, 0)).save(tmp_path / f"{i}.png")

    def model(resized: torch.Tensor) -> torch.Tensor:
        return pytorch_fid(((resized - 128) / 128 + 1) / 2)[0].flatten(1)   # it doubles and subtracts 1 itself

    files = [tmp_path / "0.png", tmp_path / "1.png"]
    theirs = get_files_features(files, model, num_workers=0, device=torch.device("cpu"), verbose=False)
    assert apart(ours("inception_clean", backend)(images)["features"], theirs) < CLOSE
