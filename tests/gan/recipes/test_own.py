"""How networks and schedules follow from a user's images, and which snapshot is the best."""

import math
from dataclasses import replace

import pytest
import torch

from ganbench.gan.generators import GENERATORS
from ganbench.gan.question import Training
from ganbench.gan.recipes import RECIPES
from ganbench.gan.recipes.choosing import Scored, add, choose, is_over, scores_in
from ganbench.gan.recipes.own import DESIGNS, ENDLESS, batch_for, designed, limits
from ganbench.gan.recipes.recipe import CRITICS
from ganbench.gan.recipes.training_set import TrainingSet
from ganbench.gan.training.loop import Schedule
from ganbench.gan.types import Estimate
from tests.refusals import refused

MATERIAL = TrainingSet("mine", "0" * 64, 300, 60, 3, 64, 64, ("a", "b"), (200, 100))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("side", [32, 64, 128, 256])
@pytest.mark.parametrize("name", DESIGNS)
def test_every_design_makes_images_of_the_size_and_colours_of_the_users(name, side, channels):
    recipes = designed(name, Training(), replace(MATERIAL, side=side, resolution=side, channels=channels), "cpu")
    recipe = recipes[-1]
    network = GENERATORS[recipe.family].make(**recipe.arguments)
    if recipe.family in CRITICS:
        with torch.inference_mode():
            labels = torch.zeros(2, dtype=torch.int64) if network.n_classes else None
            images = network.eval().sample(network.draws(range(2), 0), labels)
        assert images.shape == (2, channels, side, side)
    elif recipe.family in ("gpt", "maskgit"):
        assert network.tokenizer.decode(torch.zeros(1, network.length, dtype=torch.int64)).shape == (
            1, channels, side, side)
    else:
        assert network.shape == (channels, side, side)
        assert network(torch.zeros(1, channels, side, side), torch.zeros(1),
                       torch.zeros(1, dtype=torch.int64)).shape == (1, channels, side, side)
    assert network.n_classes == (2 if DESIGNS[name].classes else 0)


def test_the_rule_gives_the_shipped_networks_for_the_shipped_data():
    garments = TrainingSet("fashion-mnist:train", "0" * 64, 60_000, 0, 1, 32, 32, tuple("0123456789"), (6_000,) * 10)
    for name, row in DESIGNS.items():
        if row.family or name in ("ddpm", "edm"):
            continue
        recipe, shipped = designed(name, Training(), garments, "cpu")[-1], RECIPES[row.like]
        make = GENERATORS[recipe.family].make
        ours, theirs = (make(**arguments).state_dict() for arguments in (recipe.arguments, shipped.arguments))
        assert {key: value.shape for key, value in ours.items()} == {key: value.shape for key, value in theirs.items()}
        assert recipe.schedule.batch == shipped.schedule.batch


@pytest.mark.parametrize(("budget", "expected"), [
    ("2h", (7_200, ENDLESS)), ("30m", (1_800, ENDLESS)), ("1.5 h", (5_400, ENDLESS)), ("90s", (90, ENDLESS)),
    ("300", (0, 300)), ("", (0, 60_000)),
])
def test_a_budget_is_a_time_or_a_number_of_steps(budget, expected):
    assert limits(budget, 60_000) == expected


@pytest.mark.parametrize("budget", ["0", "-3", "2 days", "1.5", "h", "0h", "1e3"])
def test_another_budget_is_refused(budget):
    with refused("unfit-value", "30m"):
        limits(budget, 10)


def test_a_transformer_and_its_tokenizer_share_the_time():
    tokenizer, writer = designed("gpt", Training(budget="2h"), MATERIAL, "cpu")
    assert tokenizer.schedule.seconds == writer.schedule.seconds == 3_600


def test_few_images_mean_small_batches_and_augmentation():
    assert [batch_for(replace(MATERIAL, n=n), "cpu") for n in (6, 40, 100, 300, 5_000)] == [6, 8, 16, 64, 64]
    assert batch_for(replace(MATERIAL, side=128, n=5_000), "cpu") == 32
    assert designed("r3gan", Training(), MATERIAL, "cpu")[0].settings["augment"]
    assert not designed("r3gan", Training(), replace(MATERIAL, n=5_000), "cpu")[0].settings.get("augment")
    assert designed("r3gan", Training(augment="ada"), MATERIAL, "cpu")[0].settings["adaptive"]
    with refused("unknown-choice", "diffaugment"):
        designed("r3gan", Training(augment="flip"), MATERIAL, "cpu")


def test_a_gpu_makes_networks_wider_where_there_are_many_images():
    many = replace(MATERIAL, n=20_000)
    plain, wide = (designed("flow", Training(), many, device)[0] for device in ("cpu", "cuda"))
    assert wide.arguments["widths"] == [2 * width for width in plain.arguments["widths"]]
    assert (plain.hardware.precision, wide.hardware.precision) == ("float32", "bfloat16")


# The best snapshot

def scored(*values, se=0.01):
    return [Scored(1_000 * (k + 1), 1.0, Estimate(value, se)) for k, value in enumerate(values)]


def test_the_best_snapshot_has_the_least_kid_and_names_its_ties():
    found = choose(scored(0.5, 0.1, 0.11, 0.2, math.nan))
    assert found.best.step == 2_000
    assert [row.step for row in found.ties] == [3_000]
    assert choose(scored(math.nan)) is None


def test_scores_are_kept_in_the_order_of_steps(tmp_path):
    for row in reversed(scored(0.3, 0.2, math.nan)):
        add(tmp_path, row)
    assert [(row.step, row.kid.value) for row in scores_in(tmp_path)][:2] == [(1_000, 0.3), (2_000, 0.2)]
    assert math.isnan(scores_in(tmp_path)[2].kid.value)


@pytest.mark.parametrize(("values", "expected"), [
    ((0.5, 0.1, 0.2, 0.3, 0.4, 0.4), True), ((0.5, 0.1, 0.1, 0.1, 0.11, 0.1), False),
    ((0.5, 0.1, 0.3, 0.3), False), ((0.6, 0.5, 0.4, 0.3, 0.2, 0.1), False), ((0.5, 0.1, 0.3, 0.3, 0.3, 0.12), False),
])
def test_a_training_stops_when_three_snapshots_in_a_row_are_worse(values, expected):
    assert is_over(scored(*values), 3) is expected
    assert not is_over(scored(*values), 0)


def test_equal_snapshots_rarely_stop_a_training():
    random = torch.Generator().manual_seed(0)
    stops = 0
    for _ in range(2_000):
        values = torch.randn(10, generator=random) * 0.01
        stops += any(is_over(scored(*values[:k].tolist()), 3) for k in range(1, 11))
    assert stops / 2_000 < 0.05


def test_parts_of_a_time():
    schedule = Schedule(steps=10, seconds=100)
    assert [schedule.part_at(seconds) for seconds in (0, 9.9, 10, 99, 100, 500)] == [0, 0, 1, 9, 10, 10]
    assert Schedule(steps=10).part_at(50) == 0
