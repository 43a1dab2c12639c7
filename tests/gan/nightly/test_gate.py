"""The gate night by night, in a world whose truth is known."""

import pytest

from ganbench.gan.nightly.gate import Judge, State, gated_metrics, set_baselines
from ganbench.gan.nightly.history import Observation, Value
from ganbench.gan.nightly.suite import Gate, Margin, Suite
from ganbench.gan.question import Question
from tests.gan.nightly.worlds import World, nights, suite_of, with_champion

SCORES = {"kid": Value(1, 1, row="kid"), "kid_judge": Value(1, 1, short="kid_judge", row="kid", judged=True),
          "recall": Value(1, 1, row="recall"), "fd_judge": Value(1, 1, row="fd", judged=True),
          "copies": Value(1, 1, row="copies"), "accuracy": Value(1, 1, decides=False, row="accuracy"),
          "is": Value(1, 0, row="is")}


@pytest.mark.parametrize(("suite", "gated"), [
    (Suite("s", ()), ["kid", "fd_judge"]),
    (Suite("s", (), (Question(metrics="fd, recall"),)), ["kid", "recall", "fd_judge"]),
    (Suite("s", (), margins={"kid_judge": Margin(0.1)}), ["kid", "kid_judge", "fd_judge"]),
    (Suite("s", (), gate=Gate(metrics=("copies", "accuracy"))), ["copies", "accuracy"]),
])
def test_metrics_whose_errors_are_those_of_the_draws_are_gated_and_others_where_they_are_named(suite, gated):
    assert gated_metrics(suite, Observation("a", "a", "a", "p", "pp", 0, 500, SCORES, since=0)) == gated


def test_a_model_as_good_as_the_champion_stays_quiet_and_alpha_whole():
    world, suite = World(), suite_of(margin=4.0)
    state = with_champion(world, suite)
    said = [verdict.said for verdict in nights(world, suite, state, [0.0] * 30)]
    assert "worse" not in said
    assert said.count("not worse") > 10
    assert state.opened == 0


def test_a_much_worse_model_falls_on_its_first_night_after_a_fresh_draw():
    world, suite = World(), suite_of()
    state = with_champion(world, suite)
    (verdict,) = nights(world, suite, state, [20.0])
    assert (verdict.said, verdict.draws) == ("worse", 1)
    assert verdict.low < 20 < verdict.high
    assert {digest for digest, seed in world.drawn if seed > 1_000} == {"a-1", "champion"}
    assert state.opened == 1


def test_one_unlucky_draw_accuses_nobody():
    """The night's own number is 6 standard errors off, and fresh draws do not repeat it."""
    world, suite = World(), suite_of()
    state = with_champion(world, suite)
    mine = world.observe("a", 6.0, 1)
    world.truth["a-1"] = 0.0
    (verdict,) = Judge(suite, state, [mine], 1, world.draw).judge()
    assert verdict.said != "worse"
    assert verdict.draws >= 1
    assert state.opened == 1            # a suspicion was paid for


def test_a_margin_is_what_may_be_lost():
    world = World()
    for margin, said in ((10.0, "worse"), (40.0, "not worse")):
        suite = suite_of(margin=margin)
        (verdict,) = nights(world, suite, with_champion(world, suite), [20.0])
        assert verdict.said == said
        assert verdict.margin == margin


def test_a_regression_lasts_until_a_new_snapshot_has_recovered():
    world, suite = World(), suite_of(margin=3.0)
    state = with_champion(world, suite)
    said = [verdict.said for verdict in nights(world, suite, state, [0.0, 30.0, 30.0, 0.0, 0.0])]
    assert said[1:3] == ["worse", "worse"]
    assert "worse" not in said[3:]


def test_nights_without_anything_new_draw_nothing_and_spend_nothing():
    world, suite = World(), suite_of(margin=1.0)
    state = with_champion(world, suite)
    mine = world.observe("a", 0.0, 1)
    Judge(suite, state, [mine], 1, world.draw).judge()
    before, drawn = (state.nights, state.opened), len(world.drawn)
    for night in range(2, 11):
        (verdict,) = Judge(suite, state, [mine], night, world.draw).judge()
    assert ((state.nights, state.opened), len(world.drawn)) == (before, drawn)
    assert verdict.nights == 10


def test_without_margin_or_history_the_gate_cannot_tell_and_does_not_fail():
    world, suite = World(), suite_of(margin=None)
    state = with_champion(world, suite)
    said = [verdict.said for verdict in nights(world, suite, state, [500.0, -500.0, 300.0, 0.0])]
    assert said == ["cannot tell"] * 4


def test_benign_snapshots_say_what_another_one_may_be():
    world, suite = World(3), suite_of(margin=None)
    state = with_champion(world, suite)
    spread = [3.0, -2.0, 1.0, -4.0, 2.0, 0.0, 4.0, -1.0, -3.0, 2.0, 1.0, -2.0]
    said = [verdict.said for verdict in nights(world, suite, state, [*spread, 4.0, 90.0])]
    assert said[:5] == ["cannot tell"] * 5
    assert "worse" not in said[:-1]
    assert said[-1] == "worse"
    assert len(state.benign["a | p | kid"]) == 13       # and the regression does not join them


def test_images_on_disk_are_judged_without_fresh_draws():
    world, suite = World(), suite_of(margin=1.0)
    state = with_champion(world, suite)
    mine = world.observe("a", 30.0, 1, drawable=False)
    drawn = len(world.drawn)
    (verdict,) = Judge(suite, state, [mine], 1, world.draw).judge()
    assert (verdict.said, len(world.drawn)) == ("worse", drawn)


def test_fresh_draws_make_the_baseline_more_certain():
    world, suite = World(), suite_of()
    state = with_champion(world, suite)
    before = state.champion["p"].means["kid"].se
    list(nights(world, suite, state, [20.0]))
    assert before == pytest.approx(0.5)
    assert state.champion["p"].means["kid"].se < before


def test_a_period_begins_anew_with_its_alpha():
    world, suite = World(), suite_of(nights=5)
    state = with_champion(world, suite)
    list(nights(world, suite, state, [20.0, *[0.0] * 4]))
    assert state.nights == 5
    list(nights(world, suite, state, [0.0], begin=6))
    assert (state.nights, state.opened) == (1, 0)


def test_models_can_be_measured_against_their_own_first_snapshot():
    world, suite = World(), suite_of(margin=2.0, against="first", champion="")
    state = State()
    mine = world.observe("a", 50.0, 1)
    for baseline in set_baselines([mine], world.draw, [1, 2, 3]):
        state.firsts[mine.key] = baseline
    (verdict,) = Judge(suite, state, [mine], 1, world.draw).judge()
    assert verdict.said == "baseline"
    assert [one.said for one in nights(world, suite, state, [50.0, 90.0], begin=2)] == ["not worse", "worse"]


def test_a_metric_whose_larger_values_are_better_falls_when_it_drops():
    world, suite = World(), suite_of(margin=1.0)
    flip = world.scores
    world.scores = lambda digest, seed: {
        name: type(value)(-value.value, value.se, lower_is_better=False, short=name)
        for name, value in flip(digest, seed).items()}
    state = with_champion(world, suite)
    (verdict,) = nights(world, suite, state, [30.0])
    assert verdict.said == "worse"
    assert verdict.difference > 0
