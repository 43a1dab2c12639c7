"""Adversarial losses and penalties against closed forms, second computations and numerical gradients."""

import math

import pytest
import torch
from torch.autograd import gradcheck
from torch.nn.functional import binary_cross_entropy_with_logits

from ganbench.gan.training.losses import (
    LOSSES,
    critic_score_loss,
    discriminator_loss,
    gradient_penalty,
    hinge_critic_loss,
    non_saturating_loss,
    relativistic_loss,
    squared_gradients,
    wasserstein_critic_loss,
    zero_centred_penalty,
)

REAL, FAKE = torch.tensor([-1.5, 0.3, 2.0]), torch.tensor([0.7, -3.0, 1.1])


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def images(n=6, seed=0, shape=(2, 3, 3)):
    return torch.randn(n, *shape, generator=seeded(seed), dtype=torch.float64)


# Losses


def test_an_undecided_critic_costs_what_the_papers_say():
    undecided = torch.zeros(7)
    costs = {name: loss.critic(undecided, undecided).item() for name, loss in LOSSES.items()}
    assert costs == {
        "non-saturating": pytest.approx(2 * math.log(2)),
        "hinge": 2,
        "wasserstein": 0,
        "relativistic": pytest.approx(math.log(2)),
    }


def test_the_discriminator_learns_by_the_cross_entropy_of_real_and_generated():
    logits, real = torch.cat([REAL, FAKE]), torch.tensor([1.0, 1, 1, 0, 0, 0])
    expected = 2 * binary_cross_entropy_with_logits(logits, real)       # the mean over both is half the sum of means
    assert discriminator_loss(REAL, FAKE).item() == pytest.approx(expected.item())
    assert non_saturating_loss(FAKE).item() == pytest.approx(-torch.sigmoid(FAKE).log().mean().item(), rel=1e-6)


def test_the_hinge_leaves_alone_what_is_told_apart_by_more_than_one():
    assert hinge_critic_loss(torch.tensor([1.0, 5.0]), torch.tensor([-1.0, -9.0])).item() == 0
    by_hand = (2.5 + 0.7 + 0) / 3 + (1.7 + 0 + 2.1) / 3
    assert hinge_critic_loss(REAL, FAKE).item() == pytest.approx(by_hand)


def test_the_critic_of_wasserstein_says_the_difference_of_means():
    assert wasserstein_critic_loss(REAL, FAKE).item() == pytest.approx(-1.2 / 3 - 0.8 / 3)
    assert critic_score_loss(FAKE).item() == pytest.approx(1.2 / 3)


def test_the_relativistic_loss_is_about_pairs():
    by_hand = sum(math.log(1 + math.exp(f - r)) for r, f in zip(REAL.tolist(), FAKE.tolist(), strict=True)) / 3
    assert relativistic_loss(REAL, FAKE).item() == pytest.approx(by_hand)
    assert relativistic_loss(REAL + 9, FAKE + 9).item() == pytest.approx(by_hand, rel=1e-6)     # no score is absolute
    assert relativistic_loss(REAL.flip(0), FAKE).item() != pytest.approx(by_hand, rel=1e-2)


@pytest.mark.parametrize("name", LOSSES)
def test_both_sides_of_a_loss_have_the_gradients_of_their_values_and_pull_apart(name):
    real, fake = (torch.randn(5, generator=seeded(k), dtype=torch.float64, requires_grad=True) for k in (0, 1))
    loss = LOSSES[name]
    assert gradcheck(loss.critic, (real, fake))
    assert gradcheck(loss.generator, (real, fake))
    (of_critic,) = torch.autograd.grad(loss.critic(real, fake), fake)
    (of_generator,) = torch.autograd.grad(loss.generator(real, fake), fake)
    assert (of_critic >= 0).all()                           # going downhill, the critic lowers fakes
    assert (of_generator < 0).all()                         # and the generator lifts them
    assert loss.in_pairs == (torch.autograd.grad(loss.generator(real, fake), real, allow_unused=True)[0] is not None)


@pytest.mark.parametrize("name", LOSSES)
def test_a_generator_that_is_seen_through_still_gets_a_gradient(name):
    fake = torch.tensor([-30.0], requires_grad=True)        # d/dx softplus(-x) = sigmoid(x) - 1
    LOSSES[name].generator(torch.zeros(1), fake).backward()
    assert fake.grad.item() == pytest.approx(-1)
    assert torch.isfinite(LOSSES[name].critic(torch.tensor([-1e4]), torch.tensor([1e4])))


# Penalties


def test_a_linear_critic_pays_for_the_length_of_its_slope():
    """D(x) = a x: |grad D| = |a| everywhere."""
    slope = images(1)[0]
    length = slope.norm().item()

    def critic(x):
        return (x * slope).flatten(1).sum(1) + 7

    assert gradient_penalty(critic, images(), images(seed=1), seeded()).item() == pytest.approx((length - 1) ** 2)
    x = images().requires_grad_()
    assert zero_centred_penalty(critic(x), x).item() == pytest.approx(length**2 / 2)


def test_a_quadratic_critic_pays_for_where_the_images_are():
    """D(x) = |x|^2: grad D = 2 x, and 1/2 E |grad D|^2 = 2 E |x|^2."""
    x = images().requires_grad_()
    penalty = zero_centred_penalty(x.square().flatten(1).sum(1), x)
    assert penalty.item() == pytest.approx(2 * x.detach().square().flatten(1).sum(1).mean().item())


def test_the_gradient_penalty_looks_at_one_point_between_each_pair():
    real, fake, seen = images(200), images(200, seed=1), []

    def critic(x):
        seen.append(x.detach())
        return x.flatten(1).sum(1)

    gradient_penalty(critic, real, fake, seeded())
    share = ((seen[0] - fake) / (real - fake)).flatten(1)   # the same for all pixels of an image
    assert torch.allclose(share, share[:, :1].expand_as(share))
    assert 0 <= share.min() < 0.05
    assert 0.95 < share.max() <= 1


def test_the_squared_gradients_are_those_of_finite_differences():
    weights = images(4, seed=2).flatten(1)

    def critic(x):
        return torch.tanh(x.flatten(1) @ weights.T).prod(1)

    x = images(2).requires_grad_()
    found = squared_gradients(critic(x), x).detach()
    step, by_hand = 1e-6, torch.zeros(2, dtype=torch.float64)
    for k in range(x[0].numel()):
        shift = torch.zeros_like(x[0]).flatten()
        shift[k] = step
        shift = shift.view_as(x[0])
        by_hand += ((critic(x + shift) - critic(x - shift)).detach() / (2 * step)).square()
    assert torch.allclose(found, by_hand, rtol=1e-6)


@pytest.mark.parametrize("penalty", [
    lambda critic, x: gradient_penalty(critic, x, 0.3 * x.flip(0), seeded()),
    lambda critic, x: zero_centred_penalty(critic(x), x),
])
def test_a_critic_learns_from_penalties_by_their_true_slope(penalty):
    x = images(3).requires_grad_()
    weight = torch.randn(18, generator=seeded(5), dtype=torch.float64, requires_grad=True)
    assert gradcheck(lambda w: penalty(lambda x: torch.tanh(x.flatten(1) @ w), x), (weight,))


def test_a_flat_critic_has_finite_slopes():
    weight = torch.zeros(18, dtype=torch.float64, requires_grad=True)
    gradient_penalty(lambda x: x.flatten(1) @ weight, images(), images(seed=1), seeded()).backward()
    assert torch.isfinite(weight.grad).all()
