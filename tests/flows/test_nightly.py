"""The flow `nightly` under a real Prefect server, with MLflow on SQLite."""

import json
import shutil
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from tests.flows.test_evaluate_flow import artifacts_of
from tests.gan.nightly.test_canary import FACTS
from tests.gan.nightly.test_night import MINE, spoil, write_suite
from tests.refusals import refused

GATED = ('[gate]\nchampion = "good.npz"\n[margins]\nkid_judge = 0.001\n'
         '[[models]]\nname = "mine"\nfolder = "runs"\nfamily = "dcgan"\n')


@pytest.fixture
def place(tmp_path, garments, tiny, monkeypatch):
    import numpy as np

    from ganbench.gan.images import write_npz
    from ganbench.gan.nightly import canary

    monkeypatch.setattr(canary, "toolchain", lambda *_: FACTS)
    folder = tmp_path / "place"
    (folder / "runs").mkdir(parents=True)
    shutil.copy(garments, folder / "real.npz")
    shutil.copy(tiny, folder / "runs" / "000100.safetensors")
    write_npz(folder / "good.npz", np.load(garments)["arr_0"].transpose(0, 3, 1, 2)[:40])
    return folder


@pytest.fixture
def run(prefect_server, home, place):
    from ganbench.flows.nightly import nightly
    from ganbench.tasks.settings import configure, histories

    def night(suite=""):
        configure()
        state = nightly(suite=suite or write_suite(place), return_state=True)
        paths = sorted((histories() / "mine").glob("*.json"))
        return SimpleNamespace(state=state, nights=[json.loads(path.read_text("utf-8")) for path in paths])

    return night


def runs_of(kind):
    from mlflow import MlflowClient

    from ganbench.tasks.settings import settings

    client = MlflowClient(settings().tracking)
    (experiment,) = client.search_experiments(filter_string="name = 'ganbench'")
    return client, client.search_runs([experiment.experiment_id], f"tags.`ganbench.kind` = '{kind}'")


def test_nights_are_steps_of_one_run_and_an_artifact_each(run, place):
    assert run().state.is_completed()
    spoil(place / "runs" / "000100.safetensors", place / "runs" / "000200.safetensors", 0.01)
    found = run()
    assert [night["number"] for night in found.nights] == [1, 2]
    client, (history,) = runs_of("history")
    assert history.info.status == "FINISHED"
    assert history.info.end_time > history.info.start_time
    steps = client.get_metric_history(history.info.run_id, "kid/mine")
    assert [step.step for step in steps] == [1, 2]
    files = {file.path for file in client.list_artifacts(history.info.run_id)}
    assert files == {"history-0.png", "history.html", "history.json"}
    shown = artifacts_of(found.state.state_details.flow_run_id)["markdown"].data
    assert "000200" in shown
    assert "data:image/" in shown
    _, evaluations = runs_of("evaluation")
    assert {one.info.run_name for one in evaluations} == {"mine: 000100", "mine: 000200"}
    assert len({one.data.tags["suite_id"] for one in evaluations}) == 1      # side by side in MLflow's table
    assert all(one.info.end_time > one.info.start_time for one in evaluations)
    assert [one.name for one in client.search_registered_models()] == ["mine"]


def test_what_mlflow_missed_is_logged_in_a_night_without_anything_new(run, monkeypatch):
    with monkeypatch.context() as down:
        down.setenv("GANBENCH_TRACKING_URI", "http://127.0.0.1:9")
        assert run().state.is_completed()
    found = run()
    assert [one["observations"][0]["since"] for one in found.nights] == [1, 1]
    _, evaluations = runs_of("evaluation")
    assert [one.info.run_name for one in evaluations] == ["mine: 000100"]


def test_the_alias_champion_goes_from_who_held_the_title_to_who_won_it(run, place):
    from mlflow.exceptions import MlflowException

    from ganbench.tasks.tracking.registry import crown

    spoil(place / "runs" / "000100.safetensors", place / "other.safetensors", 0.01)
    other = f'[[models]]\nname = "other"\nmodel = "{place / "other.safetensors"}"\nfamily = "dcgan"\n'
    found = run(write_suite(place, MINE + other))
    digests = {one["entry"]: one["digest"] for one in found.nights[0]["observations"]}
    client, _ = runs_of("evaluation")
    for name, before in (("mine", "other"), ("other", "mine"), ("mine", "other")):
        assert crown(digests[name], "garments")
        assert client.get_model_version_by_alias(name, "champion").version == 1
        with pytest.raises(MlflowException, match="champion"):
            client.get_model_version_by_alias(before, "champion")
    assert crown(digests["other"], "another suite")
    assert client.get_model_version_by_alias("mine", "champion")        # of garments, still
    assert not crown("0" * 64, "garments")


def test_a_regression_ends_the_run_in_words_and_is_told_once(run, place, monkeypatch):
    told = []
    monkeypatch.setattr("ganbench.flows.nightly.emit_event", lambda **event: told.append(event))
    suite = write_suite(place, GATED)
    state = run(suite).state
    assert (state.name, state.type.name) == ("Regression", "FAILED")
    assert "mine" in state.message
    assert run(suite).state.name == "Regression"
    assert [event["event"] for event in told] == ["ganbench.regression"]


def test_a_model_that_is_refused_leaves_the_night_incomplete_and_the_others_measured(run, place, noise):
    few = noise("few.npz", 20, (1, 32, 32))
    found = run(write_suite(place, f'{MINE}[[models]]\nname = "few"\nmodel = "{few}"\n'))
    assert found.state.name == "Incomplete"
    assert "few.npz has 20 images, but 40 are to be measured" in found.state.message
    assert [one["entry"] for one in found.nights[0]["observations"]] == ["mine"]


def test_a_missed_night_is_made_up_for_once(run, monkeypatch):
    run()
    earlier = (datetime.now(UTC) - timedelta(hours=5)).isoformat()
    monkeypatch.setattr("ganbench.flows.nightly.scheduled", lambda: earlier)
    found = run()
    assert found.state.name == "Skipped"
    assert len(found.nights) == 1
    later = (datetime.now(UTC) + timedelta(minutes=1)).isoformat()
    monkeypatch.setattr("ganbench.flows.nightly.scheduled", lambda: later)
    assert len(run().nights) == 2


def test_a_suite_that_cannot_be_read_is_refused(run, place):
    with refused("unknown-suite", "none.toml"):
        run(str(place / "none.toml")).state.result()


def test_a_night_can_measure_a_model_of_mlflows_by_its_alias(run, place):
    """The first night registers a snapshot as a version of the model, the second one opens it by its alias."""
    run()
    suite = write_suite(place, '[[models]]\nmodel = "models:/mine@measured"\n')
    found = run(suite)
    assert found.nights[-1]["observations"][0]["digest"] == found.nights[0]["observations"][0]["digest"]


def test_an_alias_that_is_not_there_is_said(run, place):
    run()
    with refused("unknown-model", "models:/mine@none"):
        run(write_suite(place, '[[models]]\nmodel = "models:/mine@none"\n')).state.result()


def test_without_mlflow_the_history_goes_on(run, place, monkeypatch):
    monkeypatch.setenv("GANBENCH_TRACKING_URI", "http://127.0.0.1:9")
    found = run()
    assert found.state.is_completed()
    assert len(found.nights) == 1
