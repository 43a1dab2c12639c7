"""The report as one page that asks nobody for anything: styles, script and pictures are inside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from ganbench.gan.numbers import DASH, decimals, english, french, significant
from ganbench.gan.report import verdict
from ganbench.gan.report.charts import Point, Series, lines_chart, rows_chart
from ganbench.gan.report.document import NAMED, Document
from ganbench.gan.report.pieces import (
    attribute,
    code,
    figure,
    number,
    p_value,
    paragraph,
    percent,
    slug,
    spans,
    table,
    text,
)
from ganbench.gan.report.strengths import looks_of, slices_of, slices_title, strengths_of
from ganbench.gan.report.texts import WHAT, both
from ganbench.gan.tables import ARROWS, Cell

HERE = Path(__file__).parent
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"


def page(document: Document, pictures: Mapping[str, bytes], play: str = "") -> str:
    """HTML; every number in a `<data>` says where in the document it stands.  `play`: the blinded test's page."""
    sections = [
        ("verdict", verdict_of(document)), ("scores", scores_of(document)),
        ("walls", walls_of(document, pictures, play)),
        ("strengths", strengths_of(document, pictures)), (slices_title(document), slices_of(document)),
        ("looks", looks_of(document)), ("ranks", ranks_of(document)),
        ("chart curve", curves_of(document)), ("cost", costs_of(document)),
        ("mixture", mixture_of(document)), ("published", published_of(document)), ("methods", methods_of(document)),
        ("provenance", provenance_of(document)),
    ]
    shown = [(key, body) for key, body in sections if body]
    contents = "".join(f'<li><a href="#{slug(key)}">{text(key)}</a></li>' for key, _ in shown)
    bodies = "".join(f'<section id="{slug(key)}"><h2>{text(key)}</h2>{body}</section>' for key, body in shown)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<title>{escape(document.title)}</title>
<style>{(HERE / "style.css").read_text()}</style>
</head>
<body>
<header>
<button id="language" type="button">{text("other language")}</button>
<p class="kicker">ganbench</p>
{heading(document)}
<p class="quiet">{escape(document.protocol.name)}</p>
<nav {attribute("aria-label", both("contents"))}><ul>{contents}</ul></nav>
</header>
<main>
{bodies}
</main>
<footer><p>{text("made")}
<time>{escape(document.made)}</time>
</p></footer>
<script>{(HERE / "page.js").read_text()}</script>
</body>
</html>
"""


def heading(document: Document) -> str:
    """The models' names, below a shorter title where they are many."""
    names = [escape(model.name) for model in document.models]
    if len(names) <= NAMED:
        return f"<h1>{'<span>, </span>'.join(f'<span>{name}</span>' for name in names)}</h1>"
    return f"<h1>{text('many models', count=str(len(names)))}</h1><p>{', '.join(names)}</p>"


# Sections

def verdict_of(document: Document) -> str:
    """Sentences, and the leading metric as a chart."""
    lines = "".join(f"<li>{spans(line)}</li>" for line in verdict.sentences(document))
    lead = document.protocol.lead
    row = verdict.lead_row(document)
    rows = [(name, Point(cell.value, 0, cell.low, cell.high))
            for name, cell in zip(document.table.columns, row.cells, strict=True) if cell]
    floor = row.first[1].floor
    chart = rows_chart("lead", both("chart lead", metric=lead), rows, floor, both("real images"))
    caption = f'<figcaption>{text("chart lead", metric=lead)}</figcaption>'
    return f'<ul class="verdict">{lines}</ul><figure>{chart}{caption}</figure>'


def scores_of(document: Document) -> str:
    """A row for each metric, a column for each model."""
    heads = [text("metric"), *map(escape, document.table.columns), text("real images")]
    rows = []
    for i, row in enumerate(document.table.rows):
        m, first = row.first
        floor = number(f"table/rows/{i}/cells/{m}/floor", first.floor, first.decimals)
        cells = [score_cell(f"table/rows/{i}/cells/{k}", cell) if cell else DASH for k, cell in enumerate(row.cells)]
        rows.append([f"{code(row.name)} {arrow(row.better)}", *cells, floor])
    notes = "".join(f"<li>{spans(line)}</li>" for line in verdict.warnings(document))
    kept = f'<h3>{text("warnings")}</h3><ul>{notes}</ul>' if notes else ""
    return paragraph(text("scores note"), "quiet") + table(heads, rows, "scores") + kept


