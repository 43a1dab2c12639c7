"""The tools of the field, given one random state dict in place of the weights that they would download."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import scipy.linalg
import torch
from pytorch_fid.inception import InceptionV3
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

from ganbench.gan.features import EXTRACTORS, Extractor
from ganbench.gan.features.inception import Inception
from ganbench.gan.verify import random_state


@pytest.fixture(scope="session")
def weights(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "inception.pth"
    torch.save(random_state(Inception), path)
    return path


@pytest.fixture(params=["torch", "onnxruntime"])
def backend(request) -> str:
    return request.param


@pytest.fixture(scope="session")
def ours(weights, tmp_path_factory) -> Callable[[str, str], Extractor]:
    """A row of EXTRACTORS on a backend; each is made once."""
    folder = tmp_path_factory.mktemp("cache")
    return cache(lambda name, backend: EXTRACTORS[name].make(weights, folder, backend=backend))


@pytest.fixture(scope="session")
def torch_fidelity(weights) -> FeatureExtractorInceptionV3:
    """NCHW uint8 -> (features, logits without the bias)."""
    layers = ["2048", "logits_unbiased"]
    return FeatureExtractorInceptionV3("parity", layers, feature_extractor_weights_path=str(weights))


@pytest.fixture(scope="session")
def no_download(weights):
    """pytorch-fid finds the random state dict where it asks for the published one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pytorch_fid.inception.load_state_dict_from_url", lambda url, progress: torch.load(weights))
        yield


@pytest.fixture(scope="session")
def pytorch_fid(no_download) -> InceptionV3:
    """NCHW float in [0, 1] -> [features (n, 2048, 1, 1)]."""
    return InceptionV3().eval()


@pytest.fixture(scope="session")
def pictures() -> Callable[..., np.ndarray]:
    return noise_and_checks


def noise_and_checks(height: int, width: int) -> np.ndarray:
    """Two images, (2, 3, height, width) uint8, on which resizing rules differ most: noise, and checks of 0 and 255."""
    noise = np.random.default_rng(height).integers(0, 256, (3, height, width), np.uint8)
    checks = np.indices((height, width)).sum(axis=0) % 2 * np.array([255, 255, 0])[:, None, None]
    return np.stack([noise, checks.astype(np.uint8)])


@pytest.fixture
def old_sqrtm(monkeypatch) -> None:
    """SciPy 1.18 took the argument `disp` of sqrtm away, which pytorch-fid and clean-fid give; the root is the same."""
    root = scipy.linalg.sqrtm
    monkeypatch.setattr(scipy.linalg, "sqrtm", lambda a, disp=True: root(a) if disp else (root(a), 0.0))
