"""The output of the command line: tables, or JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from ganbench.gan.published import Published
    from ganbench.gan.tables import ScoreTable
    from ganbench.gan.types import Score

DASH = "\N{EN DASH}"


def console(to_stderr: bool = False) -> Console:
    from rich.console import Console

    watched = (sys.stderr if to_stderr else sys.stdout).isatty()
    return Console(stderr=to_stderr, highlight=False, width=None if watched else 160)


def print_list(title: str, rows: Sequence[Mapping[str, Any]], as_json: bool) -> None:
    """Rows of equal keys, `name` first: a table, or [{"name": ...}, ...] as JSON."""
    if as_json:
        print(json.dumps(list(rows), indent=1))
        return
    if not rows:
        print(f"{title}: nothing yet.")
        return
    from rich.text import Text

    table = table_of(title)
    for key in rows[0]:
        table.add_column(Text(key.replace("_", " ")), overflow="fold", style="bold" if key == "name" else "")
    for row in rows:
        table.add_row(*(Text(shown(value)) for value in row.values()))
    console().print(table)


def table_of(title: str = "") -> Table:
    """An empty table of the house's style.  Give it `Text`s: rich reads brackets in strings as markup, and :names: as
    emoji."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    return Table(title=Text(title) if title else None, box=box.SIMPLE_HEAD, title_justify="left", title_style="bold")


def say(start: str, style: str, text: str, whole: bool = False) -> None:
    """A line as it is, its start in a style; `whole`: not broken at the terminal's width."""
    from rich.text import Text

    console().print(Text.assemble(" ", (start, style), text), soft_wrap=whole)


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
    for name, state, reason in reasons:
        if reason:
            say(name, "yellow", f": {state}: {reason}")
    states = [state for _, state, _ in reasons]
    print(", ".join(f"{states.count(state)} {state}" for state in ("ok", "FAILED", "not run")))


def digits(value: Any) -> str:
    """Ten significant digits; a digest as it is; a dash for nothing."""
    return DASH if value is None else f"{value:.10g}" if isinstance(value, float) else str(value)


def print_scores(scores: Sequence[Score], heading: str) -> None:
    """Value, standard error, interval and floor of every score of a model; arrows point to better."""
    from ganbench.gan.tables import ARROWS, score_table
    from ganbench.tasks.artifacts import texts

    found = score_table({"": scores})
    heads = ["metric", "value", "\N{PLUS-MINUS SIGN} SE", "95 % interval", "real images"]
    print_table(heading, heads, [[f"{row.name} {ARROWS[row.better]}", *texts(row.first[1])] for row in found.rows])
    print_notes(found)


def print_slices(scores: Sequence[Score]) -> None:
    """A row for every class or cluster, a column for every metric, what real images have in brackets."""
    from dataclasses import replace

    from ganbench.gan.tables import ScoreTable, short_text, slice_table

    found = slice_table(scores)
    by = ", ".join(dict.fromkeys(score.extractor for score in scores if score.extractor))  # one: in no heading again
    title = f"Slices{f' by {by}' if by else ''}, in brackets what real images have"
    print_table(title, ["slice", *found.columns], [[row.name, *map(short_text, row.cells)] for row in found.rows])
    notes = tuple(replace(note, about=(), everywhere=False) for note in found.notes)
    print_notes(ScoreTable(found.columns, found.rows, notes))


def print_table(title: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Texts as they are: names of the user's are no markup."""
    from rich.text import Text

    table = table_of(title)
    table.add_column(Text(heads[0]), style="bold", no_wrap=True)
    for head in heads[1:]:
        table.add_column(Text(head), justify="right", overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    console().print(table)


def print_notes(found: ScoreTable) -> None:
    """The caveats, each once, after the names of the scores that it is about."""
    from ganbench.gan.tables import about
    from ganbench.gan.words import caution

    for note in found.notes:
        say(about(note), "yellow", caution(note.caveat))


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
