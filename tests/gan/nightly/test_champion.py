"""The title: it moves rarely between equals, and always to a model that deserves it."""

import numpy as np
import pytest

from ganbench.gan.nightly.champion import challenger_of, contest, crown, flaws, is_too_good, over_limits
from ganbench.gan.nightly.history import Value, Verdict
from ganbench.gan.nightly.suite import Limits
from tests.gan.nightly.worlds import World, suite_of, with_champion


def season(seed: int, truths: list[float], nights: int = 30):
    """Nights on which every model has a new snapshot -> the new champions, and their stored errors."""
    world, suite = World(seed), suite_of()
    state, found = with_champion(world, suite), []
    for night in range(1, nights + 1):
        models = [world.observe(f"m{k}", truth, night) for k, truth in enumerate(truths)]
        best = challenger_of(models, "kid", state.champion["p"])
        if best is None:
            continue
        election = contest(suite, state, best, models, state.champion["p"], "kid", night, world.draw)
        if election.won:
            crown(suite, state, [best], night, world.draw)
            found.append((best.entry, state.champion["p"].means["kid"].value - world.truth[best.digest]))
    return found


def test_among_equal_models_the_title_hardly_ever_moves():
    assert np.mean([bool(season(seed, [0.0] * 30)) for seed in range(60)]) <= 0.05


def test_a_better_model_wins_and_its_stored_score_is_unbiased():
    won = [season(seed, [-6.0, 0.0, 0.0], nights=3) for seed in range(40)]
    assert np.mean([bool(one) and one[0][0] == "m0" for one in won]) > 0.9
    errors = [error for one in won for _, error in one]
    assert abs(np.mean(errors)) < 0.2


def test_the_score_of_an_election_has_no_part_in_the_champions_own():
    world, suite = World(), suite_of()
    state = with_champion(world, suite)
    mine = [world.observe("m0", -20.0, 1), world.observe("m1", 0.0, 1)]
    election = contest(suite, state, mine[0], mine, state.champion["p"], "kid", 1, world.draw)
    assert election.won
    used = {seed for digest, seed in world.drawn if digest == "m0-1"}
    before = len(world.drawn)
    crown(suite, state, [mine[0]], 1, world.draw)
    again = [seed for _, seed in world.drawn[before:]]
    assert len(again) == 4
    assert used.isdisjoint(again)


def test_who_does_not_beat_every_rival_does_not_win():
    world, suite = World(), suite_of()
    state = with_champion(world, suite)
    mine = [world.observe("m0", -9.0, 1), world.observe("m1", -9.0, 1)]
    assert challenger_of(mine, "kid", state.champion["p"]) is None
    election = contest(suite, state, mine[0], mine, state.champion["p"], "kid", 1, world.draw)
    assert not election.won
    assert "m1-1" in election.why


def test_images_on_disk_cannot_confirm_that_they_are_better():
    world, suite = World(), suite_of()
    state = with_champion(world, suite)
    mine = world.observe("m0", -50.0, 1, drawable=False)
    election = contest(suite, state, mine, [mine], state.champion["p"], "kid", 1, world.draw)
    assert (election.won, election.draws) == (False, 0)


@pytest.mark.parametrize(("value", "lower", "flagged"), [(1.0, True, True), (4.9, True, False), (9.0, False, True),
                                                         (1.0, False, False)])
def test_better_than_real_images_is_too_good(value, lower, flagged):
    assert is_too_good(Value(value, 1.0, 5.0, lower)) is flagged


def test_what_may_hold_no_title_is_said_in_words():
    world = World()
    mine = world.observe("m0", -50.0, 1, alerts=("copies",), costs={"peak_memory": 3e9})
    worse = Verdict("m0", "p", "kid", "worse", digest="m0-1")
    found = flaws(mine, Limits(peak_memory=2e9), [worse], "kid")
    assert len(found) == 4
    assert found[0] == "copies"


def test_limits_of_cost():
    costs = {"images_per_second": 10.0, "peak_memory": 3e9, "parameters": 5e6}
    assert over_limits(costs, Limits()) == []
    assert over_limits(costs, Limits(5.0, 4e9, 6e6)) == []
    assert len(over_limits(costs, Limits(20.0, 2e9, 1e6))) == 3
    assert over_limits({}, Limits(20.0, 2e9, 1e6)) == []
