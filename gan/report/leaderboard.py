"""The leaderboard: a row for each model and a column for each deciding metric, on the page and as CSV, LaTeX and
Markdown, of which the page puts the rows in the order that they were sorted into."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from ganbench.gan.naming import brief, short_metric
from ganbench.gan.numbers import DASH
from ganbench.gan.report.document import Document
from ganbench.gan.report.texts import TEXTS, Bilingual, both
from ganbench.gan.tables import ARROWS, BOUNDS, Cell, Row

FORMS = ("csv", "latex", "markdown")
IN_LATEX = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
            **{sign: f"\\{sign}" for sign in "&%$#_{}"}}
IN_HEADS = {"lower": r"$\downarrow$", "higher": r"$\uparrow$"}
LIMITS = {"most": r"\leq", "least": r"\geq"}


@dataclass(frozen=True)
class Column:
    """A metric; `place`: its row in the document's table."""

    place: int
    row: Row
    kind: str
    extractor: str
    label: Bilingual
    what: str


@dataclass(frozen=True)
class Text:
    """The leaderboard in one form: what stands above its rows, the row of each model, and what stands below."""

    head: str
    rows: tuple[str, ...]
    tail: str

    def whole(self) -> str:
        return self.head + "".join(self.rows) + self.tail


def columns_of(document: Document) -> list[Column]:
    """The metrics of which a better value makes a better model, extractor by extractor."""
    facts = {metric.name: metric for metric in document.metrics}
    found = []
    for place, row in enumerate(document.table.rows):
        metric = facts.get(row.name)
        extractor, kind = (metric.extractor, metric.row) if metric else ("", row.name)
        if row.better != "undecided":
            found.append(Column(place, row, kind, extractor, label(row.name, extractor), metric.what if metric else ""))
    return sorted(found, key=lambda column: [one.extractor for one in found].index(column.extractor))


def label(metric: str, extractor: str) -> Bilingual:
    """`KID` of kid_efficientnet_lite0: the extractor stands above its columns."""
    short = short_metric(metric, extractor)
    return both(f"short {short}") if f"short {short}" in TEXTS else (short, short)


def groups_of(columns: Sequence[Column]) -> list[tuple[str, int]]:
    """Extractors, and how many columns each has."""
    return [(name, len(list(found))) for name, found in groupby(columns, key=lambda column: column.extractor)]


def rank_of(document: Document, model: str) -> str:
    low, high = document.rankings[0].ranks[model]
    return str(low) if low == high else f"{low}{DASH}{high}"


def texts_of(document: Document) -> dict[str, Text]:
    return {"csv": as_csv(document), "latex": as_latex(document), "markdown": as_markdown(document)}


# CSV: full precision

def as_csv(document: Document) -> Text:
    columns = columns_of(document)
    head = [part for column in columns for part in (column.row.name, f"{column.row.name}_se")]
    rows = []
    for i, name in enumerate(document.table.columns):
        cells = [column.row.cells[i] for column in columns]
        numbers = [part for cell in cells for part in ((repr(cell.value), repr(cell.se)) if cell else ("", ""))]
        rows.append(csv_line([name, rank_of(document, name).replace(DASH, "-"), *numbers]))
    floors = [part for column in columns for part in (floor_of(column, ""), "")]
    return Text(csv_line(["model", "rank", *head]), tuple(rows), csv_line(["real images", "", *floors]))


def csv_line(cells: Sequence[str]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue()


def floor_of(column: Column, missing: str, digits: int | None = None) -> str:
    _, cell = column.row.first
    if cell.floor is None:
        return missing
    return repr(cell.floor) if digits is None else f"{cell.floor:.{digits}f}"


# LaTeX, with booktabs

def as_latex(document: Document) -> Text:
    columns, names = columns_of(document), brief(document.table.columns)
    top, rules, first = [""], [], 2
    for extractor, count in groups_of(columns):
        top.append(rf"\multicolumn{{{count}}}{{c}}{{{in_latex(extractor)}}}")
        rules.append(rf"\cmidrule(lr){{{first}-{first + count - 1}}}")
        first += count
    heads = ["model", *(f"{in_latex(column.label[0])} {IN_HEADS[column.row.better]}" for column in columns)]
    head = [r"\begin{tabular}{l" + "r" * len(columns) + "}", r"\toprule", latex_row(top), " ".join(rules),
            latex_row(heads), r"\midrule"]
    rows = tuple(latex_row([in_latex(names[i]), *(latex_cell(column.row.cells[i]) for column in columns)]) + "\n"
                 for i in range(len(names)))
    floors = [floor if (floor := floor_of(column, "--", column.row.first[1].decimals)) == "--" else f"${floor}$"
              for column in columns]
    tail = [r"\midrule", latex_row(["real images", *floors]), r"\bottomrule", r"\end{tabular}"]
    return Text("\n".join(head) + "\n", rows, "\n".join(tail) + "\n")


def latex_row(cells: Sequence[str]) -> str:
    return " & ".join(cells) + r" \\"


def latex_cell(cell: Cell | None) -> str:
    r"""`$\mathbf{0.523} \pm 0.014$`"""
    if cell is None:
        return "--"
    end = cell.high if cell.bound == "most" else cell.low if cell.bound else cell.value
    value = f"{end:.{cell.decimals}f}"
    value = rf"\mathbf{{{value}}}" if cell.best else value
    return f"${LIMITS[cell.bound]} {value}$" if cell.bound else rf"${value} \pm {cell.se:.{cell.decimals}f}$"


def in_latex(text: str) -> str:
    return re.sub(r"[\\~^&%$#_{}]", lambda found: IN_LATEX[found[0]], text).replace("∞", r"$_\infty$")


# Markdown

def as_markdown(document: Document) -> Text:
    columns = columns_of(document)
    heads = ["model", "rank", *(f"{column.row.name} {ARROWS[column.row.better]}"
                                for column in columns)]
    head = markdown_row(heads) + "| --- | ---: " + "| ---: " * len(columns) + "|\n"
    rows = tuple(markdown_row([name, rank_of(document, name), *(markdown_cell(column.row.cells[i])
                                                                 for column in columns)])
                 for i, name in enumerate(document.table.columns))
    floors = [floor_of(column, DASH, column.row.first[1].decimals) for column in columns]
    return Text(head, rows, markdown_row(["real images", "", *floors]))


def markdown_row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |\n"


def markdown_cell(cell: Cell | None) -> str:
    if cell is None:
        return DASH
    if cell.bound:
        value = f"{BOUNDS[cell.bound]} {cell.high if cell.bound == 'most' else cell.low:.{cell.decimals}f}"
    else:
        value = f"{cell.value:.{cell.decimals}f} ± {cell.se:.{cell.decimals}f}"
    return f"**{value}**" if cell.best else value
