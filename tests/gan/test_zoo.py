"""The shipped models: the ladder that measurements must climb, and the judge."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from gan import evaluate
from gan.datasets import fashion_mnist
from gan.features.extract import extractor_of
from gan.protocols import CONVENTIONS
from gan.types import Estimate, Protocol, Score
from gan.uncertainty import difference

LADDER = ("dcgan-fashion-mnist-start", "dcgan-fashion-mnist-early", "dcgan-fashion-mnist")
SMALL = Protocol(
    "small", CONVENTIONS["embedded"], "fashion-mnist:test", n_generated=300, n_reference=1_000, judge="judge"
)


@pytest.fixture(scope="module")
def scores(tmp_path_factory) -> dict[str, dict[str, Score]]:
    from gan.types import Workspace

    workspace = Workspace(str(tmp_path_factory.mktemp("ladder")))
    found = {name: evaluate(f"zoo:{name}", SMALL, workspace=workspace) for name in LADDER}
    return {name: {score.metric: score for score in rows} for name, rows in found.items()}


@pytest.mark.parametrize("metric", ["fd_efficientnet_lite0", "kid_efficientnet_lite0", "fd_judge", "kid_judge"])
def test_distances_fall_down_the_ladder_by_far_more_than_their_errors(scores, metric):
    rungs = [Estimate(scores[name][metric].value, scores[name][metric].se) for name in LADDER]
    falls = [difference(above, below) for above, below in pairwise(rungs)]
    assert all(fall.value > 5 * fall.se for fall in falls), rungs


@pytest.mark.parametrize("metric", ["is_efficientnet_lite0", "is_judge"])
def test_inception_scores_rise_up_the_ladder(scores, metric):
    values = [scores[name][metric].value for name in LADDER]
    assert values == sorted(values)


def test_the_judge_knows_garments_that_it_has_never_seen(workspace):
    images, labels = fashion_mnist.load("test", [fashion_mnist.EMBEDDED])
    judge = extractor_of("judge", workspace)
    logits = [judge(images[first : first + 50])["logits"] for first in range(0, 1_000, 50)]
    assert (np.concatenate(logits).argmax(1) == labels[:1_000]).mean() > 0.92  # its card: 93.8 % of all 10,000
