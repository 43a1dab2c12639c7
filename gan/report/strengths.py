"""The report's sections on what each model does well and badly, and the evidence."""

from __future__ import annotations

import math
from collections.abc import Mapping
from html import escape
from typing import Any

from ganbench.gan.numbers import DASH, decimals, english, french, significant
from ganbench.gan.report.charts import Point, Series, lines_chart
from ganbench.gan.report.pictures import GALLERIES
from ganbench.gan.report.pieces import figure, number, paragraph, percent, spans, table, text
from ganbench.gan.report.texts import both

MARKS = {"alert": "\N{BLACK SQUARE}", "warning": "\N{BLACK UP-POINTING TRIANGLE}", "info": "\N{WHITE CIRCLE}",
         "strength": "\N{CHECK MARK}"}
COLUMNS = ("precision", "recall", "coverage", "kid")    # of a table of slices
Document = Mapping[str, Any]
Numbered = tuple[int, Mapping[str, Any]]                # a model's place, and the model


def analysed(document: Document) -> list[Numbered]:
    return [(i, model) for i, model in enumerate(document["models"]) if model["analysis"]]


# Strengths and weaknesses

def strengths_of(document: Document, pictures: Mapping[str, bytes]) -> str:
    """Sentences of each model, and behind them its pictures."""
    models = [f"<h3>{escape(model['name'])}</h3>{findings_of(model)}{galleries_of(i, model, pictures)}"
              for i, model in analysed(document)]
    return paragraph(text("strengths note"), "quiet") + "".join(models) if models else ""


def findings_of(model: Mapping[str, Any]) -> str:
    rows = [finding(row["severity"], (row["sentence"]["en"], row["sentence"]["fr"]))
            for row in model["analysis"]["findings"]]
    if model["leads"]:
        rows.append(finding("strength", both("leads by", metrics=", ".join(model["leads"]))))
    return f'<ul class="findings">{"".join(rows)}</ul>' if rows else paragraph(text("nothing found"))


def finding(severity: str, said: tuple[str, str]) -> str:
    """A mark for eyes, a word for ears, and the sentence."""
    mark = f'<span class="mark" aria-hidden="true">{MARKS[severity]}</span>'
    return f'<li class="{severity}">{mark}<span class="spoken">{text(severity)}: </span>{spans(said)}</li>'


def galleries_of(i: int, model: Mapping[str, Any], pictures: Mapping[str, bytes]) -> str:
    """Behind a fold, the galleries of a model and its artefact modes."""
    found = [figure(text(f"gallery {name}"), pictures[f"{i}-{name}"], both(f"gallery {name}"))
             for name in GALLERIES if f"{i}-{name}" in pictures]
    for k, mode in enumerate(model["analysis"]["modes"]):
        if f"{i}-mode-{k}" in pictures:
            share = percent(f"models/{i}/analysis/modes/{k}/share/value", mode["share"]["value"])
            found.append(figure(f"{text('mode')} ({share})", pictures[f"{i}-mode-{k}"], both("mode")))
    if not found:
        return ""
    return f'<details><summary>{text("pictures")}</summary><div class="strips">{"".join(found)}</div></details>'


# Slices

def slices_title(document: Document) -> str:
    models = analysed(document)
    return f"slices {models[0][1]['analysis']['by']}" if models else "slices class"


def slices_of(document: Document) -> str:
    """The shares of all models side by side, and the rest model by model."""
    models = analysed(document)
    if not models:
        return ""
    by = models[0][1]["analysis"]["by"]
    costs = paragraph(text("slice cost note"), "quiet")
    details = "".join(
        f"<details><summary>{escape(model['name'])}</summary>{slice_table(i, model)}{costs}</details>"
        for i, model in models
    )
    return paragraph(text(f"slices note {by}"), "quiet") + share_table(models) + details


def share_table(models: list[Numbered]) -> str:
    first, analysis = models[0][0], models[0][1]["analysis"]
    heads = [text(analysis["by"]), text("real images"), *(escape(model["name"]) for _, model in models)]
    rows = []
    for k, row in enumerate(analysis["slices"]):
        real = percent(f"models/{first}/analysis/slices/{k}/real_share/value", row["real_share"]["value"])
        rows.append([escape(row["name"]), real, *(share_cell(i, model, k) for i, model in models)])
    return table(heads, rows, "scores")


