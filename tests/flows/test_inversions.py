"""`ganbench invert` and films between photos: what is printed and written, and what is refused before any search."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from ganbench import Workspace, load
from ganbench.flows.cli import app
from ganbench.flows.invert import invert as inverting
from ganbench.flows.results import inquiry
from ganbench.gan.drawing import draw
from ganbench.gan.images import png_bytes, read_image
from ganbench.gan.inverting import stems
from ganbench.gan.latent_files import read_latents
from ganbench.gan.models.identity import identity
from ganbench.gan.models.loading import resolve
from ganbench.gan.question import Opening, Wish

QUICK = ("--starts", 2, "--steps", 12, "--own", 0)


def run(command, *arguments, code=0):
    done = CliRunner().invoke(app, [command, *map(str, arguments)])
    assert done.exit_code == code, done.output
    return done


@pytest.fixture
def model(tiny, tmp_path):
    path = tmp_path / "tiny.toml"
    path.write_text(f'name = "tiny"\nfamily = "dcgan"\nweights = "{tiny}"\n')
    return str(path)


@pytest.fixture
def pictures(model, tmp_path):
    """An image of the model, and a photo of another size in colour."""
    spec = resolve(model)
    (tmp_path / "own.png").write_bytes(png_bytes(draw(load(spec), spec, 3, 0, 1)["images"][0]))
    Image.effect_mandelbrot((50, 40), (-2, -1, 1, 1), 30).convert("RGB").save(tmp_path / "photo.jpg")
    return [str(tmp_path / "own.png"), str(tmp_path / "photo.jpg")]


def test_a_sheet_latents_and_the_verdict(model, pictures, tmp_path, noise):
    out = tmp_path / "found.png"
    done = run("invert", model, *pictures, "--out", out, "--starts", 2, "--steps", 12, "--own", 19,
               "--reference", noise("n.npz", 60), "--json", tmp_path / "a.json")
    assert "own.png" in done.stdout
    assert "Power: of 50 real images" in done.stdout
    assert str(out) in done.stdout
    facts = json.loads((tmp_path / "a.json").read_text())
    test = facts["inversion"]["range_test"]
    assert (test["own"], test["real"]) == (len(test["own_strangeness"]), len(test["real_strangeness"])) == (19, 50)
    for row in facts["images"]:
        worse = sum(one >= row["strangeness"] for one in test["own_strangeness"])
        assert row["p"] == (1 + worse) / 20
    assert facts["images"][0]["psnr"] > facts["images"][1]["psnr"]
    spec = resolve(model)
    latents = read_latents(out.with_suffix(".json"), identity(spec))
    assert [row["image"] for row in latents.rows] == pictures
    assert latents.values.shape == (2, 8)
    assert latents.search["steps"] == 12


def test_a_folder_has_a_picture_and_a_file_for_each_image(model, pictures, tmp_path):
    again = tmp_path / "b" / "own.png"
    again.parent.mkdir()
    again.write_bytes(Path(pictures[0]).read_bytes())
    run("invert", model, *pictures, again, "--out", tmp_path / "out", *QUICK)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        f"{name}.{kind}" for name in ("own", "photo", "own-2") for kind in ("png", "json")}
    one, other = (read_latents(tmp_path / "out" / f"{name}.json") for name in ("own", "own-2"))
    np.testing.assert_array_equal(one.values, other.values)
    assert read_image(tmp_path / "out" / "own.png").shape[2] > 2 * 32


def test_the_same_command_finds_the_same_latents(model, pictures, tmp_path):
    for name in ("a", "b"):
        run("invert", model, *pictures, "--out", tmp_path / f"{name}.png", *QUICK)
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_without_real_images_the_power_is_unknown(model, pictures, tmp_path):
    done = run("invert", model, pictures[0], "--out", tmp_path / "a.png", "--starts", 2, "--steps", 6, "--own", 19)
    assert "Power unknown" in done.stdout


def test_a_tuned_copy_is_a_model_of_its_own(model, pictures, tmp_path):
    before = resolve(model)
    done = run("invert", model, *pictures, "--out", tmp_path / "out", *QUICK, "--tuning", 30,
               "--json", tmp_path / "a.json")
    assert "root mean square" in done.stdout
    rows = json.loads((tmp_path / "a.json").read_text())["images"]
    assert all(row["tuned_psnr"] > row["psnr"] for row in rows)
    assert identity(resolve(model)) == identity(before)
    spec = resolve(str(tmp_path / "out" / "tuned.toml"))
    assert identity(spec) != identity(before)
    assert draw(load(spec, Workspace(str(tmp_path))), spec, 0, 0, 2)["images"].shape == (2, 1, 32, 32)


def test_a_film_between_photos_begins_with_their_inversions(model, pictures, tmp_path):
    done = run("interpolate", model, "--photos", ",".join(pictures), "--frames", 4, "--own-pace", "--out",
               tmp_path / "film", "--json", tmp_path / "a.json")
    assert "Photos were inverted, PSNR own.png" in done.stdout
    rows = json.loads((tmp_path / "a.json").read_text())["interpolation"]["photos"]
    first, photo = read_image(tmp_path / "film" / "000000.png"), read_image(Path(pictures[0]))
    apart = ((first.astype(float) - photo) ** 2).mean()
    assert 10 * np.log10(255**2 / apart) == pytest.approx(rows[0]["psnr"], abs=0.2)
    assert [row["image"] for row in rows] == pictures


@pytest.mark.parametrize(("arguments", "words"), [
    (("--space", "w"), "only z"), (("--classes", "1"), "no classes"), (("--classes", "boot"), "class numbers"),
    (("--fit", "stretch"), "crop"), (("--starts", 0), "starts"), (("--steps", 0), "steps"), (("--own", 5), "19"),
    (("--out", "a.gif"), ".png"), (("--reference", "nowhere:test"), "nowhere"),
])
def test_bad_input_is_one_sentence(arguments, words, model, pictures, tmp_path):
    asked = dict(zip(arguments[::2], arguments[1::2], strict=True))
    given = {"--out": tmp_path / "a.png", "--steps": 6, "--own": 0} | asked
    if "--reference" in given:
        given["--own"] = 19
    done = run("invert", model, pictures[0], *(word for pair in given.items() for word in pair), code=2)
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not list(tmp_path.glob("a.*"))


def test_files_of_one_name_get_numbers_that_no_other_file_has():
    assert stems(["a/x.png", "b/x.jpg", "c/x.png", "x-2.png", "y.png"]) == ["x", "x-2", "x-3", "x-2-2", "y"]


@pytest.mark.parametrize(("command", "name", "content", "words"), [
    ("invert", "a.txt", b"no image", "a.txt"), ("invert", "empty.png", b"", "empty.png"),
    ("interpolate", "a.txt", b"no image", "a.txt"),
])
def test_what_is_no_image_is_refused(command, name, content, words, model, pictures, tmp_path):
    path = tmp_path / name
    path.write_bytes(content)
    images = ("--photos", f"{path},{path}") if command == "interpolate" else (path,)
    done = run(command, model, *images, "--out", tmp_path / "o.png", code=2)
    assert words in done.stderr


def test_one_photo_makes_no_film_and_no_tuning_writes_a_flow(model, pictures, tmp_path):
    done = run("interpolate", model, "--photos", pictures[0], "--out", tmp_path / "a.gif", code=2)
    assert "2 key images" in done.stderr
    done = run("invert", "zoo:flow-fashion-mnist", pictures[0], "--out", tmp_path / "a.png", "--tuning", 5, code=2)
    assert "cannot be tuned" in done.stderr


def test_a_run_from_the_form_has_its_latents_in_mlflow_once(
    prefect_server, home, model, pictures, noise, mlflow_runs, shown, repeated, workspace
):
    asked = {"starts": 2, "steps": 5, "own": 19, "reference": str(noise("n.npz", 60)), "tuning": 2}
    read, tracked = inverting(pictures, model, **asked)
    sheet, latents, tuned = map(Path, read.files)
    assert sheet.parent == home / "inversions"
    client, (run,) = mlflow_runs()
    assert {file.path for file in client.list_artifacts(run.info.run_id)} == {
        sheet.name, latents.name, tuned.name, tuned.with_suffix(".safetensors").name, "report.html"}
    for name, psnr, p in zip(("own", "photo"), read.found.decibels(read.targets), read.p, strict=True):
        assert (run.data.metrics[f"psnr.{name}"], run.data.metrics[f"p.{name}"]) == (psnr, p)
    assert [run.data.metrics[name] for name in ("power", "power.low", "power.high")] == [*read.test.power]
    text, heading = shown("inversion")
    assert heading == "2 images in z of tiny"
    assert f"{read.found.decibels(read.targets)[0]:.1f} dB" in text
    assert str(latents) in text

    before = latents.read_bytes()
    latents.unlink()
    assert "own.png" in repeated(run)
    assert latents.read_bytes() == before
    again, logged = inverting(pictures, model, **asked)
    assert (again.files, logged.run_id, logged.new) == (read.files, tracked.run_id, False)
    place = inquiry("inversion", model, Wish(**asked), Opening(), workspace, pictures).place("")
    Image.new("L", (32, 32), 90).save(pictures[0])          # another photo of the same name
    assert place == sheet != inquiry("inversion", model, Wish(**asked), Opening(), workspace, pictures).place("")