def arrow(better: str) -> str:
    """Which way is better, for eyes and for ears."""
    return f'<abbr {attribute("title", both(better))}>{ARROWS[better]}</abbr>'


def score_cell(at: str, cell: Cell) -> str:
    value = f"{number(f'{at}/value', cell.value, cell.decimals)} ± {number(f'{at}/se', cell.se, cell.decimals)}"
    ends = f"{number(f'{at}/low', cell.low, cell.decimals)} {DASH} {number(f'{at}/high', cell.high, cell.decimals)}"
    return f"{f'<strong>{value}</strong>' if cell.best else value}<small>{ends}</small>"


def walls_of(document: Document, pictures: Mapping[str, bytes], play: str) -> str:
    """The first images of each model, and real ones."""
    walls = [(model.name, pictures[f"{i}-wall"], both("wall alt", count="64", model=model.name))
             for i, model in enumerate(document.models) if f"{i}-wall" in pictures]
    figures = [figure(escape(name), png, alt) for name, png, alt in walls]
    if "real-wall" in pictures:
        figures.append(figure(text("real images"), pictures["real-wall"], both("real alt", count="64")))
    if not figures:
        return ""
    note = paragraph(text("walls note", seed=str(document.protocol.seed)), "quiet")
    link = paragraph(f'<a href="{play}">{text("play link")}</a>') if play else ""
    return f'{note}<div class="walls">{"".join(figures)}</div>{link}'


def ranks_of(document: Document) -> str:
    """Ranks by the leading metric, and all pairs."""
    lead, shown = document.rankings[0], 60
    rows = [
        [escape(model), ends(f"rankings/0/ranks/{model}", lead.ranks[model]),
         percent(f"rankings/0/first/{model}", lead.first[model]),
         ends(f"rankings/0/interval/{model}", lead.interval[model]), verdict.letters(model, lead.groups)]
        for model in lead.models
    ]
    pairs = [
        [escape(pair.better), escape(pair.worse),
         f"{number(f'rankings/0/pairs/{k}/gain', pair.gain, decimals(pair.se))} ± "
         f"{number(f'rankings/0/pairs/{k}/se', pair.se, decimals(pair.se))}",
         p_value(f"rankings/0/pairs/{k}/p", pair.p)]
        for k, pair in enumerate(lead.pairs[:shown])
    ]
    heads = [text("model"), text("allowed"), text("leads"), text("drawn ranks"), text("group")]
    return (paragraph(text("ranks note", metric=lead.metric), "quiet") + table(heads, rows)
            + f"<h3>{text('pairs')}</h3>"
            + table([text("better"), text("worse"), text("difference"), text("p")], pairs))


def ends(at: str, pair: Sequence[int]) -> str:
    """`2`, or `1 - 3`."""
    low = number(f"{at}/0", pair[0], 0)
    return low if pair[0] == pair[1] else f"{low} {DASH} {number(f'{at}/1', pair[1], 0)}"


def curves_of(document: Document) -> str:
    """The Fréchet distance of parts of the images."""
    series = [
        Series(model.name, [Point(row.n, row.value, row.value - 1.96 * row.se,
                                     row.value + 1.96 * row.se) for row in model.curve])
        for model in document.models if model.curve
    ]
    if not series:
        return ""
    axes = both("images"), ("Fréchet distance", "distance de Fréchet")
    chart = lines_chart("curve", both("chart curve"), series, axes)
    caption = f"<figcaption>{text('bars')}</figcaption>"
    return f"{paragraph(text('curve note'), 'quiet')}<figure>{chart}{caption}</figure>"


