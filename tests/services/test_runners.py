"""Two workers in other processes, from the command line in a terminal: the same artefacts and scores as of threads, to
the last bit; bars that move; and nobody listens beyond loopback.

Dask and Ray are extras, which `make growing` installs.
"""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest

from ganbench.gan.datasets import DataFolders, open_data
from ganbench.gan.images import write_npz
from ganbench.gan.store import Store
from tests.services.live import descendants, heard_beyond_loopback

pytestmark = [pytest.mark.services, pytest.mark.timeout(900)]
ROOT = Path(__file__).parents[2]
N, REAL = 1_200, 300
PACKAGES = {"processes": "prefect", "dask": "prefect_dask", "ray": "prefect_ray"}
SECRET = "canary-of-the-runners"


@dataclass(frozen=True)
class Watched:
    """What a command left, and what its terminal showed."""

    home: Path
    shown: str
    heard: set[str]

    @property
    def artefacts(self) -> dict[tuple[str, str], str]:
        """All but what threads alone keep: what was printed."""
        rows = Store(self.home / "store").entries()
        return {(row.kind, row.key): row.facts["sha256"] for row in rows if row.kind != "answers"}

    @property
    def scores(self) -> object:
        return json.loads((self.home / "scores.json").read_text("utf-8"))

    def bar(self, stage: str) -> list[int]:
        """The numbers of images that a bar has shown, in their order."""
        return [int(done) for done in re.findall(rf"{stage} [^\n\r]*?(\d+)/\d+", self.shown)]


def watch(folder: Path, runner: str, *options: str) -> Watched:
    """Evaluate in a terminal of 200 columns."""
    home = folder / runner
    home.mkdir()
    command = [sys.executable, "-m", "ganbench", "evaluate", "zoo:dcgan-fashion-mnist", "--reference", "real.npz",
               "--n", str(N), "--seed", "7", "--runner", runner, "--workers", "2", "--json", str(home / "scores.json"),
               *options]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "GANBENCH_HOME": str(home), "COLUMNS": "200",
                   "TERM": "xterm", "AWS_SECRET_ACCESS_KEY": SECRET, "GANBENCH_PREFECT_PORT": "4700",
                   "PYTHONWARNINGS": "default"}
    environment.pop("PREFECT_HOME", None)
    terminal, theirs = pty.openpty()
    shown: list[bytes] = []
    reader = threading.Thread(target=read, args=(terminal, shown))
    heard: set[str] = set()
    with (home / "out").open("wb") as out:
        child = subprocess.Popen(command, cwd=folder, env=environment, stderr=theirs, stdout=out)
        os.close(theirs)
        reader.start()
        while child.poll() is None:
            heard |= heard_beyond_loopback([child.pid, *descendants(child.pid)])
            time.sleep(0.5)
        reader.join(30)
    os.close(terminal)
    text = b"".join(shown).decode(errors="replace")
    assert child.returncode == 0, text + (home / "out").read_text("utf-8")
    return Watched(home, re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text), heard)


def read(terminal: int, shown: list[bytes]) -> None:
    while True:
        try:
            some = os.read(terminal, 65_536)
        except OSError:                     # the other side is closed
            return
        if not some:
            return
        shown.append(some)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runners")
    write_npz(folder / "real.npz", open_data("fashion-mnist:test", DataFolders(None, folder)).read(range(REAL)))
    return folder


@pytest.fixture(scope="module")
def threads(world: Path) -> Watched:
    return watch(world, "threads")


@pytest.mark.parametrize("runner", PACKAGES)
def test_workers_in_other_processes_make_the_same_to_the_last_bit_and_their_progress_is_seen(runner, world, threads):
    if not find_spec(PACKAGES[runner]):
        pytest.skip(f"{PACKAGES[runner]} is not installed: make growing")
    found = watch(world, runner)
    assert found.artefacts == threads.artefacts
    assert len(found.artefacts) > 10
    assert found.scores == threads.scores
    for watched in (found, threads):
        for stage, total in (("images: generated", N), ("features: efficientnet_lite0", N + REAL)):
            seen = watched.bar(stage)
            assert seen == sorted(seen)
            assert seen[0] == 0
            assert seen[-1] == total
            assert any(0 < done < total for done in seen), f"the bar of {stage} has jumped"
    assert found.heard == set()
    assert not list((found.home / "progress").glob("*"))
    assert SECRET not in "".join(path.read_text("utf-8", errors="replace") for path in found.home.rglob("*.log"))
    assert secret_in(found.home) == []


def secret_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]
