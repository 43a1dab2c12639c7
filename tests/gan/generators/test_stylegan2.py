"""StyleGAN2's parts against what the paper says they are."""

import math

import pytest
import torch
from torch.nn.functional import conv2d, conv_transpose2d, interpolate

from ganbench.gan.generators import stylegan2
from ganbench.gan.generators.stylegan2 import (
    Discriminator,
    Linear,
    Residual,
    StyleGAN2,
    arguments_of,
    deviation,
    filtered,
    initialise,
    modulated,
    normalised,
    upsample,
)
from ganbench.gan.images import to_uint8
from ganbench.gan.models.weights import make_family
from tests.refusals import refused

SMALL = {"z_dim": 6, "w_dim": 5, "widths": (8, 6, 4), "depth": 2}


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=seeded(seed))


def made(**arguments):
    """Initialised; noise has a strength and w a mean, as after training."""
    model = StyleGAN2(**SMALL | arguments)
    initialise(model, seeded())
    for name, value in model.named_parameters():
        if name.endswith("strength"):
            value.data.fill_(0.3)
    model.mapping.mean.copy_(normal(SMALL["w_dim"], seed=5))
    return model.eval().requires_grad_(False)


# Modulated convolutions


def by_grouped_convolution(x, weight, style, grows):
    """The paper's way: weights for each image (equations 1 and 3), all in one convolution with a group for each."""
    n, channels, height, width = x.shape
    weights = weight[None] / math.sqrt(weight[0].numel()) * style[:, None, :, None, None]       # (n, o, i, 3, 3)
    weights = weights / (weights.square().sum((2, 3, 4), keepdim=True) + 1e-8).sqrt()
    together = x.reshape(1, n * channels, height, width)
    if not grows:
        return conv2d(together, weights.flatten(0, 1), padding=1, groups=n).view(n, -1, height, width)
    made = conv_transpose2d(together, weights.transpose(1, 2).flatten(0, 1), stride=2, groups=n)
    return filtered(made, padding=1, gain=4).view(n, -1, 2 * height, 2 * width)


@pytest.mark.parametrize("grows", [False, True])
def test_scaling_activations_is_convolving_each_image_with_its_own_weights(grows):
    x, weight, style = normal(4, 6, 5, 5), normal(3, 6, 3, 3, seed=1), 1 + normal(4, 6, seed=2)
    expected = by_grouped_convolution(x, weight, style, grows)
    assert torch.allclose(modulated(x, weight, style, grows), expected, atol=1e-5)


def test_demodulated_outputs_have_unit_variance_whatever_the_style():
    x, weight = normal(2, 32, 64, 64), normal(16, 32, 3, 3, seed=1)
    for strength in (0.01, 100.0):
        style = strength * (1 + normal(2, 32, seed=2))
        out = modulated(x, weight, style)[:, :, 1:-1, 1:-1]
        assert out.std((2, 3)).mean().item() == pytest.approx(1, abs=0.03)


def test_a_growing_convolution_of_one_pixel_is_filtered_upsampling():
    x, weight, style = normal(2, 3, 6, 6), torch.zeros(4, 3, 3, 3), 1 + normal(2, 3, seed=2)
    weight[:, :, 1, 1] = normal(4, 3, seed=1)
    assert torch.allclose(modulated(x, weight, style, True), upsample(modulated(x, weight, style)), atol=1e-5)


# Filters


def test_upsampling_is_bilinear_inside_and_fades_at_the_border():
    x = normal(2, 3, 6, 6)
    expected = interpolate(x, scale_factor=2, mode="bilinear")
    assert torch.allclose(upsample(x)[:, :, 1:-1, 1:-1], expected[:, :, 1:-1, 1:-1], atol=1e-6)
    assert upsample(torch.ones(1, 1, 4, 4))[0, 0, 0].tolist() == pytest.approx([9 / 16, *[3 / 4] * 6, 9 / 16])


