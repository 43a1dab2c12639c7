"""The flow `compare` under a real Prefect server: three models on 80 images each, with MLflow on SQLite."""

import json
from types import SimpleNamespace

import jsonschema
import numpy as np
import pytest

from ganbench.flows.comparisons import comparison_json
from ganbench.gan.images import write_npz
from ganbench.gan.report.document import SCHEMA_FILE
from tests.refusals import refused

GIVEN = {"protocol": None, "convention": "embedded", "n": 80, "metrics": "kid,fd,ct", "extractor": "judge"}


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Real images: 160 for the reference and 80 for each of three models, of which the second has negatives."""
    from ganbench.gan.datasets import DataFolders, open_data

    folder = tmp_path_factory.mktemp("images")
    found = open_data("fashion-mnist:test", DataFolders(None, folder)).read(range(400))
    write_npz(folder / "reference.npz", found[:160])
    for k, name in enumerate(("one", "two", "three")):
        mine = found[160 + 80 * k : 240 + 80 * k]
        write_npz(folder / f"{name}.npz", mine if name != "two" else 255 - mine)
    return folder


@pytest.fixture
def run_compare(prefect_server, home, images):
    from ganbench.flows.compare import compare
    from ganbench.tasks.settings import configure

    def run(*names, **given):
        configure()
        models = [str(images / f"{name}.npz") for name in names]
        parameters = {**GIVEN, "reference": str(images / "reference.npz"), **given}
        state = compare(models=models, **parameters, return_state=True)
        return SimpleNamespace(found=state.result(), id=state.state_details.flow_run_id)

    return run


def names_of(flow_run):
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId

    with get_client(sync_client=True) as client:
        runs = client.read_task_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[flow_run])), limit=200)
    return {run.name: run.state_name for run in runs}


def test_models_are_ranked_logged_flat_and_one_more_costs_that_one_only(run_compare, mlflow_runs, tmp_path):
    found = run_compare("one", "two", report=str(tmp_path / "a")).found
    run_compare("one", "two", report=str(tmp_path / "b"))
    check_alike(tmp_path / "a", tmp_path / "b")
    assert found.rankings[0].metric == "kid_judge"
    assert found.rankings[0].models[0] == "one.npz"
    assert found.rankings[0].ranks["two.npz"] == (2, 2)
    assert [row.metric for row in found.rankings if not row.decides] == []      # C_T needs the training set
    assert found.mixture.shares.sum() == pytest.approx(1)
    assert found.costs["one.npz"].parameters is None
    check_json(found)

    second = run_compare("one", "two", "three")
    states = names_of(second.id)
    samples = {name: state for name, state in states.items() if name.startswith(("sample", "judge"))}
    fresh = {name for name, state in samples.items() if state != "Cached"}
    assert fresh == {"sample three.npz, part 0", "judge of three.npz, part 0"}
    assert len(samples) == 2 * 4                                                # the reference once, and three models
    assert second.found.scores["one.npz"] == found.scores["one.npz"]

    client, runs = mlflow_runs()
    kinds = [run.data.tags["ganbench.kind"] for run in runs]
    assert sorted(kinds) == ["comparison", "comparison", "evaluation", "evaluation", "evaluation"]
    assert len({run.data.tags["suite_id"] for run in runs}) == 1
    assert all("mlflow.parentRunId" not in run.data.tags for run in runs)
    check_suite(client, [run for run in runs if run.data.tags["ganbench.kind"] == "comparison"], second.found)
    check_models(client, [run for run in runs if run.data.tags["ganbench.kind"] == "evaluation"])

    again = run_compare("three", "two", "one").found                            # another order, nothing new
    assert len(mlflow_runs()[1]) == 5
    assert again.suite.run_id == second.found.suite.run_id
    assert not again.suite.new
    assert again.rankings[0].models == second.found.rankings[0].models


def check_alike(one, other):
    """Two runs of the same: every file the same bytes, but for one line that says when it was made."""
    names = sorted(str(path.relative_to(one)) for path in one.rglob("*") if path.is_file())
    assert names == sorted(str(path.relative_to(other)) for path in other.rglob("*") if path.is_file())
    assert {"report.html", "report.json", "report.md", "play.html"} < set(names)
    for name in names:
        pairs = zip((one / name).read_bytes().split(b"\n"), (other / name).read_bytes().split(b"\n"), strict=True)
        assert sum(a != b for a, b in pairs) <= name.startswith("report."), name


def check_json(found):
    """What `--json` prints is the report's document: a row for each score, and what made them."""
    content = json.loads(comparison_json(found))
    jsonschema.validate(content, json.loads(SCHEMA_FILE.read_text()))
    rows = {(row["model"], row["metric"]): row for row in content["scores"]}
    for scores in found.scores.values():
        for score in scores:
            row = rows.pop((score.model, score.metric))
            assert (row["value"], row["se"], row["floor"]) == (score.value, score.se, score.floor)
    assert rows == {}
    assert content["provenance"]["models"]["one.npz"]["seed"] == 0


def check_suite(client, runs, found):
    """The leaderboard as MLflow's table: a row for each model, the best first, full precision."""
    run = next(run for run in runs if run.info.run_id == found.suite.run_id)
    path = client.download_artifacts(run.info.run_id, "leaderboard.json")
    with open(path, encoding="utf-8") as file:
        table = json.load(file)
    rows = [dict(zip(table["columns"], row, strict=True)) for row in table["data"]]
    assert [row["model"] for row in rows] == list(found.rankings[0].models)
    lead = {score.metric: score for score in found.scores[rows[0]["model"]]}
    assert rows[0]["kid_judge"] == lead["kid_judge"].value
    assert rows[0]["fd_judge.se"] == lead["fd_judge"].se
    assert "| one.npz |" in run.data.tags["mlflow.note.content"]


def check_models(client, runs):
    """Each run has its model as an output, and each model is registered under its name."""
    assert len({output.model_id for run in runs for output in run.outputs.model_outputs}) == 3
    versions = client.search_model_versions("")
    assert sorted(version.name for version in versions) == ["one-npz", "three-npz", "two-npz"]
    assert {version.version for version in versions} == {1}
    for run in runs:
        shown = [file.path for file in client.list_artifacts(run.info.run_id, "images") if file.path.endswith(".png")]
        assert len(shown) == 1                                                  # once, however often it is compared
        assert shown[0].startswith("images/wall")                               # 80 images are too few for galleries
    for version in versions:
        assert client.get_model_version_by_alias(version.name, "measured").version == version.version


def test_one_model_and_the_same_one_twice_are_sentences(run_compare):
    with refused("too-few-models", 2, 1, "`ganbench evaluate`"):
        run_compare("one")
    with refused("given-twice", "one.npz"):
        run_compare("one", "one")


def test_models_of_one_name_are_told_apart(images, tmp_path):
    from ganbench.gan.jobs import distinct
    from ganbench.gan.types import Workspace

    other = tmp_path / "one.npz"
    write_npz(other, np.random.default_rng(0).integers(0, 256, (80, 1, 32, 32), np.uint8))
    specs = distinct([str(images / "one.npz"), str(other)], Workspace(home=str(tmp_path)))
    assert [spec.name for spec in specs] == ["one.npz 1", "one.npz 2"]
