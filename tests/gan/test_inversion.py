"""Images inverted by models of the zoo and by toys; the same call finds the same latents."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from ganbench import Workspace
from ganbench.gan.drawing import draw
from ganbench.gan.generators.factory import WrappedLatent
from ganbench.gan.generators.stylegan2 import StyleGAN2
from ganbench.gan.inversion import Way, as_floats, chart_of, errors_of, invert, starts_of, strangeness_of
from ganbench.gan.latent.inversion import Budget
from ganbench.gan.models.loading import resolve
from ganbench.gan.sampling import generator_of
from ganbench.gan.types import ModelSpec
from tests.refusals import refused

QUICK = Budget(2, 12, 4, kept=1)


@pytest.fixture(scope="module")
def space(tmp_path_factory):
    return Workspace(str(tmp_path_factory.mktemp("home")))


def zoo(name, space):
    spec = resolve(f"zoo:{name}-fashion-mnist", space)
    return spec, generator_of(spec, space)


class Striped(nn.Module):
    """z (n, 3) -> 4x4 images, one class brighter than the other."""

    z_dim = 3

    def forward(self, z, labels=None):
        at = torch.linspace(-1, 1, 16)
        waves = torch.stack([torch.sin(2 * at), torch.cos(3 * at), at])
        shift = 0 if labels is None else 0.4 * (2.0 * labels[:, None] - 1)
        return (0.25 * z @ waves + shift).view(-1, 1, 4, 4)


def toy(classes=0, **facts):
    spec = ModelSpec("toy", factory="m:c", latent="normal", latent_shape=(3,), n_classes=classes, **facts)
    return spec, WrappedLatent(Striped(), spec)


@pytest.mark.parametrize(("family", "where"), [("dcgan", "z"), ("stylegan2", "w")])
def test_an_image_is_inverted_as_if_it_were_alone_and_twice_the_same(family, where, space):
    spec, model = zoo(family, space)
    drawn = draw(model, spec, 3, 0, 3)
    labels = tuple(drawn.get("labels", np.empty(0, int)).tolist())
    together = invert(model, spec, drawn["images"], Way(where, QUICK), labels)
    alone = invert(model, spec, drawn["images"][1:2], Way(where, QUICK), labels[1:2])
    np.testing.assert_array_equal(alone.latents[0], together.latents[1])
    np.testing.assert_array_equal(alone.images[0], together.images[1])
    other = invert(model, spec, drawn["images"][1:2], Way(where, QUICK, seed=1), labels[1:2])
    assert (other.latents != alone.latents).any()


def test_what_was_found_is_what_the_model_makes_of_the_latents(space):
    spec, model = zoo("stylegan2", space)
    drawn = draw(model, spec, 3, 0, 2)
    for where in ("z", "w", "w+"):
        found = invert(model, spec, drawn["images"], Way(where, QUICK), tuple(drawn["labels"].tolist()))
        assert found.latents.shape[1:] == model.spaces[where].shape
        with torch.no_grad():
            made = model.decode(torch.from_numpy(found.latents), found.noise, torch.tensor(found.labels), where)
        np.testing.assert_allclose(made, found.images, atol=1e-5)
        assert np.abs(found.pictures.astype(int) - (127.5 * made.numpy() + 128).astype(int)).max() <= 1


def test_own_images_of_a_toy_are_found_and_others_only_as_near_as_they_are():
    spec, model = toy()
    images = draw(model, spec, 5, 0, 4)["images"]
    found = invert(model, spec, images, Way("z", Budget(4, 300)))
    assert (found.decibels(images) > 45).all()              # rounding to 8 bits leaves about 59
    noise = np.random.default_rng(0).integers(0, 256, (1, 1, 4, 4), np.uint8)
    assert invert(model, spec, noise, Way("z", Budget(4, 300))).decibels(noise) < 20


def test_an_unknown_class_is_found_by_trying_all():
    spec, model = toy(classes=2)
    images = draw(model, spec, 5, 0, 6)
    found = invert(model, spec, images["images"], Way("z", Budget(4, 200, 60, kept=2)))
    told = invert(model, spec, images["images"], Way("z", Budget(4, 200, 60, kept=2)), images["labels"].tolist())
    assert told.labels == tuple(images["labels"].tolist())
    assert len(set(told.labels)) == 2
    assert found.labels == told.labels                      # the other class is 0.8 brighter, or darker


def test_images_in_another_range_and_layout_are_found_too():
    spec = ModelSpec("toy", factory="m:c", latent="uniform", latent_shape=(3,), output_range=(0, 1), layout="NHWC")
    inner = Striped()
    model = WrappedLatent(lambda z: (0.5 + inner(z) / 2).permute(0, 2, 3, 1), spec)
    images = draw(model, spec, 5, 0, 2)["images"]
    found = invert(model, spec, images, Way("z", Budget(4, 300)))
    assert (found.decibels(images) > 45).all()
    assert np.abs(found.latents).max() <= 1
    half = as_floats(torch.full((1, 4, 4, 1), 0.5), spec)
    assert half.shape == (1, 1, 4, 4)
    assert half.abs().max() == 0


def test_the_search_in_w_begins_at_the_mean_of_the_class():
    torch.manual_seed(0)
    model, way = StyleGAN2(z_dim=8, w_dim=8, widths=(8, 8), n_classes=2).eval().requires_grad_(False), Way("w")
    starts = starts_of(model, way, torch.tensor([[1, 1, 1], [0, 1, 0]]), 2, 3)
    means = [model.mapping(torch.randn(20_000, 8), torch.full((20_000,), label)).mean(0) for label in (0, 1)]
    for start, label in ((starts[0, 0], 1), (starts[1, 0], 0), (starts[1, 1], 1)):
        torch.testing.assert_close(start, means[label], atol=0.15, rtol=0)
    chart = chart_of(model, way)
    w = model.mapping(torch.randn(20_000, 8), torch.arange(20_000) % 2)
    assert chart.scale == pytest.approx(float(w.var(0).mean().sqrt()), rel=0.1)


def test_noise_that_is_known_is_used_and_otherwise_it_is_zero():
    torch.manual_seed(0)
    model = StyleGAN2(z_dim=8, w_dim=8, widths=(8, 8), noise="drawn").eval().requires_grad_(False)
    for module in model.modules():
        if hasattr(module, "strength"):
            module.strength.fill_(0.3)
    spec = ModelSpec("s", "stylegan2")
    draws = model.draws([0], 0)
    latent, noise = model.split(draws)
    with torch.no_grad():
        images = ((model.decode(latent, noise) * 127.5 + 128).clip(0, 255)).to(torch.uint8).numpy()
    known = invert(model, spec, images, Way("w+", Budget(2, 150, 30, kept=1)), noise=noise)
    unknown = invert(model, spec, images, Way("w+", Budget(2, 150, 30, kept=1)))
    assert torch.equal(known.noise, noise)
    assert not unknown.noise.any()
    assert known.decibels(images) > unknown.decibels(images) + 1


def test_errors_are_those_before_rounding():
    spec, model = toy()
    images = draw(model, spec, 5, 0, 2)["images"]
    found = invert(model, spec, images, Way("z", QUICK))
    expected = ((found.images - (images / 127.5 - 1)) ** 2).mean((1, 2, 3))
    np.testing.assert_allclose(errors_of(images, found), expected, rtol=1e-5)


def test_what_is_strange_about_an_image_is_its_error_or_its_latent(space):
    spec, model = toy()
    images = draw(model, spec, 5, 0, 2)["images"]
    found = invert(model, spec, images, Way("z", QUICK))
    np.testing.assert_array_equal(strangeness_of(images, found), errors_of(images, found))
    backwards = replace(found, histories=(), latents=np.array([[1, 2, 2], [0, 0, 3]], np.float32))
    assert strangeness_of(images, backwards).tolist() == [3, 3]


def test_progress_counts_all_images_and_may_end_the_work():
    spec, model = toy()
    images, seen = draw(model, spec, 5, 0, 3)["images"], []
    invert(model, spec, images, Way("z", QUICK), watch=lambda *at: seen.append(at[:2]))
    assert seen == [(k, 36) for k in range(1, 37)]

    def stop(*at):
        raise InterruptedError

    with pytest.raises(InterruptedError):
        invert(model, spec, images, Way("z", QUICK), watch=stop)


@pytest.mark.parametrize(("classes", "labels", "code", "fact"), [
    (0, (1,), "missing-labels", "--classes"), (2, (1, 0), "labels-do-not-fit", 2), (2, (2,), "unfit-value", 2),
    (201, (), "missing-labels", 201),
])
def test_classes_that_do_not_fit_are_refused(classes, labels, code, fact):
    spec, model = toy(classes=classes)
    with refused(code, fact):
        invert(model, spec, np.zeros((1, 1, 4, 4), np.uint8), Way("z", QUICK), labels)


def test_a_model_of_numpy_or_uint8_has_no_gradient():
    spec, _ = toy()
    for function in (lambda z: (z.detach().numpy()[:, :1, None, None] * np.ones((1, 1, 4, 4))).astype(np.float32),
                     lambda z: torch.zeros(len(z), 1, 4, 4, dtype=torch.uint8)):
        with refused("not-differentiable"):
            invert(WrappedLatent(function, spec), spec, np.zeros((1, 1, 4, 4), np.uint8), Way("z", QUICK))