def costs_of(document: Document) -> str:
    """A table, and quality against speed."""
    models = document.models
    if not any(model.cost.parameters for model in models):
        return ""
    front = document.front.models if document.front else ()
    rows = []
    for i, model in enumerate(models):
        cost, at, speed = model.cost, f"models/{i}/cost", model.cost.images_per_second
        flag = f' <span class="flag">{text("on the front")}</span>' if model.name in front else ""
        rows.append([
            f"{escape(model.name)}{flag}", number(f"{at}/parameters", cost.parameters, 0),
            number(f"{at}/evaluations", cost.evaluations, significant(cost.evaluations or 0, 3)),
            number(f"{at}/images_per_second", speed, significant(speed or 0, 3)),
            megabytes(f"{at}/peak_memory", cost.peak_memory), megabytes(f"{at}/bytes", cost.bytes),
        ])
    heads = [text(key) for key in ("model", "parameters", "evaluations", "images per second", "memory", "weights")]
    note = paragraph(text("cost note", machine=verdict.machine(document)), "quiet")
    return note + table(heads, rows) + speed_chart(document)


def megabytes(at: str, value: int | None) -> str:
    if value is None:
        return DASH
    digits = significant(value / 1e6, 2)
    shown = english(value / 1e6, digits), french(value / 1e6, digits)
    return f'<data value="{value!r}" data-at="{at}">{spans((f"{shown[0]} MB", f"{shown[1]} Mo"))}</data>'


def speed_chart(document: Document) -> str:
    lead = document.protocol.lead
    series = [
        Series(model.name, [Point(model.cost.images_per_second, cell.value, cell.low, cell.high)])
        for model, cell in zip(document.models, verdict.lead_row(document).cells, strict=True)
        if cell and model.cost.images_per_second
    ]
    if len(series) < 2:
        return ""
    chart = lines_chart("front", both("cost"), series, (both("images per second"), (lead, lead)), joined=False)
    return f"<figure>{chart}</figure>"


def mixture_of(document: Document) -> str:
    found = document.ensemble
    if not found:
        return ""
    rows = [[escape(name), percent(f"ensemble/shares/{i}", share)]
            for i, (name, share) in enumerate(zip(found.models, found.shares, strict=True))]
    line = spans(verdict.mixture(found))
    return paragraph(line) + table([text("model"), text("share")], rows)


def published_of(document: Document) -> str:
    rows = [
        [escape(row.model), code(row.metric),
         number(f"published/{i}/value", row.value, significant(row.value, 3)),
         f"{escape(row.paper)}, arXiv:{escape(row.arxiv)}, {escape(row.table)}"]
        for i, row in enumerate(document.published)
    ]
    heads = [text("model"), text("metric"), text("value"), text("source")]
    return table(heads, rows) if rows else ""


def methods_of(document: Document) -> str:
    protocol = document.protocol
    note = text(
        "methods note", protocol=protocol.name, n=(english(protocol.n), french(protocol.n)),
        seed=str(protocol.seed), reference=protocol.reference, extractors=", ".join(protocol.extractors),
    )
    said = {row.name: WHAT.get(row.row, row.what) for row in document.metrics}
    rows = [[code(row.name), spans((row.what, said[row.name])), escape(row.paper)]
            for row in document.metrics]
    return paragraph(note) + table([text("metric"), text("what"), text("source")], rows, "prose")


def provenance_of(document: Document) -> str:
    """Commands, digests and versions."""
    facts = document.provenance
    commands = "".join(f"<pre><code>{escape(command)}</code></pre>" for command in facts.commands)
    rows = [[escape(model.name), f"<code>{escape(model.digest)}</code>"] for model in document.models]
    rows.append([escape(document.protocol.name), f"<code>{escape(document.protocol.digest)}</code>"])
    versions = ", ".join(f"{name} {version}" for name, version in facts.versions.items())
    again = f"<p>{text('again')}</p>{commands}" if commands else ""
    return again + table([text("model"), text("digest")], rows, "digests") + paragraph(escape(versions), "quiet")


