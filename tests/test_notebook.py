"""The notebook: it is its source, it shows what it says, and it runs from nothing, offline, in its time."""

import base64
import io
import json
import os
import re
import resource
from pathlib import Path

import jupytext
import numpy as np
import pytest
from PIL import Image

from notebooks.make import NOTEBOOK, SHOWN, SOURCE, run

LARGEST = 3_000_000             # bytes
MOST = 180                      # seconds of processor time
AWAY = '''
import socket

def loopback(address):
    return not isinstance(address, tuple) or str(address[0]) in ("127.0.0.1", "::1", "localhost")

def guarded(name, connect=socket.socket.connect, extended=socket.socket.connect_ex):
    def call(self, address):
        if not loopback(address):
            raise OSError(f"This test has no network: {address}")
        return {"connect": connect, "connect_ex": extended}[name](self, address)
    return call

def lookup(host, *rest, ask=socket.getaddrinfo, **more):
    if host not in (None, "", "127.0.0.1", "::1", "localhost"):
        raise OSError(f"This test has no network: {host}")
    return ask(host, *rest, **more)

socket.socket.connect, socket.socket.connect_ex = guarded("connect"), guarded("connect_ex")
socket.getaddrinfo = lookup
'''


@pytest.fixture(scope="module")
def notebook():
    return jupytext.read(NOTEBOOK)


def outputs(notebook):
    return [output for cell in notebook.cells for output in cell.get("outputs", ())]


def test_it_says_the_same_as_its_source(notebook):
    source = jupytext.read(SOURCE)
    assert [(cell.cell_type, cell.source) for cell in notebook.cells] == [
        (cell.cell_type, cell.source) for cell in source.cells]


def test_it_is_small_and_was_run_once_from_the_top_to_the_bottom(notebook):
    assert NOTEBOOK.stat().st_size < LARGEST
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, 1 + len(code)))
    assert {output.output_type for output in outputs(notebook)} == {"display_data", "execute_result", "stream"}
    assert {output.name for output in outputs(notebook) if output.output_type == "stream"} == {"stdout"}


def test_it_holds_neither_widgets_nor_paths_of_the_machine_that_ran_it(notebook):
    assert {kind for output in outputs(notebook) for kind in output.get("data", ())} == set(SHOWN)
    assert "widgets" not in notebook.metadata
    text = json.dumps(notebook)
    assert re.findall(r"(?<![\w.])/(?:tmp|root|home|work|Users|var|opt)/[\w./-]*", text) == []
    assert str(Path.home()) not in text


def test_every_picture_can_be_seen_and_every_chapter_shows_something(notebook):
    pictures = [base64.b64decode(output.data["image/png"]) for output in outputs(notebook)
                if "image/png" in output.get("data", ())]
    assert len(pictures) >= 12
    assert all(np.asarray(Image.open(io.BytesIO(data)).convert("L")).std() > 10 for data in pictures)
    shown: dict[str, int] = {}
    for cell in notebook.cells:
        if heading := re.match(r"## (\d+\..*)", cell.source):
            chapter = heading[1]
            shown[chapter] = 0
        elif cell.cell_type == "code" and shown:
            shown[chapter] += len(cell.outputs)
    assert len(shown) >= 10
    assert [chapter for chapter, n in shown.items() if not n][1:] == []     # the first one makes files


@pytest.mark.long
@pytest.mark.timeout(900)
def test_it_runs_offline_from_an_empty_home_in_its_time(notebook, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(AWAY)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, "HOME": str(tmp_path / "home"), "GANBENCH_HOME": str(tmp_path / "home" / "ganbench"),
                   "PYTHONPATH": os.pathsep.join([str(tmp_path), str(SOURCE.parent.parent)]), "OMP_NUM_THREADS": "1"}
    found = run(SOURCE, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < MOST
    assert (tmp_path / "home" / ".ganbench").is_dir()
    kinds = [[sorted(output.get("data", ())) for output in cell.get("outputs", ())] for cell in found.cells]
    assert kinds == [[sorted(output.get("data", ())) for output in cell.get("outputs", ())] for cell in notebook.cells]
    assert len(json.dumps(found)) < LARGEST


def test_the_test_has_no_network(run_python, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(AWAY)
    done = run_python("-c", "import urllib.request\nurllib.request.urlopen('http://192.0.2.1', timeout=5)",
                      PYTHONPATH=str(tmp_path))
    assert "This test has no network" in done.stderr
