"""What the command line does with suites: a night, its history, one gate, and simulations of it."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from ganbench.flows.screen import Grid, Line, Screen
from ganbench.flows.tables import SPACE, headed
from ganbench.gan.nightly.history import History, Night, as_data
from ganbench.gan.nightly.sentences import event_sentence, headline, told
from ganbench.gan.nightly.simulation import Found, Plan, simulate
from ganbench.gan.nightly.suite import Entry, Gate, Suite, margin_of, read_suite
from ganbench.gan.nightly.tables import Table, history_table, verdict_tables
from ganbench.gan.nightly.views import protocols_of
from ganbench.gan.question import Question
from ganbench.gan.types import BadInput
from ganbench.tasks.settings import histories

Show = Callable[..., None]


def history_of(suite: str) -> History:
    """By the name of a suite, or by its file."""
    is_file = suite.startswith("zoo:") or suite.endswith(".toml") or Path(suite).is_file()
    name = read_suite(suite).name if is_file else suite
    found = History(histories(), name)
    if not found.paths():
        known = sorted(path.name for path in histories().glob("*") if path.is_dir())
        raise BadInput("unknown-suite",
                       f"The suite {name!r} has no nights yet{'; known: ' + ', '.join(known) if known else ''}. "
                       "`ganbench nightly SUITE.toml` measures the first one.")
    return found


# A night

def night_screen(night: Night, alpha: str) -> Screen:
    """The headline, what happened, the verdicts, and what is left of alpha.  A regression is told by its verdicts."""
    sentences = [f"{text}; {alpha}." if said == "worse" else f"{text}." for said, text in told(night)]
    worse = {row.entry for row in night.verdicts if row.said == "worse"}
    events = [event for event in night.events if not (event["kind"] == "regression" and event["entry"] in worse)]
    return [
        Line("", headline(night), "bold", indent=0),
        *(Line(text, "- ") for text in [*map(event_sentence, events), *sentences]),
        SPACE, *verdict_grids(night), Line(f"{alpha[0].upper()}{alpha[1:]}.", indent=0),
    ]


def verdict_grids(night: Night) -> Screen:
    """The tables of each protocol, and what is to be said of them."""
    found: list[Grid | Line] = []
    for protocol in dict.fromkeys(row.protocol for row in night.verdicts):
        for table in verdict_tables(night, protocol):
            found.append(grid(table, protocol))
            found += [Line(table.note)] * bool(table.note)
    return found


def grid(table: Table, protocol: str) -> Grid:
    """The column of the models needs no head in a terminal, and only what has a note needs a title."""
    return Grid(f"{protocol}: {table.title}" if table.note else protocol, ("", *table.heads[1:]), table.rows)


def night_json(night: Night) -> str:
    return json.dumps(as_data(night), indent=1)


# Its history

def history_screen(nights: Sequence[Night]) -> Screen:
    """A table for each protocol, and what happened."""
    grids = [grid(history_table(nights, protocol), protocol) for protocol in protocols_of(nights)]
    events = [Line(f"night {night.number}, {night.begun[:10]}: {event_sentence(event)}", "- ")
              for night in nights for event in night.events]
    return [*grids, *headed("What happened", events)]


def accepted(history: History, what: str, because: str) -> str:
    from ganbench.gan.nightly.accepting import accept

    night = accept(history, what, because)
    return f"Night {night.number}: {event_sentence(night.events[0])}"


def draw_history(nights: Sequence[Night], name: str, file: Path) -> None:
    """A PNG for each protocol; the second one's name ends in -2."""
    from ganbench.gan.nightly.views import picture

    for k, protocol in enumerate(protocols_of(nights)):
        path = file if k == 0 else file.with_stem(f"{file.stem}-{k + 1}")
        path.write_bytes(picture(nights, protocol, name))


def write_history(nights: Sequence[Night], name: str, file: Path) -> None:
    """The history as a page."""
    from ganbench.gan.files import atomic_write, cannot_write
    from ganbench.tasks.nights import history_page, pictures_of

    text = history_page(nights, name, pictures_of(nights, name))
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(file, lambda path: path.write_text(text, "utf-8"))
    except OSError as error:
        raise cannot_write(file, error) from error


