"""DiffAugment by hand: small images whose changes can be counted."""

import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck

from ganbench.gan.generators import dcgan
from ganbench.gan.training import augmentation as module
from ganbench.gan.training.adversarial import Adversarial
from ganbench.gan.training.augmentation import (
    POLICIES,
    Adaptive,
    augmentation,
    brightness,
    contrast,
    cutout,
    inside,
    saturation,
    shift,
    translation,
)
from ganbench.gan.training.loop import Batch, Schedule, batch_at

CHANGES = [change for changes in POLICIES.values() for change in changes]


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def images(n=4, channels=3, side=8, dtype=torch.float32):
    return torch.randn(n, channels, side, side, generator=seeded(9), dtype=dtype)


@pytest.fixture
def certain(monkeypatch):
    """Every number in [0, 1) that a change draws is this one: certain(.25)."""
    return lambda value: monkeypatch.setattr(module, "uniform", lambda images, random: torch.full((1, 1, 1, 1), value))


# What each change does


@pytest.mark.parametrize(("drawn", "added"), [(0.0, -0.5), (0.5, 0.0), (0.75, 0.25)])
def test_brightness_adds_one_number_to_all_of_an_image(certain, drawn, added):
    certain(drawn)
    x = images()
    assert torch.allclose(brightness(x, seeded()), x + added, atol=1e-7)


@pytest.mark.parametrize(("drawn", "expected"), [(0.0, [2, 2, 2]), (0.5, [0, 1, 5]), (0.25, [1, 1.5, 3.5])])
def test_saturation_moves_colours_to_or_from_their_grey(certain, drawn, expected):
    certain(drawn)
    pixel = torch.tensor([0.0, 1.0, 5.0]).view(1, 3, 1, 1)
    assert saturation(pixel, seeded()).flatten().tolist() == expected


def test_grey_images_have_no_saturation():
    grey = images(channels=1)
    assert torch.equal(saturation(grey, seeded()), grey)


@pytest.mark.parametrize(("drawn", "expected"), [(0.0, [1.0, 1.5, 3.5]), (0.5, [0.0, 1.0, 5.0])])
def test_contrast_moves_values_to_or_from_the_mean_of_the_image(certain, drawn, expected):
    certain(drawn)
    row = torch.tensor([0.0, 1.0, 5.0]).view(1, 1, 1, 3)
    assert contrast(row, seeded()).flatten().tolist() == expected


def test_a_shift_moves_down_and_brings_in_zeros():
    column = torch.tensor([1.0, 2.0, 3.0])[:, None]
    moved = shift(3, torch.tensor([1, 0, -1, 5]))[:, 0] @ column
    assert moved[:, :, 0].tolist() == [[0, 1, 2], [1, 2, 3], [2, 3, 0], [0, 0, 0]]


def test_translation_moves_every_way_by_an_eighth_of_the_side_at_most():
    dot = torch.zeros(400, 2, 16, 16)
    dot[:, :, 8, 8] = 1
    moved = translation(dot, seeded())
    assert (moved.sum((2, 3)) == 1).all()
    assert torch.equal(moved[:, 0], moved[:, 1])            # channels together
    places = {(int(row), int(column)) for _, row, column in moved[:, 0].nonzero()}
    assert places == {(row, column) for row in range(6, 11) for column in range(6, 11)}


@pytest.mark.parametrize("side", [8, 9])
def test_the_hole_is_half_a_side_wide_and_lies_anywhere(side):
    holes = inside(side, 500, seeded())
    assert holes.sum(1).max() == (side + 1) // 2            # as wide as half a side, rounded up
    assert holes.sum(1).min() >= side // 4                  # cut off at the border
    assert (holes.mean(0) > 0.2).all()


def test_cutout_is_a_square_of_zeros():
    cut = cutout(torch.ones(50, 3, 8, 8), seeded())
    for image in cut:
        rows, columns = (image[0] == 0).any(1), (image[0] == 0).any(0)
        assert (image == 0).sum() == 3 * rows.sum() * columns.sum()
        assert 2 <= rows.sum() <= 4


# What all of them promise


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
@pytest.mark.parametrize("channels", [1, 3])
def test_gradients_pass_twice(change, channels):
    """Once for the generator, twice for penalties."""
    x = images(2, channels, 4, torch.float64).requires_grad_()
    assert gradcheck(lambda x: change(x, seeded()), (x,))
    assert gradgradcheck(lambda x: change(x, seeded()) ** 2, (x,))


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_randomness_is_the_generators_and_each_image_has_its_own(change):
    x = images(1).expand(32, -1, -1, -1)
    state = torch.random.get_rng_state()
    once = change(x, seeded(3))
    assert torch.equal(once, change(x, seeded(3)))
    assert not torch.equal(once, change(x, seeded(4)))
    assert len(once.flatten(1).unique(dim=0)) > 8
    assert torch.equal(torch.random.get_rng_state(), state)


