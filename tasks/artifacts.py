"""Artifacts in Prefect's UI: the progress of a run, and its table of scores."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import TYPE_CHECKING
from uuid import UUID

from PIL import Image
from prefect import get_run_logger
from prefect.artifacts import create_markdown_artifact, create_progress_artifact, update_progress_artifact

from ganbench.gan.numbers import DASH
from ganbench.gan.report.markdown import escaped
from ganbench.gan.tables import Cell, about, floor_text, interval_text, score_table
from ganbench.gan.types import Score
from ganbench.gan.words import caution

if TYPE_CHECKING:
    from ganbench.tasks.tracking.client import Tracked


def begin_progress(description: str) -> UUID:
    """A progress artifact at 0 %."""
    return create_progress_artifact(progress=0.0, description=description)  # type: ignore[return-value]


def update_progress(artifact: UUID, fraction: float) -> None:
    update_progress_artifact(artifact_id=artifact, progress=round(100 * fraction, 1))


def publish_scores(
    scores: list[Score], heading: str, notes: list[str], picture: str = "", links: Mapping[str, str] | None = None
) -> None:
    """The table of scores as an artifact of the flow run, below a picture of the model's images, with links.  No task:
    the artifacts of a task stand below those of its run."""
    shown = [f"![The first images of the model]({data_uri(picture)})", ""] if picture else []
    text = "\n".join([*shown, linked(links or {}), "", markdown_of(scores, heading, [*map(escaped, notes)])])
    create_markdown_artifact(markdown=text, key="scores", description=heading)
    log_links(links or {})


def markdown_of(scores: Sequence[Score], heading: str, notes: list[str]) -> str:
    """A Markdown table of one model: value, standard error, 95 % confidence interval, and floor.  The notes are in
    Markdown; the heading is not."""
    table = score_table({"": scores})
    lines = [
        f"## {escaped(heading)}", "",
        "| metric | value | standard error | 95 % interval | real images | better |",
        "|---|---:|---:|---:|---:|---|",
        *(f"| {' | '.join([f'`{row.name}`', *texts(row.first[1]), row.better])} |" for row in table.rows),
    ]
    warnings = [f"- {escaped(about(note) + caution(note.caveat))}" for note in table.notes]
    return "\n".join([*lines, "", *warnings, "", *(f"- {note}" for note in notes)])


def linked(links: Mapping[str, str]) -> str:
    """In Markdown, by what they lead to."""
    return " · ".join(f"[{escaped(name)}]({url})" for name, url in links.items())


def log_links(links: Mapping[str, str]) -> None:
    """Into the run's log, which its page shows first."""
    for name, url in links.items():
        get_run_logger().info("%s: %s", name, url)


def page_in(run: Tracked, file: str) -> str:
    """Where MLflow's pages show a file of a run; '' without a server."""
    address, _, query = run.url.partition("?")
    return f"{address}/artifacts/{file}?{query}" if run.url else ""


def data_uri(picture: str, height: float = 3 / 8, width: int = 1_060, most: int = 60_000) -> str:
    """The upper part of a sheet of images, so high by its width, and small enough to stand in an artifact: it is seen
    without MLflow too."""
    with Image.open(picture) as sheet:
        upper = sheet.convert("RGB").crop((0, 0, sheet.width, min(sheet.height, round(sheet.width * height))))
    upper.thumbnail((width, width))
    for kind, options in (("png", {"optimize": True}), ("jpeg", {"quality": 85}), ("jpeg", {"quality": 50})):
        upper.save(written := BytesIO(), kind, **options)
        if len(written.getvalue()) <= most:
            break
    return f"data:image/{kind};base64,{b64encode(written.getvalue()).decode()}"


def texts(cell: Cell) -> list[str]:
    """Value, standard error, interval and floor; of a share of no image no error, and an interval of one end."""
    value, error = (f"{number:.{cell.decimals}f}" for number in (cell.value, cell.se))
    return [value, DASH if cell.bound else error, interval_text(cell), floor_text(cell)]