def history_json(nights: Sequence[Night]) -> str:
    return json.dumps([*map(as_data, nights)], indent=1)


# One gate

def gated(
    model: str, against: str, margins: Sequence[str], question: Question, seed: int, gate: Mapping[str, Any]
) -> Suite:
    """A suite of one model against one other."""
    if not (model and against):
        raise BadInput("conflicting-options", "A gate takes MODEL and --against MODEL, or --simulate N.")
    named = dict(word.partition("=")[::2] for word in margins)
    wrong = [word for word in margins if "=" not in word]
    if wrong:
        raise BadInput("malformed-name",
                       f"The value of --margin, {wrong[0]}, is not METRIC=NUMBER, such as kid=0.002 or kid=5%.")
    values: dict[str, Any] = {name: number_in(text) for name, text in named.items()}
    return Suite(
        "gate", (Entry(model),), (question,), seed, gate=Gate(champion=against, **gate),
        margins={name: margin_of(name, value, Path("--margin")) for name, value in values.items()},
    )


def number_in(text: str) -> Any:
    try:
        return float(text)
    except ValueError:
        return text


def run_gate(suite: Suite, show: Show) -> Night:
    """One night without a history, in threads of this process."""
    from ganbench.gan.nightly.night import run_night
    from ganbench.tasks.progress import listening
    from ganbench.tasks.settings import workspace_of

    with tempfile.TemporaryDirectory(prefix="ganbench-gate-") as folder, listening(show):
        return run_night(suite, Path(folder), workspace_of())


# Simulations

def plan_of(histories: int, nights: int, models: int, metrics: str, spread: float, step: float, begin: int,
            alpha: float, seed: int) -> Plan:
    if step and begin > nights:
        raise BadInput("unfit-value", f"The value of --from is {begin}, expected one of the {nights} nights.")
    if metrics and not (metrics.isdigit() and 1 <= int(metrics) <= 100):
        raise BadInput("unfit-value",
                       f"The value of --metrics is {metrics!r}, expected with --simulate a number from 1 to 100.")
    return Plan(histories, nights, models, int(metrics or 3), "", spread, step, begin, alpha, seed)


def simulations(plan: Plan) -> list[Found]:
    """With a margin beside a fixed and a redrawn champion; with benign spread each model beside its own snapshots."""
    champions = ["own snapshots"] if plan.spread else ["fixed", "redrawn"]
    return [simulate(replace(plan, champion=champion)) for champion in champions]


def simulation_screen(found: Sequence[Found]) -> Screen:
    plan = found[0].plan
    what = (f"{plan.histories:,} histories of {plan.nights} nights, {plan.models} models x {plan.metrics} metrics, "
            f"alpha {plan.alpha:g}, seed {plan.seed}")
    more = [f"snapshots differ benignly by {plan.spread:g} standard errors, no margin is given"] * bool(plan.spread)
    if plan.step:
        more.append(f"one metric of one model worse by {plan.step:g} standard errors from night {plan.begin} on")
    heads = ("baseline", "any false alarm", "95 % interval", "alarms per history", "draws per history")
    step = ("step found", "median nights") if plan.step else ()
    return [Line("", what, "bold", indent=0), *map(Line, more),
            Grid("", (*heads, *step), tuple(simulation_row(one) for one in found))]


def simulation_row(found: Found) -> tuple[str, ...]:
    row = (found.plan.champion, f"{100 * found.false:.2f} %", f"{100 * found.low:.2f} to {100 * found.high:.2f} %",
           f"{found.alarms:.4f}", f"{found.draws:.1f}")
    return (*row, f"{100 * found.found:.1f} %", f"{found.delay:g}") if found.plan.step else row


def simulation_json(found: Sequence[Found]) -> str:
    return json.dumps([asdict(one) for one in found], indent=1)
