"""Networks with random weights that keep the scale of their activations, and pictures to feed them."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from gan.features.inception import Inception
from gan.features.judge import JudgeOutputs
from gan.verify import random_state

HAS_ONNX = all(importlib.util.find_spec(name) for name in ("onnx", "onnxruntime"))
BACKENDS = [
    "torch",
    pytest.param("onnxruntime", marks=pytest.mark.skipif(not HAS_ONNX, reason="onnxruntime is not installed")),
]


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="session")
def inception_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "inception.pth"
    torch.save(random_state(Inception), path)
    return path


@pytest.fixture(scope="session")
def judge_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "judge.pth"
    torch.save(random_state(JudgeOutputs), path)
    return path


@pytest.fixture(scope="session")
def weights(inception_file: Path, judge_file: Path) -> dict[str, Path | None]:
    """A file for every row of EXTRACTORS; None: the row knows where its own are."""
    return {"inception": inception_file, "inception_clean": inception_file, "judge": judge_file,
            "efficientnet_lite0": None, "pixels": None}


@pytest.fixture(scope="session")
def pictures() -> Callable[..., np.ndarray]:
    return noise


def noise(n: int, channels: int, height: int, width: int | None = None, seed: int = 0) -> np.ndarray:
    """(n, channels, height, width or height) uint8."""
    return np.random.default_rng(seed).integers(0, 256, (n, channels, height, width or height), dtype=np.uint8)
