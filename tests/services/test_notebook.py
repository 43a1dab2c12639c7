"""The notebook in Chromium: as a page without JavaScript, and in JupyterLab, where a slider changes a picture."""

import base64
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys

import pytest

from notebooks.make import NOTEBOOK
from tests.services.live import wait_until

pytestmark = [pytest.mark.services, pytest.mark.timeout(1200)]
LAB = {                                     # nothing that asks for the network, and every cell in the page
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"},
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
}
BYTES = """async image => { const data = new Uint8Array(await (await fetch(image.src)).arrayBuffer());
    return btoa(String.fromCharCode(...data)); }"""
DONE = """() => [...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')]
    .every(one => /\\[\\d+\\]/.test(one.textContent))"""


def test_without_javascript_every_picture_can_be_seen(browser, tmp_path):
    exporters = pytest.importorskip("nbconvert.exporters", reason="nbconvert comes with JupyterLab: make growing")
    page, _ = exporters.HTMLExporter().from_filename(str(NOTEBOOK))
    (tmp_path / "demo.html").write_text(page, "utf-8")
    context = browser.new_context(java_script_enabled=False, offline=True, viewport={"width": 1200, "height": 900})
    try:
        shown = context.new_page()
        shown.goto((tmp_path / "demo.html").as_uri())
        widths = shown.eval_on_selector_all("img", "all => all.map(one => one.complete ? one.naturalWidth : 0)")
        assert len(widths) >= 12
        assert min(widths) > 100
        assert shown.locator("table").count() >= 8
        assert "404" not in shown.title()
    finally:
        context.close()


@pytest.fixture
def lab(tmp_path):
    """The address of JupyterLab with a copy of the notebook, from an empty home."""
    pytest.importorskip("jupyterlab", reason="JupyterLab is not installed: make growing")
    home, folder, settings = tmp_path / "home", tmp_path / "work", tmp_path / "settings"
    for one in (home, folder):
        one.mkdir()
    shutil.copy(NOTEBOOK, folder)
    for name, values in LAB.items():
        file = settings / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex(16)
    environment = {**os.environ, "HOME": str(home), "JUPYTERLAB_SETTINGS_DIR": str(settings), "OMP_NUM_THREADS": "1",
                   "JUPYTER_CONFIG_DIR": str(home / "config"), "JUPYTER_TOKEN": token}
    with (tmp_path / "lab.log").open("w") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}",
             "--ServerApp.port_retries=0", f"--ServerApp.root_dir={folder}"],
            env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        wait_until(lambda: "is running at" in (tmp_path / "lab.log").read_text() or child.poll() is not None, 120)
        yield f"http://127.0.0.1:{port}/lab/tree/demo.ipynb?token={token}"
    finally:
        os.killpg(child.pid, signal.SIGTERM)
        child.wait(60)


def another(picture, *seen):
    """The bytes that the picture shows now, once they are none of these."""
    now = picture.evaluate(BYTES)
    return "" if now in seen else now


def test_a_slider_that_is_moved_in_jupyterlab_changes_the_picture(lab, page_at, screenshot):
    page = page_at(lab, offline=False)
    page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=120_000)
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=120_000)     # before it there is a question
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_text("Run All Cells", exact=True).click()
    picture = page.locator("img.widget-image")
    picture.wait_for(timeout=900_000)
    page.wait_for_function(DONE, timeout=900_000)
    assert page.locator(".jp-RenderedText[data-mime-type='application/vnd.jupyter.stderr']").count() == 0

    states = page.locator(".widget-html code")
    before = picture.evaluate(BYTES)
    assert states.inner_text() == "seed=5"
    seed = page.locator(".widget-slider .noUi-handle").first
    seed.press("ArrowRight")
    wait_until(lambda: states.inner_text() == "seed=6", 60)
    after = wait_until(lambda: another(picture, before), 60)
    assert base64.b64decode(after)[:4] == b"\x89PNG"
    seed.press("ArrowLeft")
    page.locator(".widget-slider .noUi-handle").nth(1).press("ArrowLeft")
    wait_until(lambda: states.inner_text() == "seed=5,truncation=0.95", 60)
    wait_until(lambda: another(picture, before, after), 60)
    picture.scroll_into_view_if_needed()
    screenshot(page, "notebook")
