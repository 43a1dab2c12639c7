"""The flow `compare` under a real Prefect server: three models on 80 images each, with MLflow on SQLite."""

import json
from dataclasses import replace
from types import SimpleNamespace

import jsonschema
import numpy as np
import pytest

from ganbench.flows.comparisons import comparison_json
from ganbench.gan.images import write_npz
from ganbench.gan.report.charts import COLOURS
from ganbench.gan.report.document import SCHEMA_FILE
from ganbench.gan.tables import ranks_of
from ganbench.tasks import score_view
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
    page = (tmp_path / "a" / "report.html").read_text("utf-8")
    assert page.count('class="sprite"') == page.count('data-picture="data:image/') == 3  # of the map
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
    evaluations = [run for run in runs if run.data.tags["ganbench.kind"] == "evaluation"]
    check_models(client, evaluations)
    check_ranks(evaluations, second.found)
    check_view(client, runs[0].info.experiment_id, evaluations)

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


    assert run.data.metrics["best/kid"] == lead["kid_judge"].value
    assert run.data.metrics["models"] == 3
    for model, (least, _) in found.rankings[0].ranks.items():
        assert run.data.metrics[f"rank/{model}"] == least
    report = f"#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}/artifacts/report.html"
    assert run.data.tags["mlflow.note.content"].startswith(f"[Report]({report}?")


def check_ranks(runs, found):
    """Each model's run says its rank, has the report's colour for it, and leads to the report."""
    by_name = {run.data.params["model"]: run for run in runs}
    for colour, model in zip(COLOURS, found.rankings[0].models, strict=False):
        tags = by_name[model].data.tags
        assert tags["rank"] == ranks_of(found.rankings[0], model)
        assert tags["mlflow.runColor"] == colour
        assert f"/runs/{found.suite.run_id}/artifacts/report.html" in tags["mlflow.note.content"]


def check_view(client, experiment, evaluations):
    """The first page: the models of the newest comparison, the best first."""
    tags = client.get_experiment(experiment).tags
    view = score_view.read(tags[score_view.TAG + tags["ganbench.view"]])
    order = f"{view['orderByKey']} {'ASC' if view['orderByAsc'] else 'DESC'}"
    shown = client.search_runs([experiment], view["searchFilter"], order_by=[order])
    values = [run.data.metrics["kid"] for run in evaluations]
    assert [run.data.metrics["kid"] for run in shown] == sorted(values)
    assert view["selectedColumns"][:3] == ["tags.`rank`", "tags.`kid`", "tags.`fd`"]


def check_models(client, runs):
    """Each run has its model as an output, and each model is registered under its name."""
    assert len({output.model_id for run in runs for output in run.outputs.model_outputs}) == 3
    versions = client.search_model_versions("")
    assert sorted(version.name for version in versions) == ["one-npz", "three-npz", "two-npz"]
    assert {version.version for version in versions} == {1}
    for run in runs:
        shown = [file.path for file in client.list_artifacts(run.info.run_id, "images") if file.path.endswith(".png")]
        kinds = sorted(path.removeprefix("images/")[:4] for path in shown)      # 80 images are too few for galleries
        assert kinds == ["samp", "wall"]                                        # once, however often it is compared
    for version in versions:
        assert client.get_model_version_by_alias(version.name, "measured").version == version.version


def test_a_result_is_one_run_whichever_command_asks_for_it(run_compare, mlflow_runs, images):
    from ganbench.flows.evaluate import evaluate

    alone = evaluate(model=str(images / "one.npz"), reference=str(images / "reference.npz"), **GIVEN).tracked
    both = run_compare("one", "two").found
    assert both.tracked["one.npz"].run_id == alone.run_id
    assert not both.tracked["one.npz"].new
    assert len(mlflow_runs()[1]) == 3                                           # two models and their comparison


def test_a_run_of_an_earlier_version_is_completed_not_repeated(run_compare, mlflow_runs, monkeypatch):
    """Earlier versions named every metric by its extractor, and had another key."""
    from ganbench.tasks.tracking import evaluations, suites

    record_of = evaluations.record_of

    def former(*given, **more):
        made = record_of(*given, **more)
        return replace(made, key=made.former, view={}, metrics={"kid_judge": 1.0})

    with monkeypatch.context() as earlier:
        earlier.setattr("ganbench.flows.compare.record_of", former)
        earlier.setattr(suites, "join", lambda *given: None)
        before = {name: logged.run_id for name, logged in run_compare("one", "two").found.tracked.items()}
    again = run_compare("one", "two").found.tracked
    assert {name: logged.run_id for name, logged in again.items()} == before
    assert len(mlflow_runs()[1]) == 3
    (run,) = [run for run in mlflow_runs()[1] if run.info.run_id == before["one.npz"]]
    assert {"kid", "kid_judge", "rank"} <= run.data.metrics.keys()


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
