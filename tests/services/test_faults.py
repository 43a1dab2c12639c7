"""Killed at any moment, by `kill -9` or Ctrl-C, the same command goes on, and ends as if nothing had happened.

One home is killed in every stage, at a random moment after the stage was seen to begin; another one is left alone,
with other numbers of workers and of images between savings. Then both hold the same, bit by bit.
"""

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from ganbench.gan.images import write_npz
from ganbench.gan.store import Store

pytestmark = [pytest.mark.services, pytest.mark.timeout(900)]
ROOT = Path(__file__).parents[2]
SEED = random.randrange(1 << 32)  # other moments every time; printed when a test fails
SLOW = '''
import time
import torch

class Slow(torch.nn.Module):
    """Stripes of the latents; slow enough to be caught at it."""
    z_dim = 16
    def forward(self, z):
        time.sleep(0.05)
        return torch.tanh(z).repeat(1, 64).reshape(-1, 1, 32, 32)
'''


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Path:
    """A slow model and 500 images to compare it with."""
    folder = tmp_path_factory.mktemp("faults")
    (folder / "slow.py").write_text(SLOW)
    (folder / "slow.toml").write_text('factory = "slow:Slow"\n')
    write_npz(folder / "real.npz", np.random.default_rng(0).integers(0, 256, (500, 1, 32, 32), np.uint8))
    return folder


