"""Smoothing by its definition, over all points; and what a picture of a million of them keeps."""

import numpy as np
import pytest

from ganbench.gan.curves.band import bands_around, bands_of, logs_of, recipes
from ganbench.gan.curves.drawing import limits, panels_of, picture
from ganbench.gan.curves.readers import read_logs
from ganbench.gan.curves.smoothing import MOST, smoothed, thinned
from ganbench.gan.curves.table import Points, run_of
from ganbench.gan.images import decode
from tests.refusals import refused


def by_definition(values, weight):
    """TensorBoard's loop: tf_line_chart_data of its scalar card."""
    last, n, found = 0.0, 0, []
    for value in values:
        if not np.isfinite(value):
            found.append(value)
            continue
        last, n = last * weight + (1 - weight) * value, n + 1
        found.append(last / (1 - weight**n))
    return np.array(found)


@pytest.mark.parametrize("weight", [0.0, 0.6, 0.9, 0.999])
def test_smoothing_is_tensorboards_average(weight):
    values = np.random.default_rng(0).normal(3, 1, 2_000)
    values[[0, 5, 700]] = np.nan, np.inf, -np.inf
    np.testing.assert_allclose(smoothed(values, weight), by_definition(values, weight), rtol=1e-10)


def test_a_constant_stays_that_constant():
    np.testing.assert_array_equal(smoothed(np.full(500, 1e9 + 0.1), 0.97), np.full(500, 1e9 + 0.1))


def test_a_tenth_of_the_run_is_smoothed_as_in_the_whole():
    values = np.random.default_rng(1).normal(0, 1, 100_000).cumsum()
    np.testing.assert_allclose(smoothed(values[:10_000], 0.99), smoothed(values, 0.99)[:10_000], rtol=0, atol=1e-9)


@pytest.mark.parametrize("n", [10, MOST, MOST + 1, 12_345, 1_000_000])
def test_at_most_3000_points_are_drawn_with_extremes_ends_and_nan(n):
    values = np.random.default_rng(n).normal(0, 1, n)
    values[n // 3], values[n // 2] = 99, -99
    values[2 * n // 3] = np.nan
    rows = thinned(values)
    assert len(rows) <= MOST
    assert {0, n - 1, n // 3, n // 2, 2 * n // 3} <= set(rows.tolist())
    assert (np.diff(rows) > 0).all()


def run(values, **more):
    points = {name: Points() for name in ("discriminator", *more)}
    points["discriminator"].add(np.arange(len(values)), None, values)
    for name, (step, value) in more.items():
        points[name].add(step, None, value)
    return run_of("run", "made", points)


def test_a_picture_shows_the_smoothed_values_of_all_points():
    values = np.random.default_rng(2).normal(1, 0.3, 200_000)
    (panel,) = panels_of([run(values)], 0.95)
    (curve,) = panel.curves
    assert len(curve.step) <= MOST
    np.testing.assert_allclose(curve.smooth, smoothed(values, 0.95)[curve.step])
    assert curve.raw.max() == values.max()


def test_one_spike_does_not_flatten_a_curve_and_is_marked():
    values = np.random.default_rng(3).normal(1, 0.1, 5_000)
    values[1_000] = 1e6
    (panel,) = panels_of([run(values)], 0.0)
    assert limits(panel)[1] > 1e5                           # without smoothing everything is shown
    (panel,) = panels_of([run(values)], 0.9999)
    assert 1e6 in panel.curves[0].raw


def test_scores_have_their_own_panels_with_intervals():
    step = np.arange(100, 1_000, 100)
    kid = np.linspace(0.5, 0.01, 9)
    found = panels_of([run(np.ones(50), kid=(step, kid), **{"kid.se": (step, np.full(9, 0.01))})])
    losses, scores = found
    assert losses.metrics == ["discriminator"]
    assert scores.metrics == ["kid"]
    assert scores.logarithmic
    np.testing.assert_allclose(scores.curves[0].high - kid, 1.96 * 0.01)


def test_what_has_a_standard_error_is_measured_and_not_smoothed():
    step = np.arange(5)
    errors = {"accuracy_judge.se": (step, np.full(5, 0.01))}
    _, panel = panels_of([run(np.ones(3), accuracy_judge=(step, step / 5), **errors)])
    assert not len(panel.curves[0].smooth)


@pytest.mark.parametrize(("recipe", "log"), [(recipe, log) for recipe in recipes() for log in logs_of(recipe)])
def test_a_healthy_run_lies_in_the_band_of_its_recipe_mostly(recipe, log):
    (mine,) = read_logs([log])
    for name, series in mine.series.items():
        band = bands_of(recipe)[name]
        low, high = (np.interp(series.step, band.step, edge) for edge in (band.low, band.high))
        assert ((series.value >= low) & (series.value <= high)).mean() >= 0.75


def test_most_recipes_have_two_healthy_runs():
    assert sum(len(logs_of(recipe)) == 2 for recipe in recipes()) == 7


def test_a_band_is_around_all_runs_that_reach_a_step():
    low, high = run(np.full(100, 1.0)), run(np.full(200, 3.0))
    found = bands_around([low, high, run(np.full(50, np.nan))])["discriminator"]
    both = found.step <= 99
    assert both.any()
    assert not both.all()
    assert set(found.low[both]) == {1.0}
    assert set(found.low[~both]) == set(found.high) == {3.0}


def test_a_recipe_without_a_healthy_run_is_refused():
    with refused("unknown-recipe", "collapsed-fashion-mnist", "dcgan-fashion-mnist"):
        bands_of("collapsed-fashion-mnist")


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_picture_is_a_png_of_all_panels(language):
    values = np.random.default_rng(4).normal(1, 0.3, 300)
    values[100:110] = np.nan
    mine = run(values, generator=(np.arange(300), values + 1), kid=(np.arange(0, 300, 50), np.ones(6)))
    image = decode(picture(panels_of([mine], 0.9, bands_of("dcgan-fashion-mnist")), [mine], "run", language), "x.png")
    assert min(image.shape[1:]) > 300
