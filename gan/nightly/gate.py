"""The gate: what a night's numbers say about every model, beside what it is measured against.

It asks for fresh draws through a function, so the same code runs in flows, in Python and in simulations of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from ganbench.gan.nightly.alpha import Spending
from ganbench.gan.nightly.charts import BENIGN, Charts
from ganbench.gan.nightly.history import Observation, Value, Verdict, observation_from
from ganbench.gan.nightly.sequential import predicted
from ganbench.gan.nightly.suite import Suite
from ganbench.gan.nightly.suspicion import Suspicions
from ganbench.gan.types import Estimate
from ganbench.gan.uncertainty import difference, interval

VERDICTS = {
    "worse": "worse than the baseline by more than the margin, and confirmed",
    "better": "better than the baseline: the whole interval is",
    "not worse": "not worse than the baseline by more than the margin",
    "open": "the interval reaches beyond the margin; nothing is confirmed",
    "baseline": "the baseline itself",
    "cannot tell": "no margin and too few benign snapshots: a regression cannot be told from a new snapshot",
}
BASE = 4                    # draws of a baseline when it is set
FARTHEST = 1e3              # largest z
PER_NIGHT = 1_000           # seeds

Draw = Callable[[Sequence[tuple[Observation, int]]], list[Mapping[str, Value]]]     # snapshots and seeds -> scores


@dataclass(frozen=True)
class Baseline:
    """What a model is measured against: a snapshot, and the means of all its draws but those that elected it."""

    observation: Observation
    means: Mapping[str, Estimate]       # by metric

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Baseline:
        return cls(observation_from(values["observation"]),
                   {metric: Estimate(**mean) for metric, mean in values["means"].items()})


@dataclass
class State:
    """What the gate knows before a night."""

    nights: int = 0             # of this period, with something new
    opened: int = 0             # suspicions of this period
    contests: int = 0           # of this period, for the title
    suspicions: dict[str, Any] = field(default_factory=dict)    # by stream, see `stream_name`
    charts: dict[str, Any] = field(default_factory=dict)
    benign: dict[str, list[float]] = field(default_factory=dict)       # losses of benign snapshots
    firsts: dict[str, Baseline] = field(default_factory=dict)   # by model and protocol
    champion: dict[str, Baseline] = field(default_factory=dict)         # by protocol
    accepted: list[str] = field(default_factory=list)          # models and protocols that have a baseline of their own
    said: dict[str, Verdict] = field(default_factory=dict)      # the last verdict of every stream

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> State:
        return cls(**{
            **values,
            "firsts": {key: Baseline.from_json(one) for key, one in values.get("firsts", {}).items()},
            "champion": {key: Baseline.from_json(one) for key, one in values.get("champion", {}).items()},
            "said": {key: Verdict(**one) for key, one in values.get("said", {}).items()},
        })


@dataclass(frozen=True)
class Stream:
    """A metric of a model's snapshot, and what it is measured against."""

    observation: Observation
    metric: str
    baseline: Baseline
    margin: float | None        # None: not given
    margin_from: str

    @property
    def name(self) -> str:
        return stream_name(self.observation, self.metric)

    @property
    def sign(self) -> int:
        return 1 if self.observation.scores[self.metric].lower_is_better else -1

    @property
    def decided_by_fresh_draws(self) -> bool:
        return self.margin is not None and self.observation.drawable and self.baseline.observation.drawable

    def loss(self, value: float) -> float:
        return self.sign * value

    def gap(self, mine: Estimate, other: Estimate) -> Estimate:
        """Above 0: worse than the baseline."""
        found = difference(mine, other)
        return Estimate(self.sign * found.value, found.se)

    def z(self, gap: Estimate) -> float:
        beyond = gap.value - (self.margin or 0)
        if gap.se == 0:
            return math.copysign(FARTHEST, beyond) if beyond else 0.0
        return max(-FARTHEST, min(FARTHEST, beyond / gap.se))


def stream_name(observation: Observation, metric: str) -> str:
    return f"{observation.key} | {metric}"


def gated_metrics(suite: Suite, observation: Observation) -> list[str]:
    """The metrics that decide: those of [gate]; by default all that say which model is better with the error of the
    draws.  A cautious error hides regressions, and its metric would take alpha from others, so it is gated where it is
    named: by a margin, or among the metrics of a protocol."""
    asked = suite.gate.metrics
    named = {name.strip() for question in suite.questions for name in question.metrics.split(",")}

    def by_default(metric: str, score: Value) -> bool:
        wanted = score.row in named or suite.margin(metric, score.short) is not None
        return score.decides and score.se > 0 and (wanted or not score.cautious)

    return [metric for metric, score in observation.scores.items()
            if (metric in asked or score.short in asked if asked else by_default(metric, score))]


