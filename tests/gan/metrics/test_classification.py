"""Conditional accuracy: counted, and as uncertain as a coin."""

import numpy as np
import pytest

from ganbench.gan.metrics.classification import accuracy
from tests.refusals import refused


def test_it_is_the_share_of_images_that_are_taken_for_what_they_should_be():
    logits = np.eye(4, dtype=np.float32)[[0, 1, 2, 3, 0, 0, 0, 0]]
    found = accuracy(logits, np.array([0, 1, 2, 3, 0, 0, 1, 2]))
    assert found.value == 6 / 8
    assert found.se == pytest.approx(np.sqrt(0.75 * 0.25 / 8))


def test_no_mistake_is_no_certainty():
    found = accuracy(np.eye(4, dtype=np.float32)[[1] * 50], np.ones(50, np.int64))
    assert found.value == 1
    assert found.se == pytest.approx(1 / 50, rel=0.02)


def test_labels_of_another_set_of_classes_are_refused():
    with refused("labels-do-not-fit", 4, 0, 9):
        accuracy(np.zeros((2, 4), np.float32), np.array([0, 9]))
