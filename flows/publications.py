"""What `ganbench publish` prints: the tree of a folder, what stands in its way, and what was sent."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ganbench.flows.answers import Answer
from ganbench.flows.screen import Grid, Line, Screen
from ganbench.flows.tables import DASH
from ganbench.gan.hub.bundle import CARD, FAILURES, NUMBERS, SAMPLES, parts_of, refusals
from ganbench.gan.hub.card import licence_of
from ganbench.gan.hub.checking import Obstacle
from ganbench.gan.hub.github import Released, release
from ganbench.gan.hub.options import Publication
from ganbench.gan.hub.publishing import Published, described_in, key_of, publication
from ganbench.gan.hub.push import Pushed, push, would_send
from ganbench.gan.jobs import asked_model
from ganbench.gan.question import Opening, Question
from ganbench.gan.recipes.transfer import file_of
from ganbench.gan.types import Workspace
from ganbench.gan.watching import Show
from ganbench.tasks.publications import NO_TOKEN, check_obstacles, needed
from ganbench.tasks.settings import hub_token, settings

DIGITS = 12             # of a sha256, on the screen
NO_GITHUB = "There is no token for GitHub: set GITHUB_TOKEN, or store it with `keyring set ganbench github`."


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
    return Answer(screen_of(found), plan_json(found, refusals(Path(found.folder))), pictures_in(found.folder))


def screen_of(found: Published) -> Screen:
    """What was written, what could not be made, and what keeps it from being sent."""
    why = refusals(Path(found.folder))
    return [*tree(found), *map(Line, found.notes),
            *([Line("", "Before it can be sent:", "bold"), *obstacle_lines(why)] if why else []),
            Line(""), Line(found.folder, whole=True)]


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


# Sending

def folder_of(
    show: Show, model: str, wish: Publication, question: Question, opening: Opening, seed: int, workspace: Workspace
) -> Published:
    """A folder that was written before, or that of a model, which is made in the home."""
    if is_folder_to_publish(model):
        return described_in(Path(model))[0]
    return built(show, model, wish, question, opening, seed, workspace)


def plan_answer(found: Published, repo: str, endpoint: str) -> tuple[Answer, bool]:
    """The tree, every obstacle, and what a push would send; whether there is no obstacle."""
    folder = Path(found.folder)
    why = refusals(folder)
    token = hub_token() if repo else ""
    waiting = would_send(folder, repo, token, endpoint or None) if token else []
    screen = [*tree(found), *map(Line, found.notes)]
    if why:
        screen += [Line("", "Obstacles:", "bold"), *obstacle_lines(why)]
    elif repo:
        screen.append(Line(waiting_said(repo, waiting) if token else
                           f"{NO_TOKEN} What {repo} has already is not known."))
    screen += [Line(""), Line(found.folder, whole=True)]
    more = {"repo": repo, "would_send": waiting} if token else {}
    return Answer(screen, plan_json(found, why, **more), pictures_in(found.folder)), not why


def waiting_said(repo: str, names: Sequence[str]) -> str:
    """`A push to me/gan would send 3 of its files, the last one README.md: ...`"""
    if not names:
        return f"{repo} has all of it: nothing to send."
    return f"A push to {repo} would send, in this order: {', '.join(names)}."


def pushed(show: Show, found: Published, repo: str, private: bool, endpoint: str, token: str) -> Pushed:
    folder = Path(found.folder)
    check_obstacles(folder)
    show("files", 0, len(found.parts))
    made = push(folder, repo, needed(token, NO_TOKEN), endpoint or None, private, lambda n: show("files", n))
    show("files", len(made.there))
    return made


def released(
    show: Show, folder: Path, repo: str, tag: str, endpoint: str, key: Path | None, token: str
) -> Released:
    check_obstacles(folder, "github")
    show("files", 0, len(parts_of(folder)))
    return release(folder, repo, tag, needed(token, NO_GITHUB), endpoint, key, lambda n: show("files", n))


def sent_answer(made: Pushed | Released) -> Answer:
    return Answer(sent_screen(made), json.dumps(asdict(made), indent=1))


def sent_screen(made: Pushed | Released) -> list[Line]:
    changed = made.changed if isinstance(made, Released) else bool(made.sent)
    there = f" ({len(made.there)} were there)" if made.there else ""
    first = f"{len(made.sent)} files sent{there}: {', '.join(made.sent)}." if made.sent else \
        "The page was brought up to date." if changed else f"Nothing to send: {len(made.there)} files are there."
    return [Line(first), Line(made.address, whole=True)]
