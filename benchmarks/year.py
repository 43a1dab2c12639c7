"""A year of nights in MLflow: 365 nights x 10 models, each night a new snapshot of every model.

python benchmarks/year.py FOLDER [--nights 365] [--models 10]

fills a home folder, then measures how long a look-up of a run takes, how long a night takes to be added to the suite's
run, and how long MLflow's first page takes in a browser (Chromium, if it is there).
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from machine import measuring

METRICS = ("kid", "fd", "is", "kid_judge", "fd_judge", "is_judge", "accuracy_judge")


def main() -> None:
    given = arguments()
    os.environ["GANBENCH_HOME"] = str(given.folder.absolute())
    with measuring(f"{given.nights} nights x {given.models} models in MLflow", "mlflow"):
        if not (given.folder / "mlflow").exists():
            fill(given)
        look_up(given)
        open_page(given.folder)


def fill(given: argparse.Namespace) -> None:
    from mlflow.entities import Metric, Param, RunTag

    from ganbench.tasks.tracking.client import COMPLETE, KEY, connect, experiment_of

    client = connect()
    experiment, random, begun = experiment_of(client), np.random.default_rng(0), time.monotonic()
    for night in range(1, given.nights + 1):
        for model in range(given.models):
            run = client.create_run(experiment, None, {KEY: f"{night}-{model}"}, f"model {model}")
            rows = [Metric(name, float(value), 0, 0) for name, value in
                    zip(METRICS, random.random(len(METRICS)), strict=True)]
            client.log_batch(run.info.run_id, metrics=rows, params=[Param("model", f"model {model}")],
                             tags=[RunTag(COMPLETE, "true")])
        add_night(given, night, random)
    print(f"filled in {time.monotonic() - begun:.0f} s")


def add_night(given: argparse.Namespace, night: int, random: np.random.Generator) -> float:
    from ganbench.tasks.tracking.histories import Curves, Step, log_history

    values = {f"{name}/model {model}": float(random.random()) for name in METRICS for model in range(given.models)}
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "history.json").write_text("[]", "utf-8")
        log_history(Curves("year", "history of year", [Step(night, time.time(), values)], "A night.", folder, {}))
    return time.monotonic() - begun


def look_up(given: argparse.Namespace) -> None:
    from ganbench.tasks.tracking.client import connect, experiment_of
    from ganbench.tasks.tracking.evaluations import run_of

    client = connect()
    experiment = experiment_of(client)
    times = []
    for night in np.linspace(1, given.nights, 9, dtype=int):
        begun = time.monotonic()
        assert run_of(client, experiment, f"{night}-0") is not None
        times.append(time.monotonic() - begun)
    print(f"look-up of a run: {np.median(times):.3f} s, at most {max(times):.3f} s")
    print(f"one more night: {add_night(given, given.nights + 1, np.random.default_rng(1)):.2f} s")


def open_page(home: Path) -> None:
    browser = os.environ.get("GANBENCH_BROWSER") or shutil.which("chromium")
    if not browser:
        print("no Chromium: the page is not measured")
        return
    from playwright.sync_api import sync_playwright

    log = (home / "ui.log").open("w", encoding="utf-8")
    child: Any = subprocess.Popen([sys.executable, "-m", "ganbench", "ui"], stdout=log, stderr=log)
    try:
        while "Ctrl-C stops" not in (home / "ui.log").read_text("utf-8"):
            time.sleep(0.5)
        address = next(word for word in (home / "ui.log").read_text("utf-8").split() if word.endswith("/ganbench"))
        with sync_playwright() as playwright:
            page = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"]).new_page()
            for what in ("first", "again"):
                begun = time.monotonic()
                page.goto(address)
                page.get_by_text("model ").first.wait_for(timeout=60_000)
                print(f"first page, {what}: {time.monotonic() - begun:.1f} s")
            page.screenshot(path=home / "page.png")
    finally:
        child.terminate()
        child.wait(60)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--nights", type=int, default=365)
    parser.add_argument("--models", type=int, default=10)
    return parser.parse_args()


if __name__ == "__main__":
    main()
