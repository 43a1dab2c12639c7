"""The commands as Python functions: the same results as on the command line, shown as text, HTML and pictures."""

import io
import json

import numpy as np
import pytest
from PIL import Image

import ganbench
from ganbench.flows.curves import curves_screen, read_curves
from ganbench.flows.notebook import Shown
from ganbench.flows.screen import Grid, Line
from ganbench.gan.models.names import ZOO
from tests.gan.test_markup import texts_of
from tests.refusals import refused

LOG = ZOO / "collapsed-fashion-mnist-quality.csv"


@pytest.fixture
def displayed(monkeypatch):
    """What IPython is asked to display, by MIME type."""
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda data, raw: shown.append(data))
    return shown


def test_curves_say_what_the_command_prints_and_show_its_picture(displayed):
    found = ganbench.curves(LOG)
    assert found.screen == curves_screen(read_curves([str(LOG)], "", "", [], 0.9, "en"))
    found._ipython_display_()
    text, picture = displayed
    assert "have collapsed" in text["text/plain"]
    assert "have collapsed" in " ".join(texts_of(text["text/html"]))
    assert Image.open(io.BytesIO(picture["image/png"])).width > 500


def test_a_film_is_shown_beside_some_of_its_frames(tiny, tmp_path, workspace, displayed):
    model = tmp_path / "tiny.toml"
    model.write_text(f'name = "tiny"\nfamily = "dcgan"\nweights = "{tiny}"\n')
    made = ganbench.interpolate(str(model), tmp_path / "film.gif", workspace=workspace, seeds="1,2", frames=4, fps=10)
    assert made.found.route.frames == 4
    made._ipython_display_()
    assert [sorted(one) for one in displayed] == [
        ["text/html", "text/plain"], ["image/png", "text/plain"], ["text/html", "text/plain"]]
    assert "data:image/gif;base64," in displayed[-1]["text/html"]
    assert str(tmp_path) not in json.dumps([one.get("text/html") for one in displayed])


def test_a_restoration_is_the_sheet_that_the_command_writes(tiny, garments, tmp_path, workspace, displayed):
    model, image = tmp_path / "tiny.toml", tmp_path / "garment.png"
    model.write_text(f'name = "tiny"\nfamily = "dcgan"\nweights = "{tiny}"\n')
    Image.fromarray(np.load(garments)["arr_0"][0].squeeze()).save(image)
    made = ganbench.restore(image, tmp_path / "out.png", str(model), workspace=workspace, damage="inpaint:box=8",
                            method="biharmonic,tv")
    assert set(made.found.found) == {"biharmonic", "tv"}
    assert made.pictures == (("image/png", (tmp_path / "out.png").read_bytes()),)
    assert "biharmonic" in repr(made)


def test_an_option_that_does_not_exist_is_refused_beside_those_that_do(workspace):
    with refused("unknown-argument", "'framse'", "frames"):
        ganbench.interpolate("zoo:dcgan-fashion-mnist", "film.gif", workspace=workspace, framse=3)


def test_what_is_shown_is_text_and_never_markup():
    hostile = "<script>alert(1)</script>"
    found = Shown(None, [Line(hostile, hostile), Grid(hostile, (hostile,), ((hostile,),)), Line("")])
    assert "<script" not in found.html
    assert texts_of(found.html).count(hostile) == 5
    assert repr(found).count(hostile) == 5


def test_the_functions_need_neither_prefect_nor_mlflow(run_python):
    done = run_python("-c", "import sys\nfrom ganbench import augment, curves, explore, interpolate, restore\n"
                            f"curves({str(LOG)!r})\nassert not {{'prefect', 'mlflow'}} & set(sys.modules)")
    assert done.returncode == 0, done.stderr
