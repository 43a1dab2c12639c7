"""One night of a suite: the canary, what is new, its scores, the gate, the title, and the record of it all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ganbench.gan.compare import unsound
from ganbench.gan.costs import costs_of
from ganbench.gan.evaluate import Threads, all_features, all_samples, begin_scores, end_scores, submit
from ganbench.gan.findings import analyse, evidence_of
from ganbench.gan.jobs import Job, asked_protocol, prepare
from ganbench.gan.metering import Cost
from ganbench.gan.models.identity import IMAGES, identity
from ganbench.gan.models.loading import resolve
from ganbench.gan.naming import short_metric
from ganbench.gan.nightly import canary
from ganbench.gan.nightly.champion import (
    FIRST_FLOOR,
    challenger_of,
    contest,
    crown,
    flaws,
    is_too_good,
    over_limits,
)
from ganbench.gan.nightly.gate import BASE, Baseline, Judge, State, seed_of, set_baselines
from ganbench.gan.nightly.history import History, Night, Observation, Value, Verdict, last_measured
from ganbench.gan.nightly.snapshots import Refused, Snapshot, as_json, keep, reopened, snapshots_of
from ganbench.gan.nightly.suite import Suite
from ganbench.gan.question import Question, protocol_of
from ganbench.gan.store import store_of
from ganbench.gan.threads import single_threaded
from ganbench.gan.types import BadInput, ModelSpec, Protocol, Score, Workspace

FAILED, FELL, DRIFTED = 1, 3, 4     # exit codes; FAILED: a model could not be measured
CHAMPION = "champion"       # the entry that stands for a champion who is no model of the suite

Event = dict[str, Any]


@dataclass(frozen=True)
class Hands:
    """How the work of a night is done: here in threads, or as Prefect tasks."""

    prepare: Callable[[ModelSpec, Protocol, int, Workspace], Job]
    scores: Callable[[Sequence[Job]], list[list[Score]]]
    alerts: Callable[[Job], list[str]]          # of the analysis, for a model that may win the title
    costs: Callable[[Sequence[ModelSpec], Workspace], list[Cost]]
    find: Callable[[str], str] = str            # models:/NAME@ALIAS -> what the library opens; anything else as it is


def scores_of(jobs: Sequence[Job]) -> list[list[Score]]:
    with single_threaded(), Threads() as threads:
        started = submit(jobs, threads)
        return [end_scores(job, begin_scores(job, one, threads)) for job, one in zip(jobs, started, strict=True)]


def alerts_of(job: Job) -> list[str]:
    """Rules of findings that say that a model's images are not its own."""
    with single_threaded(), Threads() as threads:
        started = submit([job], threads)[0]
        given = evidence_of(job, all_samples(job, started), all_features(job, started))
    found = analyse(given, store_of(job.workspace))[0] if given else None
    flaw = unsound([], found.findings if found else [])
    return [flaw.rule] if flaw else []


HANDS = Hands(prepare, scores_of, alerts_of, lambda specs, workspace: costs_of(specs, workspace)[0])


