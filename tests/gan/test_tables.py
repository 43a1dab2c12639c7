"""The one table of scores: digits, marks, floors and notes, whatever renders them."""

import math

import pytest

from ganbench.gan.compare import compare
from ganbench.gan.numbers import DASH
from ganbench.gan.tables import about, cell_of, remarks, score_table, short_text, slice_table, value_text, verdict_line
from ganbench.gan.types import Caveat, Score
from ganbench.gan.words import caution

FEW = Caveat("biased", {"n": 100, "d": 64})


def score(model, value, metric="kid", se=0.012, **others):
    given = {"row": metric, "extractor": "net", "floor": 0.1, "n": 100, "protocol": "p", "protocol_digest": "p",
             "model_digest": model, **others}
    return Score(model=model, metric=metric, value=value, se=se, **given)


SCORES = {"b": [score("b", 0.5), score("b", 3.0, "is", lower_is_better=False)],
          "a": [score("a", 0.1, caveats=(FEW,)), score("a", 2.0, "accuracy", decides=False)]}


def test_the_best_model_stands_first_and_what_one_lacks_is_empty():
    table = score_table(SCORES, compare(SCORES))
    assert table.columns == ("a", "b")
    assert [(row.name, row.better) for row in table.rows] == [
        ("kid", "lower"), ("is", "higher"), ("accuracy", "undecided")
    ]
    kid, score_of_b, accuracy = (row.cells for row in table.rows)
    assert [cell.best for cell in kid] == [True, False]
    assert (score_of_b[0], accuracy[1]) == (None, None)
    assert table.rows[1].first == (1, score_of_b[1])
    assert [value_text(cell, mark=True) for cell in kid] == ["0.100 ± 0.012*", "0.500 ± 0.012 "]
    assert value_text(None) == DASH


def test_an_interval_ends_where_the_metric_does_and_an_error_has_two_digits():
    cell = cell_of(score("a", 0.01, se=0.1, bounds=(0.0, math.inf)))
    assert (cell.low, cell.high, cell.decimals) == (0.0, pytest.approx(0.206, abs=1e-4), 2)
    assert short_text(cell) == "0.01 ± 0.10 (0.10)"


@pytest.mark.parametrize(("value", "bounds", "said"), [
    (0.0, (0.0, 1.0), "≤ 0.00139"), (1.0, (0.0, 1.0), "≥ 0.99861"), (100.0, (0.0, 100.0), "≥ 99.99861"),
    (0.0, (0.0, math.inf), "0.00000 ± 0.00071"), (0.0, (-math.inf, math.inf), "0.00000 ± 0.00071"),
])
def test_a_share_of_no_image_or_of_all_is_a_bound(value, bounds, said):
    cell = cell_of(score("a", value, se=0.00071, bounds=bounds))
    assert value_text(cell) == said
    assert value_text(cell_of(score("a", value, se=0.0, bounds=bounds))).endswith("± 0.000000")


def test_a_metric_points_in_one_direction_wherever_it_is_shown():
    from ganbench.flows.lists import metrics
    from ganbench.gan.metrics import METRICS

    listed = {row["name"]: row["better"] for row in metrics()}
    for name, row in METRICS.items():
        one = score("a", 0.5, name, lower_is_better=row.lower_is_better, decides=row.decides)
        assert score_table({"a": [one]}).rows[0].better == listed[name]
    assert listed["authpct"] == listed["ct"] == listed["fld_gap"] == "undecided"


def test_real_images_have_one_name():
    from ganbench.gan import words
    from ganbench.gan.metrics import METRICS
    from ganbench.gan.report.texts import TEXTS, WHAT

    said = [text for table in (words.CAVEATS, words.SENTENCES, words.NEEDS, TEXTS) for pair in table.values()
            for text in pair] + [*WHAT.values(), *(row.what for row in METRICS.values())]
    assert [text for text in said if "floor" in text.replace("{floor}", "") or "plancher" in text] == []


