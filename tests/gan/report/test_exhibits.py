"""Walls by class, and the map: principal components against NumPy's, and what a store gives back."""

import numpy as np
import pytest

from ganbench.gan.report.components import components
from ganbench.gan.report.exhibits import ACROSS, NONE, POINTS, Exhibit, map_of, wall, walls_of
from ganbench.gan.store import Store, extend
from ganbench.gan.types import Features, Samples


def exhibit(store, name, n, labels=None, logits=None, seed=0):
    random = np.random.default_rng(seed)
    images = random.integers(0, 256, (n, 1, 8, 8), np.uint8)
    pixels = {"images": images} | ({} if labels is None else {"labels": np.asarray(labels)})
    features = {"features": random.normal(size=(n, 6)).astype(np.float32) * np.array([5, 3, 1, 1, 1, 1], np.float32)}
    judged = None if logits is None else kept(store, f"{name} judged", {**features, "logits": logits})
    shard = kept(store, name, pixels)
    return Exhibit(Samples(name, 0, images.shape[1:], (shard,)),
                   Features("net", (kept(store, f"{name} features", features),)),
                   Features("judge", (judged,)) if judged else None)


def kept(store, name, arrays):
    n = len(next(iter(arrays.values())))
    return extend(store, "samples", name.encode().hex().ljust(64, "0"), 0, n,
                  lambda a, b: {key: rows[a:b] for key, rows in arrays.items()})


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path)


def test_the_components_are_those_of_numpys_eigenvectors():
    random = np.random.default_rng(0)
    sets = [random.normal(size=(50, 8)) * np.arange(1, 9), random.normal(size=(80, 8)) + 3]
    centre, axes, explained = components(sets)
    assert centre == pytest.approx((sets[0].mean(0) + sets[1].mean(0)) / 2)
    covariance = sum((rows - centre).T @ (rows - centre) / len(rows) for rows in sets)
    values, vectors = np.linalg.eigh(covariance)
    assert explained == pytest.approx(values[::-1][:2] / values.sum())
    assert np.abs(axes.T @ vectors[:, ::-1][:, :2]) == pytest.approx(np.eye(2), abs=1e-6)


def test_a_set_that_is_repeated_weighs_no_more():
    random = np.random.default_rng(1)
    one, other = random.normal(size=(40, 5)), random.normal(size=(40, 5)) + 2
    once, twice = components([one, other]), components([np.concatenate([one, one]), other])
    assert once[1] == pytest.approx(twice[1], abs=1e-6)
    assert once[2] == pytest.approx(twice[2])


@pytest.mark.parametrize("rows", [np.zeros((4, 3)), np.full((4, 1), 2.0), np.arange(4.0)[:, None]])
def test_features_without_two_directions_have_a_map_as_well(rows):
    _, axes, explained = components([rows, rows])
    assert np.isfinite(axes).all()
    assert explained == pytest.approx((1.0 if rows.std() > 0 else 0.0, 0.0))


def test_a_map_holds_the_first_images_of_each_set_and_comes_back_from_the_store(store):
    sets = [exhibit(store, name, 300, labels=np.arange(300) % 2, seed=k) for k, name in enumerate("ab")]
    first = map_of(sets, ("left", "right"), store)
    assert [len(cloud.x) for cloud in first.sets] == [POINTS, POINTS]
    assert first.sets[0].kinds == (0, 1) * (POINTS // 2)
    assert map_of(sets, ("left", "right"), store) == first
    assert sum(first.explained) == pytest.approx((25 + 9) / (25 + 9 + 4), abs=0.05)


def test_rows_of_a_wall_are_classes_and_what_lacks_is_marked():
    kinds = np.array([0, 1, 1, 0, 1, 1, 1, 1])
    assert wall(kinds, [0, 1]) == (0, 3, NONE, NONE, NONE, 1, 2, 4, 5, 6)


def test_labels_say_the_class_and_else_the_classifier(store):
    logits = np.eye(2, dtype=np.float32)[[1, 1, 0]]
    walls = walls_of([exhibit(store, "a", 3, labels=[0, 1, 0]), exhibit(store, "b", 3, logits=logits)], ("x", "y"))
    assert walls.classes == ("x", "y")
    assert [[i for i in rows if i != NONE] for rows in walls.sets] == [[0, 2, 1], [2, 0, 1]]


@pytest.mark.parametrize("labels", [None, [0, 1, 7]])
def test_sets_whose_classes_are_not_all_known_are_not_sorted(store, labels):
    walls = walls_of([exhibit(store, "a", 3, labels=[0, 1, 0]), exhibit(store, "b", 3, labels=labels)], ("x", "y"))
    assert walls.classes == ()
    assert walls.sets == ((0, 1, 2), (0, 1, 2))


def test_of_a_hundred_classes_ten_are_shown(store):
    walls = walls_of([exhibit(store, "a", 200, labels=np.arange(200) % 100)], [f"c{k}" for k in range(100)])
    assert walls.classes == tuple(f"c{k}" for k in (0, 11, 22, 33, 44, 55, 66, 77, 88, 99))
    assert len(walls.sets[0]) == 10 * ACROSS
