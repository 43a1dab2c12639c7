"""Artifacts in Prefect's UI: the progress of a run, and its table of scores."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from prefect import task
from prefect.artifacts import create_markdown_artifact, create_progress_artifact, update_progress_artifact
from prefect.cache_policies import NO_CACHE

from ganbench.gan.numbers import DASH
from ganbench.gan.tables import Cell, about, floor_text, interval_text, score_table
from ganbench.gan.types import Score
from ganbench.gan.words import caution


def begin_progress(description: str) -> UUID:
    """A progress artifact at 0 %."""
    return create_progress_artifact(progress=0.0, description=description)  # type: ignore[return-value]


def update_progress(artifact: UUID, fraction: float) -> None:
    update_progress_artifact(artifact_id=artifact, progress=round(100 * fraction, 1))


@task(name="publish", task_run_name="publish table", persist_result=False, cache_policy=NO_CACHE)
def publish_scores(scores: list[Score], heading: str, notes: list[str]) -> None:
    """The table of scores as an artifact of the flow run."""
    create_markdown_artifact(markdown=markdown_of(scores, heading, notes), key="scores", description=heading)


def markdown_of(scores: Sequence[Score], heading: str, notes: list[str]) -> str:
    """A Markdown table of one model: value, standard error, 95 % confidence interval, and floor."""
    table = score_table({"": scores})
    lines = [
        f"## {heading}", "",
        "| metric | value | standard error | 95 % interval | real images | better |",
        "|---|---:|---:|---:|---:|---|",
        *(f"| {' | '.join([f'`{row.name}`', *texts(row.first[1]), row.better])} |" for row in table.rows),
    ]
    warnings = [f"- {about(note)}{caution(note.caveat)}" for note in table.notes]
    return "\n".join([*lines, "", *warnings, "", *(f"- {note}" for note in notes)])


def texts(cell: Cell) -> list[str]:
    """Value, standard error, interval and floor; of a share of no image no error, and an interval of one end."""
    value, error = (f"{number:.{cell.decimals}f}" for number in (cell.value, cell.se))
    return [value, DASH if cell.bound else error, interval_text(cell), floor_text(cell)]
