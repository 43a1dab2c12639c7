"""The panel of a notebook: its widgets, moved as a browser would move them, and its pictures without any."""

import base64
import io
import shlex
import sys

import numpy as np
import pytest
from PIL import Image

from ganbench import ModelSpec
from ganbench.gan.explorer.state import state_of
from ganbench.gan.explorer.widgets import Panel, explore
from ganbench.gan.gallery import sheet, tile
from tests.explored import explored
from tests.refusals import refused

STYLES = "stylegan2-fashion-mnist"


@pytest.fixture
def panel():
    return Panel(explored(STYLES), f"zoo:{STYLES}", "seed=3:5,truncation=0.7,pca2=1.5")


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)))


def test_the_controls_begin_where_the_state_is(panel):
    picture = panel.box.children[1]
    assert {name: one.value for name, one in panel.controls.items()} == {
        "seed": 3, "truncation": 0.7, "class": "as drawn", "direction": "pca2", "amount": 1.5}
    shown = tile(explored(STYLES).image(state_of("seed=3:5,truncation=0.7,pca2=1.5")), 256)
    assert np.array_equal(pixels(picture.value), np.asarray(shown))


@pytest.mark.parametrize(("control", "value", "state"), [
    ("seed", 8, "seed=8,truncation=0.7,pca2=1.5"), ("truncation", 1.0, "seed=3:5,pca2=1.5"),
    ("class", 9, "seed=3:5,class=9,truncation=0.7,pca2=1.5"), ("amount", -2.0, "seed=3:5,truncation=0.7,pca2=-2"),
    ("direction", "sefa1", "seed=3:5,truncation=0.7,sefa1=1.5"), ("amount", 0.0, "seed=3:5,truncation=0.7"),
])
def test_a_moved_control_shows_the_picture_of_the_new_state(panel, control, value, state):
    controls, picture = panel.box.children
    line, before = controls.children[-1], picture.value
    panel.controls[control].value = value
    assert panel.state == state_of(state)
    assert state in line.value
    assert picture.value != before
    assert np.array_equal(pixels(picture.value), np.asarray(tile(explored(STYLES).image(state_of(state)), 256)))
    assert state in panel.command


@pytest.mark.parametrize(("model", "controls"), [
    ("dcgan-fashion-mnist", {"seed", "truncation", "direction", "amount"}),
    ("flow-fashion-mnist", {"seed", "truncation", "class", "steps", "guidance"}),
    ("gpt-fashion-mnist", {"seed", "class", "temperature", "top-k", "keep"}),
])
def test_a_model_has_the_controls_that_mean_something_for_it(model, controls):
    found = Panel(explored(model), f"zoo:{model}")
    assert found.box.children
    assert found.controls.keys() == controls


def test_where_there_is_no_widget_the_picture_is_shown(panel):
    found = panel._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in found
    assert base64.b64decode(found["image/png"]) == panel.png
    assert found["text/plain"] == panel.command


def test_a_row_shows_one_thing_changed(panel):
    states = [state_of(f"seed=3:5,truncation=0.7,pca2=1.5,class={k}") for k in (2, 7)]
    expected = sheet(np.stack([explored(STYLES).image(one) for one in states]), 2, ["class=2", "class=7"])
    assert np.array_equal(np.asarray(panel.row("class", [2, 7])), np.asarray(expected))


def test_a_model_of_ones_own_is_explored_by_its_spec(tiny, workspace):
    found = explore(ModelSpec("mine", family="dcgan", weights=str(tiny)), "seed=1", workspace=workspace)
    assert found.image().size == (256, 256)
    named = shlex.split(found.command)[2]               # a model file, which opens the same model
    again = explore(named, "seed=1", workspace=workspace)
    assert again.png == found.png
    with refused("malformed-state", "speed=1"):
        found.image("speed=1")


def test_without_ipywidgets_pictures_are_there_and_the_panel_says_what_it_needs(panel, monkeypatch):
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    assert panel.image().size == (256, 256)
    with refused("missing-package", "ganbench[notebook]"):
        _ = panel.box


def test_classes_of_known_data_stand_below_their_pictures_by_name(workspace):
    found = explore(f"zoo:{STYLES}", "seed=5", workspace=workspace)
    images = np.stack([explored(STYLES).image(state_of(f"seed=5,class={k}")) for k in (0, 9)])
    expected = sheet(images, 2, ["t-shirt", "boot"])
    assert np.array_equal(np.asarray(found.row("class", [0, 9])), np.asarray(expected))
    assert ("t-shirt", 0) in found.box.children[0].children[2].options
