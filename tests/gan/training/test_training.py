"""The training loop on a toy: killed and resumed it ends in the same weights, to the last bit."""

import copy
import csv
import math

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from gan import recipes
from gan.generators import dcgan
from gan.recipes import RECIPES, Recipe
from gan.training import ema
from gan.training.loop import Schedule, rows_at, to_float, train_classifier, train_gan
from gan.training.losses import discriminator_loss, non_saturating_loss
from gan.types import BadInput

IMAGES = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (50, 1, 8, 8), np.uint8))
LABELS = torch.arange(50) % 3
SCHEDULE = Schedule(steps=8, batch=10, keep_every=2, seed=3)


def networks():
    random = torch.Generator().manual_seed(0)
    pair = (
        dcgan.DCGAN(z_dim=4, width=2, resolution=8, channels=1),
        dcgan.Discriminator(width=2, resolution=8, channels=1),
    )
    for network in pair:
        dcgan.initialise(network, random)
    return pair


def classifier():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))


def gan_steps(folder, schedule=SCHEDULE):
    return train_gan(*networks(), 4, IMAGES, schedule, folder)


def classifier_steps(folder, schedule=SCHEDULE):
    return train_classifier(classifier(), IMAGES, LABELS, schedule, folder)


def kept(folder):
    """All tensors of a kept state, optimisers' included, by path."""

    def tensors(value, at=""):
        if isinstance(value, torch.Tensor):
            yield at, value
        elif isinstance(value, dict):
            for name, part in value.items():
                yield from tensors(part, f"{at}.{name}")

    return dict(tensors(torch.load(folder / "state.pt", weights_only=True)))


# Interrupted and resumed


@pytest.mark.parametrize("steps", [gan_steps, classifier_steps])
@pytest.mark.parametrize("interrupted_after", [1, 2, 5])
def test_a_run_that_was_stopped_ends_in_the_same_bits(steps, interrupted_after, tmp_path):
    whole = list(steps(tmp_path / "whole"))
    first = steps(tmp_path / "stopped")
    for _ in range(interrupted_after):
        next(first)
    first.close()
    torch.manual_seed(99)  # the global random state must not matter
    rest = list(steps(tmp_path / "stopped"))
    begun = interrupted_after // SCHEDULE.keep_every * SCHEDULE.keep_every
    assert [event.step for event in rest] == list(range(begun + 1, 9))
    assert [event.losses for event in rest] == [event.losses for event in whole[begun:]]
    ours, theirs = kept(tmp_path / "stopped"), kept(tmp_path / "whole")
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert rest[-1].seconds > 0


def test_a_finished_run_does_nothing_more(tmp_path):
    list(gan_steps(tmp_path))
    assert list(gan_steps(tmp_path)) == []


def test_every_epoch_sees_every_image_once_in_another_order():
    epochs = [torch.cat([rows_at(50, SCHEDULE, step) for step in range(first, first + 5)]).tolist() for first in (0, 5)]
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(50))
    assert epochs[0] != epochs[1]


def test_training_sees_images_from_minus_one_to_one():
    assert to_float(torch.tensor([0, 255], dtype=torch.uint8)).tolist() == [-1, 1]


# Losses


def test_an_undecided_discriminator_costs_log_two_a_side():
    undecided = torch.zeros(7)
    assert discriminator_loss(undecided, undecided).item() == pytest.approx(2 * math.log(2))
    assert non_saturating_loss(undecided).item() == pytest.approx(math.log(2))


def test_losses_are_those_of_the_paper():
    real, fake = torch.tensor([-1.5, 0.3, 2.0]), torch.tensor([0.7, -3.0, 1.1])
    by_hand = -torch.sigmoid(real).log().mean() - (1 - torch.sigmoid(fake)).log().mean()
    assert discriminator_loss(real, fake).item() == pytest.approx(by_hand.item(), rel=1e-6)
    assert non_saturating_loss(fake).item() == pytest.approx(-torch.sigmoid(fake).log().mean().item(), rel=1e-6)


def test_a_generator_that_is_seen_through_still_gets_a_gradient():
    fake = torch.tensor([-30.0], requires_grad=True)  # d/dx -log sigmoid(x) = sigmoid(x) - 1
    non_saturating_loss(fake).backward()
    assert fake.grad.item() == pytest.approx(-1)
    assert torch.isfinite(discriminator_loss(torch.tensor([-1e4]), torch.tensor([1e4])))


