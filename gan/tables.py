"""Scores as tables: the cells, their digits, the best values and the caveats are determined here; terminals, pages and
trackers only render them."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ganbench.gan.compare import Ranking
from ganbench.gan.ensemble import WHOLE, Held
from ganbench.gan.metering import Cost
from ganbench.gan.naming import short_metric
from ganbench.gan.numbers import DASH, decimals
from ganbench.gan.types import Caveat, Estimate, Finding, Score, digest_of
from ganbench.gan.uncertainty import interval
from ganbench.gan.words import OF_OTHERS, sentence, verdict_of

ARROWS = {"lower": "\N{DOWNWARDS ARROW}", "higher": "\N{UPWARDS ARROW}", "undecided": "·"}  # to what is better
BOUNDS = {"most": "≤", "least": "≥"}
REAL = "real images"
SOME = 0.005  # of a mixture: a share that is worth a word


@dataclass(frozen=True)
class Cell:
    """A score as it is shown, with `decimals` decimals, so that its error has two significant digits."""

    value: float
    se: float
    low: float  # the 95 % confidence interval, clipped to the metric's bounds
    high: float
    floor: float | None  # the same number for real images
    decimals: int
    best: bool = False  # no other model is significantly better
    bound: str = ""  # most or least: the value is the end of what a share can be, so only the interval's end tells


@dataclass(frozen=True)
class Row:
    """A metric, or a slice; None where a column does not have it."""

    name: str
    better: str  # lower, higher or undecided
    cells: tuple[Cell | None, ...]

    @property
    def first(self) -> tuple[int, Cell]:
        """The first cell that is not None, and its column; its floor and decimals are used for the row."""
        return next((i, cell) for i, cell in enumerate(self.cells) if cell)


@dataclass(frozen=True)
class Note:
    """A caveat, the models that it is about (none: all of the table) and, for each extractor, their metrics (none: all
    that these models have)."""

    caveat: Caveat
    models: tuple[str, ...]
    metrics: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class ScoreTable:
    """A column for each model and a row for each metric; of slices a column for each metric, a row for each slice."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    notes: tuple[Note, ...]


def score_table(scores: Mapping[str, Sequence[Score]], rankings: Sequence[Ranking] = ()) -> ScoreTable:
    """A table of models, the best first where there are rankings; a row for each metric that any of them has."""
    models = rankings[0].models if rankings else tuple(scores)
    leaders = {row.metric: row.leaders for row in rankings}
    metrics = {score.metric: score for rows in scores.values() for score in rows}
    found = {(model, score.metric): score for model, rows in scores.items() for score in rows}
    rows = []
    for metric, score in metrics.items():
        pairs = [(found.get((model, metric)), model in leaders.get(metric, ())) for model in models]
        rows.append(Row(metric, better_of(score), tuple(cell_of(one, best) if one else None for one, best in pairs)))
    return ScoreTable(tuple(models), tuple(rows), notes_of(found.values()))


def slice_table(scores: Sequence[Score]) -> ScoreTable:
    """A table of classes or clusters, with a column for each metric; all scores are of one extractor."""
    metrics = {score.metric: score.row for score in scores}
    found = {(score.slice, score.metric): cell_of(score) for score in scores}
    rows = tuple(Row(name, "undecided", tuple(found.get((name, metric)) for metric in metrics))
                 for name in dict.fromkeys(score.slice for score in scores))
    return ScoreTable(tuple(metrics.values()), rows, notes_of(scores))


def better_of(score: Score) -> str:
    return "undecided" if not score.decides else "lower" if score.lower_is_better else "higher"


def cell_of(score: Score, best: bool = False) -> Cell:
    low, high = (min(max(end, score.bounds[0]), score.bounds[1]) for end in interval(Estimate(score.value, score.se)))
    return Cell(score.value, score.se, low, high, score.floor, decimals(score.se), best, bound_of(score))


def bound_of(score: Score) -> str:
    """Of none and of all images a share has no error of both sides."""
    if not (score.se > 0 and all(map(math.isfinite, score.bounds))):
        return ""
    return "most" if score.value == score.bounds[0] else "least" if score.value == score.bounds[1] else ""


def notes_of(scores: Iterable[Score]) -> tuple[Note, ...]:
    """Every caveat once."""
    scores = list(scores)
    found: dict[str, tuple[Caveat, list[Score]]] = {}
    for score in scores:
        for caveat in score.caveats:
            found.setdefault(digest_of(caveat), (caveat, []))[1].append(score)
    return tuple(note_of(caveat, bearers, scores) for caveat, bearers in found.values())


def note_of(caveat: Caveat, bearers: Sequence[Score], scores: Sequence[Score]) -> Note:
    """`bearers`: those of the scores that have the caveat."""
    models = unique(score.model for score in bearers)
    rest = sum(score.model in models for score in scores) > len(bearers)
    metrics: dict[str, tuple[str, ...]] = {}
    if caveat.rule not in OF_OTHERS and (rest or len(scores) == 1):
        metrics = {extractor: unique(short_metric(score.metric, extractor) for score in bearers
                                        if score.extractor == extractor)
                   for extractor in unique(score.extractor for score in bearers)}
    borne = {score.metric for score in bearers}
    having = unique(score.model for score in scores if not metrics or score.metric in borne)
    return Note(caveat, () if set(having) == set(models) else models, metrics)


def unique(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))


# As plain text, in English

