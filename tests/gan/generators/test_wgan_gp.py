"""WGAN-GP: the residual networks, and a critic that measures a distance that is known."""

import pytest
import torch
from torch.nn.functional import batch_norm

from ganbench.gan.generators.wgan_gp import WGANGP, Critic, Norm, Up, arguments_of, initialise
from ganbench.gan.images import to_uint8
from ganbench.gan.training.losses import gradient_penalty, wasserstein_critic_loss

SMALL = {"widths": (8, 4), "patch": 2, "n_classes": 3}


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def made(network):
    initialise(network, seeded())
    return network.eval().requires_grad_(False)


def images(n=4, side=16):
    return torch.rand(n, 1, side, side, generator=seeded(2)) * 2 - 1


@pytest.mark.parametrize(("widths", "patch", "channels", "side"), [
    ((8, 4), 2, 1, 16), ((8, 4), 1, 3, 8), ((8, 8, 4), 1, 1, 16), ((8, 8, 4, 4), 2, 3, 64),
])
def test_sizes_follow_from_stages_and_patches(widths, patch, channels, side):
    sizes = {"widths": widths, "patch": patch, "channels": channels}
    model = made(WGANGP(z_dim=6, **sizes))
    drawn = model.sample(model.draws(range(2), 0))
    assert drawn.shape == (2, channels, side, side)
    assert made(Critic(**sizes))(drawn).shape == (2,)
    assert arguments_of(model.state_dict()) == {"z_dim": 6, "n_classes": 0, **sizes, "widths": list(widths)}


def test_the_papers_generator_for_cifar10_has_the_weights_of_its_table():
    """A linear layer to 4x4x128, three blocks that double the size, a 3x3 convolution to RGB (appendix F)."""
    model = WGANGP(z_dim=128, widths=(128,) * 4, channels=3, patch=1)
    convolution, beside, norm = 128 * 128 * 9 + 128, 128 * 128 + 128, 2 * 128
    expected = (128 + 1) * 4 * 4 * 128 + 3 * (2 * convolution + beside + 2 * norm) + norm + 128 * 3 * 9 + 3
    assert sum(weight.numel() for weight in model.parameters()) == expected
    assert model.sample(model.draws([0], 0)).shape == (1, 3, 32, 32)


def test_the_same_seed_is_the_same_image_alone_and_among_eight():
    model = made(WGANGP(n_classes=3))
    draws, labels = model.draws(range(8), 0), torch.arange(8) % 3
    together = to_uint8(model.sample(draws, labels))
    alone = torch.cat([to_uint8(model.sample(draws[i : i + 1], labels[i : i + 1])) for i in range(8)])
    differing = (together.int() - alone.int()).abs()        # convolutions round differently in batches of other sizes
    assert differing.max() <= 1
    assert (differing > 0).float().mean() < 1e-3


def test_a_class_has_its_own_scale_and_shift():
    norm = Norm(5, 3).eval().requires_grad_(False)
    for value in (norm.scale, norm.shift, norm.batch.running_mean):
        value.normal_(generator=seeded())
    x, labels = torch.randn(4, 5, 3, 3, generator=seeded(1)), torch.tensor([2, 0, 1, 2])
    for row, label, found in zip(x, labels, norm(x, labels), strict=True):
        scale, shift = norm.scale[label].flatten(), norm.shift[label].flatten()
        expected = batch_norm(row[None], norm.batch.running_mean, norm.batch.running_var, scale, shift)[0]
        assert torch.allclose(found, expected, atol=1e-6)


def test_a_block_without_convolutions_repeats_pixels():
    block = Up(2, 2, 0).eval().requires_grad_(False)
    block.conv2.weight.zero_()
    block.conv2.bias.zero_()
    block.beside.weight.copy_(torch.eye(2)[:, :, None, None])
    block.beside.bias.zero_()
    x = torch.arange(8.0).view(1, 2, 2, 2)
    assert torch.equal(block(x, None), x.repeat_interleave(2, 2).repeat_interleave(2, 3))


def test_the_critic_judges_images_one_by_one():
    critic, labels = made(Critic(**SMALL)), torch.tensor([0, 1, 2, 0])
    torch.nn.init.normal_(critic.classes.weight, generator=seeded())
    alone = torch.cat([critic(images()[i : i + 1], labels[i : i + 1]) for i in range(4)])
    assert torch.allclose(critic(images(), labels), alone, atol=1e-5)
    assert not torch.allclose(critic(images(), labels), critic(images(), labels.flip(0)), atol=1e-3)


def test_the_critic_learns_the_distance_between_two_points():
    """W = d; with the penalty's weight l the best slope s maximises s d - l (s - 1)^2: it says d (1 + d / 2 l)."""
    d, weight = 2.0, 10.0
    real, fake = torch.zeros(16, 1, 8, 8), torch.full((16, 1, 8, 8), d / 8)         # 64 pixels: |real - fake| = d
    critic = Critic(widths=(8, 8), patch=1)
    initialise(critic, seeded())
    adam = torch.optim.Adam(critic.parameters(), 3e-3, (0.5, 0.9))
    for step in range(200):
        loss = wasserstein_critic_loss(critic(real), critic(fake))
        adam.zero_grad()
        (loss + weight * gradient_penalty(critic, real, fake, seeded(step))).backward()
        adam.step()
    assert -loss.item() == pytest.approx(d * (1 + d / (2 * weight)), rel=0.1)


def test_the_first_weights_are_the_generators():
    for make in (lambda: WGANGP(**SMALL), lambda: Critic(**SMALL)):
        once, again = made(make()), made(make())
        assert all(torch.equal(a, b) for a, b in zip(once.parameters(), again.parameters(), strict=True))