def share_cell(i: int, model: Mapping[str, Any], k: int) -> str:
    """Bold where a finding says that the share is wrong."""
    found = model["analysis"]["slices"][k]
    value = percents(f"models/{i}/analysis/slices/{k}/share", found["share"])
    return f"<strong>{value}</strong>" if found["name"] in accused(model["analysis"]) else value


def accused(analysis: Mapping[str, Any]) -> set[str]:
    """The slices of which a finding says that their share is wrong."""
    return {row["facts"]["name"] for row in analysis["findings"] if row["rule"] in ("missing", "rare", "frequent")}


def percents(at: str, found: Mapping[str, float]) -> str:
    """`9.8 ± 0.7 %`"""
    value, se = (f'<data value="{found[name]!r}" data-at="{at}/{name}">'
                 f"{spans((english(100 * found[name], 1), french(100 * found[name], 1)))}</data>"
                 for name in ("value", "se"))
    return f"{value} ± {se}\N{NO-BREAK SPACE}%"


def slice_table(i: int, model: Mapping[str, Any]) -> str:
    rows = []
    for k, row in enumerate(model["analysis"]["slices"]):
        cells = [estimate(f"models/{i}/analysis/slices/{k}/{name}", row[name]) for name in COLUMNS]
        cost = row["cost"]
        at = f"models/{i}/analysis/slices/{k}/cost"
        rows.append([escape(row["name"]), *cells, percents(at, cost) if cost else DASH])
    heads = [text(model["analysis"]["by"]), *(text(f"slice {name}") for name in COLUMNS), text("slice cost")]
    return table(heads, rows, "scores")


def estimate(at: str, found: Mapping[str, float] | None) -> str:
    if found is None:
        return DASH
    digits = decimals(found["se"])
    return f"{number(f'{at}/value', found['value'], digits)} ± {number(f'{at}/se', found['se'], digits)}"


# Looks

def looks_of(document: Document) -> str:
    """Power at each frequency beside that of real images, and means of single images' numbers."""
    models = analysed(document)
    if not models:
        return ""
    series = [Series(model["name"], relative_power(model["analysis"]["spectrum"])) for _, model in models]
    chart = lines_chart("spectrum", both("chart spectrum"), series, (both("frequency"), ("dB", "dB")),
                        logarithmic=False, line=0.0)
    caption = f"<figcaption>{text('chart spectrum')}</figcaption>"
    return (paragraph(text("looks note"), "quiet") + f"<figure>{chart}{caption}</figure>"
            + appearance_table(models))


def relative_power(found: Mapping[str, list[float]]) -> list[Point]:
    """10 log10 of the ratio to real images, with 95 % intervals by the rule for products; rings with no power are left
    out."""
    points = []
    for x, mine, se, real, real_se in zip(found["frequency"], found["generated"], found["generated_se"], found["real"],
                                          found["real_se"], strict=True):
        if mine > 0 and real > 0:
            value, error = 10 * math.log10(mine / real), 10 / math.log(10) * math.hypot(se / mine, real_se / real)
            points.append(Point(x, value, value - 1.96 * error, value + 1.96 * error))
    return points


def appearance_table(models: list[Numbered]) -> str:
    first, rows = models[0][0], []
    for k, row in enumerate(models[0][1]["analysis"]["appearance"]):
        real = number(f"models/{first}/analysis/appearance/{k}/real_mean", row["real_mean"],
                      significant(row["real_mean"], 3))
        rows.append([text(f"look {row['name']}"), real, *(appearance_cell(i, model, k) for i, model in models)])
    heads = [text("mean of"), text("real images"), *(escape(model["name"]) for _, model in models)]
    return table(heads, rows, "scores")


def appearance_cell(i: int, model: Mapping[str, Any], k: int) -> str:
    """The difference from real images, and below it how far apart the two laws are."""
    found, at = model["analysis"]["appearance"][k], f"models/{i}/analysis/appearance/{k}"
    distance = number(f"{at}/distance", found["distance"], significant(found["distance"], 2))
    return f"{estimate(f'{at}/difference', found['difference'])}<small>W<sub>1</sub> {distance}</small>"
