"""The history of a suite: one file for every night, written when the night has ended.

root/SUITE/000012.json is night 12.  A night that was killed has no file, so the next one takes its place; nothing that
is in a file is ever changed.  The state of the gate after a night stands in it too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from ganbench.gan.files import atomic_write
from ganbench.gan.types import BadInput, Estimate, digest_of

VERSION = 1


@dataclass(frozen=True)
class Value:
    """A score as it enters the gate."""

    value: float
    se: float
    floor: float | None = None
    lower_is_better: bool = True
    decides: bool = True
    short: str = ""             # the metric's name in tables
    row: str = ""               # of METRICS
    judged: bool = False        # by the features of the protocol's judge

    @property
    def cautious(self) -> bool:
        """Whether its standard error is larger than that of the draws, as an A/A test shows (benchmarks/same_model.py):
        those of recall and copies are bounds, and KID's counts pairs twice, which matters where few features vary, as
        in a judge."""
        return self.row in ("recall", "copies") or (self.row == "kid" and self.judged)

    @property
    def estimate(self) -> Estimate:
        return Estimate(self.value, self.se)


@dataclass(frozen=True)
class Observation:
    """A snapshot of a model under a protocol, measured with images of one seed."""

    entry: str                  # the model's name in the suite
    snapshot: str               # the checkpoint's
    digest: str                 # sha256 of what decides the images
    protocol: str
    protocol_digest: str
    seed: int
    n: int
    scores: Mapping[str, Value]
    spec: Mapping[str, Any] = field(default_factory=dict)       # how it is opened again
    drawable: bool = True       # False: images on disk, of which there are no more
    alerts: tuple[str, ...] = ()        # why it can hold no title
    costs: Mapping[str, float | None] = field(default_factory=dict)
    since: int = 0              # the night on which it was measured
    made: str = ""              # when the checkpoint was written

    @property
    def key(self) -> str:
        return f"{self.entry} | {self.protocol}"


@dataclass(frozen=True)
class Verdict:
    """What the gate says about one metric of one model."""

    entry: str
    protocol: str
    metric: str
    said: str                   # a row of gate.VERDICTS
    difference: float | None = None     # above 0: worse than the baseline, in the metric's unit
    se: float | None = None
    low: float | None = None    # 95 % interval of the difference
    high: float | None = None
    margin: float | None = None
    margin_from: str = ""
    snapshot: str = ""
    digest: str = ""
    baseline: str = ""
    baseline_digest: str = ""
    draws: int = 0              # fresh ones, from which the difference comes; 0: from the night's own
    z: float | None = None
    nights: int = 1             # for which this has been said of the same images


@dataclass(frozen=True)
class Night:
    """One night of a suite."""

    number: int
    begun: str                  # ISO times
    ended: str
    scheduled: str = ""         # when it should have begun
    suite: str = ""             # digest of the suite's file
    toolchain: Mapping[str, Any] = field(default_factory=dict)
    code: str = ""              # digest of ganbench's own source
    observations: tuple[Observation, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    events: tuple[Mapping[str, Any], ...] = ()          # kind and facts, see gan.nightly.sentences
    state: Mapping[str, Any] = field(default_factory=dict)
    exit: int = 0
    version: int = VERSION


class History:
    """The nights of one suite."""

    def __init__(self, root: Path, suite: str) -> None:
        self.folder = root / suite

    def nights(self) -> list[Night]:
        return [read_night(path) for path in self.paths()]

    def paths(self) -> list[Path]:
        return sorted(self.folder.glob("[0-9]*.json"))

    @property
    def last(self) -> Night | None:
        paths = self.paths()
        return read_night(paths[-1]) if paths else None

    def write(self, night: Night) -> Path:
        path = self.folder / f"{night.number:06}.json"
        if path.exists():
            raise BadInput("changed-content", f"{path} exists already: a night is never written twice.")
        text = json.dumps(asdict(night), indent=1)
        atomic_write(path, lambda file: file.write_text(text, "utf-8"))
        return path

    @contextmanager
    def alone(self, wait: float = -1) -> Iterator[None]:
        """One night at a time; -1: wait for the one that is at work."""
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(self.folder / "night.lock", timeout=wait, fallback_to_soft=False):
                yield
        except Timeout as error:
            raise BadInput("already-running", f"A night of {self.folder.name} is at work already.") from error


def as_data(night: Night) -> dict[str, Any]:
    """For readers: without the gate's state."""
    return {name: value for name, value in asdict(night).items() if name != "state"}


def read_night(path: Path) -> Night:
    """A night from its file."""
    try:
        values = json.loads(path.read_text("utf-8"))
        if values["version"] > VERSION:
            raise BadInput("unreadable-file", f"{path} was written by a newer version of ganbench.")
        return Night(**{
            **{row.name: values[row.name] for row in fields(Night) if row.name in values},
            "observations": tuple(map(observation_from, values["observations"])),
            "verdicts": tuple(Verdict(**row) for row in values["verdicts"]),
            "events": tuple(values["events"]),
        })
    except (OSError, ValueError, KeyError, TypeError) as error:
        if isinstance(error, BadInput):
            raise
        raise BadInput("unreadable-file", f"{path} is no night of a suite: {error}.") from error


def observation_from(values: Mapping[str, Any]) -> Observation:
    scores = {metric: Value(**value) for metric, value in values["scores"].items()}
    return Observation(**{**values, "scores": scores, "alerts": tuple(values["alerts"])})


# What has been observed, over the nights

def last_measured(nights: Sequence[Night]) -> tuple[Observation, ...]:
    """The observations of the last night that has any: where a change was accepted, none are recorded."""
    return next((night.observations for night in reversed(nights) if night.observations), ())


@dataclass(frozen=True)
class Point:
    """A snapshot of a model in its history, and the nights on which it stood unchanged."""

    observation: Observation
    first: Night
    last: Night
    nights: int
    changed: tuple[str, ...]    # what is another than at the point before: weights, protocol, toolchain, code, suite


def points(nights: Sequence[Night], entry: str, protocol: str) -> list[Point]:
    """The points of a model's history under a protocol, oldest first."""
    found: list[Point] = []
    for night in nights:
        for mine in night.observations:
            if (mine.entry, mine.protocol) != (entry, protocol):
                continue
            if found and same(found[-1].observation, mine):
                found[-1] = replace(found[-1], last=night, nights=found[-1].nights + 1)
            else:
                changed = changes(found[-1], night, mine) if found else ()
                found.append(Point(mine, night, night, 1, changed))
    return found


def same(one: Observation, other: Observation) -> bool:
    return (one.digest, one.protocol_digest, one.seed, one.scores) == (
        other.digest, other.protocol_digest, other.seed, other.scores)


def changes(before: Point, night: Night, mine: Observation) -> tuple[str, ...]:
    """What differs between two points, by digest."""
    rows = {
        "weights": before.observation.digest != mine.digest,
        "data or protocol": before.observation.protocol_digest != mine.protocol_digest,
        "toolchain": digest_of(before.last.toolchain) != digest_of(night.toolchain),
        "code": before.last.code != night.code,
        "suite": before.last.suite != night.suite,
    }
    return tuple(name for name, differs in rows.items() if differs)
