"""Simulated histories: the whole gate never cries wolf more often than alpha says, and finds what is there."""

from dataclasses import replace

import pytest

from ganbench.gan.nightly.simulation import Plan, simulate

QUIET = Plan(1_500)


@pytest.mark.parametrize("plan", [
    QUIET, replace(QUIET, champion="redrawn"), replace(QUIET, spread=2.0), replace(QUIET, spread=4.0),
    replace(QUIET, models=1, metrics=1), replace(QUIET, nights=90, histories=500), replace(QUIET, alpha=0.2),
], ids=str)
def test_false_alarms_stay_below_alpha(plan):
    found = simulate(plan)
    assert found.low <= found.false <= found.high
    assert found.high <= plan.alpha


@pytest.mark.parametrize("champion", ["fixed", "redrawn"])
def test_a_lasting_step_of_one_error_is_found_in_nine_of_ten_histories(champion):
    found = simulate(Plan(1_000, step=1.0, champion=champion))
    assert found.found >= 0.9
    assert found.delay <= 10


def test_a_large_step_is_found_on_its_first_night_and_half_of_it_soon_after():
    assert simulate(Plan(300, step=4.0)).delay == 1
    half = simulate(Plan(300, step=2.0))
    assert half.found > 0.99
    assert half.delay <= 3


def test_without_a_margin_a_step_far_beyond_the_benign_spread_is_found():
    found = simulate(Plan(500, spread=2.0, step=15.0, begin=15))
    assert found.found > 0.95


def test_a_seed_makes_a_history():
    plan = Plan(200, step=1.0)
    assert simulate(plan) == simulate(plan)
    assert simulate(plan) != simulate(replace(plan, seed=1))