# The moving average


def test_the_average_follows_the_recursion_with_a_warm_start():
    average, current = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
    average.requires_grad_(False).weight.fill_(5.0)
    expected = 5.0
    for step in range(200):
        current.weight.data.fill_(math.sin(step))
        ema.update(average, current, step, 0.9)
        decay = min(0.9, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * math.sin(step)
    assert average.weight.item() == pytest.approx(expected, abs=1e-5)


def test_buffers_are_copied_not_averaged():
    average, current = nn.BatchNorm1d(2), nn.BatchNorm1d(2)
    current(torch.randn(4, 2, generator=torch.Generator().manual_seed(0)))
    ema.update(average, current, 0, 0.999)
    assert torch.equal(average.running_var, current.running_var)
    assert average.num_batches_tracked == 1


def test_the_kept_average_is_the_average_of_the_kept_weights(tmp_path):
    generator, discriminator = networks()
    start = copy.deepcopy(generator)
    list(train_gan(generator, discriminator, 4, IMAGES, Schedule(steps=1, batch=10), tmp_path))
    state = torch.load(tmp_path / "state.pt", weights_only=True)
    name = "main.0.weight"  # one step: decay 1 / 10
    expected = 0.1 * start.state_dict()[name] + 0.9 * state["generator"][name]
    assert torch.allclose(state["ema"][name], expected, atol=1e-7)
    assert not torch.equal(state["generator"][name], start.state_dict()[name])


# Failure


@pytest.mark.parametrize("steps", [gan_steps, classifier_steps])
def test_a_loss_that_is_no_number_raises_before_the_state_is_kept(steps, tmp_path):
    diverging = Schedule(steps=50, batch=10, rate=1e30, keep_every=1)
    with pytest.raises(FloatingPointError, match=r"Training diverged at step \d+: .*(nan|inf)"):
        list(steps(tmp_path, diverging))
    kept_steps = torch.load(tmp_path / "state.pt", weights_only=True)["step"] if (tmp_path / "state.pt").exists() else 0
    assert kept_steps < 50


# Recipes


@pytest.fixture
def small(monkeypatch):
    """The recipes for 100 and 50 steps, on a handful of images."""
    images = np.random.default_rng(0).integers(0, 256, (70, 1, 32, 32), np.uint8)
    monkeypatch.setattr(recipes.fashion_mnist, "load", lambda split, folders: (images, np.arange(70) % 10))
    monkeypatch.setitem(
        RECIPES,
        "dcgan-fashion-mnist",
        Recipe("dcgan", "fashion-mnist:train", Schedule(steps=100, batch=2, keep_every=50), snapshots=(50, 100)),
    )
    monkeypatch.setitem(
        RECIPES,
        "judge-fashion-mnist",
        Recipe("judge", "fashion-mnist:train", Schedule(steps=50, batch=2, keep_every=50), first=10, snapshots=(50,)),
    )


def test_a_recipe_leaves_snapshots_of_the_average_and_a_curve_without_repetitions(small, tmp_path):
    steps = recipes.train("dcgan-fashion-mnist", tmp_path, [])
    for _ in range(70):
        next(steps)
    steps.close()
    events = list(recipes.train("dcgan-fashion-mnist", tmp_path, []))
    assert [events[0].step, events[-1].step] == [51, 100]
    state = torch.load(tmp_path / "state.pt", weights_only=True)
    found = load_file(tmp_path / "step-100.safetensors")
    assert all(torch.equal(found[name], value) for name, value in state["ema"].items())
    with (tmp_path / "loss.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["50", "100"]
    mean = sum(event.losses["generator"] for event in events) / len(events)
    assert float(rows[1]["generator"]) == pytest.approx(mean, abs=1e-5)


def test_an_unknown_recipe_is_a_sentence(tmp_path):
    with pytest.raises(BadInput, match=r"No recipe 'biggan'\. Known: dcgan-fashion-mnist, judge-fashion-mnist\."):
        next(recipes.train("biggan", tmp_path, []))


def test_every_recipe_keeps_its_state_at_every_snapshot():
    for recipe in RECIPES.values():
        assert recipe.schedule.steps in recipe.snapshots
        assert all(step % recipe.schedule.keep_every == 0 for step in recipe.snapshots)


def test_the_judge_never_sees_the_images_that_travel_as_held_out_data():
    assert RECIPES["judge-fashion-mnist"].first == 10_000
