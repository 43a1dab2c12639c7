"""The report as one self-contained HTML page: styles, script and pictures are embedded."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass

from ganbench.gan.report import verdict
from ganbench.gan.report.charts import Chart, Point, Series, lines_chart, rows_chart
from ganbench.gan.report.document import NAMED, Document
from ganbench.gan.report.pictures import GALLERIES
from ganbench.gan.report.strengths import (
    COLUMNS,
    MARKS,
    Analysed,
    accused,
    analysed,
    relative_power,
    slice_names,
    slice_place,
)
from ganbench.gan.report.templates import render
from ganbench.gan.report.texts import WHAT, both
from ganbench.gan.tables import ARROWS


@dataclass(frozen=True)
class Section:
    """A section of the page: `key` is a key of TEXTS, and the text is its heading."""

    key: str
    template: str

    @property
    def anchor(self) -> str:
        return self.key.replace(" ", "-")


def page(document: Document, pictures: Mapping[str, bytes], play: str = "") -> str:
    """HTML; every number is a `<data>` element that points to its field in the document.  `play`: the page of the
    blind test."""
    models, shown = analysed(document), {name: data_url(png) for name, png in pictures.items()}
    measured = any(model.cost.measured_on for model in document.models)
    return render(
        "page.html", document=document, sections=sections_of(document, shown, models), pictures=shown, play=play,
        analysed=models, sentences=verdict.sentences(document), warnings=verdict.warnings(document),
        mixture=verdict.mixture(document.ensemble) if document.ensemble else None, doubts=verdict.doubts(document),
        machine=verdict.machine(document) if measured else None, charts=charts_of(document, models),
        galleries=galleries_of, letters=verdict.letters, accused=accused, slice_names=slice_names,
        slice_place=slice_place, ARROWS=ARROWS, MARKS=MARKS, COLUMNS=COLUMNS, NAMED=NAMED, WHAT=WHAT,
    )


def data_url(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def sections_of(document: Document, pictures: Mapping[str, str], models: list[Analysed]) -> list[Section]:
    """The sections that are not empty."""
    walls = any(name.endswith("-wall") for name in pictures)
    by = models[0].found.by if models else ""
    there = {
        ("verdict", "verdict"): True, ("scores", "scores"): True, ("walls", "walls"): walls,
        ("strengths", "strengths"): models, (f"slices {by}", "slices"): models, ("looks", "looks"): models,
        ("ranks", "ranks"): True, ("chart curve", "curve"): any(model.curve for model in document.models),
        ("cost", "cost"): any(model.cost.parameters for model in document.models),
        ("mixture", "mixture"): document.ensemble, ("published", "published"): document.published,
        ("methods", "methods"): True, ("provenance", "provenance"): True,
    }
    return [Section(key, f"sections/{name}.html") for (key, name), shown in there.items() if shown]


@dataclass(frozen=True)
class Pictured:
    """A gallery of an analysis, or one of its artefact modes by its number."""

    key: str
    picture: str
    mode: int | None = None


def galleries_of(model: Analysed, pictures: Mapping[str, str]) -> list[Pictured]:
    found = [(f"gallery {name}", f"{model.place}-{name}", None) for name in GALLERIES]
    modes = [("mode", f"{model.place}-mode-{k}", k) for k in range(len(model.found.modes))]
    return [Pictured(key, pictures[name], mode) for key, name, mode in (*found, *modes) if name in pictures]


# Charts

def charts_of(document: Document, models: list[Analysed]) -> dict[str, Chart | None]:
    return {"lead": lead_chart(document), "curve": curve_chart(document), "front": speed_chart(document),
            "spectrum": spectrum_chart(models) if models else None}


def lead_chart(document: Document) -> Chart:
    """The leading metric."""
    row = verdict.lead_row(document)
    rows = [(name, Point(cell.value, 0, cell.low, cell.high))
            for name, cell in zip(document.table.columns, row.cells, strict=True) if cell]
    title = both("chart lead", metric=document.protocol.lead)
    return rows_chart("lead", title, rows, row.first[1].floor, both("real images"))


def curve_chart(document: Document) -> Chart | None:
    """The Fréchet distance by number of images."""
    series = [
        Series(model.name, [Point(row.n, row.value, row.value - 1.96 * row.se, row.value + 1.96 * row.se)
                            for row in model.curve])
        for model in document.models if model.curve
    ]
    axes = both("images"), ("Fréchet distance", "distance de Fréchet")
    return lines_chart("curve", both("chart curve"), series, axes) if series else None


def speed_chart(document: Document) -> Chart | None:
    """Quality against speed."""
    lead = document.protocol.lead
    series = [
        Series(model.name, [Point(model.cost.images_per_second, cell.value, cell.low, cell.high)])
        for model, cell in zip(document.models, verdict.lead_row(document).cells, strict=True)
        if cell and model.cost.images_per_second
    ]
    if len(series) < 2:
        return None
    return lines_chart("front", both("cost"), series, (both("images per second"), (lead, lead)), joined=False)


def spectrum_chart(models: list[Analysed]) -> Chart:
    """Power at each frequency relative to that of real images."""
    series = [Series(model.name, relative_power(model.found.spectrum)) for model in models]
    return lines_chart("spectrum", both("chart spectrum"), series, (both("frequency"), ("dB", "dB")),
                       logarithmic=False, line=0.0)
