"""Names may hold anything: what people and files are called is printed as it is, or refused at once."""

import json

import numpy as np
import pytest
from rich.progress import Progress
from typer.testing import CliRunner

from ganbench.flows import tables
from ganbench.flows.cli import app, bars
from ganbench.flows.screen import Grid, Line, show
from ganbench.gan.images import write_npz
from ganbench.gan.models.loading import resolve
from ganbench.gan.report.verdict import same_models
from ganbench.gan.types import ModelSpec
from tests.refusals import refused

NAMES = ["netG[ema]", "netG[raw]", "[/b]", "[bold]x", ":bug:", "\\[x", "{0} %s", "a < b & c", "[link=http://x]y"]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_appears_as_it_is_in_lists_tables_lines_and_checks(capsys, name):
    tables.print_list(name, [{"name": name, name: [name]}], False)
    show([Grid(name, ("", name), ((name, name),)), Line(f": {name}", name, "bold")])
    tables.print_checks([{"name": name, "found": None, "expected": None, "state": f"not run: {name}"}], False)
    printed = capsys.readouterr().out
    assert printed.count(name) == 13


def test_a_name_is_the_description_of_a_progress_bar_as_it_is(monkeypatch):
    """Rendered as a terminal would: with markup this raises an error after the work."""
    with bars(quiet=True) as show:
        show("features of [/b]", 1, 2)
    shown: list[Progress] = []
    monkeypatch.setattr(Progress, "__enter__", lambda self: shown.append(self) or self)
    with bars(quiet=True) as show:
        show("features of [/b]", 1, 2)
    column = shown[0].columns[0]
    assert str(column.render(shown[0].tasks[0])) == "features of [/b]"


@pytest.mark.parametrize(("batch", "seconds"), [(250, 40), (20, 0.5), (10, 90)])
def test_the_remaining_time_of_steady_work_is_right_whatever_a_batch_takes(monkeypatch, batch, seconds):
    shown: list[Progress] = []
    monkeypatch.setattr(Progress, "__enter__", lambda self: shown.append(self) or self)
    with bars(quiet=True) as show:
        now = [0.0]
        shown[0].get_time = lambda: now[0]
        show("features", 0, 20 * batch)
        for done in range(1, 20):
            now[0] += seconds
            show("features", batch, 20 * batch)
            if done > 2:
                remaining = shown[0].tasks[0].time_remaining
                assert remaining is not None
                assert remaining == pytest.approx(seconds * (20 - done), rel=0.5, abs=1)


def ganbench(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.mark.parametrize("words", [
    ("evaluate", "a" * 400), ("inspect", "a" * 400), ("compare", "a" * 400, "b" * 400), ("sample", "é" * 200, "--n", 3,
                                                                                       "--out", "x.npz"),
    ("evaluate", "x\udcff.npz"),
])
def test_a_name_that_no_file_can_have_is_refused_at_once(home, words):
    done = ganbench(*words)
    assert done.exit_code == 2, done.output
    assert "The name" in done.stderr
    assert done.stderr.count("\n") == 1
    assert len(done.stderr) < 200


@pytest.mark.parametrize("name", ["a" * 400, "é" * 150, "", "  "])
def test_a_models_name_that_cannot_stand_in_tables_is_refused_at_once(tmp_path, name):
    (tmp_path / "m.toml").write_text(f'name = {json.dumps(name)}\nfactory = "nowhere:make"\n')
    with refused("malformed-name"):
        resolve(str(tmp_path / "m.toml"))


def test_models_of_one_digest_are_one_model():
    (english, french), = same_models({"a": "1", "b": "2", "c": "1", "[/b]": "3"})
    assert english.startswith("a and c are one model")
    assert french.startswith("a et c sont un seul et même modèle")
    assert same_models({"a": "1", "b": "2"}) == []


def test_compare_says_which_models_are_one_by_content_whatever_their_names(home, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    images = np.random.default_rng(0).integers(0, 256, (30, 1, 8, 8), np.uint8)
    for name in ("net[ema]", "net[raw]"):
        write_npz(tmp_path / f"{name}.npz", images)
    write_npz(tmp_path / "other.npz", images[::-1] // 2)
    (tmp_path / "odd.toml").write_text('name = "a[/b]"\nfamily = "images"\nweights = "other.npz"\nlatent = "none"\n')
    done = ganbench("compare", "net[ema].npz", "net[raw].npz", "odd.toml", "--reference", "other.npz", "--n", 20,
                    "--extractor", "pixels", "--metrics", "diversity", "--report", "r[/x]", "--json", "out[/y].json")
    assert done.exit_code == 0, done.output
    assert "net[ema].npz and net[raw].npz are one model: equal weights" in " ".join(done.stdout.split())
    for name in ("net[ema].npz", "net[raw].npz", "a[/b]"):
        assert f"\n {name} " in done.stdout.split("What is wrong")[0]
    verdict = (tmp_path / "r[/x]" / "report.md").read_text().replace("\\", "")
    assert "net[ema].npz and net[raw].npz are one model" in verdict
    assert {row["name"] for row in json.loads((tmp_path / "out[/y].json").read_text())["models"]} == {
        "net[ema].npz", "net[raw].npz", "a[/b]"}


def test_the_shortest_legal_names_are_accepted(tmp_path, noise):
    path = noise("x.npz", 3)
    assert resolve(str(path)).name == "x.npz"
    assert ModelSpec("x" * 200).name
