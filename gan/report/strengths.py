"""The report's sections on what each model does well and badly, and the evidence."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

from ganbench.gan.findings.spectrum import Spectrum
from ganbench.gan.numbers import DASH, decimals, english, french, significant
from ganbench.gan.report.charts import Point, Series, lines_chart
from ganbench.gan.report.document import AnalysisFacts, Document
from ganbench.gan.report.pictures import GALLERIES
from ganbench.gan.report.pieces import figure, number, paragraph, percent, spans, table, text
from ganbench.gan.report.texts import both
from ganbench.gan.types import Estimate

MARKS = {"alert": "\N{BLACK SQUARE}", "warning": "\N{BLACK UP-POINTING TRIANGLE}", "info": "\N{WHITE CIRCLE}",
         "strength": "\N{CHECK MARK}"}
COLUMNS = ("precision", "recall", "coverage", "kid")    # of a table of slices


@dataclass(frozen=True)
class Analysed:
    """A model of which there is an analysis, and its place in the document."""

    place: int
    name: str
    leads: tuple[str, ...]
    found: AnalysisFacts


def analysed(document: Document) -> list[Analysed]:
    return [Analysed(i, model.name, model.leads, model.analysis)
            for i, model in enumerate(document.models) if model.analysis]


# Strengths and weaknesses

def strengths_of(document: Document, pictures: Mapping[str, bytes]) -> str:
    """Sentences of each model, and behind them its pictures."""
    models = [f"<h3>{escape(model.name)}</h3>{findings_of(model)}{galleries_of(model, pictures)}"
              for model in analysed(document)]
    return paragraph(text("strengths note"), "quiet") + "".join(models) if models else ""


def findings_of(model: Analysed) -> str:
    rows = [finding(row.severity, (row.sentence.en, row.sentence.fr))
            for row in model.found.findings]
    if model.leads:
        rows.append(finding("strength", both("leads by", metrics=", ".join(model.leads))))
    return f'<ul class="findings">{"".join(rows)}</ul>' if rows else paragraph(text("nothing found"))


def finding(severity: str, said: tuple[str, str]) -> str:
    """A mark for eyes, a word for ears, and the sentence."""
    mark = f'<span class="mark" aria-hidden="true">{MARKS[severity]}</span>'
    return f'<li class="{severity}">{mark}<span class="spoken">{text(severity)}: </span>{spans(said)}</li>'


def galleries_of(model: Analysed, pictures: Mapping[str, bytes]) -> str:
    """Behind a fold, the galleries of a model and its artefact modes."""
    found = [figure(text(f"gallery {name}"), pictures[f"{model.place}-{name}"], both(f"gallery {name}"))
             for name in GALLERIES if f"{model.place}-{name}" in pictures]
    for k, mode in enumerate(model.found.modes):
        if f"{model.place}-mode-{k}" in pictures:
            share = percent(f"models/{model.place}/analysis/modes/{k}/share/value", mode.share.value)
            found.append(figure(f"{text('mode')} ({share})", pictures[f"{model.place}-mode-{k}"], both("mode")))
    if not found:
        return ""
    return f'<details><summary>{text("pictures")}</summary><div class="strips">{"".join(found)}</div></details>'


# Slices

def slices_title(document: Document) -> str:
    models = analysed(document)
    return f"slices {models[0].found.by}" if models else "slices class"


def slices_of(document: Document) -> str:
    """The shares of all models side by side, and the rest model by model."""
    models = analysed(document)
    if not models:
        return ""
    by = models[0].found.by
    costs = paragraph(text("slice cost note"), "quiet")
    details = "".join(
        f"<details><summary>{escape(model.name)}</summary>{slice_table(model)}{costs}</details>"
        for model in models
    )
    return paragraph(text(f"slices note {by}"), "quiet") + share_table(models) + details


def share_table(models: list[Analysed]) -> str:
    first, analysis = models[0].place, models[0].found
    heads = [text(analysis.by), text("real images"), *(escape(model.name) for model in models)]
    rows = []
    for k, row in enumerate(analysis.slices):
        real = percent(f"models/{first}/analysis/slices/{k}/real_share/value", row.real_share.value)
        rows.append([escape(row.name), real, *(share_cell(model, k) for model in models)])
    return table(heads, rows, "scores")


def share_cell(model: Analysed, k: int) -> str:
    """Bold where a finding says that the share is wrong."""
    found = model.found.slices[k]
    value = percents(f"models/{model.place}/analysis/slices/{k}/share", found.share)
    return f"<strong>{value}</strong>" if found.name in accused(model.found) else value


def accused(analysis: AnalysisFacts) -> set[str]:
    """The slices of which a finding says that their share is wrong."""
    return {row.facts["name"] for row in analysis.findings if row.rule in ("missing", "rare", "frequent")}


def percents(at: str, found: Estimate) -> str:
    """`9.8 ± 0.7 %`"""
    value, se = (f'<data value="{part!r}" data-at="{at}/{name}">'
                 f"{spans((english(100 * part, 1), french(100 * part, 1)))}</data>"
                 for name, part in (("value", found.value), ("se", found.se)))
    return f"{value} ± {se}\N{NO-BREAK SPACE}%"


def slice_table(model: Analysed) -> str:
    rows = []
    for k, row in enumerate(model.found.slices):
        cells = [estimate(f"models/{model.place}/analysis/slices/{k}/{name}", getattr(row, name)) for name in COLUMNS]
        cost = row.cost
        at = f"models/{model.place}/analysis/slices/{k}/cost"
        rows.append([escape(row.name), *cells, percents(at, cost) if cost else DASH])
    heads = [text(model.found.by), *(text(f"slice {name}") for name in COLUMNS), text("slice cost")]
    return table(heads, rows, "scores")


def estimate(at: str, found: Estimate | None) -> str:
    if found is None:
        return DASH
    digits = decimals(found.se)
    return f"{number(f'{at}/value', found.value, digits)} ± {number(f'{at}/se', found.se, digits)}"


# Looks

def looks_of(document: Document) -> str:
    """Power at each frequency beside that of real images, and means of single images' numbers."""
    models = analysed(document)
    if not models:
        return ""
    series = [Series(model.name, relative_power(model.found.spectrum)) for model in models]
    chart = lines_chart("spectrum", both("chart spectrum"), series, (both("frequency"), ("dB", "dB")),
                        logarithmic=False, line=0.0)
    caption = f"<figcaption>{text('chart spectrum')}</figcaption>"
    return (paragraph(text("looks note"), "quiet") + f"<figure>{chart}{caption}</figure>"
            + appearance_table(models))


