"""Strengths and weaknesses of each model: helpers that the HTML page and the Markdown share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ganbench.gan.findings.spectrum import Spectrum
from ganbench.gan.report.charts import Point
from ganbench.gan.report.document import AnalysisFacts, Document

MARKS = {"alert": "\N{BLACK SQUARE}", "warning": "\N{BLACK UP-POINTING TRIANGLE}", "info": "\N{WHITE CIRCLE}",
         "strength": "\N{CHECK MARK}"}
COLUMNS = ("precision", "recall", "coverage", "kid")    # of a table of slices


@dataclass(frozen=True)
class Analysed:
    """A model with an analysis, and its index in the document."""

    place: int
    name: str
    leads: tuple[str, ...]
    found: AnalysisFacts


def analysed(document: Document) -> list[Analysed]:
    return [Analysed(i, model.name, model.leads, model.analysis)
            for i, model in enumerate(document.models) if model.analysis]


def slice_names(models: Sequence[Analysed]) -> list[str]:
    """The classes or clusters of all analyses; a model may have classes that the reference does not have."""
    return list(dict.fromkeys(row.name for model in models for row in model.found.slices))


def slice_place(analysis: AnalysisFacts, name: str) -> int | None:
    """Which of a model's slices has the name."""
    return next((k for k, row in enumerate(analysis.slices) if row.name == name), None)


def accused(analysis: AnalysisFacts) -> set[str]:
    """The slices whose share a finding reports as deviating."""
    named = {row.facts["name"] for row in analysis.findings if row.rule in ("missing", "rare", "frequent")}
    return named.union(*([*row.facts["added"], *row.facts.get("lacking", ())]
                         for row in analysis.findings if row.rule in ("renamed", "added")))


def relative_power(found: Spectrum) -> list[Point]:
    """10 log10 of the power ratio to real images, with 95 % confidence intervals by the delta method; rings without
    power are left out."""
    points = []
    for x, mine, se, real, real_se in zip(found.frequency, found.generated, found.generated_se, found.real,
                                          found.real_se, strict=True):
        if mine > 0 and real > 0:
            value, error = 10 * math.log10(mine / real), 10 / math.log(10) * math.hypot(se / mine, real_se / real)
            points.append(Point(x, value, value - 1.96 * error, value + 1.96 * error))
    return points
