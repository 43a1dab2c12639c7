"""What is published, used by others: in environments of their own, and in Chromium."""

import json
import os
import shutil
import site
import socket
import subprocess
import time
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from urllib.request import urlopen

import numpy as np
import pytest

from ganbench.gan.croissant import write_croissant
from ganbench.gan.hub.bundle import NUMBERS
from ganbench.gan.hub.options import Publication
from ganbench.gan.hub.publishing import publication
from ganbench.gan.images import write_folder, write_npz, write_parquet
from ganbench.gan.question import Opening, Question
from ganbench.gan.types import Workspace
from tests.conftest import ROOT

pytestmark = [pytest.mark.services, pytest.mark.timeout(600)]
UV = shutil.which("uv") or str(ROOT / ".uv" / "bin" / "uv")
AWAY = ("Failed to fetch", "error sending request", "dns error", "Network connectivity is disabled")     # says uv
SECONDS = 240           # for packages to come
DRAWN = 'img[src*="/file="]'            # pictures of Gradio's gallery, not its icons


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """Make an environment of these packages, behind which those of the project lie: environment("gradio") -> python."""

    def make(*packages):
        folder = tmp_path_factory.mktemp("environment") / "env"
        try:
            subprocess.run([UV, "venv", "-q", "--python", "3.11", folder], check=True, timeout=60, capture_output=True)
            python = folder / "bin" / "python"
            subprocess.run([UV, "pip", "install", "-q", "--python", python, *packages], check=True, timeout=SECONDS,
                           capture_output=True)
        except (FileNotFoundError, subprocess.TimeoutExpired) as error:
            pytest.skip(f"no uv or no packages here: {error}")
        except subprocess.CalledProcessError as error:
            said = error.stderr.decode()
            if not any(word in said for word in AWAY):      # packages that do not fit together are no reason to skip
                raise AssertionError(said) from error
            pytest.skip(f"no packages here: {said}")
        (place,) = folder.glob("lib/python3.*/site-packages")
        (place / "behind.pth").write_text(f"{ROOT}\n{site.getsitepackages()[0]}\n")
        return python

    return make


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """Write a Space of a model of the zoo: published("dcgan", space="static") -> its place."""
    home = tmp_path_factory.mktemp("home")

    def write(name, **wish):
        out = tmp_path_factory.mktemp("out") / "gan"
        publication(lambda *_: None, f"zoo:{name}-fashion-mnist", out, Publication(licence="mit", **wish), Question(),
                    Opening(), 0, Workspace(str(home)), 1)
        return out

    return write


@contextmanager
def serving(words, folder, port, **environment):
    done = subprocess.Popen(words, cwd=folder, env={**os.environ, **environment}, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT)
    try:
        until = time.monotonic() + 120
        while time.monotonic() < until and done.poll() is None:
            try:
                urlopen(f"http://127.0.0.1:{port}/", timeout=5).close()
                break
            except OSError:
                time.sleep(0.5)
        assert done.poll() is None, done.stdout.read().decode()
        yield f"http://127.0.0.1:{port}/"
    finally:
        done.terminate()
        done.communicate(timeout=30)


def free_port():
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return made.getsockname()[1]


def test_a_space_of_gradio_answers_in_chromium_in_an_environment_of_its_own(environment, published, page_at):
    python, folder, port = environment("gradio", "pillow<13"), published("stylegan2", space="gradio"), free_port()
    version = subprocess.run([python, "-c", "import PIL; print(PIL.__version__)"], capture_output=True, text=True)
    assert int(version.stdout.split(".")[0]) < 13
    with serving([python, "app.py"], folder, port, GRADIO_SERVER_PORT=str(port), OMP_NUM_THREADS="1") as address:
        page = page_at(address, offline=False)
        page.wait_for_function(f"document.querySelectorAll({DRAWN!r}).length === 16", timeout=60_000)
        before = page.locator(DRAWN).first.get_attribute("src")
        page.get_by_label("number input for Seed").fill("5")
        page.keyboard.press("Enter")
        page.wait_for_function(f"(old) => document.querySelector({DRAWN!r}).src !== old", arg=before, timeout=60_000)
        assert page.get_by_text("Truncation").count()


def test_a_static_space_answers_in_chromium_from_a_server_that_serves_files_alone(environment, published, page_at):
    python, folder, port = environment("pip"), published("dcgan", space="static"), free_port()
    with serving([python, "-I", "-m", "http.server", str(port), "--bind", "127.0.0.1"], folder, port) as address:
        page = page_at(address, offline=False)
        page.get_by_text("seed=0").first.wait_for(timeout=60_000)
        assert page.complaints == []
        assert page.locator("canvas").count()


def test_two_lines_load_it_in_a_clean_environment_with_the_oldest_hub_and_the_pixels_are_those_of_the_card(
    environment, tmp_path
):
    out = tmp_path / "gan"
    publication(lambda *_: None, str(model_of(tmp_path)), out, Publication(licence="mit"), Question(), Opening(), 0,
                Workspace(str(tmp_path / "home")), 1)
    python = environment("huggingface-hub==1.0.0")
    said = (out / "README.md").read_text().split("```python\n")[1].split("```")[0]
    code = said.replace('"ORG/tiny"', repr(str(out))) + (
        "import hashlib, huggingface_hub\n"
        "print(huggingface_hub.__version__, hashlib.sha256(images.tobytes()).hexdigest())\n")
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, cwd=tmp_path, timeout=200)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["1.0.0", json.loads((out / NUMBERS).read_text())["grid_sha256"]]


def model_of(tmp_path: Path) -> Path:
    """A DCGAN of the zoo under a name of which nothing is known, so that nothing is measured."""
    zoo = ROOT / "gan" / "zoo" / "dcgan-fashion-mnist.safetensors"
    shutil.copyfile(zoo, tmp_path / "tiny.safetensors")
    (tmp_path / "tiny.toml").write_text('family = "dcgan"\nweights = "tiny.safetensors"\n')
    return tmp_path / "tiny.toml"


def test_mlcroissant_accepts_what_is_written_of_images_and_reads_them(environment, tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (12, 3, 8, 8), np.uint8)
    write_folder(images, tmp_path / "folder")
    write_parquet(tmp_path / "a.parquet", images)
    write_npz(tmp_path / "a.npz", images)
    python = environment("mlcroissant", "pillow")
    code = ("import sys, json, hashlib, io, mlcroissant as m\n"
            "from PIL import Image\n"
            "data = m.Dataset(jsonld=sys.argv[1])\n"
            "assert not data.metadata.ctx.issues.errors\n"
            "rows = list(data.records('rows')) if data.metadata.record_sets else []\n"
            "print(sorted(hashlib.sha256(row['rows/image'].tobytes()).hexdigest() for row in rows))\n")
    known = sorted(sha256(np.ascontiguousarray(image.transpose(1, 2, 0)).data).hexdigest() for image in images)
    for name, rows in (("folder", known), ("a.parquet", known), ("a.npz", [])):
        path = write_croissant(tmp_path / name, 12, {"model": "mine"})
        done = subprocess.run([python, "-c", code, path], capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip() == str(rows), name
