"""Simulated histories: how often the gate cries wolf, and how soon it finds what is there.

The unit is the standard error of a night's difference between two draws.  Numbers of different models are independent;
the metrics of one model are correlated, and so are all differences from one champion.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import sqrt

import numpy as np

from ganbench.gan.nightly.alpha import Spending
from ganbench.gan.nightly.charts import BENIGN, Charts
from ganbench.gan.nightly.sequential import Array, predicted
from ganbench.gan.nightly.suspicion import Suspicions
from ganbench.gan.uncertainty import wilson

ERROR = sqrt(0.5)       # of one draw, so that a difference has standard error 1
CORRELATION = 0.5       # between the metrics of one draw
LOOKS = 4               # fresh draws a night
BASE = 4                # draws of a champion when it is set
AT_ONCE = 1_000         # histories


@dataclass(frozen=True)
class Plan:
    """What is simulated."""

    histories: int = 10_000
    nights: int = 30
    models: int = 10
    metrics: int = 3
    champion: str = "fixed"     # or redrawn: every night
    spread: float = 0.0         # standard deviation of benign differences between snapshots; above 0: without margin
    step: float = 0.0           # a lasting regression of the first metric of the first model
    begin: int = 10             # the night, from 1, on which it begins
    alpha: float = 0.05
    seed: int = 0


@dataclass(frozen=True)
class Found:
    """What came out; shares of histories."""

    plan: Plan
    false: float                # histories with any false alarm
    low: float                  # 95 % interval of that (Wilson 1927)
    high: float
    alarms: float               # false alarms per history
    found: float                # histories in which the step was found
    delay: float                # median number of nights until then, 1: on its first night
    draws: float                # fresh draws of a model per history


def simulate(plan: Plan) -> Found:
    """Histories of the same gate that the nights run through."""
    false, alarms, delays, draws = [], [], [], 0.0
    for part, histories in enumerate(chunks(plan.histories)):
        random = np.random.default_rng([plan.seed, part])
        worse, looked = (with_spread if plan.spread else with_margin)(plan, histories, random)
        when = np.where(worse.any(1), worse.argmax(1), plan.nights)         # (histories, streams)
        stepped = np.zeros(when.shape, bool)
        if plan.step:
            stepped[:, 0] = when[:, 0] >= plan.begin - 1
            found = when[:, 0] - plan.begin + 2
            delays += found[stepped[:, 0] & (when[:, 0] < plan.nights)].tolist()
        wrong = (when < plan.nights) & ~stepped
        false.append(wrong.any(1))
        alarms.append(wrong.sum(1))
        draws += looked
    rate = float(np.concatenate(false).mean())
    return Found(
        plan, rate, *wilson(rate, plan.histories), float(np.concatenate(alarms).mean()), len(delays) / plan.histories,
        float(np.median(delays)) if delays else float("nan"), draws / plan.histories,
    )


def chunks(n: int) -> Iterator[int]:
    for start in range(0, n, AT_ONCE):
        yield min(AT_ONCE, n - start)


class World:
    """The values that draws of models and champion would have."""

    def __init__(self, plan: Plan, histories: int, random: np.random.Generator) -> None:
        self.plan, self.random = plan, random
        self.shape = (histories, plan.models, plan.metrics)
        self.truth = np.zeros((plan.nights, *self.shape))
        if plan.spread:
            self.truth += plan.spread * random.standard_normal(self.truth.shape)
        if plan.step:
            self.truth[plan.begin - 1:, :, 0, 0] += plan.step

    def errors(self, models: int) -> Array:
        """Of one draw of so many models: (histories, models, metrics)."""
        histories, _, metrics = self.shape
        shared = self.random.standard_normal((histories, models, 1))
        own = self.random.standard_normal((histories, models, metrics))
        return ERROR * (sqrt(CORRELATION) * shared + sqrt(1 - CORRELATION) * own)

    def draw(self, night: int) -> Array:
        """(histories, models, metrics)"""
        return self.truth[night] + self.errors(self.plan.models)

    def flat(self, values: Array) -> Array:
        """(histories, streams)"""
        return np.broadcast_to(values, self.shape).reshape(len(values), -1)


def with_margin(plan: Plan, histories: int, random: np.random.Generator) -> tuple[Array, float]:
    """Every night against a champion, with margin 0, which is the hardest; -> worse, (histories, nights, streams)."""
    world, streams = World(plan, histories, random), plan.models * plan.metrics
    gate = Suspicions.none(Spending(plan.alpha, plan.nights, fresh=streams), (histories, streams))
    champion = np.mean([world.errors(1) for _ in range(BASE)], axis=0)
    known = np.full((histories, 1, 1), float(BASE))
    worse, draws = np.zeros((histories, plan.nights, streams), bool), 0.0
    for night in range(plan.nights):
        if plan.champion == "redrawn" and night:
            champion, known = pooled(champion, known, world.errors(1), np.ones((histories, 1, 1)))
        se = np.hypot(ERROR, ERROR / np.sqrt(known))
        gate.observe(world.flat((world.draw(night) - champion) / se))
        for _ in range(LOOKS):
            looked = np.asarray(gate.suspected.any(1))
            if not looked.any():
                break
            fresh = world.errors(1)
            draws += float(gate.suspected.reshape(world.shape).any(2).sum())
            gate.weigh(np.where(gate.suspected, world.flat(world.draw(night) - fresh), np.nan),
                       np.ones((histories, streams)))
            champion, known = pooled(champion, known, fresh, looked[:, None, None].astype(float))
        worse[:, night] = gate.worse
    return worse, draws


def pooled(mean: Array, n: Array, new: Array, weight: Array) -> tuple[Array, Array]:
    return (mean * n + new * weight) / (n + weight), n + weight


def with_spread(plan: Plan, histories: int, random: np.random.Generator) -> tuple[Array, float]:
    """Every night a new snapshot, against those before it."""
    world, streams = World(plan, histories, random), plan.models * plan.metrics
    gate = Charts.none(Spending(plan.alpha, plan.nights, fresh=0, nightly=streams), (histories, streams))
    values = np.full((histories, streams, plan.nights), np.nan)
    worse, draws = np.zeros((histories, plan.nights, streams), bool), 0.0
    for night in range(plan.nights):
        new, before = world.flat(world.draw(night)), values[..., :night]
        benign = ~np.isnan(before)
        enough = benign.sum(-1) >= BENIGN
        suspected = gate.observe(np.where(enough, predicted(before, benign, new), np.nan))
        if suspected.any():
            draws += float(suspected.reshape(world.shape).any(2).sum())
            gate.confirm(suspected, predicted(before, benign, world.flat(world.draw(night))))
        values[..., night] = np.where(gate.worse, np.nan, new)
        worse[:, night] = gate.worse
    return worse, draws
