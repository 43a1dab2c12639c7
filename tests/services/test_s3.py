"""Storage that speaks S3, from a server on loopback: a second home with the same mirror draws nothing.

s3fs is an extra, and moto, the server, a tool of tests; `make growing` installs both.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from ganbench.gan.images import write_npz
from ganbench.tasks.servers import HOST, free_port, process, wait_for

pytestmark = [pytest.mark.services, pytest.mark.timeout(600)]
ROOT = Path(__file__).parents[2]
BUCKET, SECRET = "results", "canary-of-the-storage"


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of a client."""
    if not (find_spec("s3fs") and find_spec("moto")):
        pytest.skip("s3fs or moto is not installed: make growing")
    url = f"http://{HOST}:{free_port(5900)}"
    command = [sys.executable, "-m", "moto.server", "-H", HOST, "-p", url.rpartition(":")[2]]
    with process("moto", command, tmp_path) as child:
        wait_for(f"{url}/moto-api/", child, tmp_path / "moto.log", 60)
        with urllib.request.urlopen(urllib.request.Request(f"{url}/{BUCKET}", method="PUT"), timeout=30):
            pass
        yield {"GANBENCH_MIRROR": f"s3://{BUCKET}/ganbench", "AWS_ENDPOINT_URL": url, "AWS_ACCESS_KEY_ID": "key",
               "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_DEFAULT_REGION": "us-east-1"}


def ganbench(folder: Path, home: str, storage: dict[str, str], *words: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "GANBENCH_HOME": str(folder / home), **storage}
    environment.pop("PREFECT_HOME", None)
    done = subprocess.run([sys.executable, "-m", "ganbench", *words], cwd=folder, env=environment, capture_output=True,
                          text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert SECRET not in done.stdout + done.stderr
    return done.stdout


def test_a_second_home_finds_everything_in_the_storage_and_has_the_same_scores(storage, tmp_path):
    random = np.random.default_rng(0)
    write_npz(tmp_path / "real.npz", random.integers(0, 256, (40, 1, 16, 16), np.uint8))
    write_npz(tmp_path / "fake.npz", random.integers(0, 256, (30, 1, 16, 16), np.uint8))
    words = ["evaluate", "fake.npz", "--reference", "real.npz", "--metrics", "kid,fd"]
    first = ganbench(tmp_path, "one", storage, *words, "--json", "one.json")
    second = ganbench(tmp_path, "two", storage, *words, "--json", "two.json")
    assert "Images: 0 from the store, 30 drawn now." in first
    assert "Images: 30 from the store, 0 drawn now." in second
    assert "0 made now" in second
    scores = [json.loads((tmp_path / f"{name}.json").read_text("utf-8"))["scores"] for name in ("one", "two")]
    assert scores[0] == scores[1]
    left = ganbench(tmp_path, "one", storage, "cache", "mirror", "--json")
    assert json.loads(left)[0] == {"name": "copied", "artefacts": 0, "bytes": 0}
    for home in ("one", "two"):
        for path in (tmp_path / home).rglob("*"):
            assert not path.is_file() or SECRET.encode() not in path.read_bytes(), path


def test_storage_that_is_down_costs_no_scores(storage, tmp_path):
    random = np.random.default_rng(0)
    write_npz(tmp_path / "real.npz", random.integers(0, 256, (40, 1, 16, 16), np.uint8))
    write_npz(tmp_path / "fake.npz", random.integers(0, 256, (30, 1, 16, 16), np.uint8))
    words = ["evaluate", "fake.npz", "--reference", "real.npz", "--metrics", "kid", "--extractor", "pixels"]
    down = {**storage, "AWS_ENDPOINT_URL": f"http://{HOST}:{free_port(5990)}", "AWS_MAX_ATTEMPTS": "1"}
    assert "30 drawn now" in ganbench(tmp_path, "one", down, *words)
    copied = json.loads(ganbench(tmp_path, "one", storage, "cache", "mirror", "--json"))
    assert copied[0]["artefacts"] > 3