class Work:
    """A night at work."""

    def __init__(self, suite: Suite, history: History, workspace: Workspace, hands: Hands = HANDS) -> None:
        self.suite, self.history, self.workspace, self.hands = suite, history, workspace, hands
        self.nights = history.nights()
        last = self.nights[-1] if self.nights else None
        self.number = last.number + 1 if last else 1
        self.state = State.from_json(last.state["gate"]) if last and last.state else State()
        self.accepted: list[Mapping[str, Any]] = list(last.state["toolchains"]) if last and last.state else []
        self.begun = now()
        self.events: list[Event] = []
        self.protocols = {protocol_of(question).name: question for question in suite.questions}
        self.specs: dict[str, ModelSpec | None] = {}        # by digest
        self.refused: list[Refused] = []
        self.measured: list[tuple[Snapshot, Job, list[Score]]] = []     # tonight's new ones

    # The steps

    def run(self, scheduled: str = "") -> Night:
        """The whole night; what it found is in the record that it returns, and that the caller writes."""
        toolchain = canary.toolchain([protocol_of(question) for question in self.suite.questions], self.workspace)
        if self.drifted(toolchain):
            return self.record(toolchain, self.carried(), (), scheduled, DRIFTED)
        observations, newest = self.observe()
        self.set_baselines(newest)
        judge = Judge(self.suite, self.state, newest, self.number, self.draw)
        before = dict(self.state.said)
        verdicts = judge.judge()
        self.tell_changes(before, verdicts)
        broken = self.check_costs(newest)
        if self.suite.gate.champion:
            self.elect(newest, verdicts)
        fell = broken or any(verdict.said == "worse" for verdict in verdicts)
        code = FELL if fell else FAILED if self.refused else 0
        return self.record(toolchain, observations, verdicts, scheduled, code)

    def drifted(self, toolchain: Mapping[str, Any]) -> bool:
        """Whether the toolchain is another one than those accepted.  One with the same numbers, to the last bit, is
        said once, and accepted from then on."""
        if not self.accepted:
            self.accepted = [toolchain]
        if any(not canary.drift(known, toolchain) for known in self.accepted):
            return False
        last = self.accepted[-1]
        harmless = canary.same_numbers(last, toolchain) and last["extractors"] == toolchain["extractors"]
        self.events.append({"kind": "drift", "what": canary.drift(last, toolchain),
                            "moved": canary.moved(last, toolchain), "harmless": harmless})
        if harmless:
            self.accepted = [*self.accepted, toolchain]
        return True

    def carried(self) -> list[Observation]:
        return list(last_measured(self.nights))

    def observe(self) -> tuple[list[Observation], list[Observation]]:
        """All observations of the night, and the newest of every model and protocol; only what is new is measured."""
        earlier = [one for night in self.nights for one in night.observations]
        files = {tuple(one.spec["file"]): one.digest for one in earlier if one.spec.get("file")}
        found: list[Observation] = []
        jobs: list[tuple[Snapshot, Job]] = []
        there, self.refused = snapshots_of(self.suite, self.workspace, files, self.hands.find)
        for mine in there.values():
            for snapshot in mine:
                for question in self.suite.questions:
                    job = self.prepared(snapshot, question)
                    known = [one for one in earlier if job and is_of(one, snapshot, job)]
                    if known:
                        found.append(known[-1])
                    elif job:
                        jobs.append((snapshot, job))
        self.measured = self.scored(jobs)
        found += [self.observation(snapshot, job, rows) for snapshot, job, rows in self.measured]
        for one in self.refused:
            found += [old for old in last_of(earlier, one.entry) if old.key not in {other.key for other in found}]
        self.tell_refused()
        if not found:
            if self.refused:
                raise self.refused[0].error
            raise BadInput("no-images", f"The suite {self.suite.name} found nothing to measure: its folders are empty.")
        newest = {one.key: one for one in found}
        return found, list(newest.values())

    def prepared(self, snapshot: Snapshot, question: Question) -> Job | None:
        """The job of a snapshot; None if it is refused, which does not stop the others."""
        try:
            return self.job(snapshot.spec, question, seed_of(self.suite, self.number, 0))
        except BadInput as error:
            self.refused.append(Refused(snapshot.entry, snapshot.spec.name, error))
            return None

    def scored(self, jobs: Sequence[tuple[Snapshot, Job]]) -> list[tuple[Snapshot, Job, list[Score]]]:
        """The scores of all that can be measured; where one cannot, each is measured by itself."""
        if not jobs:
            return []
        try:
            rows = self.hands.scores([job for _, job in jobs])
            return [(snapshot, job, row) for (snapshot, job), row in zip(jobs, rows, strict=True)]
        except BadInput as error:
            if len(jobs) > 1:
                return [found for one in jobs for found in self.scored([one])]
            self.refused.append(Refused(jobs[0][0].entry, jobs[0][0].spec.name, error))
            return []

    def tell_refused(self) -> None:
        """What could not be measured; `known`: it was told the night before."""
        before = {(event["entry"], event["why"]) for night in self.nights[-1:] for event in night.events
                  if event["kind"] == "refused"}
        self.events += [{"kind": "refused", "entry": one.entry, "snapshot": one.model, "why": one.why,
                         "known": (one.entry, one.why) in before} for one in self.refused]

    def job(self, spec: ModelSpec, question: Question, seed: int) -> Job:
        protocol = asked_protocol(question, [spec], self.workspace)
        if self.protocols.setdefault(protocol.name, question) != question:
            raise BadInput("given-twice", f"Two protocols of the suite are called {protocol.name!r}: one is enough.")
        return self.hands.prepare(spec, protocol, seed, self.workspace)

    def observation(self, snapshot: Snapshot, job: Job, rows: Sequence[Score]) -> Observation:
        flaw = unsound(caveat for score in rows for caveat in score.caveats)
        self.specs[snapshot.digest] = snapshot.spec
        return Observation(
            snapshot.entry, snapshot.spec.name, snapshot.digest, job.protocol.name, job.protocol_digest, job.seed,
            job.protocol.n_generated, values_of(rows, job.protocol.judge),
            {**as_json(snapshot.spec), "file": list(snapshot.file)}, snapshot.spec.family != IMAGES,
            (flaw.rule,) if flaw else (), {}, self.number, snapshot.made,
        )

    def draw(self, wanted: Sequence[tuple[Observation, int]]) -> list[Mapping[str, Value]]:
        """Fresh draws of snapshots, each with its own seed."""
        jobs = []
        for one, seed in wanted:
            spec = self.spec_of(one)
            if spec is None:
                raise BadInput("changed-content", f"{one.snapshot} cannot be drawn again: its weights are gone.")
            jobs.append(self.job(spec, self.protocols[one.protocol], seed))
        return [values_of(rows, job.protocol.judge)
                for job, rows in zip(jobs, self.hands.scores(jobs), strict=True)]

    def spec_of(self, one: Observation) -> ModelSpec | None:
        if one.digest not in self.specs:
            self.specs[one.digest] = reopened(one.spec, one.digest, self.workspace)
        return self.specs[one.digest]

    # Baselines

    def set_baselines(self, newest: Sequence[Observation]) -> None:
        """Of models that have none, or whose numbers are of another protocol by now."""
        seeds = [seed_of(self.suite, self.number, FIRST_FLOOR + number) for number in range(BASE - 1)]
        for table in (self.state.champion, self.state.firsts):
            table |= {key: without_draws(known) for key, known in table.items() if not self.is_there(known)}
        if self.suite.gate.champion:
            self.hold_title(newest, seeds)
        missing = [one for one in newest if self.needs_baseline(one)]
        if missing:
            for baseline in set_baselines([self.kept(one) for one in missing], self.draw, seeds):
                self.state.firsts[baseline.observation.key] = baseline

    def needs_baseline(self, one: Observation) -> bool:
        known = self.state.firsts.get(one.key)
        wanted = self.suite.against == "first" or one.key in self.state.accepted
        return wanted and (known is None or known.observation.protocol_digest != one.protocol_digest)

    def is_there(self, baseline: Baseline) -> bool:
        return not baseline.observation.drawable or self.spec_of(baseline.observation) is not None

    def hold_title(self, newest: Sequence[Observation], seeds: Sequence[int]) -> None:
        """The champion under every protocol of the night: the one of the history, or at first the one of the suite."""
        for question in self.suite.questions:
            holder = next(iter(self.state.champion.values()), None)
            spec = self.spec_of(holder.observation) if holder else self.titled(newest)
            if spec is None:
                continue
            job = self.job(spec, question, seed_of(self.suite, self.number, 0))
            known = self.state.champion.get(job.protocol.name)
            if known is None or known.observation.protocol_digest != job.protocol_digest:
                (rows,) = self.hands.scores([job])
                snapshot = Snapshot(CHAMPION, spec, identity(spec), "")     # type: ignore[arg-type]
                one = self.kept(replace(self.observation(snapshot, job, rows), entry=CHAMPION))
                (self.state.champion[job.protocol.name],) = set_baselines([one], self.draw, seeds)

    def titled(self, newest: Sequence[Observation]) -> ModelSpec | None:
        """The model that the suite names as its first champion: one of its own, by name, or any other."""
        champion = self.suite.gate.champion
        mine = [one for one in newest if one.entry == champion]
        return self.spec_of(mine[0]) if mine else resolve(self.hands.find(champion), self.workspace)

    def kept(self, one: Observation) -> Observation:
        """The observation of a baseline, whose weights are kept."""
        spec = self.spec_of(one)
        if spec is None or not one.drawable:
            return one
        return replace(one, spec={**one.spec, **as_json(keep(spec, self.history.folder / "weights"))})

    # The title, and what is told

    def check_costs(self, newest: Sequence[Observation]) -> bool:
        """Whether a model breaks a limit of cost; measured where the suite has limits."""
        limits = self.suite.limits
        if limits == type(limits)():
            return False
        specs = {one.digest: spec for one in newest if one.drawable and (spec := self.spec_of(one)) is not None}
        costs = dict(zip(specs, self.hands.costs(list(specs.values()), self.workspace), strict=True))
        broken = False
        for one in {one.digest: one for one in newest if one.digest in costs}.values():
            why = over_limits(vars(costs[one.digest]), limits)
            if why:
                broken = True
                self.events.append({"kind": "limit", "entry": one.entry, "snapshot": one.snapshot, "why": why})
        return broken

    def elect(self, newest: Sequence[Observation], verdicts: Sequence[Verdict]) -> None:
        """Let the best model challenge the champion, on a night with something new."""
        protocol = next((one.protocol for one in newest), "")
        mine = [one for one in newest if one.protocol == protocol]
        metric = next((name for name, score in mine[0].scores.items() if score.decides), "") if mine else ""
        if not metric or not any(one.since == self.number for one in mine):
            return
        self.flag(mine, metric)
        champion = self.state.champion.get(protocol)
        sound = [one for one in mine if not flaws(one, self.suite.limits, verdicts, metric)]
        best = challenger_of(sound, metric, champion)
        if best is None or best.since != self.number:
            return
        flaw = self.hands.alerts(self.job(self.spec_of(best), self.protocols[protocol], best.seed))  # type: ignore[arg-type]
        facts: Event = {"entry": best.entry, "snapshot": best.snapshot, "digest": best.digest, "metric": metric}
        if flaw:
            self.events.append({"kind": "flagged", **facts, "why": flaw})
            return
        election = contest(self.suite, self.state, best, sound, champion, metric, self.number, self.draw)
        facts |= {"lead": election.lead.value, "se": election.lead.se, "draws": election.draws, "why": election.why,
                  "before": champion.observation.snapshot if champion else ""}
        if election.won:
            both = [self.kept(one) for one in newest if one.digest == best.digest]
            crown(self.suite, self.state, both, self.number, self.draw)
        self.events.append({"kind": "elected" if election.won else "not elected", **facts})

    def flag(self, mine: Sequence[Observation], metric: str) -> None:
        """Name models that are better than real images, or that copy: they can hold no title."""
        for one in mine:
            if one.since == self.number and (one.alerts or is_too_good(one.scores[metric])):
                why = [*one.alerts, *(["better than real images"] if is_too_good(one.scores[metric]) else [])]
                self.events.append({"kind": "flagged", "entry": one.entry, "snapshot": one.snapshot, "why": why,
                                    "digest": one.digest, "metric": metric})

    def tell_changes(self, before: Mapping[str, Verdict], verdicts: Sequence[Verdict]) -> None:
        """One event for each model that became worse, and one when it has recovered in everything."""
        was = {verdict.entry for verdict in before.values() if verdict.said == "worse"}
        now_worse = {verdict.entry for verdict in verdicts if verdict.said == "worse"}
        for entry in sorted(now_worse - was):
            rows = [verdict for verdict in verdicts if verdict.entry == entry and verdict.said == "worse"]
            self.events.append({"kind": "regression", "entry": entry, "metrics": [row.metric for row in rows],
                                "digest": rows[0].digest, "baseline": rows[0].baseline_digest})
        for entry in sorted(was - now_worse):
            self.events.append({"kind": "recovery", "entry": entry})

    def record(self, toolchain: Mapping[str, Any], observations: Sequence[Observation], verdicts: Sequence[Verdict],
               scheduled: str, code: int) -> Night:
        state = {"gate": self.state.as_json(), "toolchains": list(self.accepted)}
        return Night(self.number, self.begun, now(), scheduled, self.suite.digest, toolchain, canary.code_digest(),
                     tuple(observations), tuple(verdicts), tuple(self.events), state, code)


