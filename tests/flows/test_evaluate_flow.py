"""The flow `evaluate` under a real Prefect server, with MLflow on SQLite: 30 images against 60."""

import json
import socket
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from ganbench import Workspace, evaluate
from ganbench.gan.features.extract import extractor_of
from ganbench.gan.features.passing import extract
from ganbench.gan.images import read_image
from ganbench.gan.interchange import save_statistics
from ganbench.gan.measure import roles_of
from ganbench.gan.models.names import ZOO
from ganbench.gan.protocols import CONVENTIONS
from ganbench.gan.question import Question, protocol_of
from ganbench.gan.statistics import moments
from ganbench.gan.tables import cell_of
from ganbench.tasks.artifacts import texts
from tests.refusals import refused

# The metrics of the convention `embedded` that can be had without the training set, and from 30 images.
NAMES = [name for name in CONVENTIONS["embedded"].metrics if "training" not in roles_of(name) and name != "fd_infinity"]
CACHED_TASKS = ("sample", "efficientnet", "score")


def artifacts_of(flow_run) -> dict[str, object]:
    """Type -> the newest artifact of that type."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId

    with get_client(sync_client=True) as client:
        found = client.read_artifacts(
            artifact_filter=ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[flow_run]))
        )
    return {artifact.type: artifact for artifact in found}


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_a_run_scores_logs_and_shows_and_its_repetition_is_cached_and_logged_once(run_flow, mlflow_runs, garments):
    first = run_flow(held_out=str(garments), seed=3)
    scores = {score.metric: score for score in first.outcome.scores}
    leading = ["kid", *(name for name in NAMES if name != "kid")]
    assert list(scores) == [f"{name}_efficientnet_lite0" for name in leading]
    left_out = [row.facts["metrics"] for row in first.outcome.scores[0].caveats if row.rule == "left out"]
    assert ["fd_infinity"] in left_out
    assert ["authpct"] in left_out
    assert all(score.floor is not None for score in scores.values())
    assert (first.outcome.drawn, first.outcome.found) == (30, 0)
    check_tasks(first.tasks, "Completed")
    check_mlflow(first, mlflow_runs, scores)
    check_artifacts(artifacts_of(first.id), scores)

    second = run_flow(held_out=str(garments), seed=3)
    assert second.outcome.scores == first.outcome.scores
    assert (second.outcome.drawn, second.outcome.found) == (0, 30)
    assert second.outcome.features_made == 0
    check_tasks(second.tasks, "Cached")
    assert len(mlflow_runs()[1]) == 1
    assert second.outcome.tracked.run_id == first.outcome.tracked.run_id
    assert not second.outcome.tracked.new


def check_tasks(states, expected):
    from_the_store = {name: state for name, state in states.items() if name.startswith(CACHED_TASKS)}
    assert len(from_the_store) == 3 + 3 + 2  # roles; roles; generated and held out
    assert set(from_the_store.values()) == {expected}
    others = {name: state for name, state in states.items() if name not in from_the_store}
    assert set(others.values()) == {"Completed"}
    assert {"prepare tiny", "picture of tiny"} <= set(others)


def check_mlflow(run, mlflow_runs, scores):
    client, (logged,) = mlflow_runs()
    assert logged.info.run_id == run.outcome.tracked.run_id
    assert logged.info.status == "FINISHED"
    assert logged.data.tags["ganbench.complete"] == "true"
    assert logged.data.tags["prefect.flow_run_id"] == str(run.id)
    assert {"model": "tiny", "n": "30", "seed": "3", "convention": "embedded"}.items() <= logged.data.params.items()
    for score in scores.values():
        assert logged.data.metrics[score.row] == score.value        # the extractor is a parameter of the run
        assert logged.data.metrics[f"{score.row}.se"] == score.se
        assert logged.data.metrics[f"{score.row}.floor"] == score.floor
        value, se = texts(cell_of(score))[:2]
        assert logged.data.tags[score.row] in (f"{value} ± {se}", texts(cell_of(score))[2])
    assert logged.data.params["extractor"] == "efficientnet_lite0"
    assert logged.data.tags["mlflow.source.name"].startswith("ganbench evaluate ")
    assert logged.info.end_time - logged.info.start_time >= 1000    # the evaluation's, not the logging's
    contexts = {tag.value: found.dataset.name for found in logged.inputs.dataset_inputs for tag in found.tags}
    assert contexts == {"reference": "garments.npz", "held_out": "garments.npz"}
    files = {file.path for file in client.list_artifacts(logged.info.run_id)}
    picture = Path(run.outcome.picture)
    assert files == {"scores.json", "samples.png", "preview.png", "images"}
    downloaded = client.download_artifacts(logged.info.run_id, "scores.json", str(picture.parent))
    table = json.loads(Path(downloaded).read_text(encoding="utf-8"))
    assert table["columns"][:2] == ["metric", "score"]              # MLflow's page compares the second of several runs
    assert dict(zip(table["columns"], table["data"][0], strict=True))["value"] == run.outcome.scores[0].value
    assert read_image(picture).shape[0] == 3  # a sheet of the 30 images


def check_artifacts(artifacts, scores):
    assert {"progress", "markdown"} <= artifacts.keys()
    assert float(artifacts["progress"].data) == 100
    for name, score in scores.items():
        value, se = texts(cell_of(score))[:2]
        assert abs(float(value) - score.value) <= score.se / 10  # rounded by as much as its error allows
        assert f"| `{name}` | {value} | {se} |" in artifacts["markdown"].data


def test_a_model_of_three_names_is_one_run_one_model_and_one_version_in_mlflow(run_flow, mlflow_runs, tmp_path):
    name = "dcgan-fashion-mnist-start"
    copy = tmp_path / "mine.toml"
    copy.write_text(f'family = "dcgan"\nweights = "{ZOO / name}.safetensors"\n')
    ways = ({"model": f"zoo:{name}"}, {"model": str(copy)}, {"model": f"{ZOO / name}.safetensors", "family": "dcgan"})
    outcomes = [run_flow(metrics="kid", extractor="pixels", **way).outcome for way in ways]
    assert [outcome.drawn for outcome in outcomes] == [30, 0, 0]
    client, runs = mlflow_runs()
    assert len(runs) == 1
    assert len(client.search_logged_models([runs[0].info.experiment_id])) == 1
    (version,) = client.search_model_versions("")
    assert version.name == name


def test_a_larger_number_draws_only_the_missing_images_and_is_another_run(run_flow, mlflow_runs):
    run_flow()
    more = run_flow(n=40)
    assert (more.outcome.drawn, more.outcome.found) == (10, 30)
    assert len(mlflow_runs()[1]) == 2


def test_a_run_that_was_half_logged_is_completed_not_repeated(run_flow, mlflow_runs):
    first = run_flow()
    client, (logged,) = mlflow_runs()
    client.delete_tag(logged.info.run_id, "ganbench.complete")
    again = run_flow()
    client, (logged,) = mlflow_runs()
    assert again.outcome.tracked.run_id == first.outcome.tracked.run_id
    assert again.outcome.tracked.new
    assert logged.data.tags["ganbench.complete"] == "true"
    assert len(logged.inputs.dataset_inputs) == 1


def test_a_tracking_server_that_is_down_costs_seconds_and_no_scores(run_flow, mlflow_runs, home):
    run_flow()  # so that only tracking is timed
    address = f"http://127.0.0.1:{closed_port()}"
    start = time.monotonic()
    down = run_flow(tracking_uri=address, seed=1)
    assert time.monotonic() - start < 45
    assert len(down.outcome.scores) == len(NAMES)
    assert address in down.outcome.tracked.problem
    (waiting,) = (home / "untracked").iterdir()
    assert str(waiting) in down.outcome.tracked.problem
    again = run_flow(tracking_uri=address, seed=1)
    assert list((home / "untracked").iterdir()) == [waiting]
    assert again.outcome.scores == down.outcome.scores
    run_flow(seed=2)  # back on SQLite
    assert list((home / "untracked").iterdir()) == []
    assert sorted(run.data.params["seed"] for run in mlflow_runs()[1]) == ["0", "1", "2"]


class OnlyHealthy(BaseHTTPRequestHandler):
    """An MLflow server that answers the question how it is, and fails at everything else."""

    def do_GET(self):
        self.send_response(200 if self.path == "/health" else 500)
        self.end_headers()

    do_POST = do_GET

    def log_message(self, *words):
        """Silent."""


@pytest.fixture
def failing_server():
    with ThreadingHTTPServer(("127.0.0.1", 0), OnlyHealthy) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_tracking_server_that_fails_half_way_costs_no_scores(run_flow, mlflow_runs, home, failing_server):
    failed = run_flow(tracking_uri=failing_server)
    assert len(failed.outcome.scores) == len(NAMES)
    assert f"MLflow at {failing_server} failed" in failed.outcome.tracked.problem
    (waiting,) = (home / "untracked").iterdir()
    assert str(waiting) in failed.outcome.tracked.problem
    run_flow(seed=1)  # on SQLite
    assert list((home / "untracked").iterdir()) == []
    assert sorted(run.data.params["seed"] for run in mlflow_runs()[1]) == ["0", "1"]


def test_a_record_that_cannot_be_logged_waits_and_is_in_nobodys_way(run_flow, mlflow_runs, home, caplog):
    (home / "untracked").mkdir(parents=True)
    broken = home / "untracked" / "0123.json"
    broken.write_text("{")
    assert run_flow().outcome.tracked.new
    assert len(mlflow_runs()[1]) == 1
    assert list((home / "untracked").iterdir()) == [broken]
    assert "0123.json could not be logged" in caplog.text


def test_a_record_that_another_process_logged_meanwhile_is_no_failure(run_flow, mlflow_runs, home, monkeypatch):
    from ganbench.tasks.tracking import evaluations

    @contextmanager
    def after_another():
        for path in evaluations.waiting().glob("*.json"):
            evaluations.deliver(path, evaluations.Record(**json.loads(path.read_text())))
        yield

    monkeypatch.setattr(evaluations, "one_at_a_time", after_another)
    tracked = run_flow().outcome.tracked
    assert (tracked.problem, len(mlflow_runs()[1])) == ("", 1)
    assert tracked.run_id == mlflow_runs()[1][0].info.run_id


def test_a_waiting_record_that_vanishes_is_not_reported(run_flow, home, monkeypatch, caplog):
    (home / "untracked").mkdir(parents=True)
    gone = home / "untracked" / "0123.json"
    gone.write_text("{}")
    read = Path.read_text

    def vanishing(path, *given, **more):
        if path == gone:
            path.unlink()
        return read(path, *given, **more)

    monkeypatch.setattr(Path, "read_text", vanishing)
    assert run_flow().outcome.tracked.problem == ""
    assert "could not be logged" not in caplog.text
    assert not gone.exists()


def test_statistics_can_be_the_reference(run_flow, garments, tmp_path, workspace):
    images = np.load(garments)["arr_0"].transpose(0, 3, 1, 2)
    features = extract(images, extractor_of("efficientnet_lite0", workspace))["features"]
    save_statistics(tmp_path / "stats.npz", moments(features).statistics())
    from_file = run_flow(reference=str(tmp_path / "stats.npz"), held_out=str(garments)).outcome.scores
    from_images = run_flow(held_out=str(garments)).outcome.scores
    names = ("fd", "is", "vendi", "diversity")  # what needs no features of the reference
    assert [score.metric for score in from_file] == [f"{name}_efficientnet_lite0" for name in names]
    expected = {score.metric: score for score in from_images}["fd_efficientnet_lite0"]
    assert from_file[0].value == pytest.approx(expected.value, rel=1e-6)
    assert from_file[0].floor == pytest.approx(expected.floor, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize(("given", "code"), [({"model": "none.pt"}, "unknown-model"), ({"n": 1}, "too-few-images")])
def test_bad_input_fails_the_run_at_once_and_the_message_is_its_sentence(run_flow, given, code):
    from prefect.client.orchestration import get_client

    seen = names_of_runs()
    with refused(code) as error:
        run_flow(**given)
    with get_client(sync_client=True) as client:
        (run,) = [run for run in client.read_flow_runs() if run.name not in seen]
    assert run.state_name == "Failed"
    assert run.state.message == str(error.value)
    assert run.run_count == 1


def names_of_runs():
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        return {run.name for run in client.read_flow_runs()}


def test_deployments_appear_with_their_schedule(prefect_server):
    from prefect.client.orchestration import get_client

    from ganbench.flows.deployments import deploy

    names = ["evaluate-one-model", "evaluate-every-night", "compare-models", "compare-every-night",
             "train-on-my-images", "train-baselines", "specialise-a-model", "interpolate-a-model", "invert-photos",
             "condition-a-model", "restore-images", "augment-with-a-model", "stylize-an-image", "study-a-model",
             "publish-a-model",
             "suite-every-night"]
    assert [name.partition("/")[2] for name in deploy()] == names
    with get_client(sync_client=True) as client:
        nightly = client.read_deployment_by_name("evaluate/evaluate-every-night")
        by_hand = client.read_deployment_by_name("evaluate/evaluate-one-model")
    assert [schedule.schedule.cron for schedule in nightly.schedules] == ["0 3 * * *"]
    assert by_hand.schedules == []
    assert by_hand.parameter_openapi_schema["properties"]["model"]["title"] == "Model"


def test_a_model_that_a_person_put_into_the_nightly_deployment_stays_there(prefect_server):
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import DeploymentUpdate

    from ganbench.flows.deployments import deploy

    deploy()
    with get_client(sync_client=True) as client:
        nightly = client.read_deployment_by_name("evaluate/evaluate-every-night")
        mine = {**nightly.parameters, "model": "mine.toml"}
        client.update_deployment(nightly.id, DeploymentUpdate(parameters=mine))
        deploy()
        assert client.read_deployment(nightly.id).parameters == mine
        client.update_deployment(nightly.id, DeploymentUpdate(parameters=nightly.parameters))


def test_runs_wait_for_each_other_until_a_person_changes_that_and_former_deployments_go(prefect_server):
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import WorkPoolUpdate
    from prefect.exceptions import ObjectNotFound

    from ganbench.flows.deployments import deploy
    from ganbench.flows.evaluate import evaluate
    from ganbench.tasks.servers import POOL

    deploy()
    with get_client(sync_client=True) as client:
        assert client.read_work_pool(POOL).concurrency_limit == 1
        client.update_work_pool(POOL, WorkPoolUpdate(concurrency_limit=3))
        evaluate.to_deployment("nightly", work_pool_name=POOL, tags=["ganbench"]).apply()
        deploy()
        assert client.read_work_pool(POOL).concurrency_limit == 3
        with pytest.raises(ObjectNotFound):
            client.read_deployment_by_name("evaluate/nightly")
        client.update_work_pool(POOL, WorkPoolUpdate(description="", concurrency_limit=None))  # a former one
        deploy()
        assert client.read_work_pool(POOL).concurrency_limit == 1


def test_slices_are_scored_shown_and_logged(run_flow, mlflow_runs, garments, tmp_path):
    run = run_flow(by="cluster", held_out=str(garments), metrics="kid")
    slices = run.outcome.slices
    assert [score.metric for score in run.outcome.scores] == ["kid_efficientnet_lite0"]
    assert sum(score.value for score in slices if score.metric == "share") == pytest.approx(1)
    assert sum(score.floor for score in slices if score.metric == "share") == pytest.approx(1)
    client, (logged,) = mlflow_runs()
    table = json.loads(Path(client.download_artifacts(logged.info.run_id, "scores.json", tmp_path)).read_text("utf-8"))
    named = [row[table["columns"].index("slice")] for row in table["data"]]
    assert named == ["", *(score.slice for score in slices)]


def test_metrics_of_memorisation_come_with_the_training_set(run_flow, tiny_pictures, garments):
    scores = run_flow(training=str(garments), metrics="authpct,copies").outcome.scores
    assert [score.metric for score in scores] == ["authpct_efficientnet_lite0"]  # the reference was learned from
    assert scores[0].floor is None
    others = run_flow(training=str(tiny_pictures), metrics="authpct,copies", held_out=str(garments)).outcome.scores
    assert [score.metric for score in others] == ["authpct_efficientnet_lite0", "copies_efficientnet_lite0"]
    assert others[0].floor is not None


@pytest.fixture
def tiny_pictures(noise):
    return noise("training.npz", 40, (1, 32, 32), seed=5)


def test_published_scores_stand_beside_those_of_the_same_protocol_alone(capsys):
    from ganbench.flows.evaluate import sentence
    from ganbench.flows.tables import print_list, published_row
    from ganbench.gan.published import beside

    rows = [row for row in beside(protocol_of(Question("cifar10-fidelity-50k"))) if row.metric == "fid"]
    assert any(row.model.startswith("EDM") and row.value < 2 for row in rows)
    assert not beside(protocol_of(Question("cifar10-fidelity-50k", n=10_000)))
    print_list("Published", [published_row(row) for row in rows], False)
    shown = capsys.readouterr().out
    assert all(f"{row.value:g}" in shown for row in rows)
    assert sentence(rows[0]).startswith("Published: fid = ")


def test_paths_are_walked_by_tasks_as_by_threads_and_once(run_flow, model, garments, tmp_path):
    asked = {"metrics": "ppl,kid", "extractor": "judge"}
    first = run_flow(**asked)
    assert {score.metric for score in first.outcome.scores} == {"ppl_judge", "kid_judge"}
    assert first.tasks["judge of paths of generated, part 0"] == "Completed"
    second = run_flow(**asked)
    assert second.tasks["judge of paths of generated, part 0"] == "Cached"
    question = Question(reference=str(garments), n=30, convention="embedded", **asked)
    assert first.outcome.scores == second.outcome.scores == evaluate(
        model, question, workspace=Workspace(str(tmp_path / "threads")))