def test_a_caveat_is_told_once_with_all_that_it_is_about():
    rows = [score("a", 0.1, caveats=(FEW,)), score("a", 0.2, "fd", caveats=(FEW, Caveat("closer than real")))]
    notes = score_table({"a": rows}).notes
    assert [(note.caveat.rule, about(note)) for note in notes] == [("biased", ""), ("closer than real", "fd of net: ")]
    assert about(score_table({"a": rows[:1]}).notes[0]) == "kid of net: "


def test_a_caveat_names_the_models_that_have_it_and_their_metrics_only_where_others_are_without():
    same, far = Caveat("same images"), Caveat("closer than real")
    a = [score("a", 0.1, caveats=(same,)), score("a", 0.2, "fd", caveats=(same, far))]
    b = [score("b", 0.1), score("b", 0.2, "fd", caveats=(far,))]
    notes = score_table({"a": a, "b": b}).notes
    assert [(note.caveat, about(note)) for note in notes] == [(same, "a: "), (far, "fd of net: ")]
    few = [score("c", 0.1, caveats=(far,)), score("c", 0.2, "fd"),
           score("c", 0.3, "fd_judge", row="fd", extractor="judge", caveats=(far,))]
    (note,) = score_table({"b": [score("b", 0.1), score("b", 0.2, "fd")], "c": few}).notes
    assert about(note) == "c: kid of net; fd of judge: "


def test_what_is_left_out_is_not_said_of_the_score_that_carries_it():
    out = Caveat("left out", {"metrics": ["ct"], "needs": {"of": ["unseen"], "least": 0}})
    (note,) = score_table({"a": [score("a", 0.1, caveats=(out,))]}).notes
    assert (note.models, note.metrics, about(note)) == ((), {}, "")
    assert caution(note.caveat).startswith("not computed: ct; needed: real images outside the training set")


def test_of_several_models_the_one_that_lacks_a_metric_is_named():
    out = Caveat("left out", {"metrics": ["accuracy"], "needs": {"of": ["labels"], "least": 0}})
    lacking, has = score("a", 0.1, caveats=(out,)), score("b", 0.2)
    (note,) = score_table({"a": [lacking], "b": [has]}).notes
    assert about(note) == "a: "
    (both,) = score_table({"a": [lacking], "b": [score("b", 0.2, caveats=(out,))]}).notes
    assert about(both) == ""


def test_slices_are_rows_and_metrics_are_columns_without_the_extractor():
    rows = [score("a", 0.5, "share", slice="edges", extractor=""),
            score("a", 0.1, "kid_infinity_net", row="kid", slice="edges"),
            score("a", 0.5, "share", slice="training", extractor="")]
    table = slice_table(rows)
    assert table.columns == ("share", "kid")
    assert [row.name for row in table.rows] == ["edges", "training"]
    assert table.rows[1].cells[1] is None


def test_the_verdict_names_who_leads_and_no_metric_where_it_is_about_distance():
    assert verdict_line(compare(SCORES)[0]) == (
        "a is the best of these 2 models: its images come nearest to the real ones, significantly nearer than those of "
        "every other model.")
    assert remarks(compare(SCORES))[0].endswith("(Holm-adjusted p < .05 over 1 pair).")
    alike = {"a": [score("a", 0.1)], "b": [score("b", 0.1)]}
    assert verdict_line(compare(alike)[0]).startswith("Any of a and b may be the best of these 2 models")
    by_score = {name: [score(name, value, "is_net", row="is", lower_is_better=False)] for name, value in
                (("a", 3.0), ("b", 2.0))}
    assert "best of these 2 models by is_net" in verdict_line(compare(by_score)[0])
    undecided = {name: [score(name, 0.1, "ct", decides=False)] for name in "ab"}
    assert verdict_line(compare(undecided)[0]).startswith("No model is best")
