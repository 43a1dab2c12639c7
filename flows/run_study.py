"""`ganbench study`, after the command line is parsed: the plan is said before the flow begins."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from ganbench.flows.run import Show, begin_flow
from ganbench.flows.screen import Screen, show
from ganbench.gan.question import Opening, given
from ganbench.gan.study.options import Study
from ganbench.tasks.progress import listening

if TYPE_CHECKING:
    from ganbench.flows.study import Studied


def run_study(bar: Show, model: str, asked: Study, out: str, opening: Opening) -> tuple[Studied, Screen]:
    """Check everything, print the plan, run the flow `study`; -> what was found, and a table of it."""
    begin_flow()
    from ganbench.flows.study import plan_screen, prepared, screen_of, study

    work = prepared(model, asked, out, opening, lambda text: print(text, file=sys.stderr, flush=True))
    show(plan_screen(work.plan))
    with listening(bar):
        state: Any = study(model, **given(asked), out=str(work.folder), **given(opening), return_state=True)
    made: Studied = state.data if state.name == "Incomplete" else state.result()
    return made, screen_of(work, made.found)