def value_text(cell: Cell | None, mark: bool = False) -> str:
    """`0.102 ± 0.007`; with `mark` a star after the best values, and a space after the others.  `≤ 0.0014` for a share
    with no image: the upper limit of its 95 % confidence interval."""
    if cell is None:
        return DASH
    star = ("*" if cell.best else " ") if mark else ""
    if cell.bound:
        return f"{interval_text(cell)}{star}"
    return f"{cell.value:.{cell.decimals}f} \N{PLUS-MINUS SIGN} {cell.se:.{cell.decimals}f}{star}"


def interval_text(cell: Cell) -> str:
    if cell.bound:
        return f"{BOUNDS[cell.bound]} {cell.high if cell.bound == 'most' else cell.low:.{cell.decimals}f}"
    return f"{cell.low:.{cell.decimals}f} {DASH} {cell.high:.{cell.decimals}f}"


def floor_text(cell: Cell) -> str:
    return DASH if cell.floor is None else f"{cell.floor:.{cell.decimals}f}"


def short_text(cell: Cell | None) -> str:
    """`0.102 ± 0.007 (0.100)`."""
    return value_text(cell) + ("" if cell is None or cell.floor is None else f" ({floor_text(cell)})")


def about(note: Note, language: str = "en") -> str:
    """`a, b: `, `fd, kid of inception: `, both, or nothing."""
    of = {"en": "of", "fr": "de"}[language]
    metrics = "; ".join(f"{', '.join(rows)} {of} {extractor}" if extractor else ", ".join(rows)
                        for extractor, rows in note.metrics.items())
    return "".join(f"{said}: " for said in (", ".join(note.models), metrics) if said)


def verdict_line(lead: Ranking) -> str:
    """Which model is best, in English."""
    return verdict_of(lead.row, lead.metric, lead.models, lead.leaders)


def remarks(rankings: Sequence[Ranking]) -> list[str]:
    """What marks and ranks of a table of several models say."""
    lead, pairs = rankings[0], len(rankings[0].pairs)
    return [
        f"* no other model is significantly better (Holm-adjusted p < .05 over {pairs} pair{'s' * (pairs != 1)}).",
        f"Ranks are by {lead.metric}: those that agree with its significant differences.",
    ]


def ranks_of(ranking: Ranking, model: str) -> str:
    """`1`, or `1 – 3` where the models do not differ significantly."""
    best, worst = ranking.ranks[model]
    return str(best) if best == worst else f"{best} {DASH} {worst}"


def ranked_rows(
    table: ScoreTable, metrics: Collection[str], extractor: str, lead: Ranking, ranked: bool = True
) -> tuple[list[str], list[list[str]]]:
    """Heads and rows of some metrics of all models, by the features of one extractor; `ranked`: with their ranks by
    `lead`.  Real images come last."""
    shown = [row for row in table.rows if row.name in metrics]
    heads = ["", *["rank"] * ranked, *(f"{short_metric(row.name, extractor)} {ARROWS[row.better]}" for row in shown)]
    rows = [[model, *[ranks_of(lead, model)] * ranked, *(value_text(row.cells[k], mark=True) for row in shown)]
            for k, model in enumerate(table.columns)]
    return heads, [*rows, [REAL, *[""] * ranked, *(f"{floor_text(row.first[1])} " for row in shown)]]


def mixture_line(found: Held, names: Sequence[str]) -> str:
    """`Best mixture: 62 % a, 38 % b; on other images its kernel distance is 0.0042, 0.0006 less than that of a ...`"""
    if not helps(found):
        alone = names[int(found.shares.argmax()) if max(found.shares) > WHOLE else found.best]
        return f"No mixture of them was found to be significantly nearer to the real images than {alone} alone."
    parts = sorted(zip(found.shares, names, strict=True), reverse=True)
    shares = ", ".join(f"{100 * share:.0f} % {name}" for share, name in parts if share >= SOME)
    digits = decimals(found.gain.se or found.value.se)
    low, high = found.gain.value - 1.96 * found.gain.se, found.gain.value + 1.96 * found.gain.se
    return (f"Best mixture: {shares}; on images not used to choose it, its kernel distance is "
            f"{found.value.value:.{digits}f}, {found.gain.value:.{digits}f} less than that of {names[found.best]} "
            f"alone (95 %: {low:.{digits}f} to {high:.{digits}f}).")


def helps(found: Held) -> bool:
    """Whether a mixture is significantly better than the best model alone, on images not used to choose it."""
    return max(found.shares) <= WHOLE and found.gain.value > 1.96 * found.gain.se


def cost_texts(cost: Cost) -> list[str]:
    """`369,600`, `10`, `62`, `297 MB`."""
    whole = "" if cost.parameters is None else f"{cost.parameters:,}"
    rest = ["" if value is None else f"{value:,.3g}" if value < 100 else f"{value:,.0f}"
            for value in (cost.evaluations, cost.images_per_second)]
    memory = "" if cost.peak_memory is None else f"{cost.peak_memory / 1e6:,.0f} MB"
    return [text or DASH for text in (whole, *rest, memory)]


class Analysed(Protocol):
    """See `ganbench.gan.findings.Analysis`."""

    @property
    def findings(self) -> Sequence[Finding]: ...


def weaknesses(analyses: Mapping[str, Analysed | None], most: int = 3) -> dict[str, list[str]]:
    """The most important findings of each model in sentences; empty where nothing was found."""
    return {
        model: [sentence(finding) for finding in found.findings if finding.severity in ("alert", "warning")][:most]
        for model, found in analyses.items() if found
    }
