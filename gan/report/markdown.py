"""The report as Markdown, in one language, with pictures in files: the sections of the page in the same order, with
tables in place of charts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ganbench.gan.findings.appearance import Appearance
from ganbench.gan.metering import Cost
from ganbench.gan.numbers import DASH, decimals, english, french, significant
from ganbench.gan.report import verdict
from ganbench.gan.report.document import AnalysisFacts, CurvePoint, Document
from ganbench.gan.report.pictures import CURVES, CURVES_FR, GALLERIES, wall_size
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
from ganbench.gan.report.texts import FIXED, WHAT, both
from ganbench.gan.tables import ARROWS, BOUNDS, Cell
from ganbench.gan.types import Estimate
from ganbench.gan.words import LANGUAGES, slice_name

RINGS = 8           # rows of the spectrum's table, at most


def markdown(document: Document, pictures: Mapping[str, str], language: str = "en") -> str:
    """`pictures`: id -> the file's path relative to the report."""
    tongue = Tongue(LANGUAGES.index(language))
    protocol, title = document.protocol, (document.title.en, document.title.fr)
    facts = [tongue.text("images each", n=(english(protocol.n), french(protocol.n))), escaped(protocol.name)]
    sections = [
        ("verdict", bullets(escaped(tongue.of(line)) for line in verdict.sentences(document))),
        ("walls", walls_of(document, pictures, tongue)), ("leaderboard", scores_of(document, tongue)),
        ("strengths", strengths_of(document, pictures, tongue)), *slices_of(document, tongue),
        ("looks", looks_of(document, tongue)), ("ranks", ranks_of(document, tongue)),
        ("chart curve", curves_of(document, tongue)), (CURVES, training_of(document, pictures, tongue)),
        ("cost", costs_of(document, tongue)),
        ("mixture", mixture_of(document, tongue)), ("published", published_of(document, tongue)),
        ("methods", methods_of(document, tongue)), ("provenance", provenance_of(document, tongue)),
    ]
    lines = [f"# {escaped(tongue.of(title))}", "", ", ".join(facts), ""]
    for key, body in sections:
        lines += [f"## {tongue.text(key)}", "", *body, ""] if body else []
    return "\n".join([*lines, f"{tongue.text('made')} {document.made}"]) + "\n"


@dataclass(frozen=True)
class Tongue:
    """One of the two languages: its texts and its number format."""

    index: int

    def of(self, pair: tuple[str, str]) -> str:
        return pair[self.index]

    def text(self, key: str, **facts: tuple[str, str] | str) -> str:
        return self.of(both(key, **facts))

    def plain(self, key: str, **facts: tuple[str, str] | str) -> str:
        return escaped(self.text(key, **facts))

    def number(self, value: float | None, digits: int) -> str:
        return DASH if value is None else self.of((english(value, digits), french(value, digits)))

    def estimate(self, found: Estimate | CurvePoint | Cell | None) -> str:
        """`0.679 ± 0.010`"""
        if found is None:
            return DASH
        digits = decimals(found.se)
        return f"{self.number(found.value, digits)} ± {self.number(found.se, digits)}"

    def percent(self, value: float, se: float | None = None) -> str:
        """`9.8 %`, without decimals from 10 % on; with an error `9.8 ± 0.7 %`."""
        if se is None:
            return f"{self.number(100 * value, 1 if 0 < abs(value) < 0.0995 else 0)}{FIXED}%"
        if value == 0:
            return f"{BOUNDS['most']} {self.number(196 * se, 1)}{FIXED}%"
        return f"{self.number(100 * value, 1)} ± {self.number(100 * se, 1)}{FIXED}%"

    def ends(self, pair: Sequence[int]) -> str:
        return str(pair[0]) if pair[0] == pair[1] else f"{pair[0]} {DASH} {pair[1]}"


# Sections

def scores_of(document: Document, tongue: Tongue) -> list[str]:
    """A row for each metric; below the table, the caveats."""
    rows = []
    for row in document.table.rows:
        _, first = row.first
        cells = [score_cell(cell, tongue) if cell else DASH for cell in row.cells]
        rows.append([f"`{row.name}` {ARROWS[row.better]}", *cells, tongue.number(first.floor, first.decimals)])
    heads = [tongue.text("metric"), *map(escaped, document.table.columns), tongue.text("real images")]
    caveats = bullets(escaped(tongue.of(line)) for line in verdict.warnings(document))
    notes = ["", f"### {tongue.text('warnings')}", "", *caveats] if caveats else []
    return [tongue.plain("scores note"), "", *table(heads, rows), *notes]


