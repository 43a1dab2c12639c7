"""Networks with random weights that keep the scale of their activations, and pictures to feed them."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from ganbench.gan.features import vit
from ganbench.gan.features.inception import Inception
from ganbench.gan.features.judge import JudgeOutputs
from ganbench.gan.verify import random_state

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
def small() -> Callable[[vit.Transformer], vit.Transformer]:
    """A transformer behind the same images, of which only the network is small."""
    return shrunk


def shrunk(it: vit.Transformer) -> vit.Transformer:
    clip = it.architecture.kind == "clip"
    little = replace(it.architecture, width=32, depth=2, heads=4, projected=24 if clip else 0)
    network = replace(it.network, module=partial(vit.VisionTransformer, little), d=24 if clip else 32)
    return replace(it, architecture=little, network=network)


@pytest.fixture(scope="session")
def transformer_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Random weights of small transformers under the names of Meta's files, by extractor.

    Those of DINOv2 have the positions of images of 518 pixels, and a mask token.
    """
    folder, files = tmp_path_factory.mktemp("transformers"), {}
    for it in map(shrunk, (vit.DINOV2, vit.DINOV2_TORCH, vit.DINOV2_BASE, vit.CLIP)):
        dino = it.architecture.kind == "dinov2"
        trained = replace(it.architecture, side=518) if dino else it.architecture
        state = random_state(partial(vit.VisionTransformer, trained))
        files[it.network.name] = folder / f"{it.network.name}.pth"
        torch.save(state | ({"mask_token": torch.zeros(1, 32)} if dino else {}), files[it.network.name])
    return files


@pytest.fixture(scope="session")
def weights(inception_file: Path, judge_file: Path, transformer_files: dict[str, Path]) -> dict[str, Path | None]:
    """A file for every row of EXTRACTORS; None: the row knows where its own are."""
    return {"inception": inception_file, "inception_spatial": inception_file, "inception_clean": inception_file,
            "judge": judge_file, "efficientnet_lite0": None, "pixels": None, **transformer_files}


@pytest.fixture(scope="session")
def pictures() -> Callable[..., np.ndarray]:
    return noise


def noise(n: int, channels: int, height: int, width: int | None = None, seed: int = 0) -> np.ndarray:
    """(n, channels, height, width or height) uint8."""
    return np.random.default_rng(seed).integers(0, 256, (n, channels, height, width or height), dtype=np.uint8)
