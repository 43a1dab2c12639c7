"""A comparison as tables: for MLflow, for Prefect's UI and for the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from prefect import task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE

from ganbench.gan.compare import Ranking
from ganbench.gan.findings import Analysis
from ganbench.gan.metering import Cost
from ganbench.gan.types import Score
from ganbench.gan.words import sentence
from ganbench.tasks.artifacts import DASH, decimals

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


def ranks_of(ranking: Ranking, model: str) -> str:
    """`1`, or `1 – 3` where the models cannot be told apart."""
    best, worst = ranking.ranks[model]
    return str(best) if best == worst else f"{best} {DASH} {worst}"


def cells_of(scores: Scores, rankings: Sequence[Ranking], costs: Mapping[str, Cost]) -> list[list[str]]:
    """The same for people: a row of texts for each model; a star at values that no other one beats significantly."""
    found = {model: {score.metric: score for score in rows} for model, rows in scores.items()}
    rows = []
    for model in rankings[0].models:
        values = [value_of(found[model][ranking.metric], model in ranking.leaders) for ranking in rankings]
        rows.append([model, ranks_of(rankings[0], model), *values, *costs_of(costs.get(model, Cost()))])
    return rows


def value_of(score: Score, leads: bool) -> str:
    digits = decimals(score.se)
    return f"{score.value:.{digits}f} \N{PLUS-MINUS SIGN} {score.se:.{digits}f}{'*' if leads else ' '}"


def costs_of(cost: Cost) -> list[str]:
    """`369,600`, `10`, `62`, `297 MB`."""
    whole = ["" if value is None else f"{value:,}" for value in (cost.parameters,)]
    rest = ["" if value is None else f"{value:,.3g}" if value < 100 else f"{value:,.0f}"
            for value in (cost.evaluations, cost.images_per_second)]
    memory = "" if cost.peak_memory is None else f"{cost.peak_memory / 1e6:,.0f} MB"
    return [text or DASH for text in (*whole, *rest, memory)]


def heads_of(rankings: Sequence[Ranking], arrows: Mapping[str, bool]) -> list[str]:
    """`arrows`: metric -> whether lower is better."""
    marks = ["\N{DOWNWARDS ARROW}" if arrows[row.metric] else "\N{UPWARDS ARROW}" for row in rankings]
    metrics = [f"{row.metric} {mark}" for row, mark in zip(rankings, marks, strict=True)]
    return ["model", "rank", *metrics, "parameters", "evaluations", "images/s", "memory"]


def arrows_of(scores: Scores) -> dict[str, bool]:
    return {score.metric: score.lower_is_better for rows in scores.values() for score in rows}


def leaderboard_markdown(
    scores: Scores, rankings: Sequence[Ranking], costs: Mapping[str, Cost], heading: str
) -> str:
    """The leaderboard as MLflow's note and Prefect's artifact show it; floors in the last row."""
    heads = heads_of(rankings, arrows_of(scores))
    lines = [f"## {heading}", "", f"| {' | '.join(heads)} |", "|---|---" + "|---:" * (len(heads) - 2) + "|"]
    lines += [f"| {' | '.join(row)} |" for row in cells_of(scores, rankings, costs)]
    lines.append(f"| {' | '.join(floors_of(scores, rankings))} |")
    return "\n".join([*lines, "", *(f"- {line}" for line in remarks(rankings, len(scores)))])


def floors_of(scores: Scores, rankings: Sequence[Ranking]) -> list[str]:
    """The row of real images."""
    first = {score.metric: score for score in next(iter(scores.values()))}
    values = [first[ranking.metric] for ranking in rankings]
    shown = [DASH if value.floor is None else f"{value.floor:.{decimals(value.se)}f}" for value in values]
    return ["real images", "", *shown, "", "", "", ""]


def remarks(rankings: Sequence[Ranking], n: int) -> list[str]:
    """How the table is to be read."""
    lead = rankings[0]
    best = lead.leaders
    together = f"{', '.join(best[:-1])} and {best[-1]} cannot be told apart by {lead.metric}: all may be best"
    first = f"{best[0]} is best by {lead.metric}" if len(best) == 1 else together
    pairs = len(lead.pairs)
    return [
        f"{first} (Holm's p < .05 over {pairs} pair{'s' if pairs != 1 else ''} of {n} models).",
        "* no other model is significantly better. Ranks are those that the significant differences allow.",
    ]


def weaknesses(analyses: Mapping[str, Analysis | None], most: int = 3) -> dict[str, list[str]]:
    """The gravest findings of each model in sentences, the first ones of the report; empty where nothing was found."""
    return {
        model: [sentence(finding) for finding in found.findings if finding.severity in ("alert", "warning")][:most]
        for model, found in analyses.items() if found
    }


def weaknesses_markdown(analyses: Mapping[str, Analysis | None]) -> str:
    lines = [f"- **{model}**: {' '.join(said) or 'nothing stands out.'}"
             for model, said in weaknesses(analyses).items()]
    return "\n".join(["", "### Weaknesses", "", *lines]) if lines else ""


@task(name="publish", task_run_name="publish leaderboard", persist_result=False, cache_policy=NO_CACHE)
def publish_leaderboard(scores: dict, rankings: list, costs: dict, analyses: dict, heading: str) -> None:
    """The leaderboard as an artifact of the flow run."""
    text = leaderboard_markdown(scores, rankings, costs, heading) + "\n" + weaknesses_markdown(analyses)
    create_markdown_artifact(markdown=text, key="leaderboard", description=heading)