def score_cell(cell: Cell, tongue: Tongue) -> str:
    end = tongue.number(cell.high if cell.bound == "most" else cell.low, cell.decimals)
    value = f"{BOUNDS[cell.bound]} {end}" if cell.bound else tongue.estimate(cell)
    low, high = tongue.number(cell.low, cell.decimals), tongue.number(cell.high, cell.decimals)
    return f"{f'**{value}**' if cell.best else value}<br>{low} {DASH} {high}"


def walls_of(document: Document, pictures: Mapping[str, str], tongue: Tongue) -> list[str]:
    count = str(wall_size(document))
    walls = [(f"{i}-wall", escaped(model.name), tongue.plain("wall of", count=count, model=model.name))
             for i, model in enumerate(document.models)]
    walls.append(("real-wall", tongue.text("real images"), tongue.text("wall of real", count=count)))
    found = [line for identity, name, alt in walls if identity in pictures
             for line in ("", f"![{alt}]({pictures[identity]})", "", name)]
    classes = document.walls.classes if document.walls else ()
    key = "walls note class" if classes else "walls note"
    note = tongue.text(key, seed=str(document.protocol.seed))
    named = ", ".join(tongue.of(slice_name(name, document.protocol.classes)) for name in classes)
    return [note, *(["", escaped(named)] if classes else []), *found] if found else []


def strengths_of(document: Document, pictures: Mapping[str, str], tongue: Tongue) -> list[str]:
    """The findings about each model, and its galleries."""
    lines = [tongue.plain("strengths note")]
    for model in analysed(document):
        lines += ["", f"### {escaped(model.name)}", "", *findings_of(model, tongue),
                  *galleries_of(model.place, model.found, pictures, tongue)]
    return lines if len(lines) > 1 else []


def findings_of(model: Analysed, tongue: Tongue) -> list[str]:
    said = [(row.severity, tongue.of((row.sentence.en, row.sentence.fr))) for row in model.found.findings]
    if model.leads:
        said.append(("strength", tongue.text("leads by", metrics=", ".join(model.leads))))
    lines = [f"{MARKS[severity]} {tongue.plain('said of', what=tongue.text(severity), said=line)}"
             for severity, line in said]
    return bullets(lines) or [tongue.text("nothing found")]


def galleries_of(i: int, found: AnalysisFacts, pictures: Mapping[str, str], tongue: Tongue) -> list[str]:
    captions = {f"{i}-{name}": tongue.text(f"gallery {name}") for name in GALLERIES}
    for k, mode in enumerate(found.modes):
        captions[f"{i}-mode-{k}"] = f"{tongue.text('mode')} ({tongue.percent(mode.share.value)})"
    return [line for name, caption in captions.items() if name in pictures
            for line in ("", f"![{caption}]({pictures[name]})", "", caption)]


def slices_of(document: Document, tongue: Tongue) -> list[tuple[str, list[str]]]:
    """Shares of all models in one table, and the other scores of slices in one table per model."""
    models = analysed(document)
    if not models:
        return []
    by = models[0].found.by
    heads = [tongue.text(by), tongue.text("real images"), *(escaped(model.name) for model in models)]
    classes = document.protocol.classes
    rows = [[escaped(tongue.of(slice_name(name, classes))), real_share(models, name, tongue),
             *(share_cell(model.found, slice_place(model.found, name), tongue) for model in models)]
            for name in slice_names(models)]
    lines = [tongue.plain(f"slices note {by}"), "", *table(heads, rows), "", tongue.plain("slice cost note")]
    for model in models:
        lines += ["", f"### {escaped(model.name)}", "", *slice_table(model.found, tongue, classes)]
    return [(f"slices {by}", lines)]


def real_share(models: Sequence[Analysed], name: str, tongue: Tongue) -> str:
    found = next(row for model in models for row in model.found.slices if row.name == name)
    return tongue.percent(found.real_share.value)


def share_cell(found: AnalysisFacts, k: int | None, tongue: Tongue) -> str:
    if k is None:
        return DASH
    row = found.slices[k]
    value = tongue.percent(row.share.value, row.share.se)
    return f"**{value}**" if row.name in accused(found) else value


