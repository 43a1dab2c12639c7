"""The report as one self-contained HTML page: styles, script and pictures are embedded."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ganbench.gan.naming import brief
from ganbench.gan.report import leaderboard, verdict
from ganbench.gan.report.charts import Chart
from ganbench.gan.report.document import Document, FindingFacts
from ganbench.gan.report.figures import MOST, PER_CLASS, charts_of
from ganbench.gan.report.pictures import CURVES, GALLERIES, SPRITES, wall_size
from ganbench.gan.report.strengths import (
    COLUMNS,
    MARKS,
    Analysed,
    accused,
    analysed,
    slice_names,
    slice_place,
)
from ganbench.gan.report.templates import render
from ganbench.gan.report.texts import WHAT
from ganbench.gan.tables import ARROWS
from ganbench.gan.words import slice_name

FIRST = 3           # weak points beside the verdict
ORDER = ("worst", "best", "novel", "typical", "copies", "duplicated")   # of galleries


@dataclass(frozen=True)
class Section:
    """A section of the page: `key` is a key of TEXTS, and the text is its heading."""

    key: str
    template: str

    @property
    def anchor(self) -> str:
        return self.key.replace(" ", "-")


def page(document: Document, pictures: Mapping[str, bytes], play: str = "", explore: str = "") -> str:
    """HTML; every number is a `<data>` element that points to its field in the document.  `play`: the page of the
    blind test."""
    models, shown = analysed(document), {name: data_url(png) for name, png in pictures.items()}
    measured = any(model.cost.measured_on for model in document.models)
    charts = charts_of(document, models)
    return render(
        "page.html", document=document, sections=sections_of(document, shown, models, charts), pictures=shown,
        play=play,
        explore=explore, analysed=models, sentences=verdict.sentences(document), warnings=verdict.warnings(document),
        mixture=verdict.mixture(document.ensemble) if document.ensemble else None, doubts=verdict.doubts(document),
        machine=verdict.machine(document) if measured else None, charts=charts, first=first_of(models, document),
        galleries=galleries_of, letters=verdict.letters, accused=accused, slice_names=slice_names,
        slice_name=slice_name, slice_place=slice_place, ARROWS=ARROWS, MARKS=MARKS, COLUMNS=COLUMNS, WHAT=WHAT,
        PER_CLASS=PER_CLASS, MOST=MOST, SPRITES=SPRITES, across_down=str(wall_size(document)), **names_of(document),
        **board_of(document),
    )


def names_of(document: Document) -> dict[str, Any]:
    """Short names of the models in their order, and the place of each model by its whole name."""
    names = brief([model.name for model in document.models])
    return {"brief": names, "places": {model.name: i for i, model in enumerate(document.models)},
            "brief_of": lambda some: [names[model.place] for model in some]}


def board_of(document: Document) -> dict[str, Any]:
    columns = leaderboard.columns_of(document)
    return {"columns": columns, "groups": leaderboard.groups_of(columns), "copied": leaderboard.texts_of(document),
            "rank_of": leaderboard.rank_of}


def data_url(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def sections_of(
    document: Document, pictures: Mapping[str, str], models: list[Analysed], charts: Mapping[str, Chart | None]
) -> list[Section]:
    """The sections that are not empty."""
    walls = any(name.endswith("-wall") for name in pictures)
    by = models[0].found.by if models else ""
    there = {
        ("verdict", "verdict"): True, ("walls", "walls"): walls, ("leaderboard", "scores"): True,
        ("profile", "profile"): "profile-0" in charts, ("balance", "balance"): charts["fidelity"] or charts["cover"],
        ("strengths", "strengths"): models, (f"slices {by}", "slices"): models, ("map", "map"): charts["map"],
        ("looks", "looks"): models, ("ranks", "ranks"): True, ("chart curve", "curve"): charts["curve"],
        (CURVES, "training"): CURVES in pictures,
        ("cost", "cost"): any(model.cost.parameters for model in document.models),
        ("mixture", "mixture"): document.ensemble, ("published", "published"): document.published,
        ("methods", "methods"): True, ("provenance", "provenance"): True,
    }
    return [Section(key, f"sections/{name}.html") for (key, name), shown in there.items() if shown]


@dataclass(frozen=True)
class First:
    """The model that is ranked first, and its weak points, the gravest first."""

    place: int
    name: str
    analysed: bool
    weak: Sequence[FindingFacts]


def first_of(models: Sequence[Analysed], document: Document) -> First:
    found = next((model.found for model in models if model.place == 0), None)
    weak = [row for row in found.findings if row.severity in ("alert", "warning")] if found else []
    return First(0, document.models[0].name, found is not None, weak[:FIRST])


@dataclass(frozen=True)
class Pictured:
    """A gallery of an analysis, or one of its artefact modes by its number."""

    key: str
    picture: str
    mode: int | None = None


def galleries_of(model: Analysed, pictures: Mapping[str, str]) -> list[Pictured]:
    """The worst images first, and the artefact modes behind them."""
    names = [*ORDER, *(name for name in GALLERIES if name not in ORDER)]
    found = [(f"gallery {name}", f"{model.place}-{name}", None) for name in names]
    modes = [("mode", f"{model.place}-mode-{k}", k) for k in range(len(model.found.modes))]
    rows = [*found[:1], *modes, *found[1:]]
    return [Pictured(key, pictures[name], mode) for key, name, mode in rows if name in pictures]