def streams_of(suite: Suite, state: State, observations: Sequence[Observation]) -> list[Stream]:
    """What the gate watches."""
    found = []
    for mine in observations:
        own = suite.against == "first" or mine.key in state.accepted
        baseline = state.firsts.get(mine.key) if own else state.champion.get(mine.protocol)
        if baseline is None or baseline.observation.protocol_digest != mine.protocol_digest:
            continue
        for metric in gated_metrics(suite, mine):
            if metric in baseline.means:
                given = suite.margin(metric, mine.scores[metric].short)
                amount = None if given is None else given.of(baseline.means[metric].value)
                source = "" if given is None else (
                    f"{100 * given.amount:g} % of the baseline" if given.relative else "as given")
                found.append(Stream(mine, metric, baseline, amount, source))
    return found


class Judge:
    """One night of the gate.  `observations`: the newest snapshot of every model under every protocol."""

    def __init__(self, suite: Suite, state: State, observations: Sequence[Observation], night: int, draw: Draw) -> None:
        self.suite, self.state, self.observations, self.night = suite, state, observations, night
        self.draw = draw
        self.drawn: dict[tuple[str, str], list[Mapping[str, Value]]] = {}      # fresh: by digest and protocol
        self.looks = 0
        self.streams = streams_of(suite, state, observations)
        self.spending = Spending(
            suite.gate.alpha, suite.gate.nights,
            fresh=sum(stream.decided_by_fresh_draws for stream in self.streams),
            nightly=sum(not stream.decided_by_fresh_draws for stream in self.streams),
        )

    @property
    def is_new(self) -> bool:
        return any(one.since == self.night for one in self.observations)

    def seed(self, number: int) -> int:
        return seed_of(self.suite, self.night, number)

    # The night

    def judge(self) -> list[Verdict]:
        """Verdicts of all streams; the state is brought up to date."""
        if self.is_new:
            if self.state.nights >= self.suite.gate.nights:
                self.state.nights = self.state.opened = self.state.contests = 0
            self.state.nights += 1
        watched = [stream for stream in self.streams if not is_baseline(stream)]
        fresh = [stream for stream in watched if stream.decided_by_fresh_draws]
        rest = [stream for stream in watched if not stream.decided_by_fresh_draws]
        verdicts = {**self.by_fresh_draws(fresh), **self.by_charts(rest)}
        for stream in self.streams:
            if is_baseline(stream):
                verdicts[stream.name] = self.verdict(stream, "baseline", self.gap(stream), 0)
        for name, verdict in verdicts.items():
            before = self.state.said.get(name)
            same = before and (before.digest, before.said) == (verdict.digest, verdict.said)
            if before and same and not self.new(verdict.digest):
                verdicts[name] = replace(before, nights=before.nights + 1)
        self.state.said = verdicts
        return list(verdicts.values())

    def new(self, digest: str) -> bool:
        return any(one.since == self.night and one.digest == digest for one in self.observations)

    def gap(self, stream: Stream) -> Estimate:
        """From the night's own draw."""
        return stream.gap(stream.observation.scores[stream.metric].estimate, stream.baseline.means[stream.metric])

    def by_fresh_draws(self, streams: Sequence[Stream]) -> dict[str, Verdict]:
        names = [stream.name for stream in streams]
        gate = Suspicions.from_rows(self.spending, names, self.state.suspicions, self.state.opened)
        was_worse = gate.worse.copy()
        z = np.array([stream.z(self.gap(stream)) if self.is_fresh(stream) else np.nan for stream in streams])
        gate.observe(z)
        pairs: dict[str, list[Estimate]] = {name: [] for name in names}
        for _ in range(self.suite.gate.looks):
            looked = gate.suspected & np.array([self.is_fresh(stream) for stream in streams], bool)
            if not looked.any():
                break
            self.look([stream for stream, one in zip(streams, looked, strict=True) if one], pairs)
            nothing = Estimate(math.nan, math.nan)
            last = [pairs[name][-1] if one else nothing for name, one in zip(names, looked, strict=True)]
            margins = np.array([stream.margin or 0.0 for stream in streams])
            gate.weigh(np.array([one.value for one in last]) - margins, np.array([one.se for one in last]))
        recovered = self.recovered(streams, was_worse, z, pairs)
        gate.forget(recovered)
        self.state.suspicions.update(gate.as_rows(names))
        self.state.opened = int(gate.opened)
        return {
            stream.name: self.verdict(stream, *self.word(stream, bool(gate.worse[i]), pairs[stream.name]))
            for i, stream in enumerate(streams)
        }

    def is_fresh(self, stream: Stream) -> bool:
        return stream.observation.since == self.night

    def look(self, streams: Sequence[Stream], pairs: dict[str, list[Estimate]]) -> None:
        """One more draw of these models and of their baselines; the baselines' means become more certain by it."""
        self.looks += 1
        seed = self.seed(self.looks)
        wanted = list({(one.digest, one.protocol): one for stream in streams
                       for one in (stream.observation, stream.baseline.observation)}.values())
        drawn = {(one.digest, one.protocol): scores
                 for one, scores in zip(wanted, self.draw([(one, seed) for one in wanted]), strict=True)}
        for stream in streams:
            mine, other = (drawn[one.digest, one.protocol][stream.metric].estimate
                           for one in (stream.observation, stream.baseline.observation))
            pairs[stream.name].append(stream.gap(mine, other))
        for baseline in {id(stream.baseline): stream.baseline for stream in streams}.values():
            one = baseline.observation
            self.improve(baseline, drawn[one.digest, one.protocol])

    def improve(self, baseline: Baseline, scores: Mapping[str, Value]) -> None:
        better = replace(baseline, means=pooled_means(baseline.means, scores))
        for known in (self.state.firsts, self.state.champion):
            for key, one in known.items():
                if one.observation is baseline.observation:
                    known[key] = better

    def recovered(self, streams: Sequence[Stream], worse: np.ndarray, z: np.ndarray,
                  pairs: dict[str, list[Estimate]]) -> np.ndarray:
        """Streams that were worse, and whose new snapshot is within the margin, as fresh draws confirm."""
        found = np.zeros(len(streams), bool)
        near = [stream for i, stream in enumerate(streams) if worse[i] and self.is_fresh(stream) and z[i] <= 1.645]
        for _ in range(self.suite.gate.looks if near else 0):
            self.look(near, pairs)
        for i, stream in enumerate(streams):
            if stream in near:
                mean = pooled(pairs[stream.name])
                found[i] = mean.value <= (stream.margin or 0.0) or (interval(mean)[0] <= 0 and stream.z(mean) <= 0.5)
        return found

    def by_charts(self, streams: Sequence[Stream]) -> dict[str, Verdict]:
        names = [stream.name for stream in streams]
        gate = Charts.from_rows(self.spending, names, self.state.charts)
        was_worse = gate.worse.copy()
        fresh = np.array([self.is_fresh(stream) for stream in streams], bool)
        z = np.array([self.chart_z(stream, stream.observation.scores[stream.metric].estimate) if new else np.nan
                      for stream, new in zip(streams, fresh, strict=True)])
        suspected = gate.observe(z)
        pairs: dict[str, list[Estimate]] = {name: [] for name in names}
        if suspected.any():
            gate.confirm(suspected, self.second(streams, suspected, z, pairs))
        gate.forget(was_worse & fresh & (np.nan_to_num(z, nan=FARTHEST) <= 1.645))
        self.state.charts.update(gate.as_rows(names))
        verdicts = {}
        for i, stream in enumerate(streams):
            name, bad = stream.name, bool(gate.worse[i])
            if stream.margin is None:
                verdicts[name] = self.beside_benign(stream, bad, pairs[name])
                if fresh[i] and not bad:
                    loss = stream.loss(stream.observation.scores[stream.metric].value)
                    self.state.benign.setdefault(name, []).append(loss)
            else:
                verdicts[name] = self.verdict(stream, *self.word(stream, bad, pairs[name]))
        return verdicts

    def chart_z(self, stream: Stream, mine: Estimate) -> float:
        base = stream.baseline.means[stream.metric]
        if stream.margin is not None:       # the baseline's error is the same every night: it gets the benefit of it
            gap, of_baseline = stream.gap(mine, Estimate(base.value, 0.0)), self.spending.baseline * base.se
            return stream.z(Estimate(gap.value - of_baseline, gap.se))
        return benign_z(self.state.benign.get(stream.name, []), stream.loss(mine.value))

    def second(self, streams: Sequence[Stream], suspected: np.ndarray, z: np.ndarray,
               pairs: dict[str, list[Estimate]]) -> np.ndarray:
        """The same from a second draw, where there can be one."""
        again = [stream for i, stream in enumerate(streams) if suspected[i] and stream.observation.drawable]
        found = z.copy()
        if again:
            self.looks += 1
            wanted = list({(s.observation.digest, s.observation.protocol): s.observation for s in again}.values())
            scores = self.draw([(one, self.seed(self.looks)) for one in wanted])
            drawn = {(one.digest, one.protocol): score for one, score in zip(wanted, scores, strict=True)}
            for i, stream in enumerate(streams):
                if suspected[i] and stream.observation.drawable:
                    mine = drawn[stream.observation.digest, stream.observation.protocol][stream.metric].estimate
                    found[i] = self.chart_z(stream, mine)
                    pairs[stream.name].append(stream.gap(mine, stream.baseline.means[stream.metric]))
        return found

    # Words

    def word(self, stream: Stream, worse: bool, pairs: Sequence[Estimate]) -> tuple[str, Estimate, int]:
        """The verdict with a margin, the difference and the number of fresh draws that it comes from."""
        gap = pooled(pairs) if pairs else self.gap(stream)
        high = interval(gap)[1]
        said = "worse" if worse else "better" if high < 0 else "not worse" if high <= (stream.margin or 0.0) else "open"
        return said, gap, len(pairs)

    def beside_benign(self, stream: Stream, worse: bool, pairs: Sequence[Estimate]) -> Verdict:
        """Without a margin: beside the benign snapshots, whose spread takes its place."""
        known = self.state.benign.get(stream.name, [])
        gap = pooled(pairs) if pairs else self.gap(stream)
        if len(known) < BENIGN:
            return self.verdict(stream, "cannot tell", gap, len(pairs), f"{len(known)} of {BENIGN} benign snapshots")
        farthest = float(np.mean(known) + spread_reach(known))
        margin = farthest - stream.loss(stream.baseline.means[stream.metric].value)
        high = interval(gap)[1]
        said = "worse" if worse else "better" if high < 0 else "not worse" if gap.value <= margin else "open"
        return replace(self.verdict(stream, said, gap, len(pairs), f"{len(known)} benign snapshots"), margin=margin)

    def verdict(self, stream: Stream, said: str, gap: Estimate, draws: int, source: str = "") -> Verdict:
        low, high = interval(gap)
        mine, other = stream.observation, stream.baseline.observation
        return Verdict(
            mine.entry, mine.protocol, stream.metric, said, gap.value, gap.se, low, high, stream.margin,
            source or stream.margin_from, mine.snapshot, mine.digest, other.snapshot, other.digest, draws,
            stream.z(gap) if stream.margin is not None else None,
        )


