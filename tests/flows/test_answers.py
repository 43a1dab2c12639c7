"""Kept answers: given again while nothing has changed that they depend on, and only then."""

import os
import sqlite3

import pytest

from ganbench.flows import answers
from ganbench.flows.answers import Answer, asked, keep, recalled, remembering
from ganbench.flows.screen import Line
from ganbench.gan.store import Store
from ganbench.tasks.settings import configure, settings

ANSWER = Answer([Line("0.1 ± 0.2")], '{"scores": []}')
RUN = "r1"


@pytest.fixture
def model(tmp_path):
    """A model file, the weights that it names, and a folder of images."""
    (tmp_path / "net.bin").write_bytes(b"weights")
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "1.png").write_bytes(b"picture")
    path = tmp_path / "model.toml"
    path.write_text('name = "m"\nfamily = "dcgan"\nweights = "net.bin"\n')
    return path


def question(model, **changes):
    given = {"model": str(model), "reference": str(model.with_name("pictures")), "seed": 0}
    return asked("evaluate", **{**given, **changes})


def stored():
    return Store(settings().root / "store")


def compute():
    """What a flow would: an artefact is found."""
    return stored().find("samples", "ab12") or stored().commit("samples", "ab12", "x.bin",
                                                               lambda path: path.write_bytes(b"images"))


@pytest.fixture
def answered(model, monkeypatch):
    """A question that has been answered, with a picture, an artefact and a run of MLflow."""
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    configure()
    settings().mlflow_database.parent.mkdir(parents=True)
    with sqlite3.connect(settings().mlflow_database) as database:
        database.execute("CREATE TABLE runs (run_uuid TEXT, lifecycle_stage TEXT)")
        database.execute("INSERT INTO runs VALUES (?, 'active')", (RUN,))
    picture = settings().root / "wall.png"
    picture.write_bytes(b"png")
    asking = question(model)
    with remembering(asking):
        compute()
    keep(asking, ANSWER, [str(picture)], [RUN])
    return model


def test_the_same_question_has_the_same_answer(answered, monkeypatch):
    assert recalled(question(answered)) == ANSWER
    monkeypatch.setenv("COLUMNS", "60")
    assert recalled(question(answered)) == ANSWER


def test_what_a_command_writes_is_no_input(answered, tmp_path):
    asking = question(answered, out=str(tmp_path / "report"))
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "report.html").write_text("x")
    keep(asking, ANSWER, [str(tmp_path / "report")], [RUN])
    assert recalled(question(answered, out=str(tmp_path / "report"))) == ANSWER
    assert recalled(question(answered, out=str(tmp_path / "elsewhere"))) is None
    (tmp_path / "report" / "report.html").write_text("edited")
    assert recalled(question(answered, out=str(tmp_path / "report"))) is None


def test_an_answer_counts_as_a_use_of_what_it_rests_on(answered):
    manifest = compute().path.with_name("manifest.json")
    os.utime(manifest, (0, 0))
    recalled(question(answered))
    assert manifest.stat().st_mtime > 0


def rewritten(path):
    """Other bytes of the same number, and the time of the last change as it was."""
    before = path.stat()
    path.write_bytes(path.read_bytes()[::-1])
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def forget(model):
    with sqlite3.connect(settings().mlflow_database) as database:
        database.execute("UPDATE runs SET lifecycle_stage = 'deleted'")


def wait(model):
    folder = settings().root / "untracked"
    folder.mkdir()
    (folder / "record.json").write_text("{}")


CHANGES = {
    "weights": lambda model: rewritten(model.with_name("net.bin")),
    "model file": lambda model: model.write_text(model.read_text() + "# other\n"),
    "image": lambda model: rewritten(model.with_name("pictures") / "1.png"),
    "another image": lambda model: (model.with_name("pictures") / "2.png").write_bytes(b"x"),
    "one image less": lambda model: (model.with_name("pictures") / "1.png").unlink(),
    "artefact lost": lambda model: compute().path.unlink(),
    "artefact damaged": lambda model: rewritten(compute().path),
    "picture lost": lambda model: (settings().root / "wall.png").unlink(),
    "run deleted": forget,
    "no database": lambda model: settings().mlflow_database.unlink(),
    "record waits": wait,
    "data downloaded": lambda model: (settings().root / "data").mkdir() or (settings().root / "data" / "x").touch(),
}


@pytest.mark.parametrize("change", CHANGES)
def test_an_answer_is_forgotten_when_anything_has_changed(answered, change):
    CHANGES[change](answered)
    assert recalled(question(answered)) is None


@pytest.mark.parametrize("changes", [{"seed": 1}, {"n": 5}, {"by": "class"}])
def test_another_question_has_no_answer(answered, changes):
    assert recalled(question(answered, **changes)) is None


@pytest.mark.parametrize("name", ["code", "packages"])
def test_other_code_or_packages_give_their_own_answer(answered, monkeypatch, name):
    monkeypatch.setattr(answers, name, lambda: "other")
    assert recalled(question(answered)) is None


def test_a_setting_or_another_folder_changes_the_question(answered, monkeypatch, tmp_path_factory):
    configure(device="cuda")
    assert recalled(question(answered)) is None
    configure()
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    assert recalled(question(answered)) is None


@pytest.mark.parametrize("given", ["hf:org/repo@main", "mine.py:make", "package.module:make", "theirs:make"])
def test_code_and_models_of_a_hub_are_left_to_the_flow(model, given, monkeypatch):
    monkeypatch.chdir(model.parent)
    (model.parent / "theirs.py").write_text("")
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    assert question(model) is not None
    assert question(model, factory=given) is None
    model.write_text(f'factory = "{given}"\n')
    assert question(model) is None


@pytest.mark.parametrize("name", ["zoo:dcgan-fashion-mnist", "fashion-mnist:test", "64:bicubic", "dinov2=weights.pth"])
def test_names_are_no_code(name):
    assert not answers.is_code(name)


def test_where_a_server_keeps_records_the_flow_runs(model, monkeypatch):
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:4200/api")
    assert question(model) is None
    monkeypatch.delenv("PREFECT_API_URL")
    monkeypatch.setattr(answers, "running", lambda: True)
    assert question(model) is None


def test_scores_that_wait_for_mlflow_are_no_answer(model, monkeypatch):
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    asking = question(model)
    keep(asking, ANSWER, [], [""])
    assert recalled(question(model)) is None


@pytest.mark.parametrize("name", ["model.toml", "net.bin"])
def test_pipes_are_not_read_and_left_to_the_flow(model, monkeypatch, name):
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    model.with_name(name).unlink()
    os.mkfifo(model.with_name(name))
    assert question(model) is None


def test_links_that_lead_back_are_left_to_the_flow(model, monkeypatch):
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.setattr(answers, "MOST_FILES", 100)
    for k in range(3):
        (model.with_name("pictures") / f"again{k}").symlink_to(model.with_name("pictures"))
    assert question(model) is None


def test_folders_with_too_many_files_are_left_to_the_flow(model, monkeypatch):
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.setattr(answers, "MOST_FILES", 2)
    assert question(model) is None
