"""Whole nights with real models, images and scores: a tiny network, and 60 garments."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

from ganbench.gan.images import write_npz
from ganbench.gan.nightly import canary
from ganbench.gan.nightly.accepting import accept
from ganbench.gan.nightly.history import History, points
from ganbench.gan.nightly.night import HANDS, run_night
from ganbench.gan.nightly.sentences import alpha_left, event_sentence, headline, shorts, verdict_sentence
from ganbench.gan.nightly.suite import read_suite
from tests.gan.nightly.test_canary import FACTS
from tests.refusals import is_sentence, refused


@pytest.fixture(autouse=True)
def golden(monkeypatch):
    """The same toolchain every night, without measuring golden images."""
    facts = {"now": FACTS}
    monkeypatch.setattr(canary, "toolchain", lambda *_: facts["now"])
    return facts


@pytest.fixture
def place(tmp_path, garments, tiny):
    """A folder with a suite, its reference data, and checkpoints that a training leaves."""
    folder = tmp_path / "place"
    (folder / "runs").mkdir(parents=True)
    shutil.copy(garments, folder / "real.npz")
    shutil.copy(tiny, folder / "runs" / "000100.safetensors")
    return folder


MINE = '[[models]]\nname = "mine"\nfolder = "runs"\nfamily = "dcgan"\n'


def write_suite(folder: Path, rest: str = MINE) -> str:
    path = folder / "mine.toml"
    protocol = '[[protocols]]\nreference = "real.npz"\nextractor = "judge"\nmetrics = "kid,fd"\nn = 40\n'
    path.write_text(protocol + rest, "utf-8")
    return str(path)


@pytest.fixture
def run(place, workspace, tmp_path):
    def night(suite: str = "", hands=HANDS):
        return run_night(read_suite(suite or write_suite(place)), tmp_path / "history", workspace, hands)

    return night


def spoil(checkpoint: Path, new: Path, by: float) -> None:
    """Other weights, as a training would leave them."""
    state = load_file(checkpoint)
    random = np.random.default_rng(0)
    for name, value in state.items():
        if value.is_floating_point() and "running" not in name:
            state[name] = value + by * value.new_tensor(random.standard_normal(value.shape))
    save_file(state, new)


def test_ten_nights_of_one_checkpoint_draw_nothing_after_the_first(run, place, tmp_path):
    drawn = []

    def scores(jobs):
        drawn.append(len(jobs))
        return HANDS.scores(jobs)

    counted = replace(HANDS, scores=scores)
    first = run(hands=counted)
    assert (first.number, first.exit) == (1, 0)
    assert {verdict.said for verdict in first.verdicts} == {"baseline"}
    before = len(drawn)
    for _ in range(9):
        last = run(hands=counted)
    assert len(drawn) == before
    (point,) = points(History(tmp_path / "history", "mine").nights(), "mine", last.observations[0].protocol)
    assert point.nights == 10
    assert "nothing new" in headline(last)


@pytest.mark.parametrize("count", [40, 70])      # all of them, or some of them
@pytest.mark.parametrize("gate", ["", '[gate]\nchampion = "draws.npz"\n'])
def test_images_on_disk_are_measured_once_and_are_their_own_champions_equals(gate, count, run, place):
    write_npz(place / "draws.npz", np.random.default_rng(0).integers(0, 256, (count, 1, 32, 32), np.uint8))
    suite = write_suite(place, f'{gate}[[models]]\nname = "mine"\nmodel = "draws.npz"\n')
    first, last = run(suite), run(suite)
    assert {one.since for one in first.observations} == {one.since for one in last.observations} == {1}
    assert {verdict.said for verdict in last.verdicts} == {"baseline"}
    assert "nothing new" in headline(last)


def test_a_new_checkpoint_in_the_folder_is_measured_and_judged(run, place):
    suite = write_suite(place, MINE + "[margins]\nkid = 0.5\n")
    run(suite)
    spoil(place / "runs" / "000100.safetensors", place / "runs" / "000200.safetensors", 0.001)
    night = run(suite)
    said = {verdict.metric: verdict.said for verdict in night.verdicts}
    assert said["kid_judge"] in ("not worse", "better", "open")
    assert said["fd_judge"] == "cannot tell"        # it has no margin
    assert [one.snapshot for one in night.observations] == ["000200"]
    assert night.exit == 0


def test_a_regression_falls_is_told_once_and_recovers(run, place):
    """The champion are real garments; a network of made-up weights is far from them."""
    real = np.load(place / "real.npz")["arr_0"].transpose(0, 3, 1, 2)
    write_npz(place / "good.npz", real[:40])
    models = ('[gate]\nchampion = "good.npz"\n[margins]\nkid_judge = 0.001\n'
              '[[models]]\nname = "mine"\nfolder = "runs"\nfamily = "dcgan"\n')
    suite = write_suite(place, models)
    first = run(suite)
    assert first.exit == 3
    assert [event["kind"] for event in first.events if event["kind"] == "regression"] == ["regression"]
    (worse,) = [verdict for verdict in first.verdicts if verdict.said == "worse"]
    assert (worse.metric, worse.margin) == ("kid_judge", 0.001)
    for night in (first, run(suite)):
        assert night.exit == 3
    assert night.events == ()               # it goes on, and is not told again
    accept(History(place.parent / "history", "mine"), "mine", "meant so")
    after = run(suite)
    assert after.exit == 0
    assert {verdict.said for verdict in after.verdicts} == {"baseline"}


def test_another_toolchain_judges_nobody(run, place, golden):
    run()
    golden["now"] = {**FACTS, "golden": {"small": {"scores": {"kid_judge": [0.9, 0.1]}, "features": {}}}}
    spoil(place / "runs" / "000100.safetensors", place / "runs" / "000200.safetensors", 1.0)
    night = run()
    assert (night.exit, night.verdicts) == (4, ())
    assert [one.snapshot for one in night.observations] == ["000100"]       # nothing was measured
    accept(History(place.parent / "history", "mine"), "toolchain")
    assert run().exit in (0, 3)


def test_weights_that_were_written_over_are_a_new_snapshot_and_the_baseline_is_kept(run, place):
    models = '[[models]]\nname = "mine"\nmodel = "runs/000100.safetensors"\nfamily = "dcgan"\n'
    suite = write_suite(place, models)
    first = run(suite)
    kept = place.parent / "history" / "mine" / "weights"
    assert len(list(kept.iterdir())) == 1
    spoil(place / "runs" / "000100.safetensors", place / "runs" / "000100.safetensors", 0.01)
    night = run(suite)
    assert night.observations[0].digest != first.observations[0].digest
    assert {verdict.baseline_digest for verdict in night.verdicts} == {first.observations[0].digest}


def test_limits_of_cost_count(run, place):
    night = run(write_suite(place, MINE + "[limits]\nparameters = 10\n"))
    assert night.exit == 3
    assert "limit" in [event["kind"] for event in night.events]


def test_copies_hold_no_title(run, place):
    """Training images as a model: better than real images on their own reference, and not its own."""
    real = np.load(place / "real.npz")["arr_0"].transpose(0, 3, 1, 2)
    write_npz(place / "copy.npz", real[:40])
    write_npz(place / "poor.npz", 255 - real[:40])
    models = '[gate]\nchampion = "poor.npz"\n[[models]]\nmodel = "copy.npz"\n[[models]]\nmodel = "poor.npz"\n'
    night = run(write_suite(place, models))
    assert "elected" not in [event["kind"] for event in night.events]
    assert "flagged" in [event["kind"] for event in night.events]


def test_unfinished_files_are_no_checkpoints(run, place):
    (place / "runs" / "000200.safetensors.partial").write_bytes(b"half")
    (place / "runs" / ".000300.safetensors").write_bytes(b"hidden")
    assert [one.snapshot for one in run().observations] == ["000100"]


def test_a_damaged_checkpoint_stops_nobody_else_and_is_told_once(run, place):
    models = MINE + '[[models]]\nmodel = "real.npz"\nname = "real"\n'
    suite = write_suite(place, models)
    run(suite)
    (place / "runs" / "000200.safetensors").write_bytes(b"half a file")
    night = run(suite)
    assert night.exit == 1
    (event,) = [event for event in night.events if event["kind"] == "refused"]
    assert (event["entry"], event["known"]) == ("mine", False)
    assert {one.entry for one in night.observations} == {"mine", "real"}
    (event,) = run(suite).events
    assert event["known"]


def test_a_model_whose_images_are_all_the_same_stops_nobody_else(run, place):
    write_npz(place / "grey.npz", np.full((40, 1, 32, 32), 128, np.uint8))
    night = run(write_suite(place, MINE + '[[models]]\nmodel = "grey.npz"\n'))
    assert [event["entry"] for event in night.events] == ["grey.npz"]
    assert [one.entry for one in night.observations] == ["mine"]


def test_an_empty_folder_is_said(run, place):
    shutil.rmtree(place / "runs")
    with refused("unknown-suite", "runs"):
        run()
    (place / "runs").mkdir()
    with refused("no-images", "mine"):
        run()


def test_everything_that_a_night_says_is_a_sentence(run, place, golden):
    first = run()
    golden["now"] = {**FACTS, "pixels": "other"}
    second = run()
    names = shorts(first)
    texts = [headline(first), headline(second), *map(event_sentence, second.events),
             *(verdict_sentence(verdict, names[verdict.metric]) for verdict in first.verdicts)]
    assert texts
    assert all(is_sentence(text) for text in texts), texts


def test_what_is_left_of_alpha_is_said(run, place):
    assert "0.05 of 0.05" in alpha_left(read_suite(write_suite(place)), run())
