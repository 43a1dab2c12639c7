"""`ganbench study`, killed at random moments and resumed."""

from __future__ import annotations

import random
import shutil
import time
from pathlib import Path

import pytest

from tests.services.live import descendants
from tests.services.test_deaths import kill
from tests.services.test_study import Studies

pytestmark = [pytest.mark.services, pytest.mark.timeout(1_800)]


def test_a_study_that_is_killed_three_times_ends_in_the_same_numbers(tmp_path: Path) -> None:
    studies = Studies(tmp_path, "--kinds", "dcgan", "--without", "augment", "--budget", "300s")
    seconds = studies.run("home", "study")
    out = studies.folder / "killed"
    (out / "data").mkdir(parents=True)
    shutil.copy(studies.folder / "study" / "plan.json", out)        # which depends on how fast the machine just was
    moments = random.Random(time.time())
    for _ in range(3):
        child = studies.begin("another-home", "killed")
        time.sleep(moments.uniform(0.1, 0.5) * seconds)
        kill(child.pid)
        child.wait(60)
        assert descendants(child.pid) == []
    studies.run("another-home", "killed")
    assert studies.numbers("killed") == studies.numbers("study")
