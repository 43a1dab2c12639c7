"""ONNX Runtime gives the images that torch gives, whatever a DCGAN of the wild is made of."""

import pytest
import torch
from torch import nn

from ganbench.gan.backend import fold, start_onnx
from ganbench.gan.drawing import draw
from ganbench.gan.generators import GENERATORS
from ganbench.gan.generators.compiled import Compiled
from ganbench.gan.images import to_uint8
from ganbench.gan.models.loading import resolve
from ganbench.gan.models.weights import make_family
from ganbench.gan.sampling import generator_of, is_compiled, sampler_of
from ganbench.gan.types import Workspace

DCGANS = [
    {}, {"norm": "instance"}, {"norm": "none", "bias": True, "slope": 0.2}, {"output": "sigmoid"},
    {"output": "none", "latent": "uniform"}, {"upsampling": "nearest"},
    {"widths": [8, 6], "layers": [[4, 1, 0], [3, 2, 1, 1], [4, 2, 1]]},
]
MODELS = [("dcgan", {"z_dim": 5, "width": 4, "resolution": 16, "channels": 1} | more) for more in DCGANS] + [
    ("wgan-gp", {"z_dim": 5, "widths": [16, 8], "patch": 2, "n_classes": n}) for n in (0, 4)
]


def moved(family, arguments):
    """A model whose weights and running statistics are off their start."""
    torch.manual_seed(0)
    model = make_family(family, arguments).eval().requires_grad_(False)
    random = torch.Generator().manual_seed(1)
    for name, value in model.state_dict().items():
        if value.is_floating_point():
            value.add_(0.1 * torch.randn(value.shape, generator=random))
            value.clamp_(min=0.1 if name.endswith("var") else -10)
    return model


@pytest.mark.parametrize(("family", "arguments"), MODELS, ids=str)
def test_images_equal_those_of_torch(family, arguments):
    model = moved(family, arguments)
    labels = torch.arange(20) % model.n_classes if model.n_classes else None
    draws = model.draws(range(20), 3)
    theirs = model.sample(draws, labels)
    ours = Compiled(model, 20).sample(draws, labels)
    assert theirs.std() > 1e-3
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)


def test_every_traced_family_is_tried_here():
    assert {name for name, row in GENERATORS.items() if row.traced} == {family for family, _ in MODELS}


def test_a_model_of_the_zoo_keeps_its_pixels(tmp_path):
    """But for values that rounding takes over a quantiser's step: fewer than one in 10,000, by one level."""
    workspace = Workspace(home=str(tmp_path))
    spec = resolve("zoo:dcgan-fashion-mnist", workspace)
    assert is_compiled(spec, "cpu")
    assert not is_compiled(spec, "cuda")
    fast = draw(sampler_of(spec, workspace), spec, 0, 0, 100)["images"].astype(int)
    plain = draw(generator_of(spec, workspace), spec, 0, 0, 100)["images"].astype(int)
    assert abs(fast - plain).max() <= 1
    assert (fast != plain).mean() < 1e-4


@pytest.mark.parametrize("layer", [nn.Softplus(), nn.Conv2d(1, 1, 3, padding="same"),
                                   nn.Upsample(scale_factor=2, mode="bilinear")])
def test_layers_without_an_onnx_form_are_named(layer):
    with pytest.raises(NotImplementedError, match="No ONNX form is known"):
        start_onnx(fold(nn.Sequential(layer)), [torch.zeros(1, 1, 4, 4)])


def test_colours_and_pixels_come_out_in_the_same_order():
    model = moved("wgan-gp", {"z_dim": 5, "widths": [16, 8], "patch": 2, "channels": 3})
    draws = model.draws(range(4), 0)
    assert (to_uint8(Compiled(model, 4).sample(draws)).int() - to_uint8(model.sample(draws)).int()).abs().max() <= 1
