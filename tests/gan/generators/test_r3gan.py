"""R3GAN: what the paper's design promises before any training."""

import math

import pytest
import torch
from torch.nn.functional import avg_pool2d, interpolate

from ganbench.gan.generators.r3gan import R3GAN, Block, Discriminator, arguments_of, initialise
from ganbench.gan.images import to_uint8

SMALL = {"widths": (16, 8), "group": 4, "patch": 2, "n_classes": 3}


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def made(network, perturbed=True):
    """Initialised; `perturbed`: as after training, when blocks do something."""
    initialise(network, seeded())
    if perturbed:
        for module in network.modules():
            if isinstance(module, Block):
                torch.nn.init.normal_(module.last.weight, 0, 0.2, generator=seeded(1))
    return network.eval().requires_grad_(False)


def images(n=4, side=16, channels=1):
    return torch.rand(n, channels, side, side, generator=seeded(2)) * 2 - 1


@pytest.mark.parametrize(("widths", "patch", "channels", "side"), [
    ((16, 8), 2, 1, 16), ((16, 8), 1, 3, 8), ((16, 16, 8), 1, 1, 16), ((16, 8, 8, 8), 2, 3, 64), ((8,), 4, 3, 16),
])
def test_sizes_follow_from_stages_and_patches(widths, patch, channels, side):
    sizes = {"widths": widths, "patch": patch, "channels": channels, "group": 4}
    model = made(R3GAN(z_dim=6, **sizes))
    drawn = model.sample(model.draws(range(2), 0))
    assert drawn.shape == (2, channels, side, side)
    assert made(Discriminator(**sizes))(drawn).shape == (2,)
    told = {"z_dim": 6, "blocks": 1, "n_classes": 0, **sizes, "widths": list(widths)}
    assert arguments_of(model.state_dict()) == told


def test_the_same_seed_is_the_same_image_alone_and_among_eight():
    model = made(R3GAN(n_classes=3))
    draws, labels = model.draws(range(8), 0), torch.arange(8) % 3
    together = to_uint8(model.sample(draws, labels))
    alone = torch.cat([to_uint8(model.sample(draws[i : i + 1], labels[i : i + 1])) for i in range(8)])
    differing = (together.int() - alone.int()).abs()        # convolutions round differently in batches of other sizes
    assert differing.max() <= 1
    assert (differing > 0).float().mean() < 1e-3
    assert torch.equal(together[3:5], to_uint8(model.sample(model.draws([3, 4], 0), labels[3:5])))


def test_blocks_begin_as_identities():
    model, x = made(R3GAN(**SMALL, blocks=2), perturbed=False), torch.randn(2, 16, 4, 4, generator=seeded())
    assert torch.equal(model.stages[0](x), x)


@pytest.mark.parametrize("blocks", [1, 3])
def test_inner_weights_shrink_with_the_fourth_root_of_the_number_of_blocks(blocks):
    model = made(R3GAN(widths=(128, 64, 64), blocks=blocks), perturbed=False)
    first = model.stages[0][0].first.weight
    expected = math.sqrt(2 / 1.04 / 128) * (3 * blocks) ** -0.25
    assert first.std().item() == pytest.approx(expected, rel=0.03)


def test_changing_the_width_commutes_with_resampling():
    """So it may stand where there are fewer pixels."""
    change, x = made(R3GAN(**SMALL)).changes[0], torch.randn(2, 16, 8, 8, generator=seeded())
    up = {"scale_factor": 2, "mode": "bilinear"}
    assert torch.allclose(interpolate(change(x), **up), change(interpolate(x, **up)), atol=1e-5)
    assert torch.allclose(avg_pool2d(change(x), 2), change(avg_pool2d(x, 2)), atol=1e-5)


def test_without_normalisation_neighbours_in_a_batch_do_not_matter():
    critic, labels = made(Discriminator(**SMALL)), torch.tensor([0, 1, 2, 0])
    alone = torch.cat([critic(images()[i : i + 1], labels[i : i + 1]) for i in range(4)])
    assert torch.allclose(critic(images(), labels), alone, atol=1e-5)


def test_a_class_adds_the_features_product_with_its_vector():
    critic, x, labels = made(Discriminator(**SMALL)), images(), torch.tensor([0, 1, 2, 0])
    with_class = critic(x, labels)
    vectors = critic.classes.weight.clone()
    critic.classes.weight.zero_()
    without = critic(x, labels)
    critic.classes.weight.copy_(3 * vectors)
    assert torch.allclose(critic(x, labels) - without, 3 * (with_class - without), atol=1e-5)
    assert torch.equal(critic(x, labels.flip(0)) == critic(x, labels), labels == labels.flip(0))
    assert not torch.allclose(with_class, without, atol=1e-2)


def test_the_latent_scales_the_channels_of_the_basis():
    model = made(R3GAN(widths=(16,), group=4, patch=4))
    seen = []
    model.stages[0].register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    z = model.draws(range(2), 0)
    model.sample(z)
    assert torch.allclose(seen[0], model.basis[None] * model.latent(z).view(2, 16, 1, 1))


def test_the_first_weights_are_the_generators():
    for make in (lambda: R3GAN(**SMALL), lambda: Discriminator(**SMALL)):
        once, again = made(make(), perturbed=False), made(make(), perturbed=False)
        assert all(torch.equal(a, b) for a, b in zip(once.parameters(), again.parameters(), strict=True))
