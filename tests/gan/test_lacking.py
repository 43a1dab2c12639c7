"""Every metric by every extractor scores, or is refused before any work in a sentence that says what is lacking."""

import numpy as np
import pytest

from ganbench import Question, evaluate
from ganbench.gan.features import EXTRACTORS
from ganbench.gan.images import write_npz
from ganbench.gan.interchange import save_statistics
from ganbench.gan.jobs import prepare
from ganbench.gan.lacking import There, lacking
from ganbench.gan.metrics import METRICS
from ganbench.gan.question import protocol_of
from ganbench.gan.statistics import moments
from ganbench.gan.words import caution
from tests.refusals import refused

FREE = ["efficientnet_lite0", "judge", "pixels"]      # no download
N = 200         # enough for every metric
KINDS = ["conditional", "unconditional", "statistics only", "no training set"]


@pytest.fixture(scope="session")
def sets(tmp_path_factory):
    """Files of images: generated with and without classes, real, other real, what was learned from."""
    folder, random = tmp_path_factory.mktemp("sets"), np.random.default_rng(0)
    for name in ("labelled", "plain", "real", "held", "learned"):
        images = random.integers(0, 256, (N, 1, 32, 32), np.uint8)
        write_npz(folder / f"{name}.npz", images, list(np.arange(N) % 10) if name == "labelled" else None)
    for name in FREE:
        d = EXTRACTORS[name].d or 1024
        save_statistics(folder / f"{name}.npz", moments(random.standard_normal((2 * d, d))).statistics())
    return folder


def asked(sets, kind: str, metric: str, extractor: str) -> Question:
    reference = sets / (f"{extractor}.npz" if kind == "statistics only" else "real.npz")
    training = "" if kind == "no training set" else str(sets / "learned.npz")
    return Question(reference=str(reference), n=N, held_out=str(sets / "held.npz"), training=training, metrics=metric,
                    extractor=extractor)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("extractor", FREE)
@pytest.mark.parametrize("metric", sorted(METRICS))
def test_a_metric_scores_or_is_refused(sets, workspace, metric, extractor, kind):
    model = str(sets / ("labelled.npz" if kind == "conditional" else "plain.npz"))
    question = asked(sets, kind, metric, extractor)
    lacks = expected(metric, extractor, kind)
    if not lacks:
        job = prepare(model, protocol_of(question), 0, workspace)
        assert job.metrics(extractor) == (metric,)
        return
    with refused("nothing-to-measure", f"{metric} needs", lacks):
        prepare(model, protocol_of(question), 0, workspace)


def expected(metric: str, extractor: str, kind: str) -> str:
    """What is lacking, said a second time: by what each metric is about."""
    if metric == "fd_infinity" and 1.5 * (EXTRACTORS[extractor].d or 1024) > N:
        return "at least"
    if metric == "sfd":
        return "spatial layer"
    if metric == "is":
        return "" if EXTRACTORS[extractor].logits else "no class probabilities"
    if metric == "accuracy":
        return ("no class probabilities" if not EXTRACTORS[extractor].logits else "images with classes"
                if kind != "conditional" else "" if extractor == "judge" else "whose classes")
    if metric in ("authpct", "copies", "ct", "fld", "fld_gap", "mifid") and kind == "no training set":
        return "(--training)"
    if metric == "fld_precision" and kind == "no training set":
        return "(--training)"
    if metric in ("ppl", "ppl_w"):
        return "a model with a latent space"
    of_images = metric in ("kid", "cmmd") or "overlap" in METRICS[metric].needs
    return "images of the reference" if kind == "statistics only" and of_images else ""


@pytest.mark.parametrize("metric", sorted(set(METRICS) - {"sfd", "ppl", "ppl_w"}))     # paths: in test_walking.py
def test_what_is_not_refused_scores(sets, workspace, metric):
    extractor = "judge" if metric in ("is", "accuracy", "fd_infinity") else "pixels"
    (score,) = evaluate(str(sets / "labelled.npz"), asked(sets, "conditional", metric, extractor), workspace=workspace)
    assert score.metric == f"{metric}_{extractor}"
    assert np.isfinite(score.value)


@pytest.mark.parametrize("kind", KINDS)
def test_beside_others_a_metric_is_left_out_and_that_is_said(sets, workspace, kind):
    question = asked(sets, kind, "kid,fd,authpct", "pixels")
    scores = evaluate(str(sets / "plain.npz"), question, workspace=workspace)
    said = " ".join(caution(caveat) for score in scores for caveat in score.caveats)
    names = {score.metric for score in scores}
    if kind == "statistics only":
        assert names == {"fd_pixels", "authpct_pixels"}
        assert "not computed: kid; needed: images of the reference" in said
    elif kind == "no training set":
        assert names == {"fd_pixels", "kid_pixels"}
        assert "not computed: authpct; needed: the model's training images (--training)" in said
    else:
        assert "not computed" not in said


def test_too_few_images_are_known_before_any_work(noise, workspace):
    few = str(noise("few.npz", 60)), Question(reference=str(noise("real.npz", 60, seed=1)), n=60, metrics="ct",
                                              training=str(noise("learned.npz", 60, seed=2)), extractor="pixels")
    with refused("nothing-to-measure", "at least 100 images of each set"):
        evaluate(few[0], few[1], workspace=workspace)


def test_every_need_of_every_metric_is_known_to_be_there_or_lacking():
    """Of each argument of a formula it can be said why it is lacking, where nothing is there."""
    nothing = There({}, frozenset(), frozenset(), False, False, False, 0, 10**6)
    everything = There(dict.fromkeys(("features", "logits", "spatial"), 10), frozenset(["features", "spatial"]),
                       frozenset(["features", "spatial"]), True, True, True, 10, 10**6, frozenset(["", "w"]))
    for row in METRICS.values():
        assert lacking(row, nothing, {})
        assert not lacking(row, everything, {})
