"""`ganbench stylize`: what is printed and written, what is refused before any work; the same from Prefect's form."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from ganbench import load
from ganbench.flows.cli import app
from ganbench.flows.results import inquiry
from ganbench.flows.stylize import stylize as styling_flow
from ganbench.gan.applications.stylize import stylizing
from ganbench.gan.applications.stylize.stylizing import strengths_in
from ganbench.gan.drawing import draw
from ganbench.gan.images import png_bytes, read_image
from ganbench.gan.models.loading import resolve
from ganbench.gan.question import Opening, Styling
from tests.refusals import refused

QUICK = ("--steps", 2, "--network", "filters")


def run(*arguments, code=0):
    done = CliRunner().invoke(app, ["stylize", *map(str, arguments)])
    assert done.exit_code == code, done.output
    return done


@pytest.fixture
def photo(tmp_path):
    """Of another size, and in colour."""
    path = tmp_path / "photo.jpg"
    Image.effect_mandelbrot((50, 40), (-2, -1, 1, 1), 30).convert("RGB").save(path)
    return path


def test_a_strip_its_numbers_and_what_they_amount_to(model, tmp_path):
    out = tmp_path / "a.png"
    done = run(model, "--content", "0:0", "--style", "0:3", "--out", out, *QUICK, "--json", tmp_path / "told.json")
    assert str(out) in done.stdout
    assert "of the distance is left at 1" in " ".join(done.stdout.split())
    facts, told = (json.loads((tmp_path / name).read_text()) for name in ("a.json", "told.json"))
    assert facts["strengths"] == told["strengths"]
    assert [row["strength"] for row in facts["strengths"]] == [0, 0.25, 0.5, 0.75, 1]
    assert facts["strengths"][0]["unchanged"]
    assert facts["strengths"][0]["decibels"] is None or facts["strengths"][0]["decibels"] > 50
    assert (facts["stylization"]["optimised_by"], facts["stylization"]["judged_by"]) == (
        "filters", "judge")
    left = facts["strengths"][-1]["style"] / facts["strengths"][0]["style"]
    assert facts["verdict"]["style_left"] == pytest.approx(left)
    assert read_image(out).shape[2] > 7 * 96                # content, five strengths, style


def test_a_folder_has_every_image_and_the_content_as_it_was_given(model, photo, tmp_path):
    spec = resolve(model)
    own = draw(load(spec), spec, 0, 3, 4)["images"][0]
    (tmp_path / "own.png").write_bytes(png_bytes(own))
    run(model, "--content", tmp_path / "own.png", "--style", photo, "--strength", "1,0.5", "--out", tmp_path / "out",
        *QUICK, "--fit", "crop")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "content.png", "style.png", "strength-0.000.png", "strength-0.500.png", "strength-1.000.png", "strip.png",
        "numbers.json"}
    np.testing.assert_array_equal(read_image(tmp_path / "out" / "content.png"), own)
    assert read_image(tmp_path / "out" / "style.png").shape == (1, 32, 32)
    run(model, "--content", "0:0", "--style", "0:1", "--out", tmp_path / "out", code=2)


def test_the_same_command_draws_the_same_images(model, photo, tmp_path):
    for name in ("a", "b"):
        run(model, "--content", "0:0", "--style", photo, "--out", tmp_path / f"{name}.png", *QUICK)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


@pytest.mark.parametrize("arguments", [("--style", "0:2"), ("--style", "0:4", "--strength", "0")])
def test_what_changes_nothing_says_unchanged(arguments, model, tmp_path):
    done = run(model, "--content", "0:2", *arguments, "--out", tmp_path / "a.png", *QUICK)
    assert "Unchanged:" in done.stdout
    assert json.loads((tmp_path / "a.json").read_text())["verdict"]["unchanged"]


def test_a_run_that_is_stopped_leaves_nothing_behind(model, tmp_path, monkeypatch):
    def stop(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(stylizing, "write_numbers", stop)   # the last thing that is done
    for out in ("out", "deep/out"):
        run(model, "--content", "0:0", "--style", "0:1", "--out", tmp_path / out, *QUICK, code=130)
        assert not (tmp_path / out).exists()
        assert not list(tmp_path.rglob("*partial*"))


@pytest.mark.parametrize(("arguments", "words"), [
    (("--content", "nowhere.png"), "nowhere.png"), (("--content", "boot"), "SEED:IMAGE"), (("--content", "3"), "0:3"),
    (("--strength", "2"), "from 0 to 1"), (("--strength", "half"), "half"), (("--strength", "nan"), "nan"),
    (("--strength", ""), "comma-separated"), (("--method", "paint"), "sdedit"), (("--method", "mixing"), "StyleGAN2"),
    (("--method", "sdedit"), "what fits: tuning, statistics"), (("--statistics", "mean"), "adain or gram"),
    (("--learn", "all"), "latent"), (("--steer", "left"), "class"),
    (("--region", "hand"), "object or whole"), (("--network", "lpips"), "filters"),
    (("--network", "critic"), "folder of a training"), (("--steps", 0), "steps"), (("--keep", -1), "content"),
    (("--classes", "1"), "no classes"), (("--fit", "stretch"), "crop"), (("--out", "a.gif"), ".png"),
    (("--vgg", "none.pth"), "none.pth"), (("--judge", "none.toml"), "none.toml"),
])
def test_bad_input_is_one_sentence_before_any_work(arguments, words, model, photo, tmp_path):
    asked = dict(zip(arguments[::2], arguments[1::2], strict=True))
    given = {"--content": "0:0", "--style": photo, "--out": tmp_path / "a.png", "--steps": 1} | asked
    done = run(model, *(word for pair in given.items() for word in pair), code=2)
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not list(tmp_path.glob("a.*"))


def test_strengths_are_sorted_and_begin_with_0():
    assert strengths_in("1, 0.5,.25") == [0, 0.25, 0.5, 1]
    assert strengths_in("0") == [0]
    with refused("unfit-value", 60, 50):
        strengths_in(",".join(str(k / 59) for k in range(60)))


def test_a_run_from_the_form_has_its_strip_in_mlflow_once(
    prefect_server, home, model, photo, mlflow_runs, shown, repeated, workspace
):
    asked = {"content": "0:0", "style": str(photo), "steps": 1, "network": "filters"}
    made, tracked = styling_flow(model, **asked)
    strip, numbers = map(Path, made.files)
    assert strip.parent == home / "styles"
    client, (run,) = mlflow_runs()
    assert {file.path for file in client.list_artifacts(run.info.run_id)} == {
        strip.name, numbers.name, "report.html"}
    assert run.data.metrics["style_left"] == made.found.left
    assert run.data.metrics["style.1"] == made.found.steps[-1].style
    text, heading = shown("style")
    assert heading == "0:0 in the style of photo.jpg by tiny"
    assert "of the distance is left at 1" in text
    assert str(strip) in text

    before = strip.read_bytes()
    strip.unlink()
    assert "0:0 in the style of" in repeated(run)
    assert strip.read_bytes() == before
    _, logged = styling_flow(model, **asked)
    assert (logged.run_id, logged.new) == (tracked.run_id, False)
    place = inquiry("style", model, Styling(**asked), Opening(), workspace, [str(photo)]).place("")
    assert place == strip