def test_filters_keep_the_mean_and_remove_the_highest_frequency():
    assert filtered(torch.ones(1, 2, 9, 9), padding=0).flatten().tolist() == pytest.approx([1] * 72)
    stripes = torch.tensor([1.0, -1.0]).repeat(5).expand(1, 1, 10, 10)
    assert filtered(stripes, padding=0).abs().max() < 1e-6


def test_a_residual_block_halves_the_size():
    block = Residual(4, 6)
    assert block(normal(2, 4, 8, 8)).shape == (2, 6, 4, 4)


# Layers that learn at the same pace


def test_equalised_layers_keep_variance_and_slow_ones_learn_slowly():
    for rate in (1.0, 0.01):
        layer = Linear(400, 300, rate=rate)
        layer.weight.data.normal_(0, 1 / rate, generator=seeded())
        x = normal(50, 400, seed=1)
        assert layer(x).std().item() == pytest.approx(1, abs=0.05)
        before = layer(x).detach()
        layer.weight.data += 0.1                            # what a step of Adam does to every weight
        moved = (layer(x) - before).detach() / (x.sum(1, keepdim=True) / 20)
        assert moved.mean().item() == pytest.approx(0.1 * rate, rel=1e-2)


def test_latents_lie_on_a_sphere():
    assert normalised(normal(5, 9)).norm(dim=1).tolist() == pytest.approx([3] * 5, rel=1e-4)


# Draws: noise, truncation, mixed styles


@pytest.mark.parametrize("arguments", [{}, {"n_classes": 3}, {"noise": "none"}, {"truncation": 0.5, "n_classes": 3}])
def test_the_same_seed_is_the_same_image_alone_and_among_eight(arguments):
    model = made(**arguments)
    labels = torch.arange(8) % 3 if model.n_classes else None
    draws = model.draws(range(8), 0)
    together = to_uint8(model.sample(draws, labels))
    alone = torch.cat([
        to_uint8(model.sample(draws[i : i + 1], None if labels is None else labels[i : i + 1])) for i in range(8)
    ])
    differing = (together.int() - alone.int()).abs()        # convolutions round differently in batches of other sizes
    assert differing.max() <= 1
    assert (differing > 0).float().mean() < 1e-3
    assert torch.equal(draws[3:5], model.draws([3, 4], 0))


def test_noise_is_one_number_for_each_pixel_of_each_convolution():
    model = made()
    assert model.noises == 4**2 + 2 * 8**2 + 2 * 16**2
    draws = model.draws(range(2), 0)
    assert draws.shape == (2, 6 + model.noises)
    for k, (first, last) in enumerate([(6, 22), (22, 86), (-256, None)]):       # each reaches the image
        changed = draws.clone()
        changed[:, first:last] += 1
        assert not torch.equal(model.sample(changed), model.sample(draws)), k
        assert torch.equal(made(noise="none").sample(changed), made(noise="none").sample(draws))


def test_truncation_draws_w_towards_its_mean():
    draws = made().draws(range(4), 0)
    none, half, full = (made(noise="none", truncation=t).sample(draws) for t in (0.0, 0.5, 1.0))
    assert torch.allclose(none, none[:1].expand_as(none), atol=1e-5)
    assert full.var(0).mean() > half.var(0).mean() > 0.01 * full.var(0).mean()
    model = made(noise="none")
    w = model.mapping(draws[:, :6])
    middle = model.synthesise(model.styles((w + model.mapping.mean) / 2), draws[:, 6:])
    assert torch.allclose(half, middle, atol=1e-5)


def test_mixed_images_have_the_second_style_from_their_layer_on():
    model = made()
    draws = model.training_draws(4, seeded())
    draws[:, -1] = torch.tensor([6, 1, 3, 5])               # the first style of the second kind; 6: none
    z, noise, other = draws[:, :-1].split([6, model.noises, 6], 1)
    w, w2 = model.mapping(z), model.mapping(other)
    for k, (image, first) in enumerate(zip(model(draws), (6, 1, 3, 5), strict=True)):
        styles = torch.stack([w[k]] * first + [w2[k]] * (6 - first))[None]
        assert torch.allclose(image, model.synthesise(styles, noise[k : k + 1])[0], atol=1e-5)
    assert torch.allclose(model(draws)[0], model.sample(torch.cat([z, noise], 1))[0], atol=1e-5)


