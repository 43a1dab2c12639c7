"""The suite: a TOML file that says what is measured every night, and how its gate decides."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

from ganbench.gan.models.toml_file import beside, from_file
from ganbench.gan.question import PRESET, Opening, Question
from ganbench.gan.types import BadInput, digest_of
from ganbench.gan.usercode import read_toml, unknown_field

ZOO = Path(__file__).parent / "suites"
AGAINST = ("champion", "first")
DRAWS = ("fixed", "nightly")
DATA = ("reference", "held_out", "training")        # options that may name files beside the suite
CRON = re.compile(r"[\d*/,\-A-Za-z]+( [\d*/,\-A-Za-z#?]+){4}")
UNITS = {"B": 1.0, "kB": 1e3, "MB": 1e6, "GB": 1e9, "KiB": 2.0**10, "MiB": 2.0**20, "GiB": 2.0**30}


@dataclass(frozen=True)
class Entry:
    """[[models]]: one model, or a folder in which a training leaves its checkpoints."""

    model: str = ""             # what `ganbench evaluate` takes, or models:/NAME@ALIAS of MLflow
    folder: str = ""            # instead: every file in it that is new is a snapshot of this model
    pattern: str = "*"          # of the files' names
    name: str = ""              # in tables and histories; default: that of the model or folder
    family: str = ""            # how bare files of weights are opened
    factory: str = ""
    weights_key: str = ""

    @property
    def opening(self) -> Opening:
        return Opening(self.family, self.factory, self.weights_key)


@dataclass(frozen=True)
class Margin:
    """By how much a model may be worse: a number in the metric's unit, or a share of the baseline's value."""

    amount: float
    relative: bool = False

    def of(self, baseline: float) -> float:
        return self.amount * abs(baseline) if self.relative else self.amount


@dataclass(frozen=True)
class Gate:
    """[gate]: against what, and with which certainty."""

    alpha: float = 0.05         # the probability of any false alarm in a period
    nights: int = 30            # a period: nights with something new
    against: str = ""           # champion, or the first snapshot of each model; default: champion where one is named
    champion: str = ""          # MODEL that holds the title at first
    draws: str = "fixed"        # the baseline is drawn when it is set, or nightly
    looks: int = 4              # fresh draws a night that may settle a suspicion
    metrics: tuple[str, ...] = ()       # default: all that say which model is better, but for cautious errors


@dataclass(frozen=True)
class Limits:
    """[limits]: what a model may cost; None: anything."""

    images_per_second: float | None = None      # at least
    peak_memory: float | None = None            # at most, bytes
    parameters: float | None = None             # at most


@dataclass(frozen=True)
class Suite:
    """What is measured every night."""

    name: str
    models: tuple[Entry, ...]
    questions: tuple[Question, ...] = (Question(PRESET),)       # the protocols
    seed: int = 0
    schedule: str = "0 3 * * *"                 # cron
    timezone: str = "UTC"
    gate: Gate = field(default_factory=Gate)
    margins: Mapping[str, Margin] = field(default_factory=dict)     # metric -> margin
    limits: Limits = field(default_factory=Limits)

    @property
    def against(self) -> str:
        return self.gate.against or ("champion" if self.gate.champion else "first")

    @property
    def digest(self) -> str:
        return digest_of(self)

    def margin(self, metric: str, short: str) -> Margin | None:
        """That of a metric, by its whole name or by the name that tables show."""
        return self.margins.get(metric) or self.margins.get(short)


def file_of(suite: str) -> Path:
    """A TOML file, or zoo:NAME, a suite that comes with ganbench."""
    path = ZOO / f"{suite.removeprefix('zoo:')}.toml" if suite.startswith("zoo:") else Path(suite)
    if not path.is_file():
        known = ", ".join(f"zoo:{one.stem}" for one in sorted(ZOO.glob("*.toml")))
        raise BadInput("unknown-suite",
                       f"SUITE {suite!r} does not exist: expected a TOML file with [[models]], or one of {known}.")
    return path


def read_suite(suite: str) -> Suite:
    """A suite's file; relative paths count from it."""
    path = file_of(suite)
    values = read_toml(path)
    known = ["protocols", "n", *(name for name in names_of(Suite) if name != "questions")]
    for name in values:
        if name not in known:
            raise unknown_field(name, known, path)
    entries = values.get("models", [])
    if not (isinstance(entries, list) and entries and all(isinstance(entry, dict) for entry in entries)):
        raise BadInput("unfit-value", f"{path} names no models: expected at least one table [[models]].")
    gate = table_of(values.get("gate", {}), Gate, path, "gate")
    if gate.get("champion"):
        gate["champion"] = from_file(gate["champion"], path)
    found = Suite(
        name=values.get("name", path.stem),
        models=tuple(entry_of(entry, path) for entry in entries),
        gate=Gate(**gate),
        margins=margins_of(values.get("margins", {}), path),
        limits=Limits(**limits_of(values.get("limits", {}), path)),
        questions=questions_of(values.get("protocols", [PRESET]), values.get("n"), path),
        **{name: values[name] for name in ("seed", "schedule", "timezone") if name in values},
    )
    check(found, path)
    return found


