"""What all tests share: a home of their own, a tiny model, a few images, and a full disk.

The user's home, databases and settings are out of reach: the environment is replaced before anything reads it.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from ganbench.gan.generators.dcgan import DCGAN
from ganbench.gan.images import write_npz
from ganbench.gan.types import Workspace

ROOT = Path(__file__).parent.parent
AWAY = Path(tempfile.mkdtemp(prefix="ganbench-tests-"))  # HOME of the whole session
for _name in [name for name in os.environ if name.startswith(("GANBENCH_", "PREFECT_", "MLFLOW_"))
              and name not in ("GANBENCH_BROWSER", "GANBENCH_AXE")]:
    del os.environ[_name]
os.environ.update(HOME=str(AWAY), GANBENCH_HOME=str(AWAY / "ganbench"), PREFECT_HOME=str(AWAY / "prefect"),
                  GANBENCH_WORKERS="2")
(AWAY / "prefect").mkdir()
torch.set_num_threads(1)  # as everywhere: two threads on busy cores are several times slower
TINY = {"z_dim": 8, "width": 2, "resolution": 32, "channels": 1}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--screens", help="folder for screenshots of the pages that tests open")


def pytest_sessionfinish() -> None:
    shutil.rmtree(AWAY, ignore_errors=True)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch) -> Iterator[Path]:
    """A fresh home folder for each test; settings are read anew before it and forgotten after it."""
    monkeypatch.setenv("GANBENCH_HOME", str(tmp_path / "home"))
    for name in ("MLFLOW_TRACKING_URI", "PREFECT_API_URL"):
        monkeypatch.delenv(name, raising=False)
    forget_settings()
    yield tmp_path / "home"
    forget_settings()


def forget_settings() -> None:
    """Tests of `gan` alone run where `tasks` cannot even be imported."""
    if settings := sys.modules.get("ganbench.tasks.settings"):
        settings._current.clear()


@pytest.fixture
def workspace(home) -> Workspace:
    return Workspace(home=str(home))


@pytest.fixture(scope="session")
def tiny(tmp_path_factory) -> Path:
    """A checkpoint of the smallest DCGAN: grey 32x32 images, made up, the same in every session."""
    random = torch.Generator().manual_seed(0)
    state = DCGAN(**TINY).state_dict()
    for name, value in state.items():
        if value.is_floating_point() and "running" not in name:
            state[name] = torch.randn(value.shape, generator=random) * (0.5 if value.ndim == 4 else 0.1) + (
                value.ndim == 1
            )
    path = tmp_path_factory.mktemp("checkpoints") / "tiny.safetensors"
    save_file(state, path)
    return path


@pytest.fixture(scope="session")
def garments(tmp_path_factory) -> Path:
    """60 real images, (1, 32, 32), as an .npz."""
    from ganbench.gan.datasets import DataFolders, open_data

    path = tmp_path_factory.mktemp("data") / "garments.npz"
    write_npz(path, open_data("fashion-mnist:test", DataFolders(None, path.parent)).read(range(60)))
    return path


@pytest.fixture
def noise(tmp_path):
    """Write n random images into an .npz: noise("a.npz", 400) -> its path."""

    def write(name: str, n: int, shape: tuple[int, ...] = (1, 8, 8), seed: int = 0, top: int = 256) -> Path:
        write_npz(tmp_path / name, np.random.default_rng(seed).integers(0, top, (n, *shape), np.uint8))
        return tmp_path / name

    return write


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    """A file system of 1 MiB; only root may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(command, capture_output=True).returncode == 0
    except FileNotFoundError:
        mounted = False
    if not mounted:
        pytest.skip("mounting a small file system needs root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def run_python(tmp_path):
    """Run python in a fresh process, from an empty folder: run_python("-c", "...") -> CompletedProcess."""

    def run(*arguments: str, timeout: float = 120, **environment: str) -> subprocess.CompletedProcess[str]:
        folder = tmp_path / "cwd"
        folder.mkdir(exist_ok=True)
        found = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
        return subprocess.run(
            [sys.executable, *arguments], capture_output=True, text=True, timeout=timeout, cwd=folder, env=found
        )

    return run


@pytest.fixture
def sources(tmp_path) -> Path:
    """A copy of the sources to edit, for tests that show which files a change touches; the zoo is linked."""
    folder = tmp_path / "sources"
    for name in ("gan", "tasks", "flows", "ganbench"):
        shutil.copytree(ROOT / name, folder / name, symlinks=True, ignore=shutil.ignore_patterns("zoo", "__pycache__"))
    (folder / "gan" / "zoo").symlink_to(ROOT / "gan" / "zoo")
    return folder
