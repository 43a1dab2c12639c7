"""Verdicts from counts, held against closed forms and scipy's distributions."""

from math import comb

import numpy as np
import pytest
from scipy.stats import binom

from ganbench.gan.conditioning.judging import (
    IMPOSTORS,
    Bench,
    Judged,
    Share,
    at_most,
    bench_of,
    check_counts,
    impostors,
    more_than,
    ratio,
    verdict_of,
)
from ganbench.gan.conditioning.methods import METHODS, Wanted
from ganbench.gan.uncertainty import wilson
from tests.refusals import refused

GOOD = Bench(0.9, 0.95, Share(800, 1_000), Share(970, 1_000), Share(12, 40))


def row(method, count, n, bench=GOOD):
    confirmed = Share(count, n)
    return Judged(method, confirmed, (), more_than(confirmed, bench.impostors), None)


@pytest.mark.parametrize("n", [10, 500, 5_000])
def test_none_of_n_bounds_a_share_by_three_over_n(n):
    assert at_most(0, n) == pytest.approx(1 - 0.05 ** (1 / n))
    assert at_most(0, n) == pytest.approx(3 / n, rel=0.15)


@pytest.mark.parametrize(("count", "n"), [(1, 20), (3, 5_000), (19, 20)])
def test_the_bound_is_where_so_few_would_be_seen_in_one_case_of_twenty(count, n):
    assert binom.cdf(count, n, at_most(count, n)) == pytest.approx(0.05)
    assert at_most(n, n) == 1


def test_more_confirmations_than_of_impostors_is_fishers_tail():
    """5 of 6 against 1 of 6: the tail of the hypergeometric law, counted."""
    tail = sum(comb(6, k) * comb(6, 6 - k) for k in (5, 6)) / comb(12, 6)
    assert more_than(Share(5, 6), Share(1, 6)) == pytest.approx(tail)
    assert more_than(Share(0, 0), Share(1, 6)) == more_than(Share(3, 3), Share(0, 0)) == 1


def test_a_share_has_wilsons_interval():
    assert Share(62, 64).interval == wilson(62 / 64, 64)
    assert Share(0, 0).interval == (0, 1)


# Impostors

def test_impostors_are_those_that_the_guide_accepts():
    value = np.linspace(0, 1, 400)
    of_class = np.zeros(400, bool)
    of_class[390:] = True
    found = impostors(value, of_class, accept=0.75)
    assert set(found) == set(np.flatnonzero((value >= 0.75) & ~of_class))


def test_where_it_accepts_none_they_are_those_that_it_finds_most_like_the_class():
    value = np.r_[np.linspace(0, 0.2, 300), np.ones(50)]
    of_class = np.arange(350) >= 300
    assert sorted(impostors(value, of_class, accept=0.9)) == list(range(300 - IMPOSTORS, 300))
    assert len(impostors(value[290:], of_class[290:], accept=0.9)) == 10       # all that there are


def test_the_bench_counts_what_guide_and_judge_make_of_real_images():
    labels = np.repeat([0, 1], 50)
    guide = np.stack([labels == 0, labels == 1], 1) * 0.8 + 0.1
    judge = guide.copy()
    judge[60:70] = judge[60:70, ::-1]                       # ten of the class are not recognised
    judge[:5] = judge[:5, ::-1]                             # and five others are taken for it
    bench = bench_of(guide, judge, labels, Wanted(1, 0.5, 0.9))
    assert (bench.guide_accuracy, bench.judge_accuracy) == (1, 0.85)
    assert (bench.accepted, bench.confirmed) == (Share(50, 50), Share(40, 50))
    assert bench.impostors == Share(5, IMPOSTORS)


# The verdict

def test_the_first_method_that_is_complete_is_taken_and_not_that_with_the_best_accuracy():
    rows = [row("direction", 64, 64), row("rejection", 60, 64), row("search", 63, 64)]
    assert verdict_of(rows, GOOD, 64).method == "rejection"
    assert verdict_of([row("rejection", 20, 20), row("search", 60, 64)], GOOD, 64).method == "search"
    assert verdict_of([row("rejection", 20, 20), row("search", 30, 33)], GOOD, 64).method == "search"
    assert next(iter(METHODS)) == "direct"


def test_no_images_or_no_more_confirmed_ones_than_impostors_is_unreachable():
    assert verdict_of([row("rejection", 0, 0), row("search", 0, 64)], GOOD, 64).state == "unreachable"
    assert verdict_of([row("rejection", 0, 12), row("search", 21, 64)], GOOD, 64).state == "unreachable"


def test_a_class_of_which_half_the_images_are_is_partly_reachable_and_a_whole_method_comes_first():
    half, whole = row("rejection", 40, 64), row("search", 58, 64)
    assert half.confirmed.interval[1] < 0.9 * 0.97 < whole.confirmed.interval[1]
    found = verdict_of([half], GOOD, 64)
    assert (found.state, found.method) == ("partly reachable", "rejection")
    found = verdict_of([half, whole], GOOD, 64)
    assert (found.state, found.method) == ("reachable", "search")
    shirts = Bench(0.9, 0.95, Share(800, 1_000), Share(700, 1_000), Share(12, 40))      # where real ones do no better
    assert verdict_of([half], shirts, 64).state == "reachable"


def test_three_images_are_too_few_to_tell():
    found = verdict_of([row("rejection", 3, 3), row("search", 0, 64)], GOOD, 64)
    assert (found.state, found.why) == ("undecided", "few")


def test_a_judge_that_confirms_impostors_as_often_as_real_images_decides_nothing():
    blind = Bench(0.9, 0.5, Share(80, 100), Share(55, 100), Share(20, 40))
    found = verdict_of([row("rejection", 64, 64, blind)], blind, 64)
    assert (found.state, found.why) == ("undecided", "blind")


def test_among_many_methods_chance_alone_reaches_a_class_in_less_than_one_case_of_twenty():
    """Four methods whose images are confirmed as often as impostors."""
    random = np.random.default_rng(0)
    wrong = 0
    for _ in range(400):
        bench = Bench(0.9, 0.95, Share(800, 1_000), Share(970, 1_000), Share(int(random.binomial(40, 0.4)), 40))
        rows = [row(method, int(random.binomial(64, 0.4)), 64, bench) for method in list(METHODS)[1:]]
        wrong += "reachable" in verdict_of(rows, bench, 64).state.split()
    assert wrong / 400 < 0.05


def test_variety_is_compared_at_equal_numbers():
    random = np.random.default_rng(0)
    wide, narrow = random.standard_normal((40, 16)), random.standard_normal((200, 16)) * [5] + 9
    assert ratio(wide, wide) == pytest.approx(1)
    assert ratio(wide[:20], wide) == pytest.approx(1)
    assert ratio(narrow, wide) < 0.7
    assert ratio(wide[:2], wide) is None
    assert ratio(wide, None) is None


def test_a_model_of_other_classes_is_told():
    check_counts(0, ("a", "b"), "toy", "data")
    check_counts(2, ("a", "b"), "toy", "data")
    with refused("labels-do-not-fit", "toy", 10, 2):
        check_counts(10, ("a", "b"), "toy", "data")
