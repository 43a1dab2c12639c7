"""What every row of EXTRACTORS promises."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from ganbench.gan import features
from ganbench.gan.backend import choose, choose_eager, fold
from ganbench.gan.features import EXTRACTORS, judge, vit
from ganbench.gan.features.base import padded
from tests.refusals import refused

CHANNELS = {"judge": 1}                               # what to feed; 3 for the others
NETWORKS = ["inception_spatial", "efficientnet_lite0", "judge"]      # inception is part of the first
LIGHT = ["efficientnet_lite0", "judge", "pixels"]
TRANSFORMERS = {it.network.name: it for it in (vit.DINOV2, vit.DINOV2_TORCH, vit.DINOV2_BASE, vit.CLIP)}


@pytest.fixture(scope="session")
def made(weights, small, tmp_path_factory):
    """Each extractor of each backend once; transformers with a small network, since the real ones are downloads."""
    cache, ready = tmp_path_factory.mktemp("cache"), {}

    def make(name: str, backend: str = "auto"):
        if (name, backend) not in ready:
            make_row = partial(vit.make, small(TRANSFORMERS[name]), device="cpu") if name in TRANSFORMERS else (
                EXTRACTORS[name].make)
            ready[name, backend] = make_row(weights[name], cache, backend=backend)
        return ready[name, backend]

    return make


@pytest.mark.parametrize("name", EXTRACTORS)
def test_rows_say_what_their_extractor_gives(name, made, pictures):
    row, extract = EXTRACTORS[name], made(name)
    if name in TRANSFORMERS:
        assert TRANSFORMERS[name].network.outputs == row.outputs
        row = replace(row, d=extract.d)
    assert (extract.name, extract.d, extract.outputs) == (name, row.d, row.outputs)
    found = extract(pictures(3, CHANNELS.get(name, 3), 32))
    assert list(found) == list(row.outputs)
    for array, length in zip(found.values(), row.outputs.values(), strict=True):
        assert array.shape == (3, length or 3 * 32 * 32)
        assert array.dtype == np.float32
        assert np.isfinite(array).all()
        assert len({row.tobytes() for row in array}) == 3
    assert 1000 % extract.micro_batch == 0


def test_every_transformer_of_the_table_is_tested_with_a_small_network():
    assert set(TRANSFORMERS) == {name for name, row in EXTRACTORS.items() if row.network.startswith(("dinov2", "clip"))}


@pytest.mark.parametrize(("name", "backend"), [
    *((name, backend) for name in [*NETWORKS, "pixels"] for backend in ("torch", "onnxruntime")),
    *((name, "torch") for name in TRANSFORMERS)])
def test_an_image_has_the_same_bits_whatever_its_neighbours(name, made, pictures, backend):
    """Same place in the batch, other images around it, or nothing after it."""
    extract = made(name, backend)
    n, channels = extract.micro_batch, CHANNELS.get(name, 3)
    mine, others = pictures(3, channels, 32, seed=1), pictures(n, channels, 32, seed=2)
    full = np.concatenate([mine, others[3:]])
    among = extract(full)
    for what, alone in extract(mine).items():
        np.testing.assert_array_equal(alone, among[what][:3])


@pytest.mark.parametrize(("name", "backend"), [
    *((name, backend) for name in LIGHT for backend in ("torch", "onnxruntime")), ("dinov2", "torch")])
def test_threads_do_not_disturb_each_other(name, made, pictures, backend):
    extract = made(name, backend)
    batches = [pictures(extract.micro_batch, CHANNELS.get(name, 3), 32, seed=i) for i in range(6)]
    expected = [extract(batch)["features"] for batch in batches]
    with ThreadPoolExecutor(2, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        got = list(pool.map(lambda batch: extract(batch)["features"], batches))
    for a, b in zip(expected, got, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", NETWORKS)
def test_backends_agree(name, made, pictures):
    pytest.importorskip("onnxruntime")
    images = pictures(4, CHANNELS.get(name, 3), 32)
    onnx = made(name, "onnxruntime")(images)
    for what, eager in made(name, "torch")(images).items():
        assert np.abs(eager - onnx[what]).max() <= 1e-5 * np.abs(eager).max()


@pytest.mark.parametrize("name", ["inception_clean", "efficientnet_lite0", "dinov2"])
def test_grey_is_rgb_of_equal_channels(name, made, pictures):
    grey = pictures(2, 1, 28)
    rgb = made(name)(grey.repeat(3, axis=1))
    for what, array in made(name)(grey).items():
        np.testing.assert_array_equal(array, rgb[what])


@pytest.mark.parametrize("channels", [2, 4])
@pytest.mark.parametrize("name", EXTRACTORS)
def test_other_channels_are_refused(name, channels, made, pictures):
    with refused("wrong-channels", "1 channel", "(3)", channels):
        made(name)(pictures(1, channels, 32))


@pytest.mark.parametrize(("channels", "size"), [(3, 32), (1, 28)])
def test_the_judge_sees_small_grey_images_only(channels, size, made, pictures):
    with refused("wrong-size", "1x32x32", f"{channels}x{size}x{size}"):
        made("judge")(pictures(1, channels, size))


def test_too_many_images_floats_and_flat_images_are_refused(made, pictures):
    extract = made("pixels")
    for images in (pictures(extract.micro_batch + 1, 1, 8), pictures(1, 1, 8).astype(np.float32),
                   pictures(1, 1, 8)[0], pictures(1, 1, 8)[:0]):
        with pytest.raises(ValueError, match="got"):
            extract(images)


ROUNDING = ["dinov2", "dinov2_vitb14", "clip"]        # Pillow's resize of 8-bit images


@pytest.mark.parametrize("name", EXTRACTORS)
def test_unrounded_whole_numbers_are_seen_as_8_bits_are(name, made, pictures):
    images = pictures(3, CHANNELS.get(name, 3), 32)
    given, floats = made(name)(images), made(name).unrounded(images.astype(np.float32))
    for what, array in given.items():
        if name not in ROUNDING:
            np.testing.assert_array_equal(floats[what], array)
        assert np.linalg.norm(floats[what] - array) < 0.05 * np.linalg.norm(array)


@pytest.mark.parametrize("name", EXTRACTORS)
def test_a_hundredth_of_a_level_is_seen_and_two_are_twice_as_far(name, made, pictures):
    """Nothing is rounded to 8 bits on the way, where such a difference would be 0 or a jump."""
    images = 20 + pictures(2, CHANNELS.get(name, 3), 32).astype(np.float32) * np.float32(0.8)
    towards = pictures(4, CHANNELS.get(name, 3), 32)[2:].astype(np.float32) / 255 - np.float32(0.5)
    here, near, far = (made(name).unrounded(images + np.float32(size) * towards)["features"].astype(np.float64)
                       for size in (0, 0.02, 0.04))
    moved, further = (np.linalg.norm(there - here) for there in (near, far))
    assert moved > 0
    assert further == pytest.approx(2 * moved, rel=0.1)


@pytest.mark.parametrize("name", ["judge", "pixels"])
def test_unrounded_images_are_floats_of_32_bits(name, made, pictures):
    for dtype in (np.uint8, np.float64):
        with pytest.raises(ValueError, match=f"got {np.dtype(dtype)}"):
            made(name).unrounded(pictures(1, 1, 32).astype(dtype))


def test_read_only_images_are_welcome(made, pictures):
    """Memory-mapped shards are."""
    images = pictures(5, 3, 64)
    images.flags.writeable = False
    for name in ("efficientnet_lite0", "pixels"):
        made(name)(images)


def test_pixels_are_the_pixels(pictures, made):
    images = pictures(2, 3, 32, 20)
    assert made("pixels")(images)["features"] == pytest.approx(images.reshape(2, -1) / 255, abs=1e-7)


@pytest.mark.parametrize(("shape", "d"), [((1, 28, 28), 784), ((3, 32, 32), 3072), ((3, 256, 256), 3072)])
def test_pixels_know_their_length_from_the_shape(shape, d, pictures, tmp_path):
    extract = EXTRACTORS["pixels"].make(None, tmp_path, shape=shape)
    assert extract.d == d == extract(pictures(1, *shape))["features"].shape[1]


def test_digests_tell_weights_and_resizing_apart_but_not_backends(made, weights, tmp_path):
    names = {name: made(name).digest for name in EXTRACTORS}
    assert len(set(names.values())) == len(EXTRACTORS)
    assert made("judge", "torch").digest == names["judge"]
    other = tmp_path / "other.pth"
    torch.save({name: value + 1 for name, value in torch.load(weights["judge"]).items()}, other)
    assert EXTRACTORS["judge"].make(other, tmp_path).digest != names["judge"]


def test_the_engine_tells_backends_apart(made, backend):
    engine = made("judge", backend).engine
    assert engine["backend"] == backend
    assert {"version", "dtype", "device", "threads", "micro_batch"} <= engine.keys()


def test_judge_outputs_are_the_judges(judge_file, pictures, tmp_path):
    """Features and logits of the network that is trained, on (x / 127.5) - 1."""
    images = pictures(3, 1, 32)
    module = judge.Judge()
    module.load_state_dict(torch.load(judge_file))
    module.eval()
    with torch.inference_mode():
        given = torch.from_numpy(images).float() / 127.5 - 1
        expected = {"features": module.features(given).numpy(), "logits": module(given).numpy()}
    ours = EXTRACTORS["judge"].make(judge_file, tmp_path)(images)
    for what, theirs in expected.items():
        assert np.abs(ours[what] - theirs).max() <= 1e-5 * np.abs(theirs).max()


def test_folding_leaves_no_batch_normalisation_and_the_given_module_alone():
    module = judge.JudgeOutputs().eval()
    assert not any(node.op == "call_module" and "BatchNorm" in type(folded.get_submodule(node.target)).__name__
                   for folded in [fold(module)] for node in folded.graph.nodes)
    assert any("BatchNorm" in type(part).__name__ for part in module.modules())


def test_unknown_backends_and_devices_are_refused_in_words():
    with refused("unknown-choice", "tensorflow", "auto, onnxruntime, torch"):
        choose("tensorflow", "cpu")
    with refused("backend-does-not-fit", "onnxruntime", "CPU", "cuda"):
        choose("onnxruntime", "cuda")
    assert choose("auto", "cuda") == "torch"
    with refused("backend-does-not-fit", "onnxruntime", "this network"):
        choose_eager("onnxruntime")


def test_missing_weights_are_one_sentence(tmp_path, monkeypatch):
    with refused("no-such-file"):
        EXTRACTORS["inception"].make(tmp_path / "nowhere.pth", tmp_path)
    monkeypatch.setattr(judge, "SHIPPED", tmp_path / "nowhere.safetensors")
    with refused("missing-weights", "judge"):
        EXTRACTORS["judge"].make(None, tmp_path)


def test_other_weights_are_refused(judge_file, tmp_path):
    with refused("weights-do-not-fit"):
        EXTRACTORS["inception"].make(judge_file, tmp_path)


def test_padding_repeats_grey_and_ends_in_black():
    batch = padded(np.full((1, 1, 2, 2), 7, np.uint8), 3, 3)
    assert batch.shape == (3, 3, 2, 2)
    assert batch.sum(axis=(1, 2, 3)).tolist() == [84, 0, 0]


def test_the_table_is_cheap_to_import():
    """Neither torch nor a runtime."""
    code = "import sys, ganbench.gan.features; sys.exit(len({'torch', 'onnx', 'onnxruntime'} & sys.modules.keys()))"
    house = Path(features.__file__).parent.parent.parent.parent
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=house).returncode == 0