def test_a_policy_is_its_changes_in_order():
    x = images()
    random = seeded(5)
    by_hand = cutout(translation(contrast(saturation(brightness(x, random), random), random), random), random)
    assert torch.equal(augmentation("color,translation,cutout")(x, seeded(5)), by_hand)
    assert augmentation("")(x, seeded()) is x


def test_an_unknown_change_is_a_sentence():
    with pytest.raises(ValueError, match=r"No augmentation 'rotation'\. Known: color, translation, cutout\."):
        augmentation("color,rotation")


# Adaptive augmentation


def test_nothing_is_changed_at_first_and_everything_at_p_1():
    adaptive = Adaptive("color,translation,cutout")
    assert torch.equal(adaptive(images(), seeded()), images())
    adaptive.p.fill_(1.0)
    assert not any(torch.equal(ours, theirs) for ours, theirs in zip(adaptive(images(), seeded()), images(),
                                                                     strict=True))


def test_a_change_happens_to_a_share_p_of_the_images():
    adaptive = Adaptive("color")
    adaptive.changes = [lambda given, random: given + 1]
    adaptive.p.fill_(0.3)
    changed = adaptive(torch.zeros(10_000, 1, 1, 1), seeded())
    assert changed.mean().item() == pytest.approx(0.3, abs=0.02)


@pytest.mark.parametrize(("real", "fake", "relative", "direction"), [
    ([3.0] * 10, [0.0], False, 1), ([3.0, -3.0] * 5, [0.0], False, -1), ([5.0] * 10, [4.0], True, 1),
    ([5.0] * 10, [6.0], True, -1), ([1.0] * 8 + [-1.0] * 2, [0.0], False, 0),
])
def test_p_grows_while_the_critic_is_sure_of_its_training_images(real, fake, relative, direction):
    adaptive = Adaptive("color")
    adaptive.p.fill_(0.5)
    adaptive.follow(torch.tensor(real), torch.tensor(fake), relative)
    assert adaptive.p.item() == pytest.approx(0.5 + direction * 10 / Adaptive.images)


def test_p_stays_between_0_and_where_changes_leak():
    adaptive = Adaptive("color")
    for value, end in ((9.0, Adaptive.most), (-9.0, 0.0)):
        for _ in range(2_000):
            adaptive.follow(torch.full((64,), value), torch.zeros(64), False)
        assert adaptive.p.item() == pytest.approx(end)


BRIGHT = 230 / 127.5 - 1                                    # the mean of real images without black edges or holes


def learnt(policy, adaptive=False, real_only=False):
    """The mean of a toy GAN's images at their edges and in the middle, after 400 steps on bright images."""
    bright = Batch((torch.rand(64, 1, 8, 8, generator=seeded()) * 20 + 220).to(torch.uint8))
    pair = dcgan.DCGAN(z_dim=4, width=4, resolution=8, channels=1), dcgan.Discriminator(4, 8, 1)
    for network in pair:
        dcgan.initialise(network, seeded())
    schedule = Schedule(steps=400, batch=32, rate=2e-3, ema=0.98)
    task = Adversarial(*pair, schedule, augment=policy, adaptive=adaptive)
    if real_only:
        improve, change = task.improve_critic, task.augment
        task.augment = lambda given, random: given
        task.improve_critic = lambda real, *rest: improve(change(real, rest[-1]), *rest)
    for step in range(400):
        task.step([batch_at(bright, schedule, step)], step, 0)
    with torch.inference_mode():
        mean = task.average.eval()(torch.randn(500, 4, generator=seeded(1))).mean((0, 1))
    edges = torch.cat([mean[0], mean[-1], mean[:, 0], mean[:, -1]]).mean().item()
    return edges, mean[2:6, 2:6].mean().item()


@pytest.mark.parametrize("adaptive", [False, True])
@pytest.mark.parametrize("policy", ["translation", "cutout"])
def test_changes_that_both_sides_see_do_not_leak_into_generated_images(policy, adaptive):
    assert learnt(policy, adaptive) == pytest.approx((BRIGHT, BRIGHT), abs=0.08)


@pytest.mark.parametrize("policy", ["translation", "cutout"])
def test_the_test_for_leaks_finds_those_of_real_images_changed_alone(policy):
    assert min(learnt(policy, real_only=True)) < BRIGHT - 0.12
