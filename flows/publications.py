"""What `ganbench publish` prints: the tree of a folder, what stands in its way, and what was sent."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ganbench.flows.answers import Answer
from ganbench.flows.screen import Grid, Line
from ganbench.flows.tables import DASH
from ganbench.gan.hub.bundle import CARD, FAILURES, NUMBERS, SAMPLES, refusals
from ganbench.gan.hub.card import licence_of
from ganbench.gan.hub.checking import Obstacle
from ganbench.gan.hub.options import Publication
from ganbench.gan.hub.publishing import Published, key_of, publication
from ganbench.gan.jobs import asked_model
from ganbench.gan.question import Opening, Question
from ganbench.gan.recipes.transfer import file_of
from ganbench.gan.types import BadInput, Workspace
from ganbench.gan.watching import Show
from ganbench.tasks.settings import settings

DIGITS = 12             # of a sha256, on the screen


def place_of(model: str, wish: Publication, question: Question, opening: Opening, seed: int, workspace: Workspace
             ) -> Path:
    """Where the folder of a model lies in the home: the same for the same question."""
    spec = asked_model(file_of(model), opening, workspace)
    name = spec.name.rpartition("/")[2].partition("@")[0]
    return settings().root / "publications" / f"{name}-{key_of(spec, wish, question, seed)[:8]}"


def is_folder_to_publish(place: str) -> bool:
    """Whether it is what `ganbench publish folder` has written."""
    return Path(place, CARD).is_file() and Path(place, NUMBERS).is_file()


def built(
    show: Show, model: str, wish: Publication, question: Question, opening: Opening, seed: int, workspace: Workspace,
    out: Path | None = None,
) -> Published:
    """The folder of a model, in the home or at `out`."""
    place = out or place_of(model, wish, question, opening, seed, workspace)
    return publication(show, model, place, wish, question, opening, seed, workspace, settings().workers)


def folder_answer(found: Published) -> Answer:
    """What was written, what could not be made, and what keeps it from being sent."""
    why = refusals(Path(found.folder))
    screen = [*tree(found), *map(Line, found.notes),
              *([Line("Before it can be sent:", style="bold"), *obstacle_lines(why)] if why else []),
              Line(""), Line(found.folder, whole=True)]
    return Answer(screen, plan_json(found, why), pictures_in(found.folder))


def tree(found: Published) -> list[Grid | Line]:
    rows = tuple((part.name, f"{part.size:,}", part.sha256[:DIGITS], licence_of(part.name, found.licences) or DASH,
                  part.what) for part in found.parts)
    total = sum(part.size for part in found.parts)
    return [Grid(f"{found.title}: {len(rows)} files, {total / 1e6:,.1f} MB",
                 ("file", "bytes", "sha256", "licence", "what it is"), rows, numbers=False, spare=("sha256",))]


def obstacle_lines(why: Sequence[Obstacle]) -> list[Line]:
    return [Line(f"- {one}", indent=3) for one in why]


def pictures_in(folder: str) -> tuple[str, ...]:
    return tuple(str(path) for name in (SAMPLES, FAILURES) if (path := Path(folder) / name).is_file())


def plan_json(found: Published, why: Sequence[Obstacle], **more: Any) -> str:
    files = [asdict(part) | {"licence": licence_of(part.name, found.licences), "what": part.what}
             for part in found.parts]
    return json.dumps({"title": found.title, "folder": found.folder, "licences": asdict(found.licences),
                       "files": files, "obstacles": [asdict(one) for one in why], "notes": list(found.notes), **more},
                      indent=1)


def check_obstacles(why: Sequence[Obstacle]) -> None:
    """Refuse in one sentence that names every file."""
    if why:
        raise BadInput("obstacles-to-publishing", f"Nothing is sent: {' '.join(map(str, why))}")
