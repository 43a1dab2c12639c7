"""Histories: one file a night, points, changes and pictures."""

import json
from dataclasses import asdict, replace

import pytest

from ganbench.gan.nightly.accepting import accept
from ganbench.gan.nightly.gate import Judge, State
from ganbench.gan.nightly.history import History, Night, points, read_night
from ganbench.gan.nightly.tables import history_table
from ganbench.gan.nightly.views import by_step, models_of, picture, places
from tests.gan.nightly.worlds import World, suite_of, with_champion
from tests.refusals import refused

TOOLS = {"packages": {"torch": "2"}, "golden": {}}


@pytest.fixture
def history(tmp_path):
    return History(tmp_path, "s")


def season(history, truths, suite=None, world=None):
    """Nights of one model: a truth for each, None: the snapshot of the night before."""
    world, suite = world or World(), suite or suite_of(margin=3.0)
    state, mine = with_champion(world, suite), None
    for number, truth in enumerate(truths, 1):
        mine = mine if truth is None else world.observe("a", truth, number)
        verdicts = Judge(suite, state, [mine], number, world.draw).judge()
        history.write(Night(number, f"2026-11-{number:02}T03:00:00+00:00", f"2026-11-{number:02}T03:10:00+00:00",
                            observations=(mine,), verdicts=tuple(verdicts), toolchain=TOOLS, code="c",
                            state={"gate": state.as_json(), "toolchains": [TOOLS]}))
    return history.nights()


def test_a_night_is_read_as_it_was_written(history):
    (night,) = season(history, [0.0])
    assert read_night(history.paths()[0]) == night
    assert State.from_json(night.state["gate"]).champion["p"].observation.digest == "champion"


def test_ten_nights_of_one_snapshot_are_one_point(history):
    nights = season(history, [0.0, *[None] * 9, 1.0])
    one, two = points(nights, "a", "p")
    assert (one.nights, one.first.number, one.last.number) == (10, 1, 10)
    assert two.changed == ("weights",)
    table = history_table(nights, "p")
    first, second = (dict(zip(table.heads, row, strict=True)) for row in table.rows)
    assert (first["changed"], first["nights"]) == ("10 nights unchanged", "1 – 10")
    assert second["verdict"] in ("not worse", "open", "better")
    assert history_table(nights, "p", most=1).rows == table.rows[1:]


def test_a_short_table_has_the_newest_snapshots_of_all_models(history):
    several = [replace(night, observations=(*night.observations, replace(night.observations[0], entry="b")))
               for night in season(history, [0.0, 0.5, 1.0])]
    rows = history_table(several, "p", most=2).rows
    assert [(row[0].split(":")[0], row[1]) for row in rows] == [("a", "3"), ("b", "3")]


def test_what_changed_is_named_by_digest(history):
    one, two = season(history, [0.0, 0.0])
    mine = replace(two.observations[0], protocol_digest="other")
    two = replace(two, observations=(mine,), toolchain={**TOOLS, "pixels": "x"}, code="d", suite="e")
    assert points([one, two], "a", "p")[1].changed == ("weights", "data or protocol", "toolchain", "code", "suite")


def test_a_night_is_never_written_twice(history):
    (night,) = season(history, [0.0])
    with refused("changed-content", "000001.json"):
        history.write(night)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"version": 1}', '{"version": 99}'])
def test_a_damaged_file_is_named(history, text):
    season(history, [0.0])
    history.paths()[0].write_text(text, "utf-8")
    with refused("unreadable-file", "000001.json"):
        history.nights()


def test_a_killed_night_leaves_no_file(history, monkeypatch):
    (night,) = season(history, [0.0])
    monkeypatch.setattr("ganbench.gan.nightly.history.json.dumps", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        history.write(replace(night, number=2))
    assert len(history.paths()) == 1


def test_one_night_at_a_time(history):
    with history.alone(), refused("already-running", "s"), history.alone(wait=0.01):
        pass


def test_an_accepted_change_begins_a_segment_and_a_second_half_as_large_is_found(history):
    """Worse by 40, accepted; then worse by 20 more, which is measured against the accepted level."""
    world, suite = World(), suite_of(margin=2.0)
    nights = season(history, [0.0, 40.0], suite, world)
    assert nights[-1].verdicts[0].said == "worse"
    accept(history, "a", "a smaller network")
    state = State.from_json(history.last.state["gate"])
    assert state.accepted == ["a | p"]
    from ganbench.gan.nightly.gate import set_baselines

    here = world.observe("a", 40.0, 4)
    for baseline in set_baselines([here], world.draw, [1, 2, 3]):
        state.firsts[here.key] = baseline
    said = []
    for night, truth in ((5, 40.0), (6, 60.0)):
        mine = world.observe("a", truth, night)
        said += [one.said for one in Judge(suite, state, [mine], night, world.draw).judge()]
    assert said == ["not worse", "worse"]


def test_what_is_accepted_has_to_be_there(history):
    with refused("unknown-suite", "s"):
        accept(history, "a")
    season(history, [0.0])
    with refused("unknown-choice", "b", "toolchain"):
        accept(history, "b")


def test_an_accepted_toolchain_joins_the_known_ones(history):
    season(history, [0.0])
    night = accept(history, "toolchain", "new container")
    assert len(night.state["toolchains"]) == 2
    assert night.events[0] == {"kind": "accepted", "what": "toolchain", "why": "new container"}


def test_a_picture_is_a_png_of_every_model(history, tmp_path):
    nights = season(history, [0.0, 1.0, None, None, None, 0.5, 30.0, 30.0, 0.0])
    assert models_of(nights) == [("a", "p")]
    assert picture(nights, "p", "garments").startswith(b"\x89PNG")


def test_checkpoints_with_numbers_make_a_learning_curve(history):
    (night,) = season(history, [0.0])
    (first,) = night.observations
    several = [replace(first, snapshot=f"step-{step:06}", digest=str(step)) for step in (3000, 1000, 2000)]
    mine = points([replace(night, observations=tuple(several))], "a", "p")
    metric = next(iter(first.scores))
    assert [step for step, _ in by_step(mine, metric)] == [1000, 2000, 3000]
    assert places(mine) == pytest.approx([1 - 0.8 * 2 / 3, 1 - 0.8 / 3, 1.0])
    assert by_step([*mine, *mine], metric) == []        # two of one number
    less = points([replace(night, observations=(replace(several[0], scores={}), *several[1:]))], "a", "p")
    assert [step for step, _ in by_step(less, metric)] == [1000, 2000]
    assert picture([replace(night, observations=tuple(several))], "p", "s").startswith(b"\x89PNG")


def test_a_history_is_json(history):
    (night,) = season(history, [0.0])
    assert json.loads(json.dumps(asdict(night)))["number"] == 1
