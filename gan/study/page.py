"""A study as a page in each language, which leads to all of its files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ganbench.gan.files import atomic_write
from ganbench.gan.report.result import shown
from ganbench.gan.report.templates import render
from ganbench.gan.report.texts import Bilingual
from ganbench.gan.study.planning import Plan
from ganbench.gan.study.record import DONE, Found, Link
from ganbench.gan.study.stages import THEMES
from ganbench.gan.study.texts import THEME, TITLE, WHY, WORK, said, time_of
from ganbench.gan.words import LANGUAGES

NAMES: Mapping[str, str] = {"en": "index.html", "fr": "index.fr.html"}


@dataclass(frozen=True)
class Cover:
    """What stands above the stages."""

    model: str
    data: str
    command: str
    version: str
    running: bool


@dataclass(frozen=True)
class Part:
    """A stage on the page, in one language."""

    name: str
    title: str
    state: str
    said: Sequence[str]
    links: Sequence[Link]
    address: str            # of its picture, '' without
    alt: str
    command: str


def write_pages(folder: Path, cover: Cover, plan: Plan, found: Mapping[str, Found]) -> list[Path]:
    """index.html and index.fr.html: stages that are done or left out, in their order."""
    paths = []
    for place, language in enumerate(LANGUAGES):
        text = page(folder, cover, plan, found, place, language)
        path = folder / NAMES[language]
        atomic_write(path, partial(write_text, text))
        paths.append(path)
    return paths


def page(
    folder: Path, cover: Cover, plan: Plan, found: Mapping[str, Found], place: int, language: str
) -> str:
    def t(key: str, **facts: Bilingual | str) -> str:
        return said(key, **facts)[place]

    parts = {name: part_of(folder, name, plan, found.get(name), place) for names in THEMES.values() for name in names}
    themes = [(name, THEME[name][place], [parts[one] for one in names if parts[one]]) for name, names in THEMES.items()]
    took = sum(one.seconds for one in found.values())
    times = {name: time_of(one.seconds)[place] for name, one in found.items()}
    rows = [(TITLE[row.name][place], WHY[row.why][place] if row.why else WORK[row.name][place],
             "" if row.why else time_of(row.seconds)[place], times.get(row.name, "")) for row in plan.rows]
    other = LANGUAGES[1 - place]
    return render(
        "study.html", t=t, language=language, cover=cover, themes=[row for row in themes if row[2]], rows=rows,
        title=t("title", model=cover.model, data=cover.data), other=NAMES[other], other_language=other,
        lead=t("lead", time=time_of(took), budget=time_of(plan.budget)), headlines=headlines(found, place))


def write_text(text: str, path: Path) -> None:
    path.write_text(text, "utf-8")


def headlines(found: Mapping[str, Found], place: int) -> list[str]:
    """The first sentence of the stages that say what the model is worth."""
    return [found[name].said[0][place] for name in ("compare", "evaluate", "audit", "augment", "restore")
            if name in found and found[name].state == DONE and found[name].said]


def part_of(folder: Path, name: str, plan: Plan, one: Found | None, place: int) -> Part | None:
    """None: it has not been done yet."""
    why = plan.why(name)
    if why:
        return Part(name, TITLE[name][place], "out", [said("left out", why=WHY[why])[place]], (), "", "", "")
    if one is None:
        return None
    address = shown(folder / one.picture).address if one.picture else ""
    return Part(name, TITLE[name][place], "done" if one.state == DONE else "out", [pair[place] for pair in one.said],
                [Link(link.file, (link.label[place], "")) for link in one.links], address, one.alt[place], one.command)
