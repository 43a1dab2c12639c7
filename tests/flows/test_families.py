"""Every family on somebody's own images: trained for real, killed, resumed, and all of them compared."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from ganbench.gan.recipes.own import DESIGNS

KINDS = list(DESIGNS)
COMMAND = [sys.executable, "-c", "from ganbench.flows.cli import main; main()"]
SECONDS = 40                                                # of training, each


def photos(folder):
    """300 JPEGs of mixed size: a sky, a ground, one to four soft coloured things."""
    folder.mkdir()
    random = np.random.default_rng(7)
    for i in range(300):
        width, height = (int(side) for side in random.integers(33, 160, 2))
        top, bottom = random.integers(60, 256, 3), random.integers(0, 160, 3)
        down = np.linspace(0, 1, height)[:, None, None]
        pixels = top * (1 - down) + bottom * down + random.normal(0, 6, (height, width, 3))
        picture = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
        draw = ImageDraw.Draw(picture)
        for _ in range(random.integers(1, 5)):
            x, y, r = random.integers(0, width), random.integers(0, height), random.integers(6, 30)
            colour = tuple(int(value) for value in random.integers(0, 256, 3))
            draw.ellipse((x - r, y - r, x + r, y + r), fill=colour)
        picture.filter(ImageFilter.GaussianBlur(1)).save(folder / f"{i:03}.jpg", quality=85)
    return folder


def shapes(path):
    """1,000 grey images of 28 by 28: four kinds of strokes, 500, 300, 150 and 50 of them."""
    random = np.random.default_rng(8)
    labels = np.repeat(np.arange(4), [500, 300, 150, 50])
    images = np.zeros((len(labels), 28, 28, 1), np.uint8)
    for image, label in zip(images, labels, strict=True):
        picture = Image.new("L", (28, 28))
        x, y = (int(value) for value in random.integers(4, 12, 2))
        box = (x, y, x + int(random.integers(8, 14)), y + int(random.integers(8, 14)))
        draw, ink = ImageDraw.Draw(picture), int(random.integers(150, 256))
        (draw.ellipse, draw.rectangle, draw.line, draw.chord)[label](
            box, *((0, 180) if label == 3 else ()), fill=ink, **({"width": 3} if label == 2 else {}))
        image[..., 0] = np.asarray(picture)
    order = random.permutation(len(labels))
    np.savez(path, images=images[order], labels=labels[order])
    return path


def killed(command, folder, home, log):
    """Ended without a word as soon as there is a state to go on from."""
    with subprocess.Popen(command, stdout=log, stderr=log, env=home, start_new_session=True) as process:
        end = time.monotonic() + 600
        while not list(folder.rglob("state.pt")) and process.poll() is None and time.monotonic() < end:
            time.sleep(0.2)
        assert process.poll() is None, f"{folder.name} ended before there was a state"
        os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.slow
@pytest.mark.timeout(4 * 3600)
@pytest.mark.parametrize(("data", "more"), [("photos", ["--resolution", "32"]), ("shapes", [])])
def test_every_family_trains_goes_on_after_a_kill_and_is_compared(tmp_path, data, more):
    home = {**os.environ, "GANBENCH_HOME": str(tmp_path / "home")}
    source = photos(tmp_path / "photos") if data == "photos" else shapes(tmp_path / "shapes.npz")
    with (tmp_path / "log.txt").open("w") as log:
        for kind in KINDS:
            folder = tmp_path / f"{data}-{kind}"
            command = [*COMMAND, "train", kind, "--data", str(source), *more, "--budget", f"{SECONDS}s",
                       "--out", str(folder)]
            killed(command, folder, home, log)
            done = subprocess.run(command, capture_output=True, text=True, env=home)
            assert done.returncode == 0, f"{kind}: {done.stderr}"
            print(f"{kind}: {done.stdout}", flush=True)
            assert (folder / "best.toml").exists()
    models = [str(tmp_path / f"{data}-{kind}" / "best.toml") for kind in KINDS]
    held_out = tmp_path / f"{data}-{KINDS[0]}" / "images" / "held-out.npz"
    done = subprocess.run([*COMMAND, "compare", *models, "--reference", str(held_out), "--n", "60", "--json", "-",
                           "--report", str(tmp_path / "report")], capture_output=True, text=True, env=home)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert len(found["models"]) == len(KINDS)
    assert (tmp_path / "report" / "report.html").exists()
