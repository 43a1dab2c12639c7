"""A distance taken apart: by image and by class."""

import numpy as np
import pytest

from ganbench.gan.attribution import attribute
from ganbench.gan.metrics.frechet import frechet_distance
from ganbench.gan.statistics import moments
from ganbench.gan.store import extend, store_of
from ganbench.gan.types import Features


@pytest.fixture
def features(workspace):
    def keep(array: np.ndarray) -> Features:
        array = array.astype(np.float32)
        shard = extend(store_of(workspace), "features", f"{abs(hash(array.tobytes())):x}", 0, len(array),
                       lambda start, stop: {"features": array[start:stop]})
        return Features("made-up", (shard,))

    return keep


def test_costs_of_images_and_classes_add_up_to_nothing_and_point_at_what_is_wrong(features, workspace):
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((500, 6)), rng.standard_normal((400, 6))
    labels = np.arange(400) % 4
    y[labels == 2] += 1.5           # a class that is off
    y[7] += 9                       # an image that is far off
    found = attribute(features(y), features(x), labels, store_of(workspace))
    sides = [moments(side.astype(np.float32)).statistics() for side in (x, y)]
    assert found.distance == pytest.approx(frechet_distance(*sides), rel=1e-9)
    assert found.psi.mean() == pytest.approx(0, abs=1e-9)
    assert sum(cost.value for cost in found.classes.values()) == pytest.approx(0, abs=1e-9)
    assert found.worst[0] == 7
    assert max(found.classes, key=lambda label: found.classes[label].value) == 2
    assert found.classes[2].value > 5 * found.classes[2].se
    without = frechet_distance(sides[0], moments(np.delete(y, 7, axis=0).astype(np.float32)).statistics())
    assert found.psi[7] / 400 == pytest.approx(found.distance - without, rel=0.2)   # to first order


def test_without_labels_there_are_no_classes(features, workspace):
    x = np.random.default_rng(0).standard_normal((100, 4))
    found = attribute(features(x[:50]), features(x[50:]), None, store_of(workspace))
    assert found.classes == {}
    assert found.psi.shape == (50,)
