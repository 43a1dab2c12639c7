"""What the flows of latents and of applications share: where files go, how a result is shown and logged."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

from ganbench.flows.evaluate import flow_tags, short_name
from ganbench.flows.pages import write_page
from ganbench.flows.screen import Grid, Screen
from ganbench.gan.files import check_file, digest_at
from ganbench.gan.jobs import asked_model
from ganbench.gan.models.identity import identity
from ganbench.gan.question import Opening, Option
from ganbench.gan.report.markdown import escaped
from ganbench.gan.types import Workspace, digest_of
from ganbench.tasks.artifacts import publish
from ganbench.tasks.settings import settings
from ganbench.tasks.tracking.client import Tracked
from ganbench.tasks.tracking.results import Record, track_result

AnyModel = Annotated[str, Option(
    "Model", "Your checkpoint or model file (.toml), or zoo:NAME. A checkpoint that does not say its architecture "
    "needs a family, under More settings.", choices="ZOO", text="Name or path", card="",
)]
Out = Annotated[str, Option("File", "What is written, by its ending; empty: a file in the home folder.")]


@dataclass(frozen=True)
class Inquiry:
    """What was asked of which model: `digest` is that of the model's identity, the options, and the files' content."""

    kind: str
    model: str
    options: Any                                            # a group of options
    digest: str

    @property
    def stem(self) -> str:
        """The name of its files: the same for the same question."""
        return re.sub(r"[^\w.-]+", "-", f"{short_name(self.model)}-{self.digest[:8]}")

    def place(self, out: str, ending: str = ".png") -> Path:
        """Where its result goes."""
        return Path(out) if out else settings().root / f"{self.kind}s" / f"{self.stem}{ending}"

    @property
    def page(self) -> Path:
        return settings().root / "pages" / f"{self.kind}-{self.stem}" / "report.html"

    @property
    def picture(self) -> Path:
        return settings().root / "pictures" / f"{self.kind}-{self.stem}.png"


def inquiry(
    kind: str, model: str, options: Any, opening: Opening, workspace: Workspace,
    files: Sequence[str] = (),
) -> Inquiry:
    """BadInput: the model cannot be opened, or a file not be read."""
    for path in files:
        check_file(Path(path))
    facts = [kind, identity(asked_model(model, opening, workspace)), asdict(options),
             [[path, digest_at(Path(path))] for path in files]]
    return Inquiry(kind, model, options, digest_of(facts))


def conclude(
    asked: Inquiry, name: str, screen: Screen, numbers: Mapping[str, float], files: Sequence[Path], command: str,
    picture: str = "", tags: Mapping[str, str] | None = None, unsteady: str = "seconds",
) -> Tracked:
    """Log a result, and show it in Prefect's pages.  `name`: of the run, and above the table; `picture`: of its files,
    the one to show; `unsteady`: how the names of numbers begin that the same question does not decide."""
    metrics = {key: value for key, value in numbers.items() if math.isfinite(value)}
    shown = [*([Path(picture)] if picture else []), *(path for path in files if str(path) != picture)]
    report = write_page(asked.page, name, screen, shown, command)
    steady = {key: value for key, value in metrics.items() if not key.startswith(unsteady)}
    params = {"model": short_name(asked.model)} | {
        key: str(value) for key, value in asdict(asked.options).items() if value not in ("", None)}
    tracked = track_result(Record(
        asked.kind, digest_of([asked.digest, steady]), name, params, metrics, as_markdown(screen), [*files, report],
        command,
        {**flow_tags(), **(tags or {})}))
    notes = [] if tracked.url else [tracked.problem or f"MLflow run {tracked.run_id}"]
    body = "\n\n".join([as_markdown(screen), f"Again: `{command}`", *notes])
    publish(asked.kind, name, body, picture, {"Run in MLflow": tracked.url} if tracked.url else {})
    return tracked


def as_markdown(screen: Screen, most: int = 30) -> str:
    """For Prefect's and MLflow's pages; of long tables so many rows."""
    return "\n\n".join(grid_as_markdown(piece, most) if isinstance(piece, Grid) else
                       f"`{piece.text}`" if piece.whole else escaped(f"{piece.start}{piece.text}")
                       for piece in screen if isinstance(piece, Grid) or piece.text)


def grid_as_markdown(grid: Grid, most: int) -> str:
    sides = ["---", *["---:" if grid.numbers else "---"] * (len(grid.heads) - 1)]
    rows = [[escaped(text) for text in row] for row in (grid.heads, *grid.rows[:most])]
    lines = [f"| {' | '.join(row)} |" for row in (rows[0], sides, *rows[1:])]
    more = [f"\n{len(grid.rows) - most:,} more rows are not shown."] if len(grid.rows) > most else []
    return "\n".join([*([f"### {escaped(grid.title)}", ""] if grid.title else []), *lines, *more])
