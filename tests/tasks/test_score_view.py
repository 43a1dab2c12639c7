"""The saved view of MLflow's page of runs: what `ganbench ui` opens."""

import json

from ganbench.tasks.score_view import NAME, joined


def columns(tag: str) -> list[str]:
    return json.loads(json.loads(tag)["state"])["selectedColumns"]


def test_scores_get_columns_beside_what_was_asked_for():
    tag = joined("", ["kid"])
    assert columns(tag) == ["params.`protocol`", "params.`n`", "params.`seed`", "metrics.`kid`"]


def test_new_metrics_join_those_that_are_there():
    tag = joined(joined("", ["kid"]), ["fid", "kid"])
    assert columns(tag)[-2:] == ["metrics.`kid`", "metrics.`fid`"]
    assert json.loads(tag)["name"] == "Scores"


def test_nothing_new_leaves_the_view_alone():
    assert joined(joined("", ["kid"]), ["kid"]) == ""


def test_a_view_that_somebody_has_saved_anew_is_theirs():
    theirs = json.dumps({"name": "Mine", "createdAt": 1, "updatedAt": 2, "state": "deflate;eJyrVkrOz0lVslI="})
    assert joined(theirs, ["kid"]) == ""


def test_the_tag_fits_into_mlflow_however_many_metrics_there_are():
    tag = joined("", [f"a_metric_with_a_name_as_long_as_this_one_{index}" for index in range(100)])
    assert len(tag) <= 5000
    assert NAME in tag