def relative_power(found: Spectrum) -> list[Point]:
    """10 log10 of the ratio to real images, with 95 % intervals by the rule for products; rings with no power are left
    out."""
    points = []
    for x, mine, se, real, real_se in zip(found.frequency, found.generated, found.generated_se, found.real,
                                          found.real_se, strict=True):
        if mine > 0 and real > 0:
            value, error = 10 * math.log10(mine / real), 10 / math.log(10) * math.hypot(se / mine, real_se / real)
            points.append(Point(x, value, value - 1.96 * error, value + 1.96 * error))
    return points


def appearance_table(models: list[Analysed]) -> str:
    first, rows = models[0].place, []
    for k, row in enumerate(models[0].found.appearance):
        real = number(f"models/{first}/analysis/appearance/{k}/real_mean", row.real_mean,
                      significant(row.real_mean, 3))
        rows.append([text(f"look {row.name}"), real, *(appearance_cell(model, k) for model in models)])
    heads = [text("mean of"), text("real images"), *(escape(model.name) for model in models)]
    return table(heads, rows, "scores")


def appearance_cell(model: Analysed, k: int) -> str:
    """The difference from real images, and below it how far apart the two laws are."""
    found, at = model.found.appearance[k], f"models/{model.place}/analysis/appearance/{k}"
    distance = number(f"{at}/distance", found.distance, significant(found.distance, 2))
    return f"{estimate(f'{at}/difference', found.difference)}<small>W<sub>1</sub> {distance}</small>"
