"""What `ganbench explore` puts around its pictures: a map, and real images."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from ganbench.flows.explorations import Background, Scenery, explored, export, picture, real_images
from ganbench.gan.explorer.server import Activity
from ganbench.gan.explorer.state import state_of
from ganbench.gan.question import Opening
from tests.conftest import TINY
from tests.refusals import refused

OPENING = Opening()


@pytest.fixture
def tiny_model(tiny, tmp_path):
    arguments = ", ".join(f"{name} = {value}" for name, value in TINY.items())
    path = tmp_path / "tiny.toml"
    path.write_text(f'family = "dcgan"\nweights = "{tiny}"\narguments = {{{arguments}}}\n', "utf-8")
    return str(path)


@pytest.fixture
def small(tiny_model):
    (named,) = explored([tiny_model], OPENING, "seed=0")
    return named


@pytest.fixture
def photos(tmp_path):
    """Twelve images of other sizes, in two classes."""
    random = np.random.default_rng(0)
    for i in range(12):
        folder = tmp_path / "photos" / "ab"[i % 2]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (40, 30 + i), np.uint8)).save(folder / f"{i}.png")
    return str(tmp_path / "photos")


def test_real_images_are_those_that_are_asked_for_or_that_the_model_has_learnt(small, photos, tmp_path):
    assert real_images(small, photos, OPENING).n == 12
    assert real_images(small, photos, OPENING).shape[1:] == (32, 32)
    assert real_images(small, "", OPENING) is None
    assert real_images(small, "none", OPENING) is None
    with refused("unknown-data", "nowhere"):
        real_images(small, "nowhere", OPENING)
    np.save(tmp_path / "few.npy", np.full((9, 32, 32), 99, np.uint8))
    with refused("too-few-images", 9):
        real_images(small, str(tmp_path / "few.npy"), OPENING)
    (zoo,) = explored(["zoo:dcgan-fashion-mnist"], OPENING, "seed=0")
    assert real_images(zoo, "", OPENING).name == "fashion-mnist:train"


def test_the_map_comes_first_and_then_the_real_images(small, photos):
    seen = []

    class Watched(Background):
        def publish(self, more):
            super().publish(more)
            seen.append(dict(self.facts))

    behind = Watched(small, OPENING, Scenery(20), real_images(small, photos, OPENING), Activity())
    with refused("no-reference"):
        behind.around(state_of("seed=1"))
    behind.prepare()
    assert [facts["more"] for facts in seen] == [True, False]
    assert ["realism" in facts for facts in seen] == [False, True]
    assert set(seen[1]["classes"]) <= {0, 1}
    assert seen[1]["names"] == ("a", "b")
    found = behind.around(state_of("seed=1"))
    assert found["realism"] > 0
    assert len(found["near"]) == 6
    assert {one["label"] for one in found["near"]} <= {"a", "b"}
    shown = Image.open(io.BytesIO(base64.b64decode(found["near"][0]["picture"].partition(",")[2])))
    assert shown.size == (32, 32)


def test_a_map_that_fails_leaves_the_rest(small, photos, monkeypatch):
    monkeypatch.setattr("ganbench.flows.explorations.mapped", lambda *_: 1 / 0)
    behind = Background(small, OPENING, Scenery(20), real_images(small, photos, OPENING), Activity())
    behind.prepare()
    assert behind.facts == {"none": True, "real": behind.data.name, "reals": 12, "more": False}
    alone = Background(small, OPENING, Scenery(0), None, Activity())
    alone.prepare()
    assert alone.facts == {"none": True, "more": False}


def test_pages_and_pictures_are_written_or_refused(tiny_model, photos, tmp_path):
    ticks = []
    size = export(lambda *more, **totals: ticks.append(more), [tiny_model], OPENING, "seed=2",
                  Scenery(10, "pca", photos), tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text("utf-8")
    assert size == len(text.encode())
    assert '"borrowed":true' in text
    assert "around.js" not in text
    assert "byId(\"near\")" not in text                     # of the local engine
    assert ticks
    made = picture([tiny_model], OPENING, "truncation=0.5,seed=2", tmp_path / "p.png")
    assert made.state == "seed=2,truncation=0.5"
    with refused("unknown-output-format", "page.txt"):
        export(print, [tiny_model], OPENING, "seed=2", Scenery(0), tmp_path / "page.txt")
    with refused("unfit-value", "10,001"):
        export(print, [tiny_model], OPENING, "seed=2", Scenery(10_001), tmp_path / "page.html")
    with refused("unfit-value", "2 models"):
        picture([tiny_model] * 2, OPENING, "seed=2", tmp_path / "p.png")
