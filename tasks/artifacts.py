"""Artifacts in Prefect's UI: the progress of a run, and its table of scores."""

from __future__ import annotations

import time
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
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
from ganbench.gan.watching import Show
from ganbench.gan.words import caution

if TYPE_CHECKING:
    from ganbench.tasks.tracking.client import Tracked


EVERY = 2               # seconds between two words to Prefect


def begin_progress(description: str) -> UUID:
    """A progress artifact at 0 %."""
    return create_progress_artifact(progress=0.0, description=description)  # type: ignore[return-value]


def update_progress(artifact: UUID, fraction: float) -> None:
    update_progress_artifact(artifact_id=artifact, progress=round(100 * fraction, 1))


@contextmanager
def stage_bars(what: str) -> Iterator[Show]:
    """A progress artifact for each stage of some work, which says its stages and their lengths as it comes to them."""
    stages: dict[str, Stage] = {}

    def show(stage: str, done: int, total: int | None = None) -> None:
        if stage not in stages:
            stages[stage] = Stage(begin_progress(f"{what}: {stage}"))
        stages[stage].add(done, total)

    yield show
    for stage in stages.values():
        stage.end()


@dataclass
class Stage:
    """How far a stage is; Prefect is told every EVERY seconds."""

    bar: UUID
    done: int = 0
    total: int = 0
    told: float = field(default_factory=time.monotonic)

    def add(self, done: int, total: int | None) -> None:
        self.done, self.total = self.done + done, max(self.total, total or 0)
        if self.total and time.monotonic() > self.told + EVERY:
            self.told = time.monotonic()
            update_progress(self.bar, min(1.0, self.done / self.total))

    def end(self) -> None:
        """A stage that found what it sought before its end is over, too."""
        update_progress(self.bar, 1.0)


def publish_scores(
    scores: list[Score], heading: str, notes: list[str], picture: str = "", links: Mapping[str, str] | None = None
) -> None:
    """The table of scores as an artifact of the flow run, below a picture of the model's images, with links.  No task:
    the artifacts of a task stand below those of its run."""
    shown = f"![The first images of the model]({data_uri(picture)})" if picture else ""
    publish_under("scores", heading, shown, markdown_of(scores, heading, [*map(escaped, notes)]), links or {})


def publish(key: str, heading: str, body: str, picture: str = "", links: Mapping[str, str] | None = None) -> None:
    """A result in Markdown as an artifact of the flow run, below a picture, with links."""
    shown = f"![{escaped(heading)}]({data_uri(picture, height=1)})" if picture else ""
    publish_under(key, heading, shown, f"## {escaped(heading)}\n\n{body}", links or {})


def publish_under(key: str, heading: str, shown: str, body: str, links: Mapping[str, str]) -> None:
    text = "\n".join([*([shown, ""] if shown else []), linked(links), "", body])
    create_markdown_artifact(markdown=text, key=key, description=heading)
    log_links(links)


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
    for kind, quality in (("png", 100), ("jpeg", 85), *[("jpeg", 50)] * 6):
        upper.save(written := BytesIO(), kind, optimize=True, quality=quality)
        if len(written.getvalue()) <= most:
            break
        if quality == 50:                                   # a smaller one is better than none
            upper.thumbnail((3 * upper.width // 4, 3 * upper.height // 4))
    return f"data:image/{kind};base64,{b64encode(written.getvalue()).decode()}"


def texts(cell: Cell) -> list[str]:
    """Value, standard error, interval and floor; of a share of no image no error, and an interval of one end."""
    value, error = (f"{number:.{cell.decimals}f}" for number in (cell.value, cell.se))
    return [value, DASH if cell.bound else error, interval_text(cell), floor_text(cell)]
