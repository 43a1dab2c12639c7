"""Paths by their definitions: ends, lengths, loops, and splines beside SciPy-free arithmetic."""

import numpy as np
import pytest

from ganbench.gan.latent.paths import KINDS, LatentPath, lerp, slerp
from tests.refusals import refused

RANDOM = np.random.default_rng(0)
KEYS = RANDOM.normal(size=(4, 64))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("closed", [False, True])
def test_a_path_passes_through_its_keys_and_a_loop_ends_where_it_began(kind, closed):
    path = LatentPath(KEYS, kind, closed)
    np.testing.assert_allclose(path(np.arange(4.0)), KEYS, rtol=1e-6, atol=1e-6)
    assert path.length == 3 + closed
    if closed:
        np.testing.assert_allclose(path(np.array([0.0])), path(np.array([float(path.length)])), atol=1e-6)
    assert len(path.steps(30)) == 30
    assert (path.steps(30)[-1] == path.length) != closed


def test_an_arc_turns_at_a_constant_rate_in_the_plane_of_its_ends():
    a, b = np.array([[2.0, 0, 0]]), np.array([[0, 2.0, 0]])
    t = np.linspace(0, 1, 7)
    found = slerp(a.repeat(7, 0), b.repeat(7, 0), t)
    np.testing.assert_allclose(np.arctan2(found[:, 1], found[:, 0]), t * np.pi / 2, atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 2, atol=1e-12)


def test_the_middle_of_an_arc_between_normal_latents_is_as_long_as_they_are_and_that_of_a_line_is_not():
    a, b = RANDOM.normal(size=(2, 500, 512))
    half = np.full(500, 0.5)
    assert np.linalg.norm(slerp(a, b, half), axis=1).mean() == pytest.approx(np.sqrt(512), rel=0.01)
    assert np.linalg.norm(lerp(a, b, half), axis=1).mean() == pytest.approx(np.sqrt(256), rel=0.01)


@pytest.mark.parametrize("other", [1.0, 2.0, -1.0, 0.0])
def test_without_an_arc_of_its_own_the_path_is_straight(other):
    a, t = np.ones((3, 8)), np.array([0.0, 0.5, 1.0])
    np.testing.assert_allclose(slerp(a, other * a, t), lerp(a, other * a, t))


@pytest.mark.parametrize("closed", [False, True])
def test_a_spline_has_no_kink_where_lines_have_one(closed):
    step = 1e-3
    inner = np.arange(0.0 if closed else 1.0, 4.0 if closed else 3.0)
    for kind, smooth in (("spline", True), ("lerp", False)):
        path = LatentPath(KEYS, kind, closed)
        before, here, after = (path((inner + d) % path.length).astype(np.float64) for d in (-step, 0, step))
        turn = np.abs((after - here) - (here - before)).max() / step
        assert (turn < 0.1) == smooth


def test_latents_may_have_any_shape():
    assert LatentPath(KEYS.reshape(4, 4, 16), "slerp")(np.linspace(0, 3, 5)).shape == (5, 4, 16)


def test_what_is_no_path_is_refused():
    with refused("unknown-choice", "bezier", "spline"):
        LatentPath(KEYS, "bezier")
    with refused("too-few-keys", 2, 1):
        LatentPath(KEYS[:1])
