"""`ganbench restore`: sheets, tables, files of other sizes and kinds, a kill in the middle, and what is refused."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from ganbench.flows.cli import app
from ganbench.gan.applications.restore import methods as table
from ganbench.gan.datasets import DataFolders, open_data
from ganbench.gan.images import read_image, write_folder
from ganbench.gan.latent.inversion import Budget
from ganbench.gan.types import Workspace

FLOW, GAN = "zoo:flow-fashion-mnist", "zoo:dcgan-fashion-mnist"


def restore(*arguments, code=0):
    done = CliRunner().invoke(app, ["restore", *map(str, arguments)])
    assert done.exit_code == code, done.output + done.stderr
    return done


@pytest.fixture
def short(monkeypatch):
    monkeypatch.setattr(table, "NFE", dict.fromkeys(table.NFE, 4))
    monkeypatch.setattr(table, "GAN", Budget(2, 4, 2, 1))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Three held-out garments."""
    path = tmp_path_factory.mktemp("images") / "garments"
    write_folder(open_data("fashion-mnist:test", DataFolders.of(Workspace())).read([1, 2, 3]), path)
    return path


def test_a_sheet_with_numbers_and_a_table(folder, tmp_path, short):
    text = restore(FLOW, "--image", folder, "--damage", "inpaint:box=12", "--n", 3, "--out", tmp_path / "a.png",
                   "--json", tmp_path / "b.json").stdout
    for word in ("ddrm", "dps", "diffpir", "biharmonic", "tv", "nearest", "144 of 1,024 pixels (14 %)", "in the hole",
                 "same class", "efficientnet_lite0", "train10k"):
        assert word in text, word
    assert read_image(tmp_path / "a.png").shape[0] == 3
    found = json.loads((tmp_path / "a.json").read_text())
    assert found == json.loads((tmp_path / "b.json").read_text())
    assert found["restoration"]["missing"] == 144
    assert [row["solutions"] for row in found["methods"]] == [3, 3, 3, 1, 1, 1]
    first = found["images"][0]["methods"]
    assert first["biharmonic"]["solutions"][0]["known_psnr"] is None        # to the last bit
    assert first["nearest"]["solutions"][0]["ignores_what_is_known"]
    assert first["ddrm"]["spread"] > 0
    assert "seconds" not in json.dumps(found)


def test_a_gan_and_a_folder_of_files(folder, tmp_path, short):
    text = restore(GAN, "--image", folder / "000000.png", "--damage", "superres:4", "--n", 2, "--training", "none",
                   "--out", tmp_path / "out").stdout
    assert "search looks in z; what is known is put back afterwards." in text
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "sheet.png", "restorations.json", "000000-damaged.png", "000000-search-1.png", "000000-search-2.png",
        "000000-search-spread.png", "000000-bicubic.png", "000000-tv.png"}
    assert read_image(tmp_path / "out" / "000000-damaged.png").shape == (1, 8, 8)
    assert read_image(tmp_path / "out" / "000000-tv.png").shape == (1, 32, 32)


def test_an_image_that_is_damaged_already_is_restored_without_scores(folder, tmp_path, short):
    small = read_image(folder / "000000.png")[0].reshape(8, 4, 8, 4).mean((1, 3)).round().astype(np.uint8)
    Image.fromarray(small).save(tmp_path / "small.png")
    text = restore(FLOW, "--image", tmp_path / "small.png", "--damage", "superres:4", "--damaged", "--method",
                   "ddrm,bicubic", "--out", tmp_path / "a.png").stdout
    assert "PSNR" not in text
    assert "nothing is scored" in text
    found = json.loads((tmp_path / "a.json").read_text())
    assert not found["restoration"]["simulated"]
    assert found["images"][0]["methods"]["ddrm"]["solutions"][0]["psnr"] is None


def test_a_mask_says_what_is_missing(folder, tmp_path, short):
    pixels = np.zeros((32, 32), np.uint8)
    pixels[8:16, 8:16] = 255
    Image.fromarray(pixels).save(tmp_path / "mask.png")
    text = restore(FLOW, "--image", folder / "000001.png", "--damage", "inpaint", "--mask", tmp_path / "mask.png",
                   "--method", "biharmonic", "--out", tmp_path / "out").stdout
    assert "White pixels of the mask are missing: 64 of 1,024 pixels (6 %)." in text
    whole, found = (read_image(path)[0] for path in (folder / "000001.png", tmp_path / "out" / "000001-biharmonic.png"))
    assert np.array_equal(whole[pixels == 0], found[pixels == 0])


def test_grey_colour_alpha_odd_sizes_and_folders_of_mixed_ones_are_fitted(folder, tmp_path, short):
    mixed = tmp_path / "mixed"
    mixed.mkdir()
    random = np.random.default_rng(0)
    for name, shape in (("grey.png", (31, 40)), ("colour.png", (64, 48, 3)), ("alpha.png", (32, 32, 4))):
        Image.fromarray(random.integers(0, 256, shape, np.uint8)).save(mixed / name)
    restore(FLOW, "--image", mixed, "--damage", "denoise:0.2", "--method", "denoiser,tv", "--fit", "crop", "--out",
            tmp_path / "out")
    for name in ("grey", "colour", "alpha"):
        assert read_image(tmp_path / "out" / f"{name}-denoiser.png").shape == (1, 32, 32)


