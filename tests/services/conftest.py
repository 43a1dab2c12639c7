"""A browser, screenshots of what tests see (`pytest -m services --screens docs/screens` renews those of the documents),
and `ganbench ui`."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.services.live import SIZES, alive, descendants, far_from_night, wait_until

AXE = "axe-core@4.14"
ROOT = Path(__file__).parent.parent.parent
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


@pytest.fixture
def page_at(browser: Any) -> Iterator[Callable[..., Any]]:
    """Opens an address; `asked` and `complaints` are what the page asked for and what its console says."""
    contexts = []

    def opened(address: str, language: str = "en-US", size: str = "desktop", offline: bool = True) -> Any:
        width, height = SIZES[size]
        contexts.append(browser.new_context(offline=offline, locale=language,
                                            viewport={"width": width, "height": height}))
        page = contexts[-1].new_page()
        page.asked, page.complaints = [], []
        page.on("request", lambda request: page.asked.append(request.url))
        page.on("console", lambda message: message.type in ("error", "warning")
                and page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.goto(address)
        return page

    yield opened
    for context in contexts:
        context.close()


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


@pytest.fixture(scope="session")
def ui_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With modules of the user's that have the names of our folders: `ganbench ui` is started there."""
    return Path(shutil.copytree(ROOT / "tests" / "theirs", tmp_path_factory.mktemp("home"), dirs_exist_ok=True))


@pytest.fixture(scope="session")
def servers(ui_home: Path) -> Iterator[dict[str, str]]:
    """The addresses, once the command has printed them; ended by Ctrl-C."""
    environment = {**os.environ, "GANBENCH_HOME": str(ui_home), "PREFECT_HOME": str(ui_home / "prefect")}
    command = [sys.executable, "-m", "ganbench", "ui"]
    with (ui_home / "ui.log").open("w") as log:
        child = subprocess.Popen(command, cwd=ui_home, env=environment, stdout=log, stderr=log, start_new_session=True)
    wait_until(lambda: "Ctrl-C stops" in (ui_home / "ui.log").read_text() or child.poll() is not None)
    found = json.loads((ui_home / "servers.json").read_text())
    children = descendants(child.pid)
    far_from_night(f"{found['prefect']}/api")
    yield found
    child.send_signal(signal.SIGINT)
    assert child.wait(60) == 130
    wait_until(lambda: not any(map(alive, children)), 30)
    assert not (ui_home / "servers.json").exists()
