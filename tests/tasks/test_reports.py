"""The explorer's page of a report: of which models, under which names."""

import json
import re
from types import SimpleNamespace

import pytest

from ganbench import Workspace
from ganbench.gan.models.loading import resolve
from ganbench.tasks.reports import explorer_of, word_for


@pytest.fixture
def job(tmp_path):
    space = Workspace(str(tmp_path / "home"))
    return lambda name: SimpleNamespace(model=resolve(f"zoo:{name}-fashion-mnist", space), workspace=space)


def test_a_reports_page_has_the_models_that_a_page_can_compute_by_the_words_of_the_command(job):
    command = "ganbench compare zoo:dcgan-fashion-mnist zoo:flow-fashion-mnist zoo:stylegan2-fashion-mnist"
    text = explorer_of([job("dcgan"), job("flow"), job("stylegan2")], command)
    data = json.loads(re.search(r'<script id="data"[^>]*>(.*?)</script>', text, re.S)[1])
    assert [model["command"] for model in data["models"]] == ["zoo:dcgan-fashion-mnist", "zoo:stylegan2-fashion-mnist"]
    assert explorer_of([job("flow")], command) == ""


def test_a_model_is_called_what_the_command_calls_it():
    assert word_for("mine", "ganbench compare 'my models/mine.toml' zoo:other --n 500") == "my models/mine.toml"
    assert word_for("mine", "ganbench compare zoo:other") == "mine"
