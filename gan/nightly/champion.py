"""The champion: the best model of a suite, which keeps its title until another one is significantly better than all.

The night's best score is the best of many, so it flatters its model: 30 equal models have a best one that looks 2
standard errors too good.  Therefore a score only makes a challenger.  Whether it wins is decided by images that are
drawn afterwards, and the new champion's score comes from a third set, which had no part in its election.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ganbench.gan.nightly.alpha import Spending
from ganbench.gan.nightly.gate import BASE, Baseline, Draw, State, pooled, seed_of, set_baselines
from ganbench.gan.nightly.history import Observation, Value, Verdict
from ganbench.gan.nightly.sequential import EXPECTED, log_evidence
from ganbench.gan.nightly.suite import Limits, Suite
from ganbench.gan.types import Estimate
from ganbench.gan.uncertainty import difference

AHEAD = 1.645               # standard errors by which a challenger leads every other model, and they do in fresh draws
BETTER_THAN_REAL = 3.0      # standard errors below the floor that no honest model reaches
FLATTERED = 2.6             # standard errors in favour of a champion that cannot be drawn again
ROUNDS = 8                  # fresh draws for one challenge
FIRST_CONTEST, FIRST_TITLE, FIRST_FLOOR = 200, 300, 400     # numbers of seeds


@dataclass(frozen=True)
class Election:
    """What came of a night's challenge."""

    challenger: Observation
    won: bool
    lead: Estimate              # over the champion, in fresh draws; above 0: better
    draws: int
    level: float                # the probability of such a win between equal models
    why: str = ""               # why it did not win


def flaws(one: Observation, limits: Limits, verdicts: Sequence[Verdict], metric: str) -> list[str]:
    """Why a model may hold no title, in words."""
    score = one.scores[metric]
    found = list(one.alerts)
    if is_too_good(score):
        found.append(f"{score.short or metric} better than that of real images")
    found += over_limits(one.costs, limits)
    if any(verdict.said == "worse" and verdict.digest == one.digest for verdict in verdicts):
        found.append("worse than its baseline")
    return found


def is_too_good(score: Value) -> bool:
    if score.floor is None or not score.decides:
        return False
    ahead = (score.floor - score.value) * (1 if score.lower_is_better else -1)
    return ahead > BETTER_THAN_REAL * score.se > 0


def over_limits(costs: Mapping[str, float | None], limits: Limits) -> list[str]:
    """The limits of cost that a model breaks, in words."""
    found = []
    speed, memory, size = (costs.get(name) for name in ("images_per_second", "peak_memory", "parameters"))
    if limits.images_per_second is not None and speed is not None and speed < limits.images_per_second:
        found.append(f"{speed:,.3g} images/s, the limit is {limits.images_per_second:g}")
    if limits.peak_memory is not None and memory is not None and memory > limits.peak_memory:
        found.append(f"{memory / 1e6:,.0f} MB of memory, the limit is {limits.peak_memory / 1e6:,.0f} MB")
    if limits.parameters is not None and size is not None and size > limits.parameters:
        found.append(f"{size:,.0f} parameters, the limit is {limits.parameters:,.0f}")
    return found


def challenger_of(candidates: Sequence[Observation], metric: str, champion: Baseline | None) -> Observation | None:
    """The model that the night's own numbers put significantly before all others and before the champion."""
    mine = [one for one in candidates if metric in one.scores]
    if not mine:
        return None
    best = min(mine, key=lambda one: loss(one.scores[metric]))
    if champion is not None and best.digest == champion.observation.digest:
        return None
    if champion is not None and metric not in champion.means:
        return None
    others = [one.scores[metric].estimate for one in mine if one.digest != best.digest]
    title = [champion.means[metric]] if champion is not None else []
    if not (others or title):
        return None
    return best if all(lead_z(best.scores[metric], other) > AHEAD for other in [*others, *title]) else None


def loss(score: Value) -> float:
    return score.value if score.lower_is_better else -score.value


def lead_of(mine: Value, other: Estimate) -> Estimate:
    """Above 0: mine is better."""
    found = difference(mine.estimate, other)
    return Estimate(-found.value if mine.lower_is_better else found.value, found.se)


def lead_z(mine: Value, other: Estimate) -> float:
    lead = lead_of(mine, other)
    return lead.value / lead.se if lead.se else math.copysign(math.inf, lead.value) if lead.value else 0.0


def contest(suite: Suite, state: State, best: Observation, rivals: Sequence[Observation], champion: Baseline | None,
            metric: str, night: int, draw: Draw) -> Election:
    """Fresh draws of the challenger, and of the champion: or, without one, of the strongest rival.

    An e-process against "not better" decides about that one; every other rival has to be significantly behind the
    challenger's fresh draws, too.
    """
    state.contests += 1
    level = float(Spending(suite.gate.alpha, suite.gate.nights).level(state.contests))
    other = champion.observation if champion else min(rivals, key=lambda one: loss(one.scores[metric]))
    leads: list[Estimate] = []
    mine: list[Value] = []
    evidence = 0.0
    for number in range(ROUNDS if best.drawable else 0):
        seed = seed_of(suite, night, FIRST_CONTEST + number)
        drawn = draw([(best, seed), (other, seed)][: 1 + other.drawable])
        mine.append(drawn[0][metric])
        against = drawn[1][metric].estimate if other.drawable else flattered(other.scores[metric])
        leads.append(lead_of(mine[-1], against))
        evidence = evidence_of(leads)
        if evidence >= -math.log(level) or evidence < -1.5:
            break
    mean = pooled(leads) if leads else Estimate(0.0, 0.0)
    if evidence < -math.log(level):
        why = "" if best.drawable else "it cannot be drawn again"
        return Election(best, False, mean, len(leads), level, why or "fresh draws do not confirm that it is better")
    fresh = Value(pooled([one.estimate for one in mine]).value, pooled([one.estimate for one in mine]).se,
                  lower_is_better=mine[0].lower_is_better)
    close = [one.snapshot for one in rivals if one.digest not in (best.digest, other.digest)
             and lead_z(fresh, one.scores[metric].estimate) <= AHEAD]
    if close:
        return Election(best, False, mean, len(leads), level, f"not significantly better than {', '.join(close[:3])}")
    return Election(best, True, mean, len(leads), level)


def flattered(score: Value) -> Estimate:
    """The best that a score may be in truth: that of images on disk, which cannot be drawn again."""
    reach = FLATTERED * score.se * (-1 if score.lower_is_better else 1)
    return Estimate(score.value + reach, 0.0)


def evidence_of(leads: Sequence[Estimate]) -> float:
    if any(lead.se == 0 for lead in leads):
        return math.inf if leads[-1].value > 0 else -math.inf
    weights = [lead.se**-2.0 for lead in leads]
    weighted = sum(weight * lead.value for weight, lead in zip(weights, leads, strict=True))
    return float(log_evidence(weighted, sum(weights), EXPECTED * leads[0].se))


def crown(suite: Suite, state: State, snapshots: Sequence[Observation], night: int, draw: Draw) -> None:
    """Give a model the title, under every protocol; its scores are measured anew."""
    seeds = [seed_of(suite, night, FIRST_TITLE + number) for number in range(BASE)]
    for baseline in set_baselines(snapshots, draw, seeds, with_own=False):
        state.champion[baseline.observation.protocol] = baseline
