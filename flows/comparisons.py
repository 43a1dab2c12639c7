"""What the command line prints of a comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ganbench.flows.answers import Answer, Asked, keep
from ganbench.flows.screen import Grid, Line, Screen
from ganbench.flows.tables import SPACE, by_extractor, headed, legend, listed, notes_screen, published_row
from ganbench.gan.compare import unsound
from ganbench.gan.ensemble import WHOLE
from ganbench.gan.report.verdict import same_models
from ganbench.gan.tables import (
    SOME,
    ScoreTable,
    cost_texts,
    helps,
    mixture_line,
    ranked_rows,
    remarks,
    score_table,
    verdict_line,
    weaknesses,
)
from ganbench.gan.types import Caveat, Finding
from ganbench.gan.words import caution, sentence

if TYPE_CHECKING:
    from ganbench.flows.compare import Compared

COSTS = ("cost", "parameters", "evaluations", "images/s", "memory")  # heads of columns


def comparison_screen(found: Compared) -> Screen:
    """The verdict, a row for each model in tables of scores and costs, then what is to be known about them."""
    job = next(iter(found.jobs.values()))
    table = score_table(found.scores, found.rankings)
    heading = f"{len(found.jobs)} models, {job.protocol.n_generated:,} images each, {job.protocol.name}"
    return [
        Line("", heading, "bold", indent=0), *map(Line, [verdict_line(found.rankings[0]), *mixture_lines(found)]),
        *same_screen(found), *score_grids(found, table), cost_grid(found, table.columns), legend(table.rows),
        *map(Line, remarks(found.rankings)), *weaknesses_screen(found), *headed("Notes", notes_screen(table.notes)),
        *(listed("Published under the same protocol", [published_row(row) for row in found.published])
          if found.published else ()),
        SPACE, *places_screen(found),
    ]


def score_grids(found: Compared, table: ScoreTable) -> list[Grid]:
    """A table for each extractor, the leading one first, with the ranks; real images come last."""
    grids: list[Grid] = []
    for extractor, scores in by_extractor(score for some in found.scores.values() for score in some).items():
        heads, rows = ranked_rows(table, {score.metric for score in scores}, extractor, found.rankings[0], not grids)
        title = f"Features of {extractor}" if extractor else ""
        grids.append(Grid(title, tuple(heads), tuple(map(tuple, rows)), models=len(table.columns)))
    return grids


def cost_grid(found: Compared, models: Sequence[str]) -> Grid:
    rows = tuple((model, *cost_texts(found.costs[model])) for model in models)
    return Grid("Cost of generation", ("", *COSTS[1:]), rows, models=len(models))


def mixture_lines(found: Compared) -> list[str]:
    """The best mixture, and what is the matter with the models that are part of it."""
    if not found.mixture:
        return []
    said = [mixture_line(found.mixture, list(found.jobs))]
    if helps(found.mixture):
        said += doubts(dict(zip(found.jobs, found.mixture.shares, strict=True)), {
            name: unsound([caveat for score in found.scores[name] for caveat in score.caveats],
                          analysis.findings if analysis else ())
            for name, analysis in ((name, found.analyses.get(name)) for name in found.jobs)})
    return said


def same_screen(found: Compared) -> Screen:
    same = same_models({name: job.model_digest for name, job in found.jobs.items()})
    return [Line(english) for english, _ in same]


def weaknesses_screen(found: Compared) -> Screen:
    """Each model with its most important findings, the best model first."""
    said = weaknesses(found.analyses)
    lines: list[Grid | Line] = []
    for model in found.rankings[0].models:
        if model in said:
            lines += [Line("" if said[model] else ": nothing stands out.", model, "bold"),
                      *(Line(f"- {text}", indent=3) for text in said[model])]
    return headed("What is wrong with the models", lines)


def places_screen(found: Compared) -> Screen:
    """Where the results lie."""
    where = found.suite.problem or found.suite.url or f"run {found.suite.run_id}; `ganbench ui` shows it"
    return [Line(f"Images: {found.found:,} from the store, {found.drawn:,} drawn now.", indent=0),
            Line(f"Report: {found.report}/report.html", indent=0, whole=True),
            Line(f"MLflow: {where}", indent=0, whole=True)]


def doubts(shares: Mapping[str, float], unsound: Mapping[str, Caveat | Finding | None]) -> list[str]:
    """What is the matter with models that are part of a mixture."""
    found = []
    for name, why in unsound.items():
        if why and SOME <= shares[name] <= WHOLE:
            said = caution(why) if isinstance(why, Caveat) else sentence(why).rstrip(".")
            found.append(f"But the mixture contains images of {name}, about which there is a warning: {said}.")
    return found


def comparison_json(found: Compared) -> str:
    """The report's document, to the last byte."""
    return (Path(found.report) / "report.json").read_text("utf-8").rstrip("\n")


def answer_of(found: Compared) -> Answer:
    return Answer(comparison_screen(found), comparison_json(found))


def kept(question: Asked | None, found: Compared) -> Answer:
    """The answer, and it is kept for the next time, when everything will come from the store."""
    again = replace(found, drawn=0, found=found.found + found.drawn)
    runs = [found.suite.run_id, *(tracked.run_id for tracked in found.tracked.values())]
    keep(question, answer_of(again), [found.report], runs)
    return answer_of(found)