def slice_table(found: AnalysisFacts, tongue: Tongue, classes: Mapping[str, str]) -> list[str]:
    heads = [tongue.text(found.by), *(tongue.text(f"slice {name}") for name in COLUMNS), tongue.text("slice cost")]
    return table(heads, [
        [escaped(tongue.of(slice_name(row.name, classes))), *(tongue.estimate(getattr(row, name)) for name in COLUMNS),
         tongue.percent(row.cost.value, row.cost.se) if row.cost else DASH] for row in found.slices
    ])


def looks_of(document: Document, tongue: Tongue) -> list[str]:
    """Power relative to real images in dB at some frequencies, and the mean of each appearance statistic."""
    models = analysed(document)
    if not models:
        return []
    names = [escaped(model.name) for model in models]
    power = [{point.x: point.y for point in relative_power(model.found.spectrum)} for model in models]
    rings = sorted(set.intersection(*map(set, power)))
    shown = rings[:: -(-len(rings) // RINGS)] if rings else []
    decibels = [[tongue.number(x, 3), *(f"{tongue.number(found[x], 1)} dB" for found in power)] for x in shown]
    means = [
        [tongue.text(f"look {row.name}"), tongue.number(row.real_mean, significant(row.real_mean, 3)),
         *(look_cell(model.found.appearance[k], tongue) for model in models)]
        for k, row in enumerate(models[0].found.appearance)
    ]
    return [tongue.plain("looks note"), "", *table([tongue.text("frequency"), *names], decibels), "",
            *table([tongue.text("mean of"), tongue.text("real images"), *names], means)]


def look_cell(found: Appearance, tongue: Tongue) -> str:
    """The difference from real images, and the Wasserstein-1 distance between the two distributions."""
    distance = tongue.number(found.distance, significant(found.distance, 2))
    return f"{tongue.estimate(found.difference)}<br>W₁ {distance}"


def ranks_of(document: Document, tongue: Tongue) -> list[str]:
    lead = document.rankings[0]
    rows = [[escaped(model), tongue.ends(lead.ranks[model]), tongue.percent(lead.first[model]),
             tongue.ends(lead.interval[model]), verdict.letters(model, lead.groups)]
            for model in lead.models]
    pairs = [[escaped(pair.better), escaped(pair.worse),
              tongue.estimate(Estimate(pair.gain, pair.se)), p_value(pair.p, tongue)]
             for pair in lead.pairs]
    heads = [tongue.text(key) for key in ("model", "allowed", "leads", "drawn ranks", "group")]
    compared = [tongue.text(key) for key in ("better", "worse", "difference", "p")]
    return [tongue.plain("ranks note", metric=lead.metric), "", *table(heads, rows), "",
            f"### {tongue.text('pairs')}", "", *table(compared, pairs)]


def p_value(value: float, tongue: Tongue) -> str:
    return tongue.of(("&lt; 0.001", "&lt; 0,001")) if value < 0.001 else tongue.number(value, 3)


def curves_of(document: Document, tongue: Tongue) -> list[str]:
    """The Fréchet distance by number of images, a row for each number."""
    models = [model for model in document.models if model.curve]
    if not models:
        return []
    found = [{row.n: row for row in curve} for curve in (*(model.curve for model in models), document.real_curve)]
    rows = [[tongue.number(n, 0), *(tongue.estimate(curve.get(n)) for curve in found)]
            for n in sorted(set().union(*found))]
    heads = [tongue.text("images"), *(escaped(model.name) for model in models), tongue.text("real images")]
    return [tongue.text("curve note"), "", *table(heads, rows)]


def training_of(document: Document, pictures: Mapping[str, str], tongue: Tongue) -> list[str]:
    """The picture of learning curves, where a model's log was found, and what they show."""
    picture = pictures.get(tongue.of((CURVES, CURVES_FR)))
    if not picture:
        return []
    lines = [tongue.text("curves note"), "", f"![{tongue.plain('curves')}]({picture})"]
    for training in document.trainings:
        said = [f"**{escaped(tongue.of((row.sentence.en, row.sentence.fr)))}** "
                f"{escaped(tongue.of((row.advice.en, row.advice.fr)))}" for row in training.found]
        lines += ["", f"### {escaped(training.model)}", "", *(bullets(said) or [tongue.plain("nothing wrong")]),
                  *(line for note in training.notes for line in ("", escaped(tongue.of((note.en, note.fr)))))]
    return lines


def speed_of(cost: Cost, tongue: Tongue) -> str:
    """`2,422 (2,300–2,510)`: the median, and the slowest and the fastest turn."""
    decimals = significant(cost.images_per_second or 0, 3)
    middle, low, high = (tongue.number(value, decimals) for value in (
        cost.images_per_second, cost.images_per_second_low, cost.images_per_second_high))
    return middle if cost.images_per_second_low is None else f"{middle} ({low}–{high})"


def costs_of(document: Document, tongue: Tongue) -> list[str]:
    models = document.models
    if not any(model.cost.parameters for model in models):
        return []
    front = document.front.models if document.front else ()
    rows = []
    for model in models:
        cost = model.cost
        flag = f" ({tongue.text('on the front')})" if model.name in front else ""
        rows.append([
            escaped(model.name) + flag, tongue.number(cost.parameters, 0),
            tongue.number(cost.evaluations, significant(cost.evaluations or 0, 3)), speed_of(cost, tongue),
            *(megabytes(value, tongue) for value in (cost.peak_memory, cost.bytes)),
        ])
    keys = ("model", "parameters", "evaluations", "images per second", "memory", "weights")
    heads = [tongue.text(key) for key in keys]
    return [tongue.plain("cost note", machine=verdict.machine(document)), "", *table(heads, rows)]


def megabytes(value: int | None, tongue: Tongue) -> str:
    if value is None:
        return DASH
    return f"{tongue.number(value / 1e6, significant(value / 1e6, 2))} {tongue.of(('MB', 'Mo'))}"


def mixture_of(document: Document, tongue: Tongue) -> list[str]:
    found = document.ensemble
    if not found:
        return []
    shares = zip(found.models, found.shares, strict=True)
    rows = [[escaped(name), tongue.percent(share)] for name, share in shares]
    heads = [tongue.text("model"), tongue.text("share")]
    said = [line for pair in (verdict.mixture(found), *verdict.doubts(document))
            for line in (escaped(tongue.of(pair)), "")]
    return [*said, *table(heads, rows)]


def published_of(document: Document, tongue: Tongue) -> list[str]:
    rows = [[escaped(row.model), f"`{row.metric}`", tongue.number(row.value, significant(row.value, 3)),
             escaped(f"{row.paper}, arXiv:{row.arxiv}, {row.table}")] for row in document.published]
    return table([tongue.text(key) for key in ("model", "metric", "value", "source")], rows) if rows else []


def methods_of(document: Document, tongue: Tongue) -> list[str]:
    protocol = document.protocol
    note = tongue.plain(
        "methods note", protocol=protocol.name, n=(english(protocol.n), french(protocol.n)),
        seed=str(protocol.seed), reference=protocol.reference, extractors=", ".join(protocol.extractors),
    )
    rows = [[f"`{row.name}`", escaped(tongue.of((row.what, WHAT.get(row.row, row.what)))),
             escaped(row.paper)] for row in document.metrics]
    return [note, "", *table([tongue.text(key) for key in ("metric", "what", "source")], rows, "---")]


def provenance_of(document: Document, tongue: Tongue) -> list[str]:
    """Commands, digests and versions."""
    facts, protocol = document.provenance, document.protocol
    digests = [*((model.name, model.digest) for model in document.models), (protocol.name, protocol.digest)]
    rows = [[escaped(name), f"`{digest}`"] for name, digest in digests]
    commands = [tongue.text("again"), "", *(f"    {command}" for command in facts.commands), ""]
    versions = ", ".join(f"{name} {version}" for name, version in facts.versions.items())
    return [*(commands if facts.commands else []),
            *table([tongue.text("model"), tongue.text("digest")], rows, "---"), "", escaped(versions)]


# Pieces

def bullets(lines: Iterable[str]) -> list[str]:
    return [f"- {line}" for line in lines]


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], column: str = "---:") -> list[str]:
    """Cells are Markdown already; `column`: the alignment of all columns but the first."""
    return [f"| {' | '.join(heads)} |", "|---|" + f"{column}|" * (len(heads) - 1),
            *(f"| {' | '.join(row)} |" for row in rows)]


def escaped(text: str) -> str:
    """The text with the characters escaped that have a meaning in Markdown or HTML."""
    for letter in "\\`*_[]<>|":
        text = text.replace(letter, f"\\{letter}" if letter not in "<>" else {"<": "&lt;", ">": "&gt;"}[letter])
    return text