def run_night(suite: Suite, root: Path, workspace: Workspace, hands: Hands = HANDS, scheduled: str = "") -> Night:
    """Measure and judge a suite, and write the night into its history in the folder `root`."""
    history = History(root, suite.name)
    with history.alone():
        night = Work(suite, history, workspace, hands).run(scheduled)
        history.write(night)
    return night


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def values_of(rows: Sequence[Score], judge: str) -> dict[str, Value]:
    """By metric; in tables the leading extractor is not in a metric's name, others are.  `judge`: the protocol's."""
    return {score.metric: Value(score.value, score.se, score.floor, score.lower_is_better, score.decides,
                                short_metric(score.metric, rows[0].extractor), score.row,
                                bool(judge) and score.extractor == judge) for score in rows}


def is_of(one: Observation, snapshot: Snapshot, job: Job) -> bool:
    """The job's model is not the snapshot where that is images on disk: it knows which of them, in which order."""
    return (one.entry, one.digest, one.protocol_digest) == (snapshot.entry, snapshot.digest, job.protocol_digest)


def last_of(earlier: Sequence[Observation], entry: str) -> list[Observation]:
    """The newest of a model under every protocol."""
    return list({one.key: one for one in earlier if one.entry == entry}.values())


def without_draws(baseline: Baseline) -> Baseline:
    return Baseline(replace(baseline.observation, drawable=False), baseline.means)
