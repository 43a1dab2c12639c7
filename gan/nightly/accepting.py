"""Accepted changes: a person says that what the gate reports is meant to be so, and a new segment begins."""

from __future__ import annotations

from collections.abc import Sequence

from ganbench.gan.nightly.gate import State
from ganbench.gan.nightly.history import History, Night, Observation, last_measured
from ganbench.gan.nightly.night import now
from ganbench.gan.types import BadInput

TOOLCHAIN = "toolchain"


def accept(history: History, what: str, why: str = "") -> Night:
    """Accept the last night's toolchain, or the present level of a model: it becomes that model's own baseline."""
    with history.alone():
        last = history.last
        if last is None:
            raise BadInput("unknown-suite", f"The suite {history.folder.name} has no nights yet: nothing to accept.")
        state = State.from_json(last.state["gate"])
        toolchains = list(last.state["toolchains"])
        if what == TOOLCHAIN:
            toolchains.append(last.toolchain)
        else:
            accept_level(state, last_measured(history.nights()), what)
        night = Night(
            last.number + 1, now(), now(), suite=last.suite, toolchain=last.toolchain, code=last.code,
            events=({"kind": "accepted", "what": what, "why": why},),
            state={"gate": state.as_json(), "toolchains": toolchains},
        )
        history.write(night)
        return night


def accept_level(state: State, observations: Sequence[Observation], entry: str) -> None:
    """The model's streams begin anew, and its present snapshot is a new baseline from the next night on."""
    names = sorted({one.entry for one in observations})
    if entry not in names:
        raise BadInput("unknown-choice", f"No model {entry!r} in the suite. Known: {', '.join([*names, TOOLCHAIN])}.")
    for key in {one.key for one in observations if one.entry == entry}:
        state.firsts.pop(key, None)
        if key not in state.accepted:
            state.accepted.append(key)
        for table in (state.suspicions, state.charts, state.benign, state.said):
            for name in [name for name in table if name.startswith(f"{key} | ")]:
                del table[name]
