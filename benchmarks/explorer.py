"""How fast the explorer's pictures follow: key presses and drags in headless Chromium, both engines.

    python benchmarks/explorer.py [--models zoo:dcgan-fashion-mnist ...] [--slow 6]

Prints a line for each model and engine: the median and the 95th percentile of the time from a key press to its picture
(milliseconds, 50 presses), pictures per second in a drag, whether the last picture of 200 drags is that of the last
value, and milliseconds a picture of the page's engine, also with the CPU slowed down by Chromium.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ZOO = [f"zoo:{name}-fashion-mnist" for name in ("dcgan", "wgan-gp", "r3gan", "stylegan2")] + ["zoo:r3gan-emoji"]
SLOW = ["zoo:flow-fashion-mnist", "zoo:gpt-fashion-mnist", "zoo:maskgit-fashion-mnist"]
PRESS = """async (key) => {
    const box = document.getElementById('seed'), canvas = document.querySelector('.picture');
    const before = canvas.dataset.state, begun = performance.now();
    box.value = String(Number(box.value) + 1);
    box.dispatchEvent(new Event('input', {bubbles: true}));
    while (canvas.dataset.state === before) await new Promise((done) => { const c = new MessageChannel();
        c.port1.onmessage = done; c.port2.postMessage(0); });
    return performance.now() - begun; }"""
DRAG = """async () => {
    const box = document.getElementById('truncation'), canvas = document.querySelector('.picture');
    let pictures = 0;
    const watch = new MutationObserver(() => pictures++);
    watch.observe(canvas, {attributes: true, attributeFilter: ['data-state']});
    const begun = performance.now();
    while (performance.now() - begun < 3000) {
        box.value = 0.5 + (performance.now() - begun) / 3000 * 0.5;
        box.dispatchEvent(new Event('input', {bubbles: true}));
        await new Promise((done) => setTimeout(done, 8));
    }
    watch.disconnect();
    return pictures / 3; }"""
LAST = """async (values) => {
    const box = document.getElementById('seed'), canvas = document.querySelector('.picture');
    for (const value of values) { box.value = value; box.dispatchEvent(new Event('input', {bubbles: true}));
        if (Math.random() < .3) await new Promise((done) => setTimeout(done, 4)); }
    const last = 'seed=' + values[values.length - 1];
    for (let k = 0; k < 2000 && !canvas.dataset.state.startsWith(last); k++)
        await new Promise((done) => setTimeout(done, 10));
    await new Promise((done) => setTimeout(done, 30));
    return canvas.dataset.state.split(',')[0] === last; }"""
EACH = """async (n) => { const begun = performance.now();
    for (let k = 0; k < n; k++) await explorer.engine.ask({model: 0, state: explorer.stateOf('seed=' + k)});
    return (performance.now() - begun) / n; }"""
COMMAND = [sys.executable, "-c", "from ganbench.flows.cli import main; main()", "explore", "--reference", "none"]


def measured(browser, address: str, page_engine: bool, slow: int, drags: int) -> dict[str, float | str]:
    page = browser.new_context().new_page()
    begun = time.perf_counter()
    page.goto(address)
    page.wait_for_selector(".picture[data-state]", timeout=60_000)
    found: dict[str, float | str] = {"first picture s": time.perf_counter() - begun}
    page.wait_for_timeout(1_500)                            # the self-test
    page.evaluate(EACH, 30)
    presses = [page.evaluate(PRESS, "") for _ in range(50)]
    found |= {"median ms": float(np.median(presses)), "95th ms": float(np.quantile(presses, 0.95))}
    found["drag 1/s"] = page.evaluate(DRAG)
    random = np.random.default_rng(0)
    last = [page.evaluate(LAST, random.integers(0, 10**6, 12).tolist()) for _ in range(drags)]
    found["last one"] = f"{sum(last)} of {drags}"
    if page_engine:
        found["page ms"] = page.evaluate(EACH, 50)
        found[f"page ms, {slow} times slower"] = slowed_down(browser, address, slow)
    page.context.close()
    return found


def slowed_down(browser, address: str, slow: int) -> float:
    """Without a worker, whose speed Chromium does not change."""
    page = browser.new_context().new_page()
    page.add_init_script("delete window.Worker")
    page.goto(address)
    page.wait_for_selector(".picture[data-state]", timeout=60_000)
    page.wait_for_timeout(1_500)
    page.evaluate(EACH, 30)
    page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": slow})
    found: float = page.evaluate(EACH, 20)
    page.context.close()
    return found


def main() -> None:
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="*", default=[*ZOO, *SLOW])
    parser.add_argument("--slow", type=int, default=6)
    parser.add_argument("--browser", default="/usr/bin/chromium")
    given = parser.parse_args()
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=given.browser, args=["--no-sandbox"])
        for model in given.models:
            drags = 20 if model in SLOW else 200
            with subprocess.Popen([*COMMAND, model, "--no-browser", "--map", "0"], stdout=subprocess.PIPE, text=True,
                                  stderr=subprocess.DEVNULL, env={**os.environ, "OMP_NUM_THREADS": "1"}) as server:
                address = (server.stdout or sys.stdin).readline().split()[0]
                print(json.dumps({"model": model, "engine": "local",
                                  **measured(browser, address, False, given.slow, drags)}), flush=True)
                server.send_signal(signal.SIGINT)
            if model in ZOO:
                path = Path(folder) / "page.html"
                subprocess.run([*COMMAND, model, "--export", str(path), "--map", "0"], check=True,
                               stdout=subprocess.DEVNULL)
                print(json.dumps({"model": model, "engine": "page", "MB": path.stat().st_size / 1e6,
                                  **measured(browser, path.as_uri(), True, given.slow, drags)}), flush=True)


if __name__ == "__main__":
    main()
