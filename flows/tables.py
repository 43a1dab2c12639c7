"""The output of the command line: tables, or JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganbench.flows.screen import Grid, Line, Screen, show
from ganbench.gan.naming import short_metric

if TYPE_CHECKING:
    from ganbench.gan.published import Published
    from ganbench.gan.tables import Note, Row
    from ganbench.gan.types import Score

DASH = "\N{EN DASH}"
SPACE = Line("")
SE, INTERVAL = "\N{PLUS-MINUS SIGN} SE", "95 % interval"  # heads of columns


def print_list(title: str, rows: Sequence[Mapping[str, Any]], as_json: bool) -> None:
    """Rows of equal keys, `name` first: a table, or [{"name": ...}, ...] as JSON."""
    if as_json:
        print(json.dumps(list(rows), indent=1))
    else:
        show(listed(title, rows))


def listed(title: str, rows: Sequence[Mapping[str, Any]]) -> Screen:
    """A table of rows of equal keys."""
    if not rows:
        return [Line(f"{title}: nothing yet.", indent=0)]
    heads = tuple(key.replace("_", " ") for key in rows[0])
    return [Grid(title, heads, tuple(tuple(map(shown, row.values())) for row in rows), numbers=False)]


def published_row(row: Published) -> dict[str, Any]:
    """A score that others printed; how it was checked stands behind it."""
    spread = "" if row.spread is None else f" ± {row.spread:g}"
    return {"name": row.model, "metric": row.metric, "value": f"{row.value:g}{spread}", "paper": row.paper,
            "where": f"arXiv:{row.arxiv}, {row.table}", "checked": row.checked}


def shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return f"{value:,}" if isinstance(value, int) else str(value)


def print_checks(rows: Sequence[Mapping[str, Any]], as_json: bool) -> None:
    """What `ganbench verify` found; why a check was not run stands below the table."""
    reasons = [(row["name"], *row["state"].partition(": ")[::2]) for row in rows]
    short = [
        {**row, "found": digits(row["found"]), "expected": digits(row["expected"]), "state": state}
        for row, (_, state, _) in zip(rows, reasons, strict=True)
    ]
    print_list("Verification", rows if as_json else short, as_json)
    if as_json:
        return
    show([Line(f": {state}: {reason}", name, "yellow") for name, state, reason in reasons if reason])
    states = [state for _, state, _ in reasons]
    print(", ".join(f"{states.count(state)} {state}" for state in ("ok", "FAILED", "not run")))


def digits(value: Any) -> str:
    """Ten significant digits; a digest as it is; a dash for nothing."""
    return DASH if value is None else f"{value:.10g}" if isinstance(value, float) else str(value)


def scores_screen(scores: Sequence[Score], heading: str) -> Screen:
    """Value, standard error, interval and floor of every score of a model, a table for each extractor; arrows point to
    better."""
    from ganbench.gan.tables import ARROWS, score_table
    from ganbench.tasks.artifacts import texts

    found = score_table({"": scores})
    cells = {row.name: [f"{ARROWS[row.better]}", *texts(row.first[1])] for row in found.rows}
    heads = ("", "", "value", SE, INTERVAL, "real images")
    grids = [
        Grid(f"Features of {extractor}" if extractor else "", heads,
             tuple((short_metric(score.metric, extractor), *cells[score.metric]) for score in rows), spare=(INTERVAL,))
        for extractor, rows in by_extractor(scores).items()
    ]
    return [Line("", heading, "bold", indent=0), *grids, legend(found.rows),
            *headed("Notes", notes_screen(found.notes))]


def by_extractor(scores: Iterable[Score]) -> dict[str, list[Score]]:
    """Scores, each metric once, by the network whose features they are of."""
    found: dict[str, dict[str, Score]] = {}
    for score in scores:
        found.setdefault(score.extractor, {}).setdefault(score.metric, score)
    return {extractor: list(rows.values()) for extractor, rows in found.items()}


def legend(rows: Sequence[Row]) -> Line:
    """What the arrows in front of the values say."""
    from ganbench.gan.tables import ARROWS

    said = {"lower": "lower is better", "higher": "higher is better", "undecided": "neither is better"}
    used = [f"{ARROWS[better]} {said[better]}" for better in ARROWS if any(row.better == better for row in rows)]
    return Line(f"{', '.join(used)}. {SE}: standard error. Real images: the score of as many real images.", style="dim")


def headed(title: str, lines: Screen) -> Screen:
    """The lines below a title, if there are any."""
    return [SPACE, Line("", title, "bold", indent=0), *lines] if lines else []


def slices_screen(scores: Sequence[Score]) -> Screen:
    """A row for every class or cluster, a column for every metric, what real images have in brackets."""
    from ganbench.gan.tables import short_text, slice_table

    found = slice_table(scores)
    by = ", ".join(dict.fromkeys(score.extractor for score in scores if score.extractor))  # one: in no heading again
    title = f"Slices{f' by {by}' if by else ''}, in brackets what real images have"
    rows = tuple((row.name, *map(short_text, row.cells)) for row in found.rows)
    return [Grid(title, ("slice", *found.columns), rows), *notes_screen(found.notes, named=False)]


def notes_screen(notes: Sequence[Note], named: bool = True) -> Screen:
    """The caveats, each once, after the models and metrics that it is about."""
    from ganbench.gan.tables import about
    from ganbench.gan.words import caution

    return [Line(caution(note.caveat) + ".", about(note) if named else "", "yellow") for note in notes]


def scores_json(scores: Iterable[Score], slices: Iterable[Score], provenance: Mapping[str, Any]) -> str:
    """What the tables show, with full precision."""
    parts = [{"slice": score.slice, **(score_json(score) if score.caveats else plain(score))} for score in slices]
    rows = [score_json(score) for score in scores]
    content = {"scores": rows, **({"slices": parts} if parts else {}), "provenance": dict(provenance)}
    return json.dumps(content, indent=1)


def plain(score: Score) -> dict[str, Any]:
    return {name: getattr(score, name) for name in ("model", "metric", "value", "se", "floor", "n", "protocol")}


def score_json(score: Score) -> dict[str, Any]:
    """A score with its caveats, in English and as rules with facts."""
    from dataclasses import asdict

    from ganbench.gan.words import caution

    said = [caution(caveat) for caveat in score.caveats]
    return {**plain(score), "warnings": said, "caveats": [asdict(caveat) for caveat in score.caveats]}


def write_json(target: str, text: str) -> None:
    """To a file, or to stdout for `-`."""
    if target == "-":
        print(text)
        return
    from ganbench.gan.files import atomic_write

    atomic_write(Path(target), lambda path: path.write_text(text + "\n", "utf-8"))
