"""Nothing outlives a process that was killed, and nobody else is touched."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")

GUARDED = """
import signal, subprocess, sys, time
from ganbench.tasks import guardian

guardian.guard()
sleep = [sys.executable, "-c", "import time; print(flush=True); time.sleep(600)"]
deaf = [sys.executable, "-c", "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
                              "print(flush=True); time.sleep(600)"]
children = [subprocess.Popen(command, start_new_session=True, stdout=subprocess.PIPE) for command in (sleep, deaf)]
for child in children:
    child.stdout.readline()
print(*(child.pid for child in children), flush=True)
sys.stdin.readline()
if sys.argv[1] == "stay":
    time.sleep(600)
"""


@pytest.fixture
def bystander():
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    yield child
    child.kill()
    child.wait()


@pytest.mark.parametrize("way", ["stay", "go"])
def test_children_end_with_the_guarded_process_however_it_ends(way, bystander):
    command = [sys.executable, "-W", "ignore::ResourceWarning", "-c", GUARDED, way]
    guarded = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with guarded:
        pids = [int(pid) for pid in guarded.stdout.readline().split()] + guardians_of(guarded.pid)
        assert len(pids) == 3
        assert all(map(lives, pids))
        if way == "stay":
            guarded.send_signal(signal.SIGKILL)
        else:
            guarded.stdin.write("\n")
            guarded.stdin.flush()
        guarded.wait(30)
    end = time.monotonic() + 30
    while any(map(lives, pids)):
        assert time.monotonic() < end
        time.sleep(0.1)
    assert bystander.poll() is None


def guardians_of(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()
    return [int(child) for child in children if b"guardian.py" in Path(f"/proc/{child}/cmdline").read_bytes()]


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False

