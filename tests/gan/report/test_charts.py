"""Where marks stand: axes, the profile between the worst model and real images, and the line of the front."""

from dataclasses import replace
from itertools import pairwise

import pytest

from ganbench.gan.metering import Cost
from ganbench.gan.report.charts import (
    COLOURS,
    REAL,
    WIDE,
    Mark,
    Words,
    axis,
    form_of,
    powers,
    spread,
    steps,
)
from ganbench.gan.report.figures import (
    BOTTOM,
    MOST,
    TALL,
    TOP,
    Sample,
    charts_of,
    class_chart,
    curve_chart,
    fitting,
    front_chart,
    pair_chart,
    profile,
    scatter,
    staircase,
)
from ganbench.gan.report.strengths import analysed
from ganbench.gan.tables import Cell, Row
from tests.gan.report.sample import document


def row(better, floor, *values):
    return Row("m", better, tuple(None if value is None else Cell(value, 0.1, 0, 1, floor, 2) for value in values))


@pytest.mark.parametrize(("better", "floor", "values", "places"), [
    ("lower", 1.0, (2.0, 5.0, 3.0), [0.75, 0.0, 0.5]),
    ("higher", 0.8, (0.4, 0.2, None), [pytest.approx(1 / 3), 0.0, None]),
    ("higher", 0.8, (1.1, 0.2), [1.5, 0.0]),            # beyond real images
    ("lower", 5.0, (2.0, 4.0), None),                   # real images are worse than every model
    ("lower", None, (2.0, 4.0), None),
    ("undecided", 1.0, (2.0, 4.0), None),
])
def test_the_profile_is_0_for_the_worst_model_and_1_for_real_images(better, floor, values, places):
    assert profile(row(better, floor, *values)) == places


@pytest.mark.parametrize(("low", "high"), [(0, 1), (0, 0.037), (-5, 120), (0, 1e-7), (3, 3.01)])
def test_axes_have_a_few_round_numbers(low, high):
    found = steps(low, high)
    assert 2 <= len(found) <= 8
    assert all(low - 1e-12 <= value <= high + 1e-12 for value in found)


@pytest.mark.parametrize(("low", "high"), [(0.003, 0.2), (40, 7_000), (1e-9, 1e9), (4, 200)])
def test_logarithmic_axes_have_a_few_round_numbers_within_them(low, high):
    found = powers(low, high)
    assert 2 <= len(found) <= 7
    assert all(low <= value <= high for value in found)


def test_an_axis_is_logarithmic_only_for_positive_numbers_far_apart():
    assert axis([1, 1_000], 0, 300, logarithmic=True).logarithmic
    assert not axis([1, 10], 0, 300, logarithmic=True).logarithmic
    assert not axis([-1, 1_000], 0, 300, logarithmic=True).logarithmic
    across = axis([1, 10_000], 0, 400, logarithmic=True)
    assert across(10) - across(1) == pytest.approx(across(10_000) - across(1_000))


def test_ticks_that_differ_are_labelled_differently():
    for ends in ([0, 0.0004], [0, 1], [3, 3.01], [0, 70_000]):
        across = axis(ends, 0, 300)
        labels = [across.label(value) for value in across.ticks]
        assert len(set(labels)) == len(labels), labels


def test_labels_that_would_overlap_are_moved_apart_and_not_beyond_the_end():
    assert spread([10, 12, 50], 14) == [10, 24, 50]
    assert spread([90, 95, 99], 14, 100) == [72, 86, 100]


@pytest.mark.parametrize("n", [3, 12, 40])
def test_names_of_models_in_one_place_stay_inside_the_chart(n):
    samples = [Sample(f"model {k}", k, 0.0, 0.0, 0.1, "", ("x: 0", "x: 0")) for k in range(n)]
    chart = scatter("a-b", ("a", "a"), list(zip(samples, samples, strict=True)), (("a", "a"), ("b", "b")), zero=True)
    heights = sorted(part.y for part in chart.parts if isinstance(part, Words) and part.kind == "name")
    assert len(heights) == n
    assert TOP - 20 <= heights[0] < heights[-1] <= TALL - BOTTOM
    assert min(after - before for before, after in pairwise(heights)) > 3


def test_the_front_is_a_staircase_of_what_nothing_dominates():
    assert staircase([(30, 5), (10, 20)]) == [(10, 20), (10, 5), (30, 5)]
    assert staircase([(10, 5), (30, 20)]) == [(10, 5), (30, 5), (30, 20)]


def marks(chart):
    return [part for part in chart.parts if isinstance(part, Mark)]


def test_every_mark_stands_inside_its_chart():
    found = document()
    for name, chart in charts_of(found, analysed(found)).items():
        if chart:
            assert all(0 <= mark.x <= WIDE and 0 <= mark.y <= chart.tall for mark in marks(chart)), name


def test_the_real_point_stands_where_held_out_images_score():
    found = document()
    chart = pair_chart(found, "precision", "recall")
    real = [mark for mark in marks(chart) if mark.model == REAL]
    assert [(mark.at, mark.value) for mark in real] == [("table/rows/3/cells/0/floor", 0.95)]
    assert real[0].said == ("real images: precision 0.950, recall 0.950",
                            "images réelles\u00a0: précision 0,950, rappel 0,950")


def test_the_real_curve_is_beside_the_models_curves():
    found = document()
    assert sum(mark.model == REAL for mark in marks(curve_chart(found))) == 3
    assert sum(mark.model == REAL for mark in marks(curve_chart(replace(found, real_curve=())))) == 0


def test_models_without_a_speed_are_not_on_the_front_and_one_alone_is_no_chart():
    found = document()
    bare = replace(found.models[0], cost=Cost())
    assert len(marks(front_chart(replace(found, models=(bare, *found.models[1:]))))) == 2
    assert front_chart(replace(found, models=(bare, replace(found.models[1], cost=Cost()), found.models[2]))) is None


@pytest.mark.parametrize(("name", "shown"), [
    ("dcgan", "dcgan"), ("stylegan2-lr-1e-4-step-1000", "stylega…p-1000"),
])
def test_long_names_keep_their_beginning_and_their_end(name, shown):
    assert fitting((name, name)) == (shown, shown)
    assert len(shown) <= 14


def test_models_whose_colours_repeat_have_other_markers():
    looks = [(model % len(COLOURS), form_of(model)) for model in range(32)]
    assert len(set(looks)) == 32


def test_of_many_classes_those_are_drawn_where_models_are_worst():
    found = document(classes=tuple(f"c{k}" for k in range(100)))
    chart = class_chart(found, analysed(found), "precision")
    drawn = [part.text[0] for part in chart.parts if isinstance(part, Words) and part.kind == "name"]
    means = {row.name: sum(model.analysis.slices[k].precision.value for model in found.models) / 3
             for k, row in enumerate(found.models[0].analysis.slices)}
    assert set(drawn) == set(sorted(means, key=means.get)[:MOST])
    assert drawn == sorted(drawn, key=lambda name: int(name[1:]))


def test_a_chart_of_classes_has_a_mark_of_each_model_and_class_with_its_number():
    found = document()
    chart = class_chart(found, analysed(found), "share")
    assert len(marks(chart)) == 3 * 2
    first = marks(chart)[0]
    share = found.models[0].analysis.slices[0].share
    assert first.value == share.value
    assert f"{100 * share.value:.1f}" in first.said[0]
    assert first.said[0].endswith("%")
