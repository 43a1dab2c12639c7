"""The flow `ensemble`: what it writes is a model, and what it says was measured on other images."""

import json

import pytest

from ganbench.gan.drawing import draw
from ganbench.gan.images import write_npz
from ganbench.gan.models.loading import load, resolve
from ganbench.gan.types import Workspace
from tests.refusals import refused

GOOD, BAD = "zoo:dcgan-fashion-mnist", "zoo:dcgan-fashion-mnist-start"


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    from ganbench.gan.datasets import DataFolders, open_data

    path = tmp_path_factory.mktemp("data") / "reference.npz"
    write_npz(path, open_data("fashion-mnist:test", DataFolders(None, path.parent)).read(range(400)))
    return str(path)


@pytest.fixture
def run(prefect_server, home, reference, tmp_path):
    from ganbench.flows.ensemble import ensemble
    from ganbench.tasks.settings import configure

    def run(*models, **given):
        configure()
        asked = {"protocol": None, "convention": "embedded", "extractor": "judge", "n": 300, "reference": reference}
        return ensemble(models=list(models), out=str(tmp_path / "out.toml"), **{**asked, **given})

    return run


def test_the_mixture_is_a_model_file_and_prefers_the_better_model(run, tmp_path):
    from ganbench.flows.ensemble import ensemble_json

    found = run(GOOD, BAD)
    assert found.shares["dcgan-fashion-mnist"] > 0.9
    assert found.held.found_on == found.held.tested_on == 150
    spec = resolve(found.file, Workspace(home=str(tmp_path)))
    assert spec.family == "mixture"
    assert draw(load(spec), spec, 0, 0, 4)["images"].shape == (4, 1, 32, 32)
    assert json.loads(ensemble_json(found))["held"]["gain"]["se"] >= 0


def test_a_budget_is_spent_on_models_that_are_of_use(run):
    from ganbench.flows.ensemble import ensemble_json

    found = run(GOOD, BAD, budget=500)
    assert found.adaptive.drawn.sum() <= 500
    assert found.adaptive.drawn[1] == 100                   # one batch told enough
    assert json.loads(ensemble_json(found))["adaptive"]["drawn"] == found.adaptive.drawn.tolist()


def test_rejection_of_a_mixture_lies_in_three_files_that_may_move_together(run, tmp_path):
    found = run(GOOD, BAD, reject=True, rate=0.4)
    assert found.trial.acceptance.value == pytest.approx(0.4, abs=0.15)
    names = {path.name for path in tmp_path.iterdir() if path.name.startswith("out")}
    assert names == {"out.toml", "out-mixture.toml", "out.safetensors"}
    (tmp_path / "moved").mkdir()
    for name in names:
        (tmp_path / name).rename(tmp_path / "moved" / name)
    spec = resolve(str(tmp_path / "moved" / "out.toml"))
    assert draw(load(spec), spec, 0, 0, 2)["images"].shape == (2, 1, 32, 32)


def test_a_single_model_is_improved_and_said_so_only_where_it_is(run):
    from ganbench.flows.ensemble import trial_lines

    found = run(GOOD, reject=True)
    assert found.shares == {"dcgan-fashion-mnist": 1.0}
    assert resolve(found.file).family == "rejection"
    surely = "is nearer" in trial_lines(found.trial)[1]
    assert surely == (found.trial.gain.value > 1.96 * found.trial.gain.se)


@pytest.mark.parametrize(("models", "out", "said"), [
    ([GOOD], "a.toml", ("too-few-models", 2, "--reject")), ([GOOD, BAD], "a.txt",
     ("unknown-output-format", "FILE.toml", "a.txt")),
])
def test_bad_input_is_told_in_a_sentence(models, out, said):
    from pathlib import Path

    from ganbench.gan.jobs import check_mixing

    with refused(*said):
        check_mixing(models, Path(out), reject=False)
