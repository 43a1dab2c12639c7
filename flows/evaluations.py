"""What the command line prints of an evaluation."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ganbench.flows.answers import Answer, Asked, keep
from ganbench.flows.screen import Line, Screen
from ganbench.flows.tables import SPACE, listed, published_row, scores_json, scores_screen, slices_screen

if TYPE_CHECKING:
    from ganbench.flows.evaluate import Outcome


def evaluation_screen(outcome: Outcome) -> Screen:
    """The scores, those of slices, what others published, and where the results lie."""
    first = outcome.scores[0]
    heading = f"{first.model}, {first.n:,} images, {first.protocol}"
    published = listed("Published under the same protocol", [published_row(row) for row in outcome.published])
    return [
        *scores_screen(outcome.scores, heading),
        *(slices_screen(outcome.slices) if outcome.slices else ()),
        *(published if outcome.published else ()),
        SPACE, *places_screen(outcome),
    ]


def places_screen(outcome: Outcome) -> Screen:
    """What came from the store, and where the results lie."""
    return [
        Line(f"Images: {outcome.found:,} from the store, {outcome.drawn:,} drawn now.", indent=0),
        Line(f"Features: {outcome.features_found} shards from the store, {outcome.features_made} made now.", indent=0),
        Line(f"Picture: {outcome.picture}", indent=0, whole=True),
        Line(f"MLflow: {logged(outcome)}", indent=0, whole=True),
    ]


def logged(outcome: Outcome) -> str:
    tracked = outcome.tracked
    if tracked.problem:
        return f"{tracked.problem}."
    age, where = "new" if tracked.new else "logged before", tracked.url or "`ganbench ui` shows it"
    return f"run {tracked.run_id}, {age}; {where}"


def evaluation_json(outcome: Outcome) -> str:
    return scores_json(outcome.scores, outcome.slices, outcome.provenance)


def answer_of(outcome: Outcome) -> Answer:
    return Answer(evaluation_screen(outcome), evaluation_json(outcome))


def kept(question: Asked | None, outcome: Outcome) -> Answer:
    """The answer, and it is kept for the next time, when everything will come from the store."""
    again = replace(
        outcome, drawn=0, found=outcome.found + outcome.drawn, features_made=0,
        features_found=outcome.features_found + outcome.features_made, tracked=replace(outcome.tracked, new=False))
    keep(question, answer_of(again), [outcome.picture], [outcome.tracked.run_id])
    return answer_of(outcome)
