"""`ganbench study`, after the command line is parsed: the plan is said before the flow begins."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from ganbench.flows.answers import Answer, Asked, keep
from ganbench.flows.run import Show, begin_flow
from ganbench.flows.screen import Line, show
from ganbench.gan.question import Opening, given
from ganbench.gan.study.options import Study
from ganbench.gan.types import BadInput
from ganbench.tasks.progress import listening

if TYPE_CHECKING:
    from ganbench.flows.study import Studied


def run_study(bar: Show, question: Asked | None, model: str, asked: Study, out: str, opening: Opening) -> Answer:
    """Check everything, print the plan, run the flow `study`; -> a table of what was found, which is kept for the next
    time.  BadInput: a stage has failed; the table is printed before."""
    begin_flow()
    from ganbench.flows.study import failure, plan_screen, prepared, screen_of, study

    work = prepared(model, asked, out, opening, lambda text: print(text, file=sys.stderr, flush=True))
    show(plan_screen(work.plan))
    with listening(bar):
        state: Any = study(model, **given(asked), out=str(work.folder), **given(opening), return_state=True)
    made: Studied = state.data if state.name == "Incomplete" else state.result()
    answer = Answer([*screen_of(work, made.found), Line(f"Page: {made.page}", indent=0, whole=True)], "")
    if made.failed:
        show(answer.screen)
        raise BadInput("failed-stage", failure(made))
    keep(question, answer, [str(made.folder)], [made.tracked.run_id])
    return answer
