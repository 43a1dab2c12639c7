"""The flow `study`: all stages in one folder, found again, done again where a file changed, going on past a failure."""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ganbench.flows import study
from ganbench.flows.cli import app
from ganbench.gan.datasets import DataFolders, open_data
from ganbench.gan.images import write_folder
from ganbench.gan.recipes import choosing
from ganbench.gan.study import planning
from ganbench.gan.study.paces import Kind, Paces
from ganbench.gan.study.stages import STAGES

SLOW = "explore,interpolate,augment,restore,stylize,publish"        # in tests of their own


@pytest.fixture(scope="session")
def photos(tmp_path_factory) -> Path:
    """500 garments in folders of 10 classes."""
    folder = tmp_path_factory.mktemp("photos") / "photos"
    found = open_data("fashion-mnist:test", DataFolders(None, folder.parent))
    write_folder(found.read(range(500)), folder, found.labels[:500].tolist(), found.classes)
    return folder


@pytest.fixture
def quick(monkeypatch):
    """Trainings of a few steps, and no timing of this machine."""
    monkeypatch.setattr(choosing, "DRAWN", 20)
    monkeypatch.setattr(choosing, "DRAWN_SLOW", 20)
    monkeypatch.setattr(planning, "LEAST_STEPS", 1)
    paces = Paces(1e-3, planning.FEATURES, {"dcgan": Kind(900.0, 1.0)})
    monkeypatch.setattr(study, "paces_of", lambda *_: paces)


def studied(tiny, photos, out, *more):
    return CliRunner().invoke(app, [
        "study", str(tiny), "--family", "dcgan", "--data", str(photos), "--out", str(out), "--n", "100", "--kinds",
        "dcgan", "--without", SLOW, *more])


def records(out):
    return {path.parent.name: json.loads(path.read_text("utf-8")) for path in Path(out).glob("*/stage.json")}


def numbers(out):
    return {name: record["numbers"] for name, record in records(out).items()}


def links_in(page: Path) -> set[str]:
    return {link for link in re.findall(r'href="([^"#][^"]*)"', page.read_text("utf-8")) if "://" not in link}


@pytest.mark.long
def test_a_study_is_one_folder_of_stages_that_are_found_again_and_done_again_where_a_file_has_changed(
        prefect_server, home, quick, tiny, photos, tmp_path, monkeypatch):
    log = tmp_path / "losses.csv"
    log.write_text("step,loss_d,loss_g\n" + "".join(f"{k},{1 / (k + 1)},{k % 7}\n" for k in range(200)), "utf-8")
    out = tmp_path / "study"
    done = studied(tiny, photos, out, "--logs", str(log))
    assert done.exit_code == 0, done.output
    assert "Plan: about" in done.output
    first = records(out)
    assert set(first) == {"data", "evaluate", "audit", "curves", "baselines", "compare", "ensemble", "specialise"}
    assert (out / "compare" / "report" / "report.html").is_file()
    assert str(tiny) in (out / "model.toml").read_text("utf-8")
    for name in ("index.html", "index.fr.html"):
        page = out / name
        assert {link for link in links_in(page) if not (out / link).is_file()} == set()
        assert all(f'id="stage-{stage}"' in page.read_text("utf-8") for stage in STAGES)

    called = []
    for name, stage in list(study.DO.items()):
        monkeypatch.setitem(study.DO, name, lambda work, name=name, stage=stage: called.append(name) or stage(work))
    again = studied(tiny, photos, out, "--logs", str(log))
    assert again.exit_code == 0, again.output
    assert called == []
    assert records(out) == first

    (out / "compare" / "report" / "report.html").write_text("lost", "utf-8")
    log.write_text(log.read_text("utf-8") + "200,0.1,1\n", "utf-8")
    assert studied(tiny, photos, out, "--logs", str(log)).exit_code == 0
    assert called == ["curves", "compare"]
    assert numbers(out) == {name: record["numbers"] for name, record in first.items()}


@pytest.mark.long
def test_a_stage_that_fails_or_refuses_is_said_on_the_page_and_the_others_go_on(
        prefect_server, home, quick, tiny, photos, tmp_path, monkeypatch):
    def broken(work):
        raise OSError("the disk is gone")

    monkeypatch.setitem(study.DO, "audit", broken)
    out = tmp_path / "study"
    done = studied(tiny, photos, out, "--without", f"{SLOW},baselines,curves")
    assert done.exit_code == 1
    page = (out / "index.html").read_text("utf-8")
    assert "the disk is gone" in page
    assert "no room for baselines" in page
    assert set(records(out)) == {"data", "evaluate", "specialise"}


@pytest.mark.parametrize(("options", "fact"), [
    (["--budget", "300"], "--budget"), (["--without", "evaluate"], "evaluate"), (["--kinds", "biggan"], "biggan"),
    (["--against", "nowhere.toml"], "nowhere.toml"), (["--fit", "stretch"], "stretch"), (["--budget", "20s"], "20s"),
    (["--logs", "nowhere.csv"], "nowhere.csv")])
def test_what_cannot_be_meant_is_told_before_any_work(quick, tiny, photos, tmp_path, options, fact):
    done = studied(tiny, photos, tmp_path / "study", *options)
    assert done.exit_code == 2, done.output
    assert fact in done.output.splitlines()[-1]


def test_a_folder_of_other_files_is_refused_and_left_alone(quick, tiny, photos, tmp_path):
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "thesis.tex").write_text("mine", "utf-8")
    done = studied(tiny, photos, tmp_path / "study")
    assert done.exit_code == 2
    assert [path.name for path in (tmp_path / "study").iterdir()] == ["thesis.tex"]
