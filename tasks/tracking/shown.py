"""How scores are called and written on MLflow's pages: short names, values rounded to their errors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ganbench.gan.metering import Cost
from ganbench.gan.naming import short_metric
from ganbench.gan.tables import cell_of, cost_texts, floor_text, value_text
from ganbench.gan.types import Score
from ganbench.tasks import score_view
from ganbench.tasks.score_view import Chart, View, column

CHARTED = ("cost/images_per_second", "cost/parameters", "cost/evaluations", "cost/peak_memory")
FACTORS = {"kid": 1_000}  # MLflow's charts write two decimals; papers give the KID in thousandths, too
RANK = "rank"  # a tag, `2 – 3`, and a metric: the best that the significant differences allow
SUITES = "suites"  # a tag: the comparisons that a run is part of
SPEED, SIZE = "images/s", "parameters"  # tags


def short(score: Score, lead: str) -> str:
    """`kid` for the leading extractor, which the page says once; `kid_judge` for others; `fid` is always that."""
    return short_metric(score.metric, lead)


def text_of(score: Score) -> str:
    """`0.00481 ± 0.00023`: two significant digits of the error."""
    return value_text(cell_of(score))


def metrics_of(score: Score, name: str) -> dict[str, float]:
    """One MLflow metric for the value, in full precision; its error and floor beside it."""
    found = {name: score.value, f"{name}.se": score.se}
    if score.floor is not None:
        found[f"{name}.floor"] = score.floor
    if score.row in FACTORS:
        found[scaled(name, score.row)] = FACTORS[score.row] * score.value
    return found


def scaled(name: str, row: str) -> str:
    """`kid x1000`."""
    return f"{name} x{FACTORS[row]}"


def tags_of(scores: Iterable[Score], lead: str, cost: Cost | None) -> dict[str, str]:
    """The columns of MLflow's page of runs."""
    found = {short(score, lead): text_of(score) for score in scores}
    if cost is not None and cost.images_per_second is not None:
        size, _, speed, _ = cost_texts(cost)
        found |= {SPEED: speed, SIZE: size}
    return found


def row_of(score: Score, lead: str) -> dict[str, object]:
    """A row of the table of scores; MLflow's page compares the second column of several runs."""
    return {"metric": f"{score.slice}: {short(score, lead)}" if score.slice else short(score, lead),
            "score": text_of(score), "real images": floor_text(cell_of(score)),
            "better": "" if not score.decides else "lower" if score.lower_is_better else "higher",
            "value": score.value, "se": score.se, "floor": score.floor, "n": score.n, "name": score.metric,
            "slice": score.slice, "protocol": score.protocol}


def view_of(key: str, name: str, chosen: str, scores: Mapping[str, Sequence[Score]], lead: str, ranked: bool,
            pictures: Sequence[str] = (), costs: Mapping[str, Cost] | None = None) -> View:
    """The view of these models, the best first: ranks, scores with errors, charts of what decides."""
    every = list({score.metric: score for rows in scores.values() for score in rows}.values())
    texts: dict[str, list[str]] = {}
    for model, rows in scores.items():
        for tag, text in tags_of(rows, lead, (costs or {}).get(model)).items():
            texts.setdefault(tag, [tag]).append(text)
    columns = ([column("tags", RANK)] if ranked else []) + [column("tags", tag) for tag in texts]
    widths = {column("tags", tag): score_view.longest(found) for tag, found in texts.items()}
    telling = [score for score in every if differs(score.metric, scores)]
    lead_score = every[0]
    charts = charts_of(telling, lead, pictures)
    return View(
        key, name, chosen, column("metrics", short(lead_score, lead)), lead_score.lower_is_better,
        {name: widths.get(name, 5) for name in columns}, charts, hidden(every, charts, lead),
        min(40, score_view.longest(scores)))


def charts_of(scores: Sequence[Score], lead: str, pictures: Sequence[str]) -> list[Chart]:
    """Scores that decide first, the leading extractor's before those of others; pictures; then costs."""
    deciding = sorted((score for score in scores if score.decides), key=lambda score: score.extractor != lead)
    sections = ((score_view.LOWER, True), (score_view.HIGHER, False))
    return [
        *(Chart(section, charted(score, lead)) for section, lower in sections for score in deciding
          if score.lower_is_better == lower),
        *(Chart(score_view.PICTURES, pictures=name) for name in pictures),
        *(Chart(score_view.COSTS, name) for name in CHARTED),
    ]


def charted(score: Score, lead: str) -> str:
    """The metric whose bars show this score."""
    name = short(score, lead)
    return scaled(name, score.row) if score.row in FACTORS else name


def differs(metric: str, scores: Mapping[str, Sequence[Score]]) -> bool:
    """Whether bars can say something: not if all of several models copied nothing."""
    values = [one.value for rows in scores.values() for one in rows if one.metric == metric]
    return len(values) == 1 or len(set(values)) > 1


def hidden(scores: Sequence[Score], charts: Sequence[Chart], lead: str) -> list[str]:
    """Errors, floors and what else has a number but no chart."""
    charted = {chart.metric for chart in charts}
    mine = [name for score in scores for name in metrics_of(score, short(score, lead))]
    rest = [RANK, "cost/bytes", "cost/images_per_second_low", "cost/images_per_second_high"]
    return [name for name in [*mine, *rest] if name not in charted]


def legend(scores: Sequence[Score], lead: str) -> str:
    """How to read the page of runs."""
    lower = [short(score, lead) for score in scores if score.decides and score.lower_is_better]
    better = f"; lower is better for {', '.join(lower)}" if lower else ""
    return f"value \N{PLUS-MINUS SIGN} standard error; features of {lead}{better}"
