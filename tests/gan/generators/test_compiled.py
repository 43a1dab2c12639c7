"""ONNX Runtime gives the images that torch gives, of every compiled family and whatever its arguments."""

import logging

import numpy as np
import pytest
import torch

from ganbench.gan import backend, sampling
from ganbench.gan.drawing import draw
from ganbench.gan.generators import GENERATORS
from ganbench.gan.generators.compiled import by_onnx, compiled
from ganbench.gan.generators.stylegan2 import initialise
from ganbench.gan.images import to_uint8
from ganbench.gan.models.loading import resolve
from ganbench.gan.models.weights import make_family
from ganbench.gan.sampling import compiled_methods, generator_of, sample_shard, sampler_of, shard_key
from ganbench.gan.store import Store, rows_of
from ganbench.gan.types import Workspace

DCGANS = [
    {}, {"norm": "instance"}, {"norm": "none", "bias": True, "slope": 0.2}, {"output": "sigmoid"},
    {"output": "none", "latent": "uniform"}, {"upsampling": "nearest"},
    {"widths": [8, 6], "layers": [[4, 1, 0], [3, 2, 1, 1], [4, 2, 1]]},
]
STYLES = [{}, {"n_classes": 4}, {"noise": "none", "truncation": 0.7}, {"channels": 3}]
DENOISERS = [
    {}, {"n_classes": 4}, {"n_classes": 4, "guidance": 2.0, "sampler": "heun"},
    {"process": "edm", "sampler": "edm-euler"}, {"process": "ddpm", "sampler": "ddim", "channels": 3},
    {"process": "ddpm", "sampler": "ddpm"},
]
TOKENS = {"resolution": 16, "grid": 4, "codes": 16, "depth": 4, "tokenizer_width": 8, "width": 8, "layers": 2,
          "heads": 2}
MODELS = [
    *(("dcgan", {"z_dim": 5, "width": 4, "resolution": 16, "channels": 1} | more) for more in DCGANS),
    *(("wgan-gp", {"z_dim": 5, "widths": [16, 8], "n_classes": n}) for n in (0, 4)),
    ("wgan-gp", {"z_dim": 5, "widths": [16, 8], "channels": 3}),
    *(("r3gan", {"z_dim": 5, "widths": [32, 16], "n_classes": n}) for n in (0, 4)),
    *(("stylegan2", {"z_dim": 5, "w_dim": 6, "widths": [16, 8], "depth": 2} | more) for more in STYLES),
    *(("diffusion", {"resolution": 16, "widths": [8, 16], "steps": 2} | more) for more in DENOISERS),
    *(("dit", {"resolution": 16, "width": 16, "layers": 2, "heads": 2, "steps": 2} | more) for more in DENOISERS[:3]),
    *(("gpt", TOKENS | {"n_classes": n}) for n in (0, 4)),
    *(("maskgit", TOKENS | {"n_classes": n, "steps": 4}) for n in (0, 4)),
]
ZOO = [
    *(f"{name}-fashion-mnist" for name in ("dcgan", "wgan-gp", "r3gan", "stylegan2", "flow", "gpt", "maskgit")),
    "r3gan-emoji", "collapsed-fashion-mnist",
]


def moved(family, arguments):
    """A model whose weights and running statistics are off their start."""
    torch.manual_seed(0)
    model = make_family(family, arguments).eval().requires_grad_(False)
    random = torch.Generator().manual_seed(1)
    if family == "stylegan2":
        initialise(model, random)
    for name, value in model.state_dict().items():
        if value.is_floating_point():
            value.add_(0.1 * torch.randn(value.shape, generator=random))
            value.clamp_(min=0.1 if name.endswith("var") else -10)
    return model


@pytest.fixture
def by_onnx_runtime(caplog):
    """Fails where a network was left to torch."""
    with caplog.at_level(logging.INFO, "ganbench"):
        yield
    assert "Torch draws" not in caplog.text


@pytest.mark.parametrize(("family", "arguments"), MODELS, ids=str)
@torch.inference_mode()
def test_images_equal_those_of_torch(family, arguments, by_onnx_runtime):
    model = moved(family, arguments)
    labels = torch.arange(20) % model.n_classes if model.n_classes else None
    draws = model.draws(range(20), 3)
    theirs = model.sample(draws, labels)
    ours = compiled(model, GENERATORS[family].compiled).sample(draws, labels)
    assert theirs.std() > 1e-3
    torch.testing.assert_close(ours, theirs, atol=5e-4 if "steps" in arguments else 2e-5, rtol=1e-5)   # it adds up
    assert (to_uint8(ours).int() - to_uint8(theirs).int()).abs().max() <= 1
    torch.testing.assert_close(model.sample(draws, labels), theirs, atol=0, rtol=0)     # which goes on by itself


