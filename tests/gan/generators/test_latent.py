"""What latent models promise: `decode` of what `split` gives is `sample`, and gradients reach the latents."""

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from ganbench.gan.drawing import labels_of
from ganbench.gan.generators import GENERATORS
from ganbench.gan.generators.base import FiniteModel, LatentModel, Space
from ganbench.gan.generators.factory import wrap
from ganbench.gan.generators.images import ImagesOnDisk
from ganbench.gan.generators.mixture import Mixture
from ganbench.gan.models.loading import load, resolve
from ganbench.gan.models.weights import make_family
from ganbench.gan.types import ModelSpec
from tests.gan.generators.test_families import SMALL
from tests.refusals import refused

SPACES = {"dcgan": ["z"], "wgan-gp": ["z"], "r3gan": ["z"], "stylegan2": ["z", "w", "w+"], "diffusion": ["x"],
          "dit": ["x"], "gpt": [], "maskgit": []}
VARIANTS = [(name, {}) for name in GENERATORS if SPACES[name]] + [
    ("dcgan", {"latent": "uniform"}), ("stylegan2", {"truncation": 0.5}), ("stylegan2", {"noise": "none"}),
    ("dit", {"n_classes": 0}), ("diffusion", {"guidance": 2.0}),
] + [("diffusion", {"process": process, "sampler": sampler})
     for process, sampler in (("flow", "heun"), ("ddpm", "ddim"), ("ddpm", "ddpm"), ("ddpm", "dpm-solver++"),
                              ("edm", "edm-euler"), ("edm", "edm-dpm-solver++"))]


def made(name, arguments=None):
    torch.manual_seed(0)
    model = make_family(name, SMALL[name] | (arguments or {})).eval().requires_grad_(False)
    for weight in model.parameters():
        weight.add_(0.05 * torch.randn(weight.shape))
    return model


@pytest.fixture(params=VARIANTS, ids=lambda row: " ".join([row[0], *map(str, row[1].values())]))
def model(request):
    return made(*request.param)


def squared(z):
    return torch.sigmoid(z.reshape(len(z), 1, 2, 3)) * 2 - 1


SPEC = ModelSpec("mine", factory="a:b", latent_shape=(6,))
OTHERS = {
    "factory": lambda: wrap(squared, SPEC),
    "uniform factory": lambda: wrap(squared, replace(SPEC, latent="uniform")),
}


@pytest.mark.parametrize("name", sorted(GENERATORS))
def test_each_family_has_the_spaces_that_it_should(name):
    assert isinstance(made(name), LatentModel) == bool(SPACES[name])
    if SPACES[name]:
        assert list(made(name).spaces) == SPACES[name]


def test_what_has_no_latent_is_no_latent_model():
    spec = replace(SPEC, latent="none", latent_shape=())
    assert not isinstance(wrap(squared, spec), LatentModel)
    assert not isinstance(Mixture([made("dcgan")], [1.0]), LatentModel)
    assert isinstance(wrap(squared, SPEC), LatentModel)
    assert wrap(squared, replace(SPEC, latent="uniform")).spaces == {"z": Space((6,), "uniform")}


def test_images_on_disk_are_finite_and_nothing_else_is():
    finite = load(resolve("fashion-mnist:test", data=True))
    assert isinstance(finite, ImagesOnDisk)
    assert isinstance(finite, FiniteModel)
    assert not isinstance(finite, LatentModel)
    assert not any(isinstance(made(name), FiniteModel) for name in GENERATORS)


@pytest.mark.parametrize("n", [1, 3])
def test_decoding_what_was_split_is_sampling(model, n):
    draws, labels = model.draws(range(n), 0), labels_of(model, range(n), 0, "cpu")
    latent, noise = model.split(draws)
    first = next(iter(model.spaces.values()))
    assert latent.shape == (n, *first.shape)
    assert latent.dtype == torch.float32
    assert len(noise) == n
    assert torch.equal(model.join(latent, noise), draws)
    images = model.decode(latent, noise, labels)
    assert torch.equal(images, model.sample(draws, labels))
    assert images.shape == (n, 1, 16, 16)
    assert images.dtype == torch.float32
    assert model.output_range[0] <= images.min() <= images.max() <= model.output_range[1]


@pytest.mark.parametrize("name", OTHERS)
def test_decoding_what_was_split_is_sampling_of_factories(name):
    model = OTHERS[name]()
    draws = model.draws(range(4), 0)
    latent, noise = model.split(draws)
    assert (latent.shape, noise.shape) == ((4, 6), (4, 0))
    assert torch.equal(model.decode(latent, noise), model.sample(draws))
    latent.requires_grad_()
    (gradient,) = torch.autograd.grad(model.decode(latent, noise).sum(), latent)
    assert (gradient > 0).all()


