"""The shipped models: the ladder that measurements must climb, and the judge."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from ganbench import evaluate
from ganbench.gan.datasets import fashion_mnist
from ganbench.gan.drawing import draw
from ganbench.gan.features.extract import extractor_of
from ganbench.gan.images import write_npz
from ganbench.gan.models.loading import load, resolve
from ganbench.gan.protocols import CONVENTIONS, PROTOCOLS
from ganbench.gan.types import Estimate, Protocol, Score, Workspace
from ganbench.gan.uncertainty import difference

pytestmark = pytest.mark.long

CONDITIONAL = tuple(f"{family}-fashion-mnist" for family in ("wgan-gp", "r3gan", "stylegan2", "flow", "gpt", "maskgit"))
LADDER = ("dcgan-fashion-mnist-start", "dcgan-fashion-mnist-early", "dcgan-fashion-mnist")
SMALL = Protocol(
    "small", CONVENTIONS["embedded"], "fashion-mnist:test", n_generated=300, n_reference=600, judge="judge"
)


@pytest.fixture(scope="module")
def scores(tmp_path_factory) -> dict[str, dict[str, Score]]:
    workspace = Workspace(str(tmp_path_factory.mktemp("ladder")))
    found = {name: evaluate(f"zoo:{name}", SMALL, workspace=workspace) for name in LADDER}
    return {name: {score.metric: score for score in rows} for name, rows in found.items()}


@pytest.mark.parametrize("metric", ["fd_efficientnet_lite0", "kid_efficientnet_lite0", "fd_judge", "kid_judge"])
def test_distances_fall_down_the_ladder_by_far_more_than_their_errors(scores, metric):
    rungs = [Estimate(scores[name][metric].value, scores[name][metric].se) for name in LADDER]
    falls = [difference(above, below) for above, below in pairwise(rungs)]
    assert all(fall.value > 4 * fall.se for fall in falls), rungs


@pytest.mark.parametrize("metric", ["is_efficientnet_lite0", "is_judge"])
def test_inception_scores_rise_up_the_ladder(scores, metric):
    values = [scores[name][metric].value for name in LADDER]
    assert values == sorted(values)


@pytest.fixture(scope="module")
def workspace_of_all(tmp_path_factory):
    return Workspace(str(tmp_path_factory.mktemp("zoo")))


def scored(model: str, workspace: Workspace, protocol: Protocol) -> dict[str, Score]:
    return {score.metric: score for score in evaluate(f"zoo:{model}", protocol, workspace=workspace)}


@pytest.mark.parametrize("model", CONDITIONAL)
def test_conditional_models_obey_their_labels_and_got_better(model, workspace_of_all):
    protocol = replace(SMALL, n_generated=200, n_reference=300)
    early, late = (scored(name, workspace_of_all, protocol) for name in (f"{model}-early", model))
    accuracy = late["accuracy_judge"]
    assert accuracy.value + 2 * accuracy.se > 0.8           # of 2,000 images: see the cards
    for metric in ("kid_efficientnet_lite0", "fd_efficientnet_lite0", "kid_judge", "fd_judge"):
        assert late[metric].value < early[metric].value
    fall = difference(*(Estimate(row["kid_efficientnet_lite0"].value, row["kid_efficientnet_lite0"].se)
                        for row in (early, late)))
    assert fall.value > 3 * fall.se


def test_the_emoji_model_makes_colour_pictures_that_come_nearer_to_real_ones(workspace_of_all):
    # The features of its 2,728 training images would take half a minute, and these distances need none.
    protocol = replace(PROTOCOLS["emoji-embedded-650"], n_generated=200, n_reference=300, training="")
    early, late = (scored(name, workspace_of_all, protocol) for name in ("r3gan-emoji-early", "r3gan-emoji"))
    images = draw(load("zoo:r3gan-emoji"), resolve("zoo:r3gan-emoji"), 0, 0, 20)["images"]
    assert images.shape == (20, 3, 64, 64)
    assert (images[:, 0] != images[:, 2]).mean() > 0.1
    assert late["kid_efficientnet_lite0"].value < early["kid_efficientnet_lite0"].value


@pytest.fixture(scope="module")
def learned_from(tmp_path_factory) -> str:
    """500 training images, and among them those that the memoriser gives: features of all 10,000 take a minute."""
    images, _ = fashion_mnist.load("train10k", [fashion_mnist.EMBEDDED])
    given = draw(load("zoo:memoriser-fashion-mnist"), resolve("zoo:memoriser-fashion-mnist"), 0, 0, 200)["images"]
    path = tmp_path_factory.mktemp("learned") / "training.npz"
    write_npz(path, np.concatenate([images[np.isin(codes(images), codes(given))], images[:300]]))
    return str(path)


def codes(images: np.ndarray) -> np.ndarray:
    return np.array([image.tobytes().hex() for image in images])


def test_variety_names_the_collapsed_model_and_copies_the_memoriser(workspace_of_all, learned_from):
    protocol = replace(SMALL, n_generated=200, n_reference=300, training=learned_from, held_out=learned_from)
    healthy, collapsed, memoriser = (
        scored(f"{name}-fashion-mnist", workspace_of_all, protocol) for name in ("gpt", "collapsed", "memoriser")
    )
    for metric in ("recall_efficientnet_lite0", "vendi_efficientnet_lite0", "diversity_efficientnet_lite0"):
        assert collapsed[metric].value < healthy[metric].value - 3 * healthy[metric].se
    assert memoriser["fd_efficientnet_lite0"].value < healthy["fd_efficientnet_lite0"].value
    assert memoriser["copies_efficientnet_lite0"].value == 1
    assert healthy["copies_efficientnet_lite0"].value < 0.05
    assert memoriser["authpct_efficientnet_lite0"].value == 0


def test_the_judge_knows_garments_that_it_has_never_seen(workspace):
    images, labels = fashion_mnist.load("test", [fashion_mnist.EMBEDDED])
    judge = extractor_of("judge", workspace)
    logits = [judge(images[first : first + 50])["logits"] for first in range(0, 1_000, 50)]
    assert (np.concatenate(logits).argmax(1) == labels[:1_000]).mean() > 0.92  # its card: 93.8 % of all 10,000
