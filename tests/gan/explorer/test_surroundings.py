"""Real images beside an explored one: who is nearest, and how realistic it is, against slower or other code."""

import numpy as np
import pytest

from ganbench.gan.datasets.base import of_array
from ganbench.gan.explorer.explored import Explored
from ganbench.gan.explorer.mapping import Mapped, layout_of, map_of
from ganbench.gan.explorer.state import state_of
from ganbench.gan.explorer.surroundings import MOST, Surroundings, surroundings_of
from ganbench.gan.features.passing import extract
from ganbench.gan.features.pixels import make
from ganbench.gan.generators.dcgan import DCGAN
from ganbench.gan.metrics.neighbours import NEAREST, OF_COPIES, nearest, overlap
from ganbench.gan.store import Store
from ganbench.gan.types import CompleteSpec
from tests.refusals import refused

random = np.random.default_rng(5)


@pytest.fixture(scope="module")
def tiny():
    return Explored(DCGAN(width=4, resolution=16).eval(), CompleteSpec("tiny", family="dcgan", sha256="0" * 64))


@pytest.fixture(scope="module")
def pixels():
    return make((3, 16, 16))


def real(n=40, side=16, labels=None):
    return of_array("real", random.integers(0, 256, (n, 3, side, side), np.uint8), labels)


def beside(features, radii=None, labels=None):
    """Surroundings of given features."""
    data = of_array("real", np.zeros((len(features), 1, 4, 4), np.uint8), labels)
    radii = nearest(features, 3).distances[:, -1] if radii is None else radii
    return Surroundings(data, np.arange(len(features)), (1, 4, 4), None, features, radii)


def test_realism_is_that_of_the_metrics():
    ours, theirs = random.normal(size=(300, 12)).astype(np.float32), random.normal(size=(700, 12)).astype(np.float32)
    wanted = overlap(ours, theirs, nearest(ours, NEAREST)).realism
    np.testing.assert_allclose(beside(ours).realism(theirs), wanted, rtol=1e-12)
    assert 0.1 < np.mean(wanted >= 1) < 0.9


@pytest.mark.parametrize("far", [0, 1e3])
def test_a_copy_is_as_realistic_as_can_be_and_nothing_is_beside_copies_of_one_image(far):
    ours = (random.normal(size=(50, 8)) + far).astype(np.float32)
    radii = nearest(ours, 3).distances[:, -1]
    small = np.flatnonzero(radii <= np.median(radii))
    np.testing.assert_allclose(beside(ours).realism(ours[small[:3]]), OF_COPIES)
    assert beside(np.ones((20, 8), np.float32)).realism(ours[:2]).tolist() == [0, 0]


def test_the_nearest_real_images_are_those_of_all_distances(tiny, pixels, tmp_path):
    data = real(labels=np.arange(40) % 3)
    found = surroundings_of(tiny, data, pixels, Store(tmp_path))
    realism, near = found.around(tiny, state_of("seed=4"))
    image = tiny.image(state_of("seed=4"))
    ours = extract(image[None], pixels)["features"].astype(np.float64)
    theirs = extract(data.read(range(40)), pixels)["features"]
    distances = np.linalg.norm(ours - theirs, axis=1)
    assert [one.number for one in near] == np.argsort(distances)[:6].tolist()
    np.testing.assert_allclose([one.distance for one in near], np.sort(distances)[:6])
    assert [one.label for one in near] == [one.number % 3 for one in near]
    np.testing.assert_array_equal(near[0].image, data.read([near[0].number])[0])
    among = np.sort(np.linalg.norm(theirs[:, None].astype(np.float64) - theirs, axis=2), axis=1)[:, 3]
    assert realism == pytest.approx((among / distances)[among <= np.median(among)].max())


def test_real_images_are_measured_once_and_fitted_to_the_model(tiny, pixels, tmp_path, monkeypatch):
    data, ticks = real(30, side=9), []
    first = surroundings_of(tiny, data, pixels, Store(tmp_path), ticks.append)
    assert sum(ticks) == 30
    assert first.around(tiny, state_of("seed=1"))[1][0].image.shape == (3, 16, 16)

    monkeypatch.setattr("ganbench.gan.explorer.surroundings.extract", lambda *_, **__: pytest.fail("measured again"))
    again = surroundings_of(tiny, data, pixels, Store(tmp_path), ticks.append)
    np.testing.assert_array_equal(again.features, first.features)
    assert sum(ticks) == 60


def test_of_many_images_a_random_part_is_taken_that_stays(tiny, pixels, tmp_path):
    data = of_array("many", random.integers(0, 256, (MOST + 50, 1, 2, 2), np.uint8))
    found = surroundings_of(tiny, data, pixels, Store(tmp_path))
    assert len(found) == MOST == len(set(found.numbers.tolist()))
    assert found.numbers.tolist() != list(range(MOST))
    assert surroundings_of(tiny, data, pixels, Store(tmp_path)).numbers.tolist() == found.numbers.tolist()


def test_fewer_than_ten_are_refused(tiny, pixels, tmp_path):
    with refused("too-few-images", 9):
        surroundings_of(tiny, real(9), pixels, Store(tmp_path))


def test_a_map_borrows_the_classes_of_the_nearest_real_images():
    features = np.concatenate([random.normal(0, 1, (20, 5)), random.normal(9, 1, (20, 5))]).astype(np.float32)
    near = beside(features, labels=np.repeat([3, 1], 20))
    of_model = np.concatenate([random.normal(9, 1, (4, 5)), random.normal(0, 1, (4, 5))]).astype(np.float32)
    drawn = Mapped(np.zeros((8, 1, 4, 4), np.uint8), None, of_model, np.zeros((8, 2), np.float32), ("", ""))
    facts = map_of(drawn, near)
    assert facts["classes"] == [1] * 4 + [3] * 4
    assert facts["borrowed"]
    assert "realism" not in map_of(drawn)
    own = Mapped(drawn.images, [0] * 8, of_model, drawn.places, drawn.how)
    assert map_of(own, near)["classes"] == [0] * 8
    assert "borrowed" not in map_of(own, near)


def test_a_layout_is_pca_or_umap_where_that_is_installed(monkeypatch):
    monkeypatch.setattr("ganbench.gan.explorer.mapping.find_spec", lambda name: None)
    with refused("missing-package", "pip install umap-learn"):
        layout_of("umap")
    with refused("unknown-choice", "tsne"):
        layout_of("tsne")
