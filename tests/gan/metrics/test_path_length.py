"""The trimmed mean: beside NVIDIA's rule in plain lines, and its error beside what fresh draws show."""

import math

import numpy as np
import pytest

from ganbench.gan.metrics.path_length import TAIL, ppl, ppl_w, trimmed_mean
from tests.refusals import refused

LAWS = {
    "exponential": lambda random, n: random.exponential(1, n),
    "log-normal": lambda random, n: random.lognormal(0, 1.3, n),                    # kurtosis 800
    "Pareto of infinite variance": lambda random, n: random.pareto(1.5, n),
}


def in_plain_lines(values) -> float:
    """The mean of the order statistics from floor((n - 1) / 100) to ceil(99 (n - 1) / 100)."""
    ordered = sorted(values)
    first, last = (len(ordered) - 1) // 100, -(-99 * (len(ordered) - 1) // 100)
    return math.fsum(ordered[first : last + 1]) / (last + 1 - first)


@pytest.mark.parametrize("n", [2, 100, 101, 150, 1_000, 2_000, 2_001])
def test_paths_outside_the_1st_and_99th_percentile_are_left_out(n):
    values = np.random.default_rng(n).lognormal(0, 2, n)
    assert ppl(values).value == pytest.approx(in_plain_lines(values), rel=1e-12)
    assert ppl_w(values) == ppl(values)


def test_a_few_broken_paths_do_not_move_it():
    values = np.random.default_rng(0).exponential(1, 2_000)
    broken = values.copy()
    broken[:15] = 1e12
    assert ppl(broken).value < 1.1 * ppl(values).value
    assert ppl(broken).se < 1.5 * ppl(values).se


@pytest.mark.parametrize("law", LAWS)
def test_the_standard_error_is_what_fresh_draws_show(law):
    random = np.random.default_rng(0)
    found = [ppl(LAWS[law](random, 1_000)) for _ in range(1_000)]
    shown = np.std([one.value for one in found], ddof=1)
    assert np.sqrt(np.mean([one.se**2 for one in found])) == pytest.approx(shown, rel=0.1)


def test_without_tails_it_is_the_mean_and_its_usual_error():
    values = np.random.default_rng(0).exponential(1, 100)
    found = trimmed_mean(values, 0.0)
    assert found.value == pytest.approx(values.mean())
    assert found.se == pytest.approx(values.std(ddof=1) / 10)
    assert trimmed_mean(values, TAIL) == found                                      # below 101 nothing is left out


def test_a_unit_is_a_unit():
    values = np.random.default_rng(0).exponential(1, 500)
    assert ppl(7 * values).value == pytest.approx(7 * ppl(values).value)
    assert ppl(7 * values).se == pytest.approx(7 * ppl(values).se)


def test_one_path_has_no_error():
    with refused("too-few-images", 1):
        ppl(np.ones(1))
