"""Suites on the command line."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from ganbench.flows.cli import app
from ganbench.gan.images import write_npz
from ganbench.gan.nightly import canary
from tests.gan.nightly.test_canary import FACTS


@pytest.fixture
def ganbench(monkeypatch, tmp_path):
    monkeypatch.setattr(canary, "toolchain", lambda *_: FACTS)
    monkeypatch.chdir(tmp_path)
    return lambda *words: CliRunner().invoke(app, list(words))


@pytest.fixture
def images(garments, tmp_path):
    real = np.load(garments)["arr_0"].transpose(0, 3, 1, 2)
    write_npz(tmp_path / "real.npz", real)
    write_npz(tmp_path / "good.npz", real[:40])
    write_npz(tmp_path / "poor.npz", 255 - real[:40])
    return tmp_path


OWN = ("--reference", "real.npz", "--extractor", "judge", "--metrics", "kid", "--n", "40")


def test_a_simulation_says_what_was_simulated_and_how_often_it_cried_wolf(ganbench):
    done = ganbench("gate", "--simulate", "200", "--nights", "10", "--models", "3", "--metrics", "2", "--json", "-")
    found = json.loads(done.stdout)
    assert [one["plan"]["champion"] for one in found] == ["fixed", "redrawn"]
    assert all(one["plan"]["metrics"] == 2 and 0 <= one["low"] <= one["false"] <= one["high"] <= 1 for one in found)
    shown = ganbench("gate", "--simulate", "200", "--step", "3", "--from", "5", "--nights", "10").stdout
    assert "200 histories of 10 nights" in shown
    assert "step found" in shown


@pytest.mark.parametrize(("words", "named"), [
    (("gate",), "--against"),
    (("gate", "a.npz"), "--against"),
    (("gate", "--simulate", "9", "--metrics", "kid"), "--metrics"),
    (("gate", "--simulate", "9", "--step", "1", "--from", "40"), "--from"),
    (("gate", "a.npz", "--against", "b.npz", "--margin", "kid"), "--margin"),
    (("gate", "a.npz", "--against", "b.npz", "--margin", "kid=much"), "margins.kid"),
    (("nightly", "none.toml"), "none.toml"),
    (("history", "none"), "none"),
    (("history", "none.toml"), "none.toml"),
], ids=str)
def test_bad_input_is_a_sentence_and_exits_with_2(ganbench, words, named):
    done = ganbench(*words)
    assert done.exit_code == 2
    assert named in done.stderr
    assert done.stderr.count("\n") == 1


def test_one_gate_needs_no_history_and_leaves_none(ganbench, images, home):
    good = ganbench("gate", "good.npz", "--against", "good.npz", "--margin", "kid=0.1", *OWN)
    assert good.exit_code == 0, good.output
    poor = ganbench("gate", "poor.npz", "--against", "good.npz", "--margin", "kid=0.001", *OWN)
    assert poor.exit_code == 3, poor.output
    said = " ".join(poor.stdout.split())
    assert "poor.npz is worse than good.npz by more than the margin" in said
    for part in ("kid differs by", "95 % interval", "margin 0.001", "alpha left", "model ", "baseline "):
        assert part in said
    assert not (home / "history").exists()
