"""The explorer's page of a report: of which models, under which names."""

import json
import re
from types import SimpleNamespace

import pytest

from ganbench import Workspace
from ganbench.gan.models.loading import resolve
from ganbench.gan.reporting import explorer_of


@pytest.fixture
def job(tmp_path):
    space = Workspace(str(tmp_path / "home"))
    return lambda name: SimpleNamespace(model=resolve(f"zoo:{name}-fashion-mnist", space), workspace=space)


def test_a_reports_page_has_the_models_that_a_page_can_compute_by_the_words_of_the_command(job):
    jobs = [job("dcgan"), job("flow"), job("stylegan2")]
    asked = {job.model.name: f"my models/{k}.toml" for k, job in enumerate(jobs)}
    text = explorer_of(jobs, asked)
    data = json.loads(re.search(r'<script id="data"[^>]*>(.*?)</script>', text, re.S)[1])
    assert [model["command"] for model in data["models"]] == ["my models/0.toml", "my models/2.toml"]
    assert explorer_of(jobs[1:2], asked) == ""
