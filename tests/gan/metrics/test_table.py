import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ganbench.gan.metrics import METRICS
from ganbench.gan.metrics.frechet import matrix_root
from ganbench.gan.metrics.kernel import mean_self_similarity
from ganbench.gan.metrics.neighbours import nearest, nearest_across, overlap
from ganbench.gan.statistics import moments
from ganbench.gan.types import Estimate


def material(spoil: Callable[[np.ndarray], np.ndarray] = lambda x: x) -> dict[str, Any]:
    """Everything that a row may need, for draws of one law; what `spoil` does happens to the generated ones."""
    rng = np.random.default_rng(0)
    real, training, generated = (rng.standard_normal((n, 8)).astype(np.float32) for n in (300, 260, 200))
    labels = generated.argmax(1)
    labels[:20] = 0
    generated = spoil(generated)
    around = nearest(real)
    return {
        "real_statistics": moments(real).statistics(),
        "generated_statistics": moments(generated).statistics(),
        "generated_chunks": np.array_split(generated, 2),
        "real_root": matrix_root(moments(real).statistics().sigma),
        "real_features": real,
        "generated_features": generated,
        "real_self_similarity": mean_self_similarity(real),
        "generated_logits": generated,
        "generated_labels": labels,
        "overlap": overlap(real, generated, around),
        "training_features": training,
        "training_neighbours": nearest(training),
        "training_matches": nearest_across(generated, training),
        "test_features": real,
        "test_matches": nearest_across(real, training),
        "paths": steps_between(generated),
        "w_paths": steps_between(generated),
    }


def steps_between(images: np.ndarray) -> np.ndarray:
    """Squared distances of every image and the one before it, (n,) float64."""
    return ((images - np.roll(images, 1, axis=0)).astype(np.float64) ** 2).sum(axis=1)


def computed(name: str, given: dict[str, Any]) -> Estimate:
    return METRICS[name].compute(**{need: given[need] for need in METRICS[name].needs})


@pytest.mark.parametrize("name", METRICS)
def test_every_row_computes_from_what_it_says_it_needs(name):
    metric, estimate = METRICS[name], computed(name, material())
    assert type(estimate.value) is float
    assert type(estimate.se) is float
    assert np.isfinite(estimate.value)
    assert 0 < estimate.se < np.inf
    assert metric.bounds[0] <= estimate.value <= metric.bounds[1]
    assert metric.name == name


@pytest.mark.parametrize("name", METRICS)
def test_every_argument_that_a_row_does_not_need_is_a_setting_with_a_default(name):
    metric = METRICS[name]
    parameters = inspect.signature(metric.compute).parameters
    assert tuple(parameters)[: len(metric.needs)] == metric.needs
    for setting in list(parameters.values())[len(metric.needs) :]:
        assert setting.default is not inspect.Parameter.empty


def collapsed(x: np.ndarray) -> np.ndarray:
    """Every second image is the same one."""
    x[::2] = x[0]
    return x


def far(x: np.ndarray) -> np.ndarray:
    return 1.5 * x + 1


def copied(x: np.ndarray) -> np.ndarray:
    """Three in four are training images, all but to the last bit."""
    rng = np.random.default_rng(0)
    training = [rng.standard_normal((n, 8)).astype(np.float32) for n in (300, 260)][1]
    x[:150] = training[:150] + np.float32(1e-4)
    return x


def deaf(x: np.ndarray) -> np.ndarray:
    """Every image shows the next class."""
    return np.roll(x, 1, axis=1)


WORSE = {
    collapsed: {"fd", "fd_infinity", "sfd", "kid", "cmmd", "is", "coverage", "vendi", "diversity",
                "duplicates", "clipped_coverage"},
    far: {"fd", "fd_infinity", "sfd", "kid", "cmmd", "precision", "recall", "density", "coverage", "clipped_density",
          "clipped_coverage", "realism", "mifid", "fld", "fld_precision", "ppl", "ppl_w"},
    copied: {"authpct", "copies", "ct", "mifid", "fld", "fld_gap"},
    deaf: {"accuracy"},
}


@pytest.mark.parametrize(("spoil", "name"), [(spoil, name) for spoil, names in WORSE.items() for name in sorted(names)])
def test_a_worse_model_scores_worse(spoil, name):
    good, bad = computed(name, material()), computed(name, material(spoil))
    assert (bad.value > good.value) == METRICS[name].lower_is_better
    assert abs(bad.value - good.value) > 2 * min(good.se, bad.se)


def test_every_metric_notices_something():
    assert set().union(*WORSE.values()) == set(METRICS)
