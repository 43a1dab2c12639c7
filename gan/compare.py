"""Comparison of several models under one protocol: which is better, and with what certainty.

Images of two models are independent, given the reference that they share, so the error of a difference is the root of
the sum of squares.  Because many pairs are tested, the p-values of one metric are Holm-adjusted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from ganbench.gan.types import BadInput, Caveat, Estimate, Score
from ganbench.gan.uncertainty import difference, p_value

LEVEL = 0.05                    # of the family of all pairs of one metric
UNSOUND = ("collapsed", "one picture", "near duplicates", "same images", "of the reference", "closer than real",
           "collapse", "copies", "duplicates")          # rules of caveats and findings
RESAMPLED = 10_000              # resamples of all scores from their standard errors, for the stability of ranks

Scores = Mapping[str, Sequence[Score]]      # model -> its scores


@dataclass(frozen=True)
class Pair:
    """Two models by one metric: `better` is better by `gain` (above 0), which is significant if p < LEVEL."""

    better: str
    worse: str
    gain: Estimate
    p: float                    # Holm-adjusted, over all pairs of the metric

    @property
    def significant(self) -> bool:
        return self.p < LEVEL


@dataclass(frozen=True)
class Ranking:
    """Models by one metric, the best first."""

    metric: str                                     # of the scores, with their row and extractor
    row: str
    extractor: str
    models: tuple[str, ...]
    pairs: tuple[Pair, ...]
    ranks: Mapping[str, tuple[int, int]]            # the best and the worst rank that the pairs allow, 1 is best
    first: Mapping[str, float]                      # how often a model ranks first in resamples of the scores
    interval: Mapping[str, tuple[int, int]]         # the central 95 % of its ranks in those resamples
    decides: bool = True                            # whether a better value makes a better model

    @property
    def leaders(self) -> tuple[str, ...]:
        """The models that no other is significantly better than; none if better values do not make better models."""
        if not self.decides:
            return ()
        return tuple(model for model in self.models if self.ranks[model][0] == 1)


def unsound(caveats: Iterable[Caveat], findings: Iterable[Any] = ()) -> Any:
    """The caveat of a model's scores, or the alert about it, which says that its images are not its own or hardly
    differ; None where there is none.  A score may be good all the same, and so may a mixture in which the model is."""
    said = [*caveats, *(finding for finding in findings if finding.severity == "alert")]
    return next((one for rule in UNSOUND for one in said if one.rule == rule), None)


def check_alike(scores: Scores) -> None:
    """Refuse scores that were measured under different protocols: they are not comparable."""
    protocols = {score.protocol_digest: (model, score.protocol) for model, rows in scores.items() for score in rows}
    if len(protocols) > 1:
        (one, first), (other, second), *_ = protocols.values()
        raise BadInput("unlike-protocols",
                       f"{one} was measured under {first} and {other} under {second}, which differ in more than name: "
                       "measure them under one protocol.")


def compare(scores: Scores, seed: int = 0) -> list[Ranking]:
    """A ranking for each metric that all models have, in the order of the first model's scores."""
    check_alike(scores)
    found = {model: {score.metric: score for score in rows} for model, rows in scores.items()}
    shared = [name for name in next(iter(found.values())) if all(name in rows for rows in found.values())]
    return [rank({model: rows[name] for model, rows in found.items()}, seed) for name in shared]


def rank(scores: Mapping[str, Score], seed: int = 0) -> Ranking:
    """One metric of several models."""
    sign = 1 if next(iter(scores.values())).lower_is_better else -1
    losses = {model: Estimate(sign * score.value, score.se) for model, score in scores.items()}
    order = tuple(sorted(losses, key=lambda model: losses[model].value))
    gains = [(a, b, difference(losses[b], losses[a])) for a, b in combinations(order, 2)]
    adjusted = holm([p_value(gain) for _, _, gain in gains])
    pairs = tuple(Pair(a, b, gain, p) for (a, b, gain), p in zip(gains, adjusted, strict=True))
    first, interval = stability(losses, order, seed)
    row = next(iter(scores.values()))
    ranks = {model: rank_range(model, pairs) for model in order}
    return Ranking(row.metric, row.row, row.extractor, order, pairs, ranks, first, interval, row.decides)


def holm(p: Sequence[float]) -> list[float]:
    """Step-down adjusted p-values.  Holm 1979, Scandinavian Journal of Statistics 6, 65-70."""
    order = np.argsort(p, kind="stable")
    adjusted, least = [0.0] * len(p), 0.0
    for place, i in enumerate(order):
        least = max(least, min(1.0, (len(p) - place) * p[i]))
        adjusted[i] = least
    return adjusted


def rank_range(model: str, pairs: Sequence[Pair]) -> tuple[int, int]:
    """Best rank: 1 + the number of significantly better models; worst: all models minus significantly worse ones."""
    beaten_by = sum(pair.worse == model and pair.significant for pair in pairs)
    beats = sum(pair.better == model and pair.significant for pair in pairs)
    others = sum(model in (pair.better, pair.worse) for pair in pairs)
    return 1 + beaten_by, 1 + others - beats


def stability(
    losses: Mapping[str, Estimate], order: Sequence[str], seed: int
) -> tuple[dict[str, float], dict[str, tuple[int, int]]]:
    """Resamples scores from N(value, se^2): how often each model ranks first, and the central 95 % of its ranks."""
    random = np.random.default_rng(seed)
    values, errors = (np.array([getattr(losses[model], name) for model in order]) for name in ("value", "se"))
    drawn = values + errors * random.standard_normal((RESAMPLED, len(order)))
    ranks = drawn.argsort(axis=1).argsort(axis=1) + 1
    low, high = np.quantile(ranks, [0.025, 0.975], axis=0, method="nearest").astype(int)
    first = {model: float((ranks[:, i] == 1).mean()) for i, model in enumerate(order)}
    return first, {model: (int(low[i]), int(high[i])) for i, model in enumerate(order)}


def tie_groups(ranking: Ranking) -> list[tuple[str, ...]]:
    """Maximal runs of consecutive models of which no two differ significantly (a compact letter display: Piepho 2004,
    doi:10.1198/1061860043515); a model may be in several."""
    different = {frozenset((pair.better, pair.worse)) for pair in ranking.pairs if pair.significant}
    groups: list[tuple[str, ...]] = []
    for start in range(len(ranking.models)):
        stop = start + 1
        while stop < len(ranking.models) and not any(
            frozenset((ranking.models[stop], model)) in different for model in ranking.models[start:stop]
        ):
            stop += 1
        group = ranking.models[start:stop]
        if not groups or not set(group) <= set(groups[-1]):
            groups.append(group)
    return groups


def pareto(losses: Mapping[str, float], costs: Mapping[str, float]) -> tuple[str, ...]:
    """The Pareto-optimal models, cheapest first: no other is at least as good and as cheap, and better in one."""
    def dominated(model: str) -> bool:
        mine = (losses[model], costs[model])
        return any(losses[other] <= mine[0] and costs[other] <= mine[1] and (losses[other], costs[other]) != mine
                   for other in losses)

    return tuple(sorted((model for model in losses if not dominated(model)), key=lambda model: (costs[model], model)))


def disagreements(one: Ranking, other: Ranking) -> list[tuple[Pair, Pair]]:
    """Pairs of models that two metrics rank in opposite order, both significantly."""
    opposite = {(pair.worse, pair.better): pair for pair in other.pairs if pair.significant}
    return [(pair, opposite[pair.better, pair.worse]) for pair in one.pairs
            if pair.significant and (pair.better, pair.worse) in opposite]
