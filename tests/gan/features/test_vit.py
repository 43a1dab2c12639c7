"""Vision transformers: whose weights fit, how positions are resampled, what is said when there is nothing to run."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from ganbench.gan.checkpoints import load_state
from ganbench.gan.features import EXTRACTORS, vit
from ganbench.gan.features.extract import extractor_of, given_weights
from ganbench.gan.files import file_digest
from tests.refusals import refused


def cubic(x: float, a: float = -0.75) -> float:
    """Keys 1981 with torch's a."""
    x = abs(x)
    if x < 1:
        return (a + 2) * x**3 - (a + 3) * x**2 + 1
    return a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a if x < 2 else 0.0


def weights_of_one_axis(before: int, after: int, offset: float) -> np.ndarray:
    """(after, before): four neighbours around (i + 1/2) / scale - 1/2, those outside replaced by the edge."""
    result = np.zeros((after, before))
    for i in range(after):
        source = (i + 0.5) * before / (after + offset) - 0.5
        for k in range(math.floor(source) - 1, math.floor(source) + 3):
            result[i, min(max(k, 0), before - 1)] += cubic(source - k)
    return result


def test_positions_are_resampled_by_metas_factor():
    """37 x 37 -> 16 x 16 by 16.1 / 37, computed in float64 from the definition of bicubic interpolation."""
    positions = np.random.default_rng(0).standard_normal((1, 1 + 37 * 37, 5))
    found = vit.resampled(torch.tensor(positions, dtype=torch.float32), 16).numpy()
    axis = weights_of_one_axis(37, 16, 0.1)
    expected = np.einsum("ik,jl,klc->ijc", axis, axis, positions[0, 1:].reshape(37, 37, 5))
    assert found.shape == (1, 1 + 256, 5)
    assert found[0, 0] == pytest.approx(positions[0, 0])
    assert found[0, 1:].reshape(16, 16, 5) == pytest.approx(expected, abs=1e-4)     # torch's float32 coordinates
    other = weights_of_one_axis(37, 16, 0.0)        # without the offset, as transformers does: far from it
    assert np.abs(np.einsum("ik,jl,klc->ijc", other, other, positions[0, 1:].reshape(37, 37, 5)) - expected).max() > 0.1


def test_positions_of_the_same_grid_stay():
    positions = torch.randn(1, 1 + 16 * 16, 3)
    assert vit.resampled(positions, 16) is positions


@pytest.mark.parametrize(("it", "parameters"), [(vit.DINOV2, 304_368_640), (vit.DINOV2_BASE, 86_580_480)])
def test_networks_have_as_many_parameters_as_metas(it, parameters):
    """Those of Meta's files, less the mask token, with positions for 518 pixels: dinov2/hub/backbones.py."""
    with torch.device("meta"):
        module = vit.VisionTransformer(replace(it.architecture, side=518))
    assert sum(value.numel() for value in module.parameters()) == parameters - it.architecture.width


# Where weights come from

@pytest.fixture
def folder(small, transformer_files, tmp_path) -> Path:
    """A Hugging Face folder of a small DINOv2."""
    folder = tmp_path / "dino"
    folder.mkdir()
    save_file(load_state(transformer_files["dinov2"]), folder / "model.safetensors")
    facts = {"model_type": "dinov2", "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
    (folder / "config.json").write_text(json.dumps({**facts, "patch_size": 14}))
    return folder


def made(it: vit.Transformer, weights: Path | None, cache: Path):
    return vit.make(it, weights, cache, "cpu", "auto")


def test_a_folder_and_a_file_give_the_same_features(small, folder, transformer_files, pictures, tmp_path):
    it, images = small(vit.DINOV2), pictures(3, 3, 32)
    ours, theirs = made(it, folder, tmp_path), made(it, transformer_files["dinov2"], tmp_path)
    np.testing.assert_array_equal(ours(images)["features"], theirs(images)["features"])
    assert ours.weights == file_digest(folder / "model.safetensors")
    assert ours.digest != theirs.digest             # the file's hash is part of it


@pytest.mark.parametrize(("facts", "said"), [
    ({"hidden_size": 64},
     ("weights-do-not-fit", "dinov2", "width 64, 2 layers, 4 heads, patches of 14",
      "width 32, 2 layers, 4 heads, patches of 14")),
    ({"num_attention_heads": 8}, ("weights-do-not-fit", "8 heads")), ({"patch_size": 16},
     ("weights-do-not-fit", "patches of 16")),
    ({"model_type": "dinov2_with_registers"}, ("weights-do-not-fit", "dinov2_with_registers")),
    ({"hidden_size": None, "patch_size": None}, ("weights-do-not-fit", "patches of None")),
])
def test_a_folder_of_another_architecture_is_refused(small, folder, facts, said, tmp_path):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **facts}))
    with refused(*said):
        made(small(vit.DINOV2), folder, tmp_path)


def test_a_folder_without_what_it_needs_is_refused(small, folder, tmp_path):
    (folder / "model.safetensors").unlink()
    with refused("missing-weights", "model.safetensors", "pytorch_model.bin"):
        made(small(vit.DINOV2), folder, tmp_path)
    for text in ("", "[1]", '{"model_type": "dinov2"}'):
        (folder / "config.json").write_text(text)
        with refused("unusable-config"):
            made(small(vit.DINOV2), folder, tmp_path)


def test_weights_of_another_network_are_refused(small, judge_file, transformer_files, tmp_path):
    with refused("weights-do-not-fit", "the extractor dinov2", "missing cls_token"):
        made(small(vit.DINOV2), judge_file, tmp_path)
    smaller = replace(vit.CLIP, architecture=replace(vit.CLIP.architecture, side=224))      # CLIP is not resampled
    with refused("weights-do-not-fit", "clip", "pos_embed is (1, 577, 32), expected (1, 257, 32)"):
        made(small(smaller), transformer_files["clip"], tmp_path)


@pytest.mark.parametrize("it", [vit.DINOV2, vit.DINOV2_BASE, vit.CLIP], ids=lambda it: it.network.name)
def test_without_weights_and_network_one_sentence_says_what_to_do(it, tmp_path):
    unreachable = replace(it, published=replace(it.published, url="http://127.0.0.1:9/weights"))
    with refused("not-fetched") as told:
        made(unreachable, None, tmp_path)
    for part in (it.published.title, it.published.sha256, f"--weights {it.published.network}=PATH", str(tmp_path)):
        assert part in str(told.value)
    assert "\n" not in str(told.value)


def test_weights_are_given_by_extractor_or_by_network(workspace, transformer_files):
    given = replace(workspace, inception_weights="a", extractor_weights={"dinov2-vitl14": "b", "dinov2_torch": "c"})
    assert given_weights("dinov2", given) == "b"
    assert given_weights("dinov2_torch", given) == "c"
    assert given_weights("clip", given) == ""
    assert given_weights("inception_spatial", given) == "a"
    assert given_weights("inception", replace(given, extractor_weights={"inception-2015": "d"})) == "d"
    with refused("weights-do-not-fit", "dinov2.pth", "the extractor dinov2"):       # a small one
        extractor_of("dinov2", replace(workspace, extractor_weights={"dinov2": str(transformer_files["dinov2"])}))


def test_rows_with_one_network_share_their_weights():
    for it in (vit.DINOV2, vit.DINOV2_TORCH, vit.DINOV2_BASE, vit.CLIP):
        row = EXTRACTORS[it.network.name]
        assert (row.network, row.file) == (it.published.network, it.published.file)
        assert len(it.published.sha256) == 64
