"""A browser, and screenshots of what tests see: `pytest -m services --screens docs/screens` renews those of the
documents."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

AXE = "axe-core@4.14"
BROWSER = os.environ.get("GANBENCH_BROWSER") or shutil.which("chromium") or shutil.which("google-chrome")


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    if not BROWSER:
        pytest.skip("no Chromium here: install it, or name it in GANBENCH_BROWSER")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture(scope="session")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The script of axe-core, a checker of accessibility; fetched by npm, since it is not ours to distribute."""
    given, local = os.environ.get("GANBENCH_AXE"), Path("node_modules/axe-core/axe.min.js")
    path = Path(given) if given else local
    if not path.is_file():
        if not shutil.which("npm"):
            pytest.skip("no axe-core here, and no npm to fetch it: name its axe.min.js in GANBENCH_AXE")
        folder = tmp_path_factory.mktemp("npm")
        subprocess.run(["npm", "install", "--no-save", "--no-audit", "--no-fund", "--prefix", str(folder), AXE],
                       check=True, timeout=120, capture_output=True)
        path = folder / local
    return path.read_text("utf-8")


@pytest.fixture
def screenshot(pytestconfig: pytest.Config) -> Callable[..., None]:
    """`screenshot(page, "report-phone")` saves what a page shows now, if --screens names a folder."""
    folder = pytestconfig.getoption("--screens")

    def save(page: Any, name: str, **options: Any) -> None:
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            page.screenshot(path=Path(folder) / f"{name}.png", **options)

    return save
