"""Parts of the images: shares and scores of each, with what was planted in one of them and in no other."""

import numpy as np
import pytest

from ganbench.gan.metrics import kernel, manifold, neighbours
from ganbench.gan.slices import Slicing, by_class, by_cluster, measure_slices
from ganbench.gan.store import extend, store_of
from ganbench.gan.types import Features, Samples
from tests.refusals import refused


@pytest.fixture
def features(workspace):
    """An array as Features in the store."""

    def keep(array: np.ndarray, **more: np.ndarray) -> Features:
        arrays = {"features": array.astype(np.float32), **more}
        shard = extend(store_of(workspace), "features", f"{abs(hash(array.tobytes())):x}", 0, len(array),
                       lambda start, stop: {name: found[start:stop] for name, found in arrays.items()})
        return Features("made-up", (shard,))

    return keep


@pytest.fixture
def samples(workspace):
    def keep(labels: np.ndarray | None, n: int = 0) -> Samples:
        arrays = {"images": np.zeros((n or len(labels), 1, 8, 8), np.uint8)} | (
            {} if labels is None else {"labels": labels.astype(np.int64)}
        )
        key = f"{abs(hash(str(labels))):x}{n}"
        shard = extend(store_of(workspace), "samples", key, 0, len(arrays["images"]),
                       lambda start, stop: {name: found[start:stop] for name, found in arrays.items()})
        return Samples("test", 0, (1, 8, 8), (shard,))

    return keep


def modes(n: int, share: list[float], seed: int = 0, spoil: int = -1) -> tuple[np.ndarray, np.ndarray]:
    """n points around corners of a cube in R^8 and which corner; those of mode `spoil` are moved."""
    rng = np.random.default_rng(seed)
    where = rng.choice(len(share), n, p=share)
    corners = 6 * np.eye(8)[: len(share)]
    points = corners[where] + rng.standard_normal((n, 8))
    points[where == spoil] += 2
    return points, where


def test_scores_of_a_slice_are_the_formulas_on_its_rows(features, workspace):
    (x, real), (y, mine) = modes(600, [0.5, 0.3, 0.2]), modes(400, [0.5, 0.3, 0.2], seed=1)
    slicing = Slicing(("a", "b", "c"), mine, real)
    found, computed = measure_slices(slicing, features(y), features(x), {}, store_of(workspace))
    assert computed
    a, b = (points[where == 1].astype(np.float32) for points, where in ((x, real), (y, mine)))
    assert found["b"]["kid"].value == pytest.approx(kernel.kid_full(a, b).value, rel=1e-9)
    around = neighbours.overlap(a, b, neighbours.nearest(a))
    assert found["b"]["recall"] == manifold.recall(around)
    assert found["b"]["share"].value == np.mean(mine == 1)
    assert found["b"]["share.real"].value == np.mean(real == 1)
    again, computed = measure_slices(slicing, features(y), features(x), {}, store_of(workspace))
    assert (again, computed) == (found, False)


def test_what_is_planted_in_one_slice_shows_there_and_nowhere_else(features, workspace):
    (x, real), (y, mine) = modes(1_500, [0.4, 0.3, 0.3]), modes(1_500, [0.4, 0.5, 0.1], seed=1, spoil=0)
    found, _ = measure_slices(Slicing(("a", "b", "c"), mine, real), features(y), features(x), {}, store_of(workspace))
    distances = {name: row["kid"].value / row["kid"].se for name, row in found.items()}
    assert distances["a"] > 10 > 4 > max(distances["b"], distances["c"])
    apart = {name: (row["share"].value - row["share.real"].value) / row["share"].se for name, row in found.items()}
    assert abs(apart["a"]) < 4 < 8 < min(apart["b"], -apart["c"])


def test_a_slice_of_few_images_has_a_share_and_nothing_else(features, workspace):
    (x, real), (y, mine) = modes(300, [0.9, 0.1]), modes(300, [1.0, 0.0], seed=1)
    found, _ = measure_slices(Slicing(("a", "b"), mine, real), features(y), features(x), {}, store_of(workspace))
    assert set(found["b"]) == {"share", "share.real"}
    assert found["b"]["share"].value == 0
    assert found["b"]["share"].se > 0


def test_labels_of_both_sides_make_the_classes(samples):
    slicing = by_class(samples(np.array([0, 2, 2])), samples(np.array([0, 1, 1, 3])), ("ant", "bee"))
    assert slicing.names == ("ant", "bee", "class 2", "class 3")
    assert slicing.generated.tolist() == [0, 2, 2]
    assert slicing.real.tolist() == [0, 1, 1, 3]


def test_where_one_side_has_no_labels_the_judge_tells_those_of_both(samples, features):
    logits = np.eye(3, dtype=np.float32)
    judged = {"generated": features(np.zeros((2, 4)), logits=logits[[2, 1]]),
              "reference": features(np.ones((3, 4)), logits=logits[[0, 0, 2]])}
    slicing = by_class(samples(None, 2), samples(np.array([0, 1, 1])), ("a", "b", "c"), judged)
    assert slicing.generated.tolist() == [2, 1]
    assert slicing.real.tolist() == [0, 0, 2]  # the judge's choices, not the labels
    with refused("missing-labels", "--by cluster"):
        by_class(samples(None, 2), samples(np.array([0, 1, 1])), ())


def test_clusters_are_those_of_the_real_features_largest_first_and_the_same_every_time(features):
    (x, real), (y, mine) = modes(900, [0.5, 0.3, 0.2]), modes(300, [0.0, 0.3, 0.7], seed=1)
    slicing = by_cluster(features(y), features(x), k=3)
    assert np.array_equal(slicing.real, real)  # shares fall, so cluster i is mode i
    assert np.array_equal(slicing.generated, mine)
    assert slicing.names == ("cluster 1", "cluster 2", "cluster 3")
    again = by_cluster(features(y), features(x), k=3)
    assert np.array_equal(again.real, slicing.real)
