import numpy as np
import pytest
from scipy.special import softmax

from ganbench.gan.metrics.inception_score import deviation_over_splits, inception_score
from tests.refusals import refused

SURE = 1000.0       # a logit so far ahead that the other probabilities underflow to 0


@pytest.fixture
def logits() -> np.ndarray:
    return (np.random.default_rng(0).standard_normal((203, 10)) * 2).astype(np.float32)


def by_definition(logits: np.ndarray) -> float:
    p = softmax(logits.astype(np.float64), axis=1)
    return float(np.exp((p * (np.log(p) - np.log(p.mean(axis=0)))).sum(axis=1).mean()))


@pytest.mark.parametrize("classes", [2, 10, 1008])
def test_sure_and_varied_predictions_score_the_number_of_classes(classes):
    estimate = inception_score(np.eye(classes, dtype=np.float32) * SURE)
    assert estimate.value == pytest.approx(classes)
    assert estimate.se == pytest.approx(0, abs=1e-9)


def test_predictions_that_do_not_depend_on_the_image_score_one():
    same = np.tile(np.random.default_rng(0).standard_normal(10), (50, 1))
    estimate = inception_score(same)
    assert estimate.value == pytest.approx(1)
    assert estimate.se == pytest.approx(0, abs=1e-9)


def test_a_class_that_never_occurs_is_no_division_by_zero():
    assert inception_score(np.array([[SURE, 0, -SURE], [0, SURE, -SURE]])).value == pytest.approx(2)


def test_a_constant_added_to_all_logits_of_an_image_changes_nothing(logits):
    moved = logits.astype(np.float64) + np.arange(len(logits))[:, None]
    assert inception_score(moved).value == pytest.approx(inception_score(logits).value, rel=1e-12)


def test_one_split_is_the_definition_in_any_tiling(logits, monkeypatch):
    assert inception_score(logits).value == pytest.approx(by_definition(logits), rel=1e-12)
    monkeypatch.setattr("ganbench.gan.metrics.inception_score.ROWS", 50)
    assert inception_score(logits).value == pytest.approx(by_definition(logits), rel=1e-12)


def test_ten_splits_are_those_of_torch_fidelity(logits):
    shuffled = logits[np.random.RandomState(2020).permutation(203)]
    scores = [by_definition(shuffled[i * 203 // 10 : (i + 1) * 203 // 10]) for i in range(10)]
    assert inception_score(logits, splits=10).value == pytest.approx(np.mean(scores), rel=1e-12)
    assert deviation_over_splits(logits) == pytest.approx(np.std(scores), rel=1e-12)


def test_blocks_are_in_order_and_the_last_one_is_short(logits):
    scores = [by_definition(logits[start : start + 50]) for start in (0, 50, 100, 150, 200)]
    assert inception_score(logits, block=50).value == pytest.approx(np.mean(scores), rel=1e-12)
    assert inception_score(logits, block=5000).value == pytest.approx(by_definition(logits), rel=1e-12)


def test_the_error_is_that_of_the_leave_one_out_jackknife(logits):
    n = len(logits)
    left_out = [by_definition(np.delete(logits, i, axis=0)) for i in range(n)]
    assert inception_score(logits).se == pytest.approx(np.sqrt((n - 1) * np.var(left_out)), rel=1e-6)


def test_fewer_images_than_splits_are_refused_in_words(logits):
    with refused("too-few-images", 10, 7):
        inception_score(logits[:7], splits=10)
    with refused("too-few-images", 1, 0):
        inception_score(logits[:0])
    with refused("too-few-images", 0):
        inception_score(logits, block=0)


def test_logits_that_are_not_numbers_are_refused(logits):
    logits[3, 2] = np.nan
    with refused("features-not-finite", 3):
        inception_score(logits)