def test_every_space_decodes_to_the_same_images_and_gradients_are_the_slopes(model):
    """Each row's gradient along itself is what a small step along it changes, and depends on no other row."""
    labels = labels_of(model, range(3), 0, "cpu")
    z, noise = model.split(model.draws(range(3), 0))
    source = next(iter(model.spaces))
    weight = torch.randn(1, 1, 16, 16, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for name, space in model.spaces.items():
        latent = model.to_space(z, source, name, labels).requires_grad_()
        assert latent.shape == (3, *space.shape)
        images = model.decode(latent, noise, labels, name)
        assert torch.allclose(images, model.decode(z, noise, labels), atol=1e-6)
        sums = (images.double() * weight).sum((1, 2, 3))
        (gradient,) = torch.autograd.grad(sums.sum(), latent, retain_graph=True)
        assert gradient.isfinite().all()
        assert (gradient.flatten(1).abs().amax(1) > 0).all()
        (alone,) = torch.autograd.grad(sums[0], latent)
        assert torch.allclose(alone[0], gradient[0])
        assert not alone[1:].any()


@pytest.mark.parametrize("name", ["dcgan", "wgan-gp", "r3gan", "stylegan2"])
def test_gradients_are_those_of_differences(name):
    model = made(name).double()
    labels = labels_of(model, range(2), 0, "cpu")
    z, noise = (part.double() for part in model.split(model.draws(range(2), 0)))
    for space in model.spaces:
        latent = model.to_space(z, next(iter(model.spaces)), space, labels).requires_grad_()
        direction = torch.randn(latent.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
        (gradient,) = torch.autograd.grad(model.decode(latent, noise, labels, space).square().sum(), latent)
        with torch.no_grad():
            ahead, behind = (model.decode(latent + step * direction, noise, labels, space).square().sum()
                             for step in (1e-5, -1e-5))
        assert (gradient * direction).sum().item() == pytest.approx(((ahead - behind) / 2e-5).item(), rel=2e-2)


def test_gradients_of_a_flow_are_those_of_euler_steps():
    model = made("diffusion")
    labels = labels_of(model, range(2), 0, "cpu")
    x, noise = model.split(model.draws(range(2), 0))
    x.requires_grad_()
    (gradient,) = torch.autograd.grad(model.decode(x, noise, labels).square().sum(), x)
    scheduler, y = model.scheduler(), x
    for time, (now, after) in zip(scheduler.timesteps, pairwise(scheduler.sigmas), strict=True):
        y = y + (after - now) * model(y, time.expand(2), labels)
    (expected,) = torch.autograd.grad(y.clamp(-1, 1).square().sum(), x)
    assert torch.allclose(gradient, expected, atol=1e-4 * expected.abs().max())


def test_one_and_twenty_at_a_time_agree(model):
    labels = labels_of(model, range(20), 0, "cpu")
    latent, noise = model.split(model.draws(range(20), 0))
    whole = model.decode(latent, noise, labels)
    alone = torch.cat([model.decode(latent[i : i + 1], noise[i : i + 1], None if labels is None else labels[i : i + 1])
                       for i in range(20)])
    # DDPM's first step multiplies rounding by 1 / sqrt(a_999) = 157.
    assert torch.allclose(whole, alone, atol=1e-3 if getattr(model, "process", "") == "ddpm" else 1e-5)


def test_norms_are_those_of_drawn_latents(model):
    latent, _ = model.split(model.draws(range(400), 0))
    norm = next(iter(model.spaces.values())).norm
    assert latent.flatten(1).square().sum(1).mean().sqrt().item() == pytest.approx(norm, rel=0.05)
    assert math.isfinite(norm)


def test_styles_have_their_own_layers_and_noise_is_apart():
    model = made("stylegan2")
    for convolution in model.modules():
        if hasattr(convolution, "strength"):
            convolution.strength.fill_(1.0)
    labels = torch.tensor([0, 1])
    z, noise = model.split(model.draws(range(2), 0))
    styles = model.to_space(z, "z", "w+", labels)
    mixed = torch.cat([styles[:, :2], styles.flip(0)[:, 2:]], 1)
    before, after = (model.decode(w, noise, labels, "w+") for w in (styles, mixed))
    assert not torch.allclose(before, after, atol=1e-3)
    assert not torch.allclose(before, model.decode(styles, torch.zeros_like(noise), labels, "w+"), atol=1e-3)
    assert model.spaces["w"].norm is None
    mapped = model.to_space(z, "z", "w", labels)
    assert torch.equal(model.to_space(mapped, "w", "w+"), styles)


@pytest.mark.parametrize(("call", "said"), [
    (lambda m, z, e: m.decode(z, e, None, "v"), ("unknown-latent-space", "v", "z, w, w+")),
    (lambda m, z, e: m.decode(z, e, None, "w"), ("latents-do-not-fit", "w", "(n, 8)", "(2, 5)")),
    (lambda m, z, e: m.to_space(torch.zeros(2, 8), "w", "z"), ("no-way-between-spaces", "w", "z")),
    (lambda m, z, e: m.to_space(z, "z", "v"), ("unknown-latent-space", "v", "z, w, w+")),
])
def test_what_does_not_fit_is_refused(call, said):
    model = made("stylegan2")
    with refused(*said):
        call(model, *model.split(model.draws(range(2), 0)))


def test_decoding_changes_nothing():
    model = made("stylegan2")
    z, noise = model.split(model.draws(range(2), 0))
    before = [value.clone() for value in (*model.state_dict().values(), z, noise)]
    state = torch.get_rng_state()
    first, again = (model.decode(z, noise, torch.tensor([0, 1])) for _ in range(2))
    assert torch.equal(first, again)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(*pair) for pair in zip(before, (*model.state_dict().values(), z, noise), strict=True))
    assert np.isfinite(first.numpy()).all()