def start(world: Path, home: Path, **options: int) -> subprocess.Popen[str]:
    words = ["evaluate", "slow.toml", "--reference", "real.npz", "--n", "1300", "--json", str(home / "scores.json")]
    words += [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    home.mkdir(exist_ok=True)
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{world}", "GANBENCH_HOME": str(home), "OMP_NUM_THREADS": "1"}
    environment.pop("PREFECT_HOME", None)
    return subprocess.Popen(
        [sys.executable, "-m", "ganbench", *words], cwd=world, env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )


def finish(world: Path, home: Path, **options: int) -> None:
    done = start(world, home, **options)
    output = done.communicate(timeout=400)
    assert done.returncode == 0, output


@pytest.fixture(scope="module")
def undisturbed(world) -> Path:
    finish(world, world / "undisturbed", workers=1, batch_size=64)
    return world / "undisturbed"


# What a stage leaves first: the moment from which on it is under way


def files(home: Path, pattern: str) -> list[Path]:
    return list(home.glob(pattern))


STAGES = {
    "starting": lambda home: True,
    "starting Prefect": lambda home: files(home, "prefect/prefect.db"),
    "sampling": lambda home: files(home, "store/samples/*/*/manifest.json"),
    "extracting": lambda home: files(home, "store/features/*/*/manifest.json"),
    "scoring": lambda home: files(home, "store/statistics/*/*"),
    "making MLflow's database": lambda home: files(home, "mlflow/.mlflow.db*") or files(home, "mlflow/mlflow.db"),
    "tracking": lambda home: files(home, "mlflow/mlflow.db") and runs(home),
    "writing the picture of samples": lambda home: files(home, "mlflow/artifacts/**/*.json"),
}
LONGEST = {"starting": 4.0, "starting Prefect": 5.0, "sampling": 2.0, "extracting": 3.0, "scoring": 0.3}  # seconds


def wait_for(stage: str, home: Path, process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + 120
    while not STAGES[stage](home):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, stage
        time.sleep(0.002)


def interrupt(world: Path, home: Path, stage: str, number: signal.Signals) -> tuple[int, str]:
    """Begin, wait for the stage and a little longer, interrupt; -> exit code and stderr."""
    print(f"SEED = {SEED}, {stage}")
    process = start(world, home, workers=3, batch_size=7)
    wait_for(stage, home, process)
    time.sleep(random.Random(f"{SEED} {stage} {number}").uniform(0, LONGEST.get(stage, 0.1)))
    process.send_signal(number)
    _, stderr = process.communicate(timeout=30)
    return process.returncode, stderr


# What is left


def left_running(home: Path) -> list[str]:
    """Commands of processes that were started for this home."""
    found = []
    for environment in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"GANBENCH_HOME={home}".encode() in environment.read_bytes().split(b"\0"):
                found.append((environment.parent / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found


def expect_nothing_left(home: Path) -> None:
    end = time.monotonic() + 20
    while left := left_running(home):
        assert time.monotonic() < end, left
        time.sleep(0.1)


def contents(home: Path) -> dict[tuple[str, str], str]:
    """Kind and key of every artefact -> the digest of what it holds; each one is checked against its hash."""
    store = Store(home / "store")
    assert all(store.find(entry.kind, entry.key) for entry in store.entries())
    return {(entry.kind, entry.key): entry.facts.get("digest") or entry.facts["sha256"] for entry in store.entries()}


def runs(home: Path) -> list[tuple[str, str]]:
    """Run and the value of its tag ganbench.complete."""
    with sqlite3.connect(f"file:{home / 'mlflow' / 'mlflow.db'}?mode=ro", uri=True, timeout=0.05) as database:
        query = ("SELECT runs.run_uuid, tags.value FROM runs LEFT JOIN tags ON runs.run_uuid = tags.run_uuid "
                 "AND tags.key = 'ganbench.complete'")
        try:
            return list(database.execute(query))
        except sqlite3.OperationalError:
            return []


def expect_the_same(home: Path, undisturbed: Path) -> None:
    assert contents(home) == contents(undisturbed)
    scores, expected = (json.loads((folder / "scores.json").read_text()) for folder in (home, undisturbed))
    assert scores == expected
    ((_, complete),) = runs(home)
    assert complete == "true"
    assert not files(home, "**/*.partial*")


def test_killed_in_every_stage_it_ends_as_if_nothing_had_happened(world, undisturbed):
    home, late = world / "killed", 0
    for stage in STAGES:
        code, _ = interrupt(world, home, stage, signal.SIGKILL)
        late += code == 0
        assert code in (0, -signal.SIGKILL), stage
        expect_nothing_left(home)
    assert late <= 1  # the last stage may be over before the signal comes
    finish(world, home, workers=2, batch_size=250)
    expect_the_same(home, undisturbed)
    expect_nothing_left(home)


def test_ctrl_c_says_what_becomes_of_the_work_and_keeps_it(world, undisturbed):
    for stage in ("starting Prefect", "sampling", "extracting"):
        home = world / f"stopped while {stage}"  # a new one: in an old one the stage seems to begin before Python has
        code, stderr = interrupt(world, home, stage, signal.SIGINT)
        assert code in (130, -signal.SIGINT), (stage, stderr)  # a shell says 130 to both
        assert stderr.strip() == "Stopped. Finished work is stored: the same command resumes from it.", stage
        expect_nothing_left(home)
    finish(world, home, workers=2, batch_size=250)
    expect_the_same(home, undisturbed)


def test_a_killed_ui_takes_its_servers_with_it_and_starts_again(world):
    home = world / "ui"
    home.mkdir()
    ports = {"GANBENCH_PREFECT_PORT": "4600", "GANBENCH_MLFLOW_PORT": "5600"}  # other tests start servers meanwhile
    environment = {**os.environ, "GANBENCH_HOME": str(home), **ports}
    environment.pop("PREFECT_HOME", None)
    for number in (signal.SIGKILL, signal.SIGTERM):
        command = [sys.executable, "-m", "ganbench", "ui"]
        with (home / "ui.log").open("w") as log:
            ui = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
        end = time.monotonic() + 300
        while "Ctrl-C stops" not in (home / "ui.log").read_text():
            assert ui.poll() is None, (home / "ui.log").read_text()
            assert time.monotonic() < end
            time.sleep(0.5)
        assert len(left_running(home)) >= 4  # itself, Prefect, MLflow and the worker
        ui.send_signal(number)
        ui.wait(60)
        expect_nothing_left(home)


def test_two_processes_share_the_work_and_log_it_once(world, undisturbed):
    home = world / "two"
    pair = [start(world, home, workers=2, json=str(world / f"{i}.json")) for i in range(2)]
    outputs = [process.communicate(timeout=400) for process in pair]
    assert [process.returncode for process in pair] == [0, 0], outputs
    (home / "scores.json").write_bytes((world / "0.json").read_bytes())
    assert json.loads((world / "1.json").read_text()) == json.loads((world / "0.json").read_text())
    expect_the_same(home, undisturbed)
    drawn = [int(line.split("store, ")[1].split()[0].replace(",", "")) for stdout, _ in outputs
             for line in stdout.splitlines() if line.startswith("Images:")]
    assert sum(drawn) == 1_300
    expect_nothing_left(home)


def test_a_training_begins_in_a_new_home_stops_at_ctrl_c_and_goes_on(tmp_path):
    environment = {**os.environ, "GANBENCH_HOME": str(tmp_path / "new" / "home")}
    environment.pop("PREFECT_HOME", None)
    command = [sys.executable, "-m", "ganbench", "train", "dcgan-fashion-mnist", "--out", str(tmp_path / "out")]
    kept = []
    for _ in range(2):
        training = subprocess.Popen(command, cwd=ROOT, env=environment, text=True, stderr=subprocess.PIPE)
        end, before = time.monotonic() + 400, len(kept) and kept[-1]
        while (found := last_row(tmp_path / "out" / "loss.csv")) < before + 300:
            assert training.poll() is None, training.communicate()
            assert time.monotonic() < end
            time.sleep(0.2)
        training.send_signal(signal.SIGINT)
        _, stderr = training.communicate(timeout=60)
        assert "Stopped. Finished work is stored" in stderr
        kept.append(found)
    steps = [int(row.split(",")[0]) for row in (tmp_path / "out" / "loss.csv").read_text().splitlines()[1:]]
    assert steps == list(range(50, steps[-1] + 1, 50))      # none twice, none left out
    expect_nothing_left(tmp_path / "new" / "home")


def last_row(path: Path) -> int:
    """The last step that a loss.csv tells of, or 0."""
    rows = path.read_text(encoding="utf-8").splitlines()[1:] if path.exists() else []
    return int(rows[-1].split(",")[0]) if rows else 0
