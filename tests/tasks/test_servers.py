"""One `ganbench ui` at a time on a home folder, and one server on a port."""

import socket
import subprocess
import sys

import pytest

from ganbench.tasks import servers
from ganbench.tasks.claims import claimed
from ganbench.tasks.servers import HOST, alone, free_port
from ganbench.tasks.settings import settings
from tests.refusals import refused

ASK = """
import sys
from ganbench.tasks.servers import free_port
print(free_port(int(sys.argv[1])), flush=True)
sys.stdin.read()
"""


def test_a_second_start_on_one_home_folder_is_refused_and_a_later_one_is_not():
    settings().root.mkdir(parents=True)
    with alone(), refused("already-running"), alone():
        pass
    with alone():
        pass


@pytest.fixture
def first():
    """A port from which on a few are likely to be free."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return min(probe.getsockname()[1], 65_000)


def test_processes_that_start_at_the_same_moment_get_different_ports(first):
    several = [subprocess.Popen([sys.executable, "-c", ASK, str(first)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                text=True) for _ in range(3)]
    try:
        ports = [int(child.stdout.readline()) for child in several]
    finally:
        for child in several:
            child.communicate()
    assert len(set(ports)) == 3


def test_a_port_on_which_somebody_listens_is_not_taken(first):
    with socket.socket() as other:
        other.bind((HOST, first))
        other.listen()
        assert free_port(first) > first


def test_a_range_without_a_free_port_is_refused(first, monkeypatch):
    monkeypatch.setattr(servers, "silent", lambda port: False)
    with refused("no-free-port", str(first), str(first + 49)):
        free_port(first)


def test_a_number_is_free_again_when_its_lock_is_released(tmp_path):
    one, lock = claimed(tmp_path, range(2))
    two, other = claimed(tmp_path, range(2))
    assert (one, two, claimed(tmp_path, range(2))) == (0, 1, None)
    lock.release()
    again, _ = claimed(tmp_path, range(2))
    assert again == 0
    other.release()