def is_baseline(stream: Stream) -> bool:
    return stream.observation.digest == stream.baseline.observation.digest


def seed_of(suite: Suite, night: int, number: int) -> int:
    """The seed of the number-th draw of a night; 0: the first."""
    return suite.seed + PER_NIGHT * night + number


def pooled(estimates: Sequence[Estimate]) -> Estimate:
    """The mean, weighted by precision."""
    if any(one.se == 0 for one in estimates):
        return Estimate(float(np.mean([one.value for one in estimates])), 0.0)
    weights = np.array([one.se**-2.0 for one in estimates])
    values = np.array([one.value for one in estimates])
    return Estimate(float(weights @ values / weights.sum()), float(weights.sum() ** -0.5))


def pooled_means(means: Mapping[str, Estimate], scores: Mapping[str, Value]) -> dict[str, Estimate]:
    return {metric: pooled([mean, scores[metric].estimate]) if metric in scores else mean
            for metric, mean in means.items()}


def benign_z(known: Sequence[float], loss: float) -> float:
    """z of a snapshot beside benign ones; nan for too few of them."""
    if len(known) < BENIGN:
        return math.nan
    before = np.array(known, float)
    found = float(predicted(before, np.ones(len(before), bool), np.array(loss)))
    return max(-FARTHEST, min(FARTHEST, found)) if not math.isnan(found) else 0.0


def spread_reach(known: Sequence[float], level: float = 0.975) -> float:
    """How far above the mean of benign snapshots another one may lie, one-sided."""
    from scipy import stats

    n = len(known)
    return float(stats.t.ppf(level, n - 1) * np.std(known, ddof=1) * math.sqrt(1 + 1 / n))


def set_baselines(observations: Sequence[Observation], draw: Draw, seeds: Sequence[int],
                  with_own: bool = True) -> list[Baseline]:
    """Snapshots as baselines, drawn several times where they can be; `with_own`: the night's own draw counts too."""
    wanted = [(one, seed) for one in observations if one.drawable for seed in seeds]
    scores = iter(draw(wanted))
    found = []
    for one in observations:
        again = [next(scores) for _ in seeds] if one.drawable else []
        rows = [one.scores, *again] if with_own or not again else again
        means = {metric: pooled([row[metric].estimate for row in rows if metric in row]) for metric in one.scores}
        found.append(Baseline(one, means))
    return found