@pytest.mark.parametrize("mixing", [0.0, 0.9, 1.0])
def test_as_many_images_are_mixed_as_asked_for_at_any_layer(mixing):
    first = made(mixing=mixing).training_draws(2_000, seeded())[:, -1]
    assert (first < 6).float().mean().item() == pytest.approx(mixing, abs=0.03)
    assert set(first[first < 6].tolist()) == ({1, 2, 3, 4, 5} if mixing else set())


def test_the_mean_of_w_is_followed_in_training_alone():
    model = made()
    draws = model.training_draws(500, seeded())
    expected = model.mapping.mean.clone()
    model(draws)
    assert torch.equal(model.mapping.mean, expected)
    model.train()
    for _ in range(3):
        expected = 0.998 * expected + 0.002 * model.mapping(draws[:, :6]).mean(0)
        model(draws)
    assert torch.allclose(model.mapping.mean, expected, atol=1e-5)


# The discriminator


def test_deviation_is_that_of_a_groups_members():
    x = torch.tensor([1.0, 5.0, -1.0, 9.0]).view(4, 1, 1, 1).expand(4, 3, 2, 2)
    assert deviation(x, 2)[:, 0, 0, 0].tolist() == pytest.approx([1, 2, 1, 2])      # groups {1, -1} and {5, 9}
    assert deviation(x, 4)[:, 0, 0, 0].tolist() == pytest.approx([math.sqrt(59 / 4)] * 4)
    assert deviation(x[:3], 4).shape == (3, 1, 2, 2)        # a batch that has no such groups
    assert deviation(x[:1].expand(4, -1, -1, -1), 4).max() < 1e-3


def test_the_discriminator_sees_variety_and_classes():
    critic = Discriminator(widths=(8, 6, 4), n_classes=3)
    initialise(critic, seeded())
    x, labels = normal(4, 1, 16, 16), torch.tensor([0, 1, 2, 0])
    among = critic(x, labels)
    assert not torch.allclose(among[:1], critic(x[:1].expand(4, -1, -1, -1), labels[:1].expand(4))[:1], atol=1e-4)
    assert not torch.allclose(among, critic(x, labels.flip(0)), atol=1e-4)
    wider = Discriminator(widths=(8, 6, 4), n_classes=0)
    wider.load_state_dict({k: v for k, v in critic.state_dict().items() if "classes" not in k})
    vectors = normalised(critic.classes.weight)[labels]
    features = []
    wider.logit.register_forward_pre_hook(lambda module, inputs: features.append(inputs[0]))
    assert torch.allclose(among - wider(x), (features[0] * vectors).sum(1) / math.sqrt(8), atol=1e-5)


# The family


def test_shapes_tell_the_arguments():
    for classes in (0, 3):
        told = {**SMALL, "widths": [8, 6, 4], "n_classes": classes, "channels": 3}
        assert arguments_of(StyleGAN2(**told).state_dict()) == told


def test_the_first_weights_are_the_generators_and_the_mapping_is_large_inside():
    once, again = made(), made()
    assert all(torch.equal(a, b) for a, b in zip(once.parameters(), again.parameters(), strict=True))
    model = StyleGAN2(w_dim=64)
    initialise(model, seeded())
    assert model.mapping.layers[1].weight.std().item() == pytest.approx(100, rel=0.05)
    assert model.stages[0].convolutions[0].affine.bias.unique().item() == 1


def test_images_stay_in_range():
    model = made()
    model.stages[2].image.weight.mul_(100)
    drawn = model.sample(model.draws(range(4), 0))
    assert (drawn.min().item(), drawn.max().item()) == (-1, 1)
    assert model.output_range == (-1, 1)


def test_an_unknown_noise_is_a_sentence():
    with refused("unfit-value", "noise is 'loud', expected drawn or none"):
        make_family("stylegan2", {"noise": "loud"})
    assert stylegan2.NOISES == ("drawn", "none")