def test_colour_models_restore_in_colour(tmp_path, short):
    write_folder(open_data("emoji:test", DataFolders.of(Workspace())).read([3]), tmp_path / "emoji")
    restore("zoo:r3gan-emoji", "--image", tmp_path / "emoji", "--damage", "inpaint:random=0.5", "--out",
            tmp_path / "out")
    assert read_image(tmp_path / "out" / "000000-search.png").shape[0] == 3
    assert "distance" in (tmp_path / "out" / "restorations.json").read_text()


@pytest.mark.parametrize(("arguments", "words"), [
    (("--damage", "hole"), "deblur"), (("--damage", "inpaint:box=40"), "32x32"), (("--n", 0), "--n"),
    (("--method", "magic"), "ddrm"), (("--method", "search"), "those that do are"), (("--classes", "70"), "0 to 9"),
    (("--space", "w"), "--space"),
    (("--out", "a.jpg"), ".png"), (("--image", "nowhere.png"), "nowhere.png"), (("--damage", "superres:4",
                                                                                 "--damaged", ""), "8x8"),
])
def test_bad_input_is_one_sentence(arguments, words, folder, tmp_path):
    given = {"--image": folder / "000000.png", "--damage": "inpaint", "--out": tmp_path / "a.png"}
    given |= dict(zip(arguments[::2], arguments[1::2], strict=True))
    done = restore(FLOW, *(str(word) for pair in given.items() for word in pair if word != ""), code=2)
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not list(tmp_path.glob("a.*"))


def test_a_folder_within_a_file_is_refused_before_anything_is_restored(folder, tmp_path):
    (tmp_path / "taken").write_text("a file")
    for out in ("taken/out", "taken/in/a.png"):
        done = restore(FLOW, "--image", folder, "--damage", "inpaint", "--out", tmp_path / out, code=2)
        assert "is a file, expected a folder" in done.stderr


def test_models_without_latents_or_denoiser_and_16_bit_images_are_refused(folder, tmp_path):
    done = restore("zoo:gpt-fashion-mnist", "--image", folder, "--damage", "inpaint", "--out", tmp_path / "a.png",
                   code=2)
    assert "neither a diffusion" in done.stderr
    Image.fromarray(np.full((32, 32), 40_000, np.uint16)).save(tmp_path / "deep.png")
    done = restore(FLOW, "--image", tmp_path / "deep.png", "--damage", "inpaint", "--out", tmp_path / "a.png", code=2)
    assert "16" in done.stderr
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "no picture" in restore(FLOW, "--image", empty, "--damage", "inpaint", "--out", tmp_path / "a.png",
                                   code=2).stderr


@pytest.mark.long
def test_a_run_that_was_killed_goes_on_and_writes_the_same_bytes(folder, tmp_path):
    def command(home, out):
        words = ["restore", FLOW, "--image", str(folder), "--damage", "inpaint", "--method", "ddrm,tv", "--n", "4",
                 "--out", str(out)]
        code = f"import sys; from ganbench.flows.cli import main; sys.argv = ['ganbench', *{words!r}]; main()"
        environment = {**os.environ, "GANBENCH_HOME": str(home), "OMP_NUM_THREADS": "1"}
        return subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.DEVNULL)

    def stored(home):
        return len(list((home / "store" / "restorations").glob("*/*/manifest.json")))

    assert command(tmp_path / "one", tmp_path / "whole").wait(280) == 0
    running = command(tmp_path / "two", tmp_path / "killed")
    while stored(tmp_path / "two") < 4 and running.poll() is None:          # of 6: image by image, method by method
        time.sleep(0.05)
    os.kill(running.pid, signal.SIGKILL)
    assert running.wait(20) == -signal.SIGKILL
    assert not (tmp_path / "killed" / "restorations.json").exists()
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "two" / "store" / "restorations").rglob("*.arrow")}
    assert command(tmp_path / "two", tmp_path / "killed").wait(280) == 0
    assert len(kept) >= 4
    assert sum(path.exists() and path.stat().st_mtime_ns == when for path, when in kept.items()) >= len(kept) - 1
    names = {path.name for path in (tmp_path / "whole").iterdir()}
    assert names == {path.name for path in (tmp_path / "killed").iterdir()}
    for name in names:
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "killed" / name).read_bytes(), name


def test_a_run_from_the_form_has_its_sheet_and_numbers_in_mlflow_once(
    prefect_server, home, folder, mlflow_runs, shown, repeated, short
):
    from ganbench.flows.restore import restore as restoring

    image = str(folder / "000000.png")
    made, tracked = restoring(image, FLOW, damage="inpaint:box=12", method="ddrm,biharmonic", n=2)
    client, (run,) = mlflow_runs()
    files = {file.path for file in client.list_artifacts(run.info.run_id)}
    assert sorted(Path(name).suffix for name in files) == [".html", ".json", ".png"]
    like = made.found["biharmonic"][0].likenesses[0]
    assert run.data.metrics["psnr_hole.biharmonic"] == like.psnr_hole
    assert run.data.metrics["ignores.ddrm"] == 0
    text, heading = shown("restoration")
    assert heading == "inpaint:box=12 by flow-fashion-mnist"
    assert "144 of 1,024 pixels" in text
    (sheet,) = (home / "restorations").glob("*.png")
    before = sheet.read_bytes()
    sheet.unlink()
    repeated(run)
    assert sheet.read_bytes() == before
    _, logged = restoring(image, FLOW, damage="inpaint:box=12", method="ddrm,biharmonic", n=2)
    assert (logged.run_id, logged.new) == (tracked.run_id, False)