def questions_of(given: Any, n: Any, path: Path) -> tuple[Question, ...]:
    """Names of protocols, or tables [[protocols]] with the options of `ganbench evaluate`: one's own data."""
    rows = given if isinstance(given, list) else [given]
    if n is not None and not (is_whole(n) and n >= 2):
        raise BadInput("unfit-value", f"{path}: n is {n!r}, expected a whole number from 2 on.")
    if not rows or not all(isinstance(row, str | dict) for row in rows):
        raise BadInput("unfit-value",
                       f"{path}: protocols is {given!r}, expected names of `ganbench protocols`, or [[protocols]].")
    found = []
    for row in rows:
        asked = Question(row) if isinstance(row, str) else Question(**table_of(row, Question, path, "protocols"))
        places: dict[str, Any] = {name: from_file(getattr(asked, name), path) for name in DATA if getattr(asked, name)}
        found.append(replace(asked, n=asked.n or n, **places))
    return tuple(found)


def names_of(group: type) -> list[str]:
    return [row.name for row in fields(group)]


def table_of(values: Any, group: type, path: Path, title: str) -> dict[str, Any]:
    """The fields of a table, of the types of their defaults."""
    if not isinstance(values, dict):
        raise BadInput("unfit-value", f"{path}: {title} is {values!r}, expected a table [{title}].")
    defaults = {row.name: row.default for row in fields(group) if row.default is not MISSING}
    found = {}
    for name, value in values.items():
        if name not in defaults:
            raise unknown_field(f"{title}.{name}", [f"{title}.{known}" for known in defaults], path)
        found[name] = tuple(value) if isinstance(value, list) else value
        expected = type(defaults[name])
        fits = isinstance(found[name], expected) and not isinstance(found[name], bool)
        if not (fits or (expected is float and isinstance(value, int) and not isinstance(value, bool))
                or defaults[name] is None):
            words = {str: "a text in quotes", int: "a whole number", float: "a number", tuple: "a list"}[expected]
            raise BadInput("unfit-value", f"{path}: {title}.{name} is {value!r}, expected {words}.")
    return found


def entry_of(values: Mapping[str, Any], path: Path) -> Entry:
    """One table [[models]]."""
    given = table_of(values, Entry, path, "models")
    if bool(given.get("model")) == bool(given.get("folder")):
        raise BadInput("unfit-value",
                       f'{path}: every [[models]] has either model = "..." or folder = "...", found '
                       f"{'both' if given.get('model') else 'neither'}.")
    if given.get("model"):
        given["model"] = from_file(given["model"], path)
    else:
        given["folder"] = beside(given["folder"], path)
    return Entry(**given)


def margins_of(values: Any, path: Path) -> dict[str, Margin]:
    """[margins]"""
    if not isinstance(values, dict):
        raise BadInput("unfit-value", f"{path}: margins is {values!r}, expected a table [margins].")
    return {name: margin_of(name, value, path) for name, value in values.items()}


def margin_of(name: str, value: Any, path: Path) -> Margin:
    """`0.002`, or `"5 %"`."""
    share = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*%\s*", value) if isinstance(value, str) else None
    if share:
        return Margin(float(share[1]) / 100, relative=True)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise BadInput("unfit-value",
                       f'{path}: margins.{name} is {value!r}, expected a number from 0 on, or a share such as "5 %".')
    return Margin(float(value))


def limits_of(values: Any, path: Path) -> dict[str, float]:
    """Numbers; memory also as `"2 GB"`."""
    given = table_of(values, Limits, path, "limits")
    for name, value in given.items():
        with_unit = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]+)\s*", value) if isinstance(value, str) else None
        if name == "peak_memory" and with_unit and with_unit[2] in UNITS:
            given[name] = float(with_unit[1]) * UNITS[with_unit[2]]
        elif isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
            example = 'a number of bytes, or a text such as "2 GB"' if name == "peak_memory" else "a number above 0"
            raise BadInput("unfit-value", f"{path}: limits.{name} is {value!r}, expected {example}.")
    return given


def check(suite: Suite, path: Path) -> None:
    """Refuse values that make no sense."""
    gate = suite.gate
    names = [entry.name for entry in suite.models if entry.name]
    rows = [
        ("name", suite.name, isinstance(suite.name, str) and bool(re.fullmatch(r"[\w.-]{1,80}", suite.name)),
         "1 to 80 letters, digits, dots, - or _"),
        ("seed", suite.seed, is_whole(suite.seed) and suite.seed >= 0, "a whole number from 0 on"),
        ("schedule", suite.schedule, isinstance(suite.schedule, str) and bool(CRON.fullmatch(suite.schedule)),
         'a cron expression of five fields, such as "0 3 * * *"'),
        ("timezone", suite.timezone, suite.timezone in available_timezones(), 'a time zone such as "Europe/Paris"'),
        ("gate.alpha", gate.alpha, 0 < gate.alpha < 1, "a number between 0 and 1"),
        ("gate.nights", gate.nights, gate.nights >= 1, "a whole number from 1 on"),
        ("gate.looks", gate.looks, 1 <= gate.looks <= 100, "a whole number from 1 to 100"),
        ("gate.against", gate.against, gate.against in ("", *AGAINST), " or ".join(AGAINST)),
        ("gate.draws", gate.draws, gate.draws in DRAWS, " or ".join(DRAWS)),
        ("models.name", names, len(set(names)) == len(names), "a different name for every model"),
    ]
    for name, value, fits, expected in rows:
        if not fits:
            raise BadInput("unfit-value", f"{path}: {name} is {value!r}, expected {expected}.")
    if gate.against == "champion" and not gate.champion:
        raise BadInput("unfit-value",
                       f'{path}: gate.against is "champion", so gate.champion has to name the model that holds the '
                       "title at first.")


def is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
