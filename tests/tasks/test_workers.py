"""Workers in other processes: their progress is heard, each takes one GPU, and all compute with one thread."""

import subprocess
import sys
from pathlib import Path

import pytest

from ganbench.gan.types import Workspace
from ganbench.tasks import progress, workers
from ganbench.tasks.progress import Counter, listening, relay, relaying
from ganbench.tasks.runners import RUNNERS, check_runner, runner
from ganbench.tasks.settings import configure
from ganbench.tasks.workers import placed
from tests.refusals import refused

ROOT = Path(__file__).parents[2]
HOLD = """
import sys
from pathlib import Path
from ganbench.tasks.workers import slot
print(slot(Path(sys.argv[1])), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def elsewhere(monkeypatch):
    """As in a worker: the code belongs to a flow that runs in another process."""
    monkeypatch.setattr(progress, "run_of_flow", lambda: "run")


# Progress


def test_rows_of_a_worker_reach_the_listeners_of_the_flow(elsewhere, tmp_path):
    heard = []
    with listening(lambda stage, n: heard.append((stage, n))), relaying(tmp_path / "progress" / "run"):
        tick = Counter("images", 100, tmp_path)
        tick(30)
        tick.last = 0
        tick(20)                            # more than half a second later
        assert (tmp_path / "progress" / "run" / progress.ME).read_text("utf-8") == '["images", 50]\n'
        tick.finish()
    assert sum(n for _, n in heard) == 100
    assert {stage for stage, _ in heard} == {"images"}
    assert not (tmp_path / "progress" / "run").exists()


def test_in_the_flows_own_process_listeners_are_told_at_once_and_no_file_is_written(tmp_path):
    heard = []
    with listening(lambda stage, n: heard.append(n)):
        tick = Counter("images", 100, tmp_path)
        tick(30)
        assert heard == [30]
        tick.finish()
    assert heard == [30, 70]
    assert list(tmp_path.iterdir()) == [] or not (tmp_path / "progress").exists()


def test_a_line_that_is_half_written_waits_for_its_end(tmp_path):
    heard, seen = [], {}
    file = tmp_path / "worker"
    with listening(lambda stage, n: heard.append(n)):
        file.write_text('["images", 1]\n["ima', "utf-8")
        relay(tmp_path, seen)
        assert heard == [1]
        file.write_text('["images", 1]\n["images", 2]\n', "utf-8")
        relay(tmp_path, seen)
    assert heard == [1, 2]


def test_a_flow_that_is_over_costs_its_workers_nothing(elsewhere, tmp_path):
    Counter("images", 10, tmp_path).finish()
    assert not (tmp_path / "progress").exists()


# GPUs


@pytest.mark.parametrize(("gpus", "expected"), [(8, "cuda:3"), (2, "cuda:1"), (1, "cuda:0"), (0, "cuda:0")])
def test_a_worker_takes_the_gpu_of_its_slot(elsewhere, monkeypatch, gpus, expected):
    monkeypatch.setattr(workers, "_slots", [(3, None)])
    monkeypatch.setattr("torch.cuda.device_count", lambda: gpus)
    assert placed(Workspace(device="cuda")).device == expected


@pytest.mark.parametrize("device", ["cpu", "cuda:1"])
def test_a_device_that_is_named_stays(elsewhere, device):
    assert placed(Workspace(device=device)).device == device


def test_in_the_flows_own_process_the_device_stays():
    assert placed(Workspace(device="cuda")).device == "cuda"


def test_processes_of_a_machine_have_slots_of_their_own_and_give_them_back(tmp_path):
    def hold():
        return subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], cwd=ROOT, text=True,
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def end(child):
        child.kill()
        child.communicate()

    first, second = hold(), hold()
    assert sorted(int(child.stdout.readline()) for child in (first, second)) == [0, 1]
    end(first)
    third = hold()
    free = int(third.stdout.readline())
    assert free in (0, 1)
    for child in (second, third):
        end(child)


# Runners


def test_a_cluster_needs_a_runner_that_has_one():
    configure(runner="processes", cluster="tcp://127.0.0.1:1")
    with refused("conflicting-options", "GANBENCH_CLUSTER"):
        check_runner()


@pytest.mark.parametrize("name", ["dask", "ray"])
def test_a_runner_whose_package_is_missing_says_what_to_install(name, monkeypatch):
    monkeypatch.setitem(sys.modules, f"prefect_{name}", None)
    configure(runner=name)
    with refused("missing-package", f"ganbench[{name}]"):
        runner()


def test_the_documented_runners_are_those_of_the_table():
    text = (ROOT / "docs" / "operations.md").read_text("utf-8")
    assert all(f"`{name}`" in text for name in RUNNERS)
