"""Frames at equal distances, by curves whose lengths are known."""

import numpy as np
import pytest

from ganbench.gan.latent.pace import distances, even, unevenness
from tests.refusals import refused


@pytest.mark.parametrize("closed", [False, True])
def test_frames_of_an_uneven_walk_around_a_circle_become_even(closed):
    at = np.linspace(0, 1, 2_001)
    angle = 2 * np.pi * (at + 0.9 * np.sin(2 * np.pi * at) / (2 * np.pi))       # up to 19 times as fast as elsewhere

    def circle(angles):
        return np.stack([np.cos(angles), np.sin(angles)], 1)

    found = even(at, distances(circle(angle)), 40, closed)
    shown = distances(circle(np.interp(found, at, angle)), closed)
    assert unevenness(distances(circle(angle[:: 2_000 // 40]), False)) > 1.5
    assert unevenness(shown) < 1.01
    assert len(found) == 40
    assert (found[-1] == 1) != closed


def test_what_does_not_change_takes_no_time():
    found = even(np.arange(5.0), np.array([1.0, 0.0, 0.0, 1.0]), 3)
    assert found[0] == 0
    assert 1 <= found[1] <= 3
    assert found[2] == 4
    np.testing.assert_allclose(even(np.arange(4.0), np.array([0.0, 0.0, 1.0]), 3), [0, 2.5, 3])
    np.testing.assert_allclose(even(np.arange(4.0), np.array([1.0, 0.0, 0.0]), 3), [0, 0.5, 3])


def test_a_walk_without_any_change_keeps_its_pace():
    np.testing.assert_allclose(even(np.arange(5.0), np.zeros(4), 3), [0, 2, 4])
    assert unevenness(np.zeros(4)) == 1
    assert unevenness(np.array([0.0, 0, 0, 1])) == np.inf


def test_distances_of_a_loop_include_the_way_back():
    square = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
    np.testing.assert_allclose(distances(square), [1, 1, 1])
    np.testing.assert_allclose(distances(square, closed=True), [1, 1, 1, 1])


def test_gaps_must_fit():
    with refused("unfit-value", 5, 3):
        even(np.arange(5.0), np.ones(3), 10)
