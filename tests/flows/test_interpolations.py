"""`ganbench interpolate`: the film, the table, and what is refused before anything is drawn."""

import json

import pytest
from typer.testing import CliRunner

from ganbench.flows.cli import app

MODEL = "zoo:dcgan-fashion-mnist"


def interpolate(*arguments, code=0):
    done = CliRunner().invoke(app, ["interpolate", *map(str, arguments)])
    assert done.exit_code == code, done.output
    return done


def test_a_film_and_its_evenness(tmp_path):
    text = interpolate(MODEL, "--seeds", "3,8", "--frames", 6, "--out", tmp_path / "a.webp", "--json",
                       tmp_path / "a.json").stdout
    assert "slerp" in text
    assert "6 frames, 0.2 s, slerp in z, re-timed:" in text
    assert str(tmp_path / "a.webp") in text
    assert (tmp_path / "a.webp").read_bytes()[8:12] == b"WEBP"
    found = json.loads((tmp_path / "a.json").read_text())
    assert [row["path"] for row in found["paths"]] == ["slerp", "lerp"]
    assert all(row["equal_steps"] >= 1 <= row["retimed"] for row in found["paths"])


def test_a_film_that_hardly_moves_has_no_ratio(tmp_path):
    text = interpolate(MODEL, "--seeds", "3,3,3,3,8", "--frames", 8, "--own-pace", "--out", tmp_path / "a.png",
                       "--json", tmp_path / "a.json").stdout
    assert "at equal steps" in text
    assert "inf" not in text
    assert json.loads((tmp_path / "a.json").read_text())["paths"][0]["equal_steps"] is None


@pytest.mark.parametrize(("arguments", "words"), [
    (("--frames", 1), "--frames"), (("--frames", 2, "--seeds", "1,2,3"), "from 3"), (("--seeds", "3"), "2 key images"),
    (("--path", "bezier"), "spline"),
    (("--fps", 0), "--fps"), (("--classes", "boot"), "class numbers"), (("--classes", "1"), "no classes"),
    (("--space", "w"), "only z"), (("--out", "a.avi"), ".webp"),
])
def test_bad_input_is_one_sentence(arguments, words, tmp_path):
    given = dict(zip(arguments[::2], arguments[1::2], strict=True))
    out = given.pop("--out", tmp_path / "a.gif")
    done = interpolate(MODEL, "--out", out, *(word for pair in given.items() for word in pair), code=2)
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not list(tmp_path.glob("a.*"))
