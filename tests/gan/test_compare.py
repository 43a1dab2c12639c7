"""Rankings of models: significance, ties, stability, fronts."""

import numpy as np
import pytest
from scipy.stats import false_discovery_control, norm

from ganbench.gan.compare import Ranking, check_alike, compare, disagreements, holm, pareto, rank, tie_groups
from ganbench.gan.types import Score
from tests.refusals import refused


def score(model, value, se=1.0, metric="kid", lower=True, protocol="p"):
    return Score(model, metric, metric, "net", value, se, None, 100, protocol, f"digest of {protocol}", model, lower)


def ranking(values, se=1.0, lower=True) -> Ranking:
    return rank({name: score(name, value, se, lower=lower) for name, value in values.items()})


def test_holm_is_what_the_paper_says():
    """By hand: 4 x .01, 3 x .013, 2 x .04 and 1 x .05, never falling."""
    assert holm([0.05, 0.01, 0.04, 0.013]) == pytest.approx([0.08, 0.04, 0.08, 0.04])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


def test_holm_is_stricter_than_the_false_discovery_rate_and_milder_than_bonferroni():
    p = np.random.default_rng(0).uniform(0, 0.1, 20)
    assert (np.array(holm(p)) >= false_discovery_control(p) - 1e-12).all()
    assert (np.array(holm(p)) <= np.minimum(1, 20 * p) + 1e-12).all()


def test_equal_models_are_found_different_in_a_twentieth_of_families():
    random, wrong = np.random.default_rng(1), 0
    for _ in range(400):
        values = dict(zip("abcde", random.standard_normal(5), strict=True))
        wrong += any(pair.significant for pair in ranking(values).pairs)
    assert wrong / 400 <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 400)


def test_p_values_are_of_independent_draws():
    (pair,) = ranking({"a": 0.0, "b": 3.0}, se=1.0).pairs
    assert (pair.better, pair.worse) == ("a", "b")
    assert pair.p == pytest.approx(2 * norm.sf(3 / np.sqrt(2)))
    assert pair.gain.se == pytest.approx(np.sqrt(2))


@pytest.mark.parametrize(("lower", "order"), [(True, ("a", "b", "c")), (False, ("c", "b", "a"))])
def test_the_arrow_of_the_metric_decides_who_leads(lower, order):
    found = ranking({"b": 20.0, "a": 10.0, "c": 30.0}, lower=lower)
    assert found.models == order
    assert found.leaders == order[:1]
    assert [found.ranks[model] for model in order] == [(1, 1), (2, 2), (3, 3)]
    assert [found.interval[model] for model in order] == [(1, 1), (2, 2), (3, 3)]
    assert found.first[order[0]] == 1


def test_models_that_cannot_be_told_apart_share_ranks_and_groups():
    found = ranking({"a": 0.0, "b": 1.0, "c": 10.0, "d": 11.0, "e": 30.0})
    assert tie_groups(found) == [("a", "b"), ("c", "d"), ("e",)]
    assert found.leaders == ("a", "b")
    assert found.ranks["b"] == (1, 2)
    assert found.first["a"] + found.first["b"] == pytest.approx(1)
    assert found.first["a"] == pytest.approx(norm.cdf(1 / np.sqrt(2)), abs=0.02)


def test_a_model_may_be_in_two_groups():
    assert tie_groups(ranking({"a": 0.0, "b": 2.5, "c": 5.0})) == [("a", "b"), ("b", "c")]


def test_unlike_protocols_refuse_with_both_names():
    with refused("unlike-protocols", "a", "p", "b", "q"):
        check_alike({"a": [score("a", 1.0)], "b": [score("b", 1.0, protocol="q")]})


def test_only_metrics_that_all_models_have_are_compared():
    rows = {"a": [score("a", 1.0), score("a", 2.0, metric="accuracy")], "b": [score("b", 1.0)]}
    assert [row.metric for row in compare(rows)] == ["kid"]


def test_the_front_holds_what_nothing_beats_in_both():
    losses = {"slow": 1.0, "fast": 5.0, "dominated": 6.0, "middle": 3.0, "twin": 3.0}
    costs = {"slow": 9.0, "fast": 1.0, "dominated": 2.0, "middle": 4.0, "twin": 4.0}
    assert pareto(losses, costs) == ("fast", "middle", "twin", "slow")


def test_metrics_that_contradict_each_other_are_named():
    one, other = ranking({"a": 0.0, "b": 10.0, "c": 10.5}), ranking({"a": 10.0, "b": 0.0, "c": 10.2})
    ((first, second),) = disagreements(one, other)
    assert (first.better, first.worse) == (second.worse, second.better) == ("a", "b")
