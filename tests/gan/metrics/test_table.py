import inspect
from typing import Any

import numpy as np
import pytest

from gan.metrics import METRICS
from gan.metrics.frechet import matrix_root
from gan.metrics.kernel import mean_self_similarity
from gan.statistics import moments


def material() -> dict[str, Any]:
    """Everything that a row may need, for two draws of one law."""
    rng = np.random.default_rng(0)
    real, generated = (rng.standard_normal((n, 8)).astype(np.float32) for n in (300, 200))
    return {
        "real_statistics": moments(real).statistics(),
        "generated_statistics": moments(generated).statistics(),
        "generated_chunks": np.array_split(generated, 2),
        "real_root": matrix_root(moments(real).statistics().sigma),
        "real_features": real,
        "generated_features": generated,
        "real_self_similarity": mean_self_similarity(real),
        "generated_logits": generated,
    }


@pytest.mark.parametrize("name", METRICS)
def test_every_row_computes_from_what_it_says_it_needs(name):
    metric = METRICS[name]
    given = material()
    estimate = metric.compute(**{need: given[need] for need in metric.needs})
    assert type(estimate.value) is float
    assert type(estimate.se) is float
    assert np.isfinite(estimate.value)
    assert 0 < estimate.se < 1
    assert metric.name == name


@pytest.mark.parametrize("name", METRICS)
def test_every_argument_that_a_row_does_not_need_is_a_setting_with_a_default(name):
    metric = METRICS[name]
    parameters = inspect.signature(metric.compute).parameters
    assert tuple(parameters)[: len(metric.needs)] == metric.needs
    for setting in list(parameters.values())[len(metric.needs) :]:
        assert setting.default is not inspect.Parameter.empty


@pytest.mark.parametrize("name", METRICS)
def test_a_worse_model_scores_worse(name):
    """Collapse to one image in two: every metric has to notice."""
    metric, good = METRICS[name], material()
    x = good["generated_features"].copy()
    x[::2] = x[0]
    bad = good | {"generated_statistics": moments(x).statistics(), "generated_chunks": [x],
                  "generated_features": x, "generated_logits": x}
    scores = [metric.compute(**{need: given[need] for need in metric.needs}).value for given in (good, bad)]
    assert (scores[1] > scores[0]) == metric.lower_is_better
