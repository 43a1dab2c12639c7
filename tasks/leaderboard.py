"""A comparison as tables: for MLflow, for Prefect's UI and for the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from prefect.artifacts import create_markdown_artifact

from ganbench.gan.compare import Ranking
from ganbench.gan.findings import Analysis
from ganbench.gan.metering import Cost
from ganbench.gan.naming import short_metric
from ganbench.gan.report.markdown import escaped
from ganbench.gan.tables import ARROWS, floor_text, ranks_of, remarks, score_table, value_text, verdict_line, weaknesses
from ganbench.gan.types import Score
from ganbench.tasks.artifacts import data_uri, linked, log_links

MOST = 4    # models beside each other in Prefect's pages
COSTS = ("parameters", "evaluations", "images_per_second", "peak_memory")

Scores = Mapping[str, Sequence[Score]]


def leaderboard(scores: Scores, rankings: Sequence[Ranking], costs: Mapping[str, Cost]) -> list[dict[str, Any]]:
    """A row for each model, the best first by the leading metric: ranks, values with errors, costs; full precision."""
    found = {model: {score.metric: score for score in rows} for model, rows in scores.items()}
    rows = []
    for model in rankings[0].models:
        row: dict[str, Any] = {"model": model, "rank": ranks_of(rankings[0], model)}
        for ranking in rankings:
            score = found[model][ranking.metric]
            row |= {ranking.metric: score.value, f"{ranking.metric}.se": score.se}
        rows.append(row | {name: asdict(costs.get(model, Cost()))[name] for name in COSTS})
    return rows


def weaknesses_markdown(analyses: Mapping[str, Analysis | None]) -> str:
    lines = [f"- **{escaped(model)}**: {escaped(' '.join(said)) or 'nothing stands out.'}"
             for model, said in weaknesses(analyses).items()]
    return "\n".join(["", "### Weaknesses", "", *lines]) if lines else ""


def strips(models: Sequence[str], pictures: Mapping[str, str]) -> list[str]:
    """A table in Markdown of each model's first images."""
    rows = [f"| {escaped(model)} | ![Images of {escaped(model)}]({data_uri(pictures[model], 1 / 8, 530)}) |"
            for model in models if model in pictures]
    return ["| model, best first | images |", "|---|---|", *rows, ""] if rows else []


def board(scores: Scores, rankings: Sequence[Ranking]) -> str:
    """The leaderboard with a column for each of the best models, as many as Prefect's pages have the width for, and the
    extractors said once, above their metrics."""
    table, n = score_table(scores, rankings), len(rankings[0].models)
    shown = rankings[0].models[:MOST]
    columns = [table.columns.index(model) for model in shown]
    rows, above = [["rank", "", *(ranks_of(rankings[0], model) for model in shown)]], ""
    extractors = {score.metric: score.extractor for some in scores.values() for score in some}
    for row in table.rows:
        extractor = extractors[row.name]
        if extractor != above:
            rows.append([f"**{escaped(extractor)}**", *[""] * (1 + len(shown))])
            above = extractor
        rows.append([f"{escaped(short_metric(row.name, extractor))} {ARROWS[row.better]}", floor_text(row.first[1]),
                     *(escaped(value_text(row.cells[i], mark=True)) for i in columns)])
    heads = ["metric", "real", *map(escaped, shown)]
    lines = [f"| {' | '.join(row)} |" for row in (heads, ["---", *["---:"] * (1 + len(shown))], *rows)]
    more = [f"- The {MOST} best of {n} models; all of them are in the report."] if n > MOST else []
    said = [verdict_line(rankings[0]), *remarks(rankings)]
    return "\n".join([*lines, "", *more, *(f"- {escaped(line)}" for line in said)])


def publish_leaderboard(
    scores: Scores, rankings: Sequence[Ranking], costs: Mapping[str, Cost], analyses: Mapping[str, Analysis | None],
    heading: str, pictures: Mapping[str, str] | None = None, links: Mapping[str, str] | None = None,
) -> None:
    """The leaderboard as an artifact of the flow run, below links and pictures of the models' images, best first."""
    text = "\n".join([
        linked(links or {}), "", *strips(rankings[0].models, pictures or {}), f"## {escaped(heading)}", "",
        board(scores, rankings), weaknesses_markdown(analyses),
    ])
    create_markdown_artifact(markdown=text, key="leaderboard", description=heading)
    log_links(links or {})
