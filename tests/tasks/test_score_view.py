"""What MLflow's pages begin with: columns, charts and the first page of `ganbench ui`."""

import json
import re
from dataclasses import replace

from ganbench.gan.metering import Cost
from ganbench.gan.types import Score
from ganbench.tasks import score_view
from ganbench.tasks.score_view import CREATED, NAME, TAG, View, read, saved, state
from ganbench.tasks.tracking import pages
from ganbench.tasks.tracking.client import LATEST
from ganbench.tasks.tracking.shown import metrics_of, short, tags_of, view_of


def score(metric: str, value: float, se: float, extractor: str = "lite", **more) -> Score:
    row = metric.removesuffix(f"_{extractor}")
    return Score("m", metric, row, extractor, value, se, more.pop("floor", 0.1), 100, "p", "d", "e", **more)


KID = score("kid_lite", 0.0048065, 0.000233)
RECALL = score("recall_lite", 0.5232, 0.0136, lower_is_better=False)
JUDGED = score("fd_judge", 0.646, 0.048, "judge")
CT = score("ct_lite", 7.51, 0.6, decides=False)
MODELS = {"one": [KID, RECALL, JUDGED], "two": [replace(KID, value=0.3), CT]}
COSTS = {"one": Cost(parameters=3, images_per_second=4.0)}
VIEW = view_of("k", "5 models", "tags.a = 'b'", MODELS, "lite", True, ["samples"], COSTS)


def test_the_leading_extractor_is_not_in_the_names_and_others_are():
    assert [short(one, "lite") for one in (KID, RECALL, JUDGED)] == ["kid", "recall", "fd_judge"]
    assert short(score("fid", 2.0, 0.1, "inception"), "inception") == "fid"


def test_a_cell_has_two_digits_of_the_error_and_the_metric_full_precision():
    assert tags_of([KID, JUDGED], "lite", None) == {"kid": "0.00481 ± 0.00023", "fd_judge": "0.646 ± 0.048"}
    assert metrics_of(KID, "kid") == {"kid": 0.0048065, "kid.se": 0.000233, "kid.floor": 0.1, "kid x1000": 4.8065}


def test_columns_are_the_rank_then_the_scores_of_all_models_then_costs():
    names = [name.removeprefix("tags.").strip("`") for name in state(VIEW)["selectedColumns"]]
    assert names == ["rank", "kid", "recall", "fd_judge", "images/s", "parameters", "ct"]
    assert state(VIEW)["columnOrder"][:2] == [NAME, CREATED]


def test_the_best_is_first():
    assert score_view.facets(VIEW) == {"searchFilter": "tags.a = 'b'", "orderByKey": "metrics.`kid`",
                                       "orderByAsc": True}
    higher = view_of("k", "", "", {"one": [RECALL]}, "lite", False)
    assert (higher.order, higher.ascending) == ("metrics.`recall`", False)


def test_charts_show_scores_before_pictures_before_costs_and_no_errors_and_floors():
    cards = state(VIEW)["compareRunCharts"]
    shown = [(card["metricSectionId"], card.get("metricKey", card.get("imageKeys"))) for card in cards
             if not card["deleted"]]
    assert shown[:4] == [(score_view.LOWER, "kid x1000"), (score_view.LOWER, "fd_judge"),
                         (score_view.HIGHER, "recall"), (score_view.PICTURES, ["samples"])]
    assert {section for section, _ in shown[4:]} == {score_view.COSTS}
    deleted = {card["metricKey"] for card in cards if card["deleted"]}
    assert {"kid", "kid.se", "kid.floor", "fd_judge.se", "ct", "rank"} <= deleted
    assert len({card["uuid"] for card in cards}) == len(cards)


def test_bars_that_are_all_alike_are_left_out():
    copies = score("copies_lite", 0.0, 0.001, bounds=(0.0, 1.0))
    charts = view_of("k", "", "", {"one": [KID, copies], "two": [replace(KID, value=0.2), copies]}, "lite", True).charts
    assert "copies" not in {chart.metric for chart in charts}


def test_a_saved_view_is_read_as_it_was_written():
    assert read(saved(VIEW, 5)) == score_view.facets(VIEW) | state(VIEW)
    assert json.loads(saved(VIEW, 5))["name"] == "5 models"


def test_the_tag_fits_into_mlflow_however_many_metrics_there_are():
    rows = [score(f"{hash((index, 'a'))}_{hash((index, 'b'))}_lite", 1.0, 0.1) for index in range(400)]
    tag = saved(view_of("k", "many", "", {"one": rows}, "lite", False), 5)
    assert len(tag) <= score_view.LONGEST
    assert read(tag)["orderByAsc"]


def test_the_first_page_chooses_the_newest_view_and_goes_there():
    text = pages.first_page("7", {LATEST: "k", TAG + "k": saved(VIEW, 5)})
    (chosen,) = re.findall(r'"ReactComponentState", JSON\.stringify\((.*)\)\);', text)
    assert json.loads(chosen)["selectedColumns"] == state(VIEW)["selectedColumns"]
    (page,) = re.findall(r'location\.replace\("\./" \+ "(.*)"\)', text)
    assert page.startswith("#/experiments/7/runs?workflowType=machine_learning&searchFilter=tags.a%20%3D%20%27b%27&")
    assert page.endswith("orderByKey=metrics.%60kid%60&orderByAsc=true")


def test_without_results_or_with_a_view_that_nobody_can_read_the_first_page_is_mlflows():
    for tags in ({}, {LATEST: "k", TAG + "k": "{"}, {LATEST: "k", TAG + "k": '{"state": "deflate;AAAA"}'}):
        text = pages.first_page("7", tags)
        assert "if (null)" in text
        assert "#/experiments/7/runs?workflowType=machine_learning" in text


def test_a_name_of_a_users_cannot_end_the_script():
    view = View("k", "", "params.model = '</script>'", "attributes.start_time")
    assert "</script>'" not in pages.first_page("7", {LATEST: "k", TAG + "k": saved(view, 5)})


def test_mlflows_only_page_begins_without_the_assistant(tmp_path):
    (tmp_path / "index.html").write_text("<html><head><title>MLflow</title></head></html>")
    assert pages.index(tmp_path / "index.html").startswith("<html><head><script>\nfor (const [key, value] of [[\"assis")
