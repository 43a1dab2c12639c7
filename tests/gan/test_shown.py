"""Scores as a notebook and a terminal show them: nothing that the table of scores has is lost."""

from ganbench.gan.shown import Scores
from ganbench.gan.tables import cell_of, value_text
from ganbench.gan.types import Caveat, Score
from tests.gan.test_markup import texts_of


def score(metric, value, extractor="net", **others):
    return Score(**{"model": "mine", "metric": f"{metric}_{extractor}", "row": metric, "extractor": extractor,
                    "value": value, "se": 0.012, "floor": 0.1, "n": 400, "protocol": "p", "protocol_digest": "p",
                    "model_digest": "m", **others})


FEW = Caveat("biased", {"n": 400, "d": 640})
FOUND = Scores([score("fd", 9.5, caveats=(FEW,)), score("is", 2.5, floor=None, lower_is_better=False),
                score("kid", 0.5, "judge")])


def test_every_score_stands_in_the_table_of_its_extractor_with_error_and_floor():
    said = texts_of(FOUND._repr_html_())
    assert said[0] == "mine, 400 images, p"
    assert said.index("Features of net") < said.index("fd") < said.index("is") < said.index("Features of judge")
    assert said[said.index("fd") : said.index("is")] == ["fd", "↓", "9.500 ± 0.012", "9.476 – 9.524", "0.100"]
    assert all(value_text(cell_of(one)) in said for one in FOUND)


def test_caveats_and_directions_are_said_in_both_forms():
    for text in (repr(FOUND), " ".join(texts_of(FOUND._repr_html_()))):
        assert "at least 5 × 640 are needed" in text
        assert "↑" in text
        assert "↓" in text


def test_they_are_a_list_like_any_other():
    assert [one.row for one in FOUND] == ["fd", "is", "kid"]
    assert list(FOUND) == FOUND
    assert repr(Scores([])) == "[]"
    assert texts_of(Scores([])._repr_html_()) == ["No scores."]
