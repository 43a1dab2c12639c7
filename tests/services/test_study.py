"""`ganbench study` on a checkpoint of somebody else's: within its budget, found again in a minute; every link of its
pages opens without a network."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from ganbench.gan.datasets import DataFolders, open_data
from ganbench.gan.images import write_folder
from ganbench.gan.models.names import ZOO

pytestmark = [pytest.mark.services, pytest.mark.timeout(1_800)]
BUDGET = 900


class Studies:
    """A checkpoint as a training of DCGAN's authors saves it, a folder of photos, and the command line."""

    def __init__(self, folder: Path, *options: str):
        self.folder, self.options = folder, options
        torch.save(load_file(ZOO / "dcgan-fashion-mnist.safetensors"), folder / "netG.pth")
        found = open_data("fashion-mnist:test", DataFolders(None, folder))
        write_folder(found.read(range(600)), folder / "photos", found.labels[:600].tolist(), found.classes)

    def begin(self, home: str, out: str) -> subprocess.Popen[bytes]:
        environment = {**os.environ, "GANBENCH_HOME": str(self.folder / home)}
        words = ["study", "netG.pth", "--family", "dcgan", "--data", "photos", "--budget", f"{BUDGET}s", "--n", "120",
                 "--licence", "mit", "--out", out, *self.options]
        with (self.folder / f"{out}.log").open("ab") as log:
            return subprocess.Popen([sys.executable, "-m", "ganbench", *words], cwd=self.folder, env=environment,
                                    stdout=log, stderr=log)

    def run(self, home: str, out: str) -> float:
        begun = time.monotonic()
        assert self.begin(home, out).wait(1_700) == 0, (self.folder / f"{out}.log").read_text("utf-8")
        return time.monotonic() - begun

    def numbers(self, out: str) -> dict[str, dict[str, float]]:
        records = [json.loads(path.read_text("utf-8")) for path in (self.folder / out).glob("*/stage.json")]
        return {record["name"]: record["numbers"] for record in records}


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> Studies:
    """Trainings would fill the budget: see test_killed_study.py."""
    return Studies(tmp_path_factory.mktemp("studies"), "--without", "baselines,augment", "--against",
                   "zoo:dcgan-fashion-mnist-early")


@pytest.fixture(scope="module")
def seconds(studies: Studies) -> float:
    """Of a study that nobody disturbs."""
    return studies.run("home", "study")


def test_a_study_from_nothing_stays_within_its_budget_and_lacks_no_stage(studies, seconds):
    assert seconds < BUDGET
    assert set(studies.numbers("study")) == {
        "data", "evaluate", "audit", "compare", "ensemble", "explore", "interpolate", "restore", "stylize",
        "specialise", "publish"}


def test_the_same_study_is_found_again_within_a_minute(studies, seconds):
    assert studies.run("home", "study") < 60


def test_every_link_of_its_pages_opens_without_a_network(studies, seconds, page_at):
    waiting, seen = ["study/index.html", "study/index.fr.html"], set[str]()
    while waiting:
        name = waiting.pop()
        seen.add(name)
        page = page_at((studies.folder / name).as_uri())
        assert page.title(), name
        links = page.eval_on_selector_all("a[href]", "all => all.map(one => one.getAttribute('href'))")
        inner = (link for link in links if not re.match(r"#|https?:|mailto:|data:|blob:", link))
        for link in {re.split(r"[?#]", link)[0] for link in inner}:
            found = os.path.normpath(Path(name).parent / link)
            assert (studies.folder / found).is_file(), f"{name} -> {link}"
            if found.endswith(".html") and found not in seen:
                waiting.append(found)
        assert page.complaints == [], name
        page.close()
    assert len(seen) > 10
