"""What every family promises: an image depends on its seed alone, labels reach it, weights survive a file."""

import pytest
import torch
from safetensors.torch import load_file, save_file

from ganbench.gan.drawing import labels_of
from ganbench.gan.generators import GENERATORS
from ganbench.gan.images import to_uint8
from ganbench.gan.models.weights import make_family

SMALL = {                                                   # arguments of a small model of each family
    "dcgan": {"z_dim": 5, "width": 4, "resolution": 16, "channels": 1},
    "wgan-gp": {"z_dim": 5, "widths": [16, 16], "patch": 2, "n_classes": 4},
    "r3gan": {"z_dim": 5, "widths": [16, 16], "patch": 2, "n_classes": 4},
    "stylegan2": {"z_dim": 5, "w_dim": 8, "widths": [16, 16, 8], "n_classes": 4},
    "diffusion": {"resolution": 16, "n_classes": 4, "widths": [8, 16], "steps": 4},
    "dit": {"resolution": 16, "n_classes": 4, "width": 16, "layers": 2, "steps": 4},
    "gpt": {"resolution": 16, "n_classes": 4, "grid": 4, "codes": 16, "width": 16, "layers": 2, "tokenizer_width": 8},
    "maskgit": {"resolution": 16, "n_classes": 4, "grid": 4, "codes": 16, "width": 16, "layers": 2,
                "tokenizer_width": 8, "steps": 3},
}
VARIANTS = [(name, {}) for name in GENERATORS] + [
    ("diffusion", {"process": process, "sampler": sampler})
    for process, sampler in (("flow", "heun"), ("ddpm", "ddim"), ("ddpm", "ddpm"), ("ddpm", "dpm-solver++"),
                             ("edm", "edm-euler"), ("edm", "edm-dpm-solver++"))
] + [("diffusion", {"guidance": 2.0}), ("dit", {"guidance": 2.0}), ("dit", {"n_classes": 0}),
     ("gpt", {"n_classes": 0}), ("maskgit", {"n_classes": 0})]


@pytest.fixture(params=VARIANTS, ids=lambda row: " ".join([row[0], *map(str, row[1].values())]))
def family(request):
    name, arguments = request.param
    return name, SMALL[name] | arguments


@pytest.fixture
def model(family):
    """With weights off their start, at which some families do not tell classes apart."""
    torch.manual_seed(0)
    made = make_family(*family).eval().requires_grad_(False)
    random = torch.Generator().manual_seed(0)
    for weight in made.parameters():
        weight.add_(0.05 * torch.randn(weight.shape, generator=random))
    return made


def drawn(model, indices, seed=0):
    labels = labels_of(model, indices, seed, "cpu")
    return to_uint8(model.sample(model.draws(indices, seed), labels).clamp(-1, 1))


def test_the_same_seed_is_the_same_image_alone_and_among_eight(model):
    together = drawn(model, range(8))
    assert together.dtype == torch.uint8
    assert together.shape == (8, 1, 16, 16)
    alone = torch.cat([drawn(model, range(i, i + 1)) for i in range(8)])
    # Networks round differently in batches of other sizes, which now and then passes a step of the quantiser; DDPM's
    # first step multiplies it by 1 / sqrt(a_999) = 157.
    # `ganbench.gan.sampling` draws in batches of one size, so no bit moves there.
    differing = (alone.int() - together.int()).abs()
    assert differing.max() <= 1
    assert (differing > 0).float().mean() <= (0.005 if getattr(model, "process", "") == "ddpm" else 0.001)


def test_another_seed_is_another_image(model):
    first = drawn(model, range(4))
    assert not torch.equal(first, drawn(model, range(4), seed=1))
    assert not torch.equal(first[0], first[1])


def test_draws_are_all_the_randomness(model):
    draws, labels = model.draws(range(3), 0), labels_of(model, range(3), 0, "cpu")
    before = torch.random.get_rng_state()
    images = model.sample(draws, labels)
    assert torch.equal(images, model.sample(draws.clone(), labels))
    assert torch.equal(torch.random.get_rng_state(), before)


def test_labels_make_a_difference_to_conditional_models_alone(model):
    images = model.sample(model.draws([0] * 4, 0), torch.arange(4) if model.n_classes else None)
    assert (images[0] == images[1:]).all().item() == (model.n_classes == 0)


def test_saved_and_loaded_it_draws_the_same_pixels(model, family, tmp_path):
    save_file({name: value.contiguous() for name, value in model.state_dict().items()}, tmp_path / "w.safetensors")
    again = make_family(*family).eval().requires_grad_(False)
    again.load_state_dict(load_file(tmp_path / "w.safetensors"))
    assert torch.equal(drawn(again, range(4)), drawn(model, range(4)))


def test_shapes_tell_the_arguments(family):
    name, arguments = family
    state = make_family(name, arguments).state_dict()
    found = GENERATORS[name].arguments_of(state)
    assert found
    assert {key: arguments.get(key, value) for key, value in found.items()} == found
    others = [other for other in GENERATORS if other != name and GENERATORS[other].arguments_of(state)]
    assert not others