@torch.inference_mode()
def test_a_network_with_another_activation_is_left_to_torch(caplog):
    """Operations that have no ONNX form: a checkpoint of a known family may have them all the same."""
    network = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.Mish(), torch.nn.LogSigmoid())
    images = torch.randn(20, 1, 8, 8)
    with caplog.at_level(logging.INFO, "ganbench"):
        assert torch.equal(by_onnx(network)(images), network(images))
    assert "Torch draws the images" in caplog.text


@torch.inference_mode()
def test_a_network_that_draws_inside_is_left_to_torch(caplog):
    """A graph would hold the numbers of its first run for ever."""
    def noisy(images):
        return images + torch.randn(images.shape)

    compiled_function = by_onnx(noisy)
    with caplog.at_level(logging.INFO, "ganbench"):
        first, second = (compiled_function(torch.zeros(20, 1, 8, 8)) for _ in range(2))
    assert not torch.equal(first, second)
    assert "differ by" in caplog.text


def test_every_compiled_family_is_tried_here():
    assert {name for name, row in GENERATORS.items() if row.compiled} == {family for family, _ in MODELS}


@pytest.mark.parametrize("name", ZOO)
def test_a_model_of_the_zoo_keeps_its_pixels(name, tmp_path, by_onnx_runtime):
    """But for values that rounding takes over a quantiser's step: fewer than one in 2,000, by one level."""
    workspace = Workspace(home=str(tmp_path))
    spec = resolve(f"zoo:{name}", workspace)
    assert compiled_methods(spec, "cpu") == GENERATORS[spec.family].compiled != ()
    assert compiled_methods(spec, "cuda") == ()
    fast = draw(sampler_of(spec, workspace), spec, 0, 0, 40)["images"].astype(int)
    plain = draw(generator_of(spec, workspace), spec, 0, 0, 40)["images"].astype(int)
    assert abs(fast - plain).max() <= 1
    assert (fast != plain).mean() < 5e-4


@pytest.mark.parametrize("name", ZOO)
def test_an_image_of_a_compiled_model_is_a_function_of_its_index(name, tmp_path):
    """Whatever is drawn with it, in whatever order, and by another session that was compiled anew."""
    workspace = Workspace(home=str(tmp_path))
    spec = resolve(f"zoo:{name}", workspace)
    together = draw(sampler_of(spec, workspace), spec, 3, 0, 40)["images"]
    anew = compiled(generator_of(spec, workspace), GENERATORS[spec.family].compiled)
    for start, stop in ((37, 40), (19, 21), (0, 1)):
        assert np.array_equal(draw(anew, spec, 3, start, stop)["images"], together[start:stop])
    assert not np.array_equal(draw(anew, spec, 4, 0, 20)["images"], together[:20])


@pytest.mark.parametrize("name", ["stylegan2-fashion-mnist", "flow-fashion-mnist"])
def test_a_shard_holds_the_same_images_however_it_was_filled(name, tmp_path):
    workspace = Workspace(home=str(tmp_path))
    spec = resolve(f"zoo:{name}", workspace)
    bit_by_bit, at_once = Store(tmp_path / "one"), Store(tmp_path / "other")
    for rows in (7, 30, 45):
        grown = sample_shard(spec, 0, 1, rows, workspace, bit_by_bit)
    whole = sample_shard(spec, 0, 1, 45, workspace, at_once)
    assert grown.digest == whole.digest
    assert np.array_equal(rows_of(whole)["images"], draw(sampler_of(spec, workspace), spec, 0, 1_000, 1_045)["images"])


def test_the_engine_is_in_the_key(tmp_path, monkeypatch):
    """ONNX Runtime or not, its version, and what it runs."""
    workspace = Workspace(home=str(tmp_path))
    spec = resolve("zoo:flow-fashion-mnist", workspace)
    keys = {shard_key(spec, 0, 0, workspace)}
    with monkeypatch.context() as here:
        here.setattr(backend, "choose", lambda *_: "torch")
        keys.add(shard_key(spec, 0, 0, workspace))
    with monkeypatch.context() as here:
        here.setattr(sampling, "version_of", lambda name: "0.1" if name == "onnxruntime" else "1")
        keys.add(shard_key(spec, 0, 0, workspace))
    with monkeypatch.context() as here:
        here.setattr(sampling, "compiled_methods", lambda *_: ("sample",))
        keys.add(shard_key(spec, 0, 0, workspace))
    assert len(keys) == 4
