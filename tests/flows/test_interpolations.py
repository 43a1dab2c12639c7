"""`ganbench interpolate`: the film, the table, and what is refused before anything is drawn."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ganbench.flows.cli import app
from ganbench.flows.interpolate import interpolate as interpolating
from ganbench.gan.features.extract import extractor_of
from ganbench.gan.films import smoothness_of
from ganbench.gan.metrics.path_length import ppl
from ganbench.gan.models.loading import resolve
from ganbench.gan.sampling import generator_of
from ganbench.gan.stepping import steps

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
    smooth = found["smoothness"]
    assert (smooth["metric"], smooth["paths"]) == ("ppl_efficientnet_lite0", 12)
    assert "All of z: ppl_efficientnet_lite0 is" in text
    assert 0 < smooth["se"] < smooth["value"]


def test_the_smoothness_of_a_space_is_that_of_an_evaluation(workspace):
    spec = resolve(MODEL, workspace)
    judge = extractor_of("judge", workspace)
    found = smoothness_of(spec, "z", 12, judge, workspace, lambda *_: None)
    taken = steps(generator_of(spec, workspace), spec, 0, "", 0, 12, judge)["steps"]
    assert (found.metric, found.found) == ("ppl_judge", ppl(taken))


def test_spaces_without_a_protocol_have_no_smoothness(workspace):
    spec = resolve("zoo:stylegan2-fashion-mnist", workspace)
    judge, found = extractor_of("judge", workspace), {}
    for space in ("z", "w", "w+"):
        smooth = smoothness_of(spec, space, 4, judge, workspace, lambda *_: None)
        found[space] = smooth and smooth.metric
    assert found == {"z": "ppl_judge", "w": "ppl_w_judge", "w+": None}


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


def test_a_run_from_the_form_is_a_film_at_home_and_one_run_of_mlflow_however_often(
    prefect_server, home, model, mlflow_runs, shown, repeated
):
    film, tracked = interpolating(model, seeds="3,8", more={"path": {"loop": True, "path": "lerp"}}, frames=3)
    assert [Path(film.out)] == list((home / "films").iterdir())
    client, (run,) = mlflow_runs()
    assert (run.info.run_id, run.data.tags["ganbench.complete"], tracked.new) == (tracked.run_id, "true", True)
    assert run.data.metrics["ppl"] == film.smoothness.found.value
    assert run.data.metrics["largest_over_median.lerp.retimed"] == film.evenness["lerp"][1]
    assert run.data.params["seeds"] == "3,8"
    assert run.data.params["loop"] == "True"
    strip, = (home / "pictures").iterdir()
    assert {file.path for file in client.list_artifacts(run.info.run_id)} == {
        Path(film.out).name, strip.name, "report.html"}
    text, heading = shown("film")
    assert heading == f"Film of {film.model} in z"
    assert "](data:image/png;base64," in text
    assert f"| lerp | {film.evenness['lerp'][0]:.2f} | {film.evenness['lerp'][1]:.2f} |" in text
    assert film.out in text

    before = Path(film.out).read_bytes()
    Path(film.out).unlink()
    repeated(run)
    assert Path(film.out).read_bytes() == before
    again, logged = interpolating(model, seeds="3,8", loop=True, path="lerp", frames=3)
    assert (again.out, logged.run_id, logged.new) == (film.out, tracked.run_id, False)
    assert len(mlflow_runs()[1]) == 1
