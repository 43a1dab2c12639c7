"""Scores that show themselves: a list of them, which a notebook shows as a table, and a terminal as text."""

from __future__ import annotations

from ganbench.gan import markup
from ganbench.gan.naming import short_metric
from ganbench.gan.tables import (
    ARROWS,
    Cell,
    Note,
    ScoreTable,
    about,
    floor_text,
    interval_text,
    score_table,
    value_text,
)
from ganbench.gan.types import Score
from ganbench.gan.words import caution

HEADS = ("", "better", "value \N{PLUS-MINUS SIGN} SE", "95 % interval", "real images")
LEGEND = ("SE: standard error. Real images: the same number for as many real images that are not in the reference; "
          "what a perfect model would get.")


class Scores(list[Score]):
    """Scores of one model under one protocol, the leading metric first; otherwise a list like any other."""

    def __repr__(self) -> str:
        return "\n".join([self.title, markup.aligned(HEADS, self.rows), *notes_of(self.table)]) if self else "[]"

    def _repr_html_(self) -> str:
        """For notebooks."""
        if not self:
            return markup.paragraph("No scores.")
        grids = [markup.table(HEADS, self.rows_of(extractor), f"Features of {extractor}" if extractor else "")
                 for extractor in self.extractors]
        return "".join([markup.paragraph("", self.title), *grids, markup.paragraph(LEGEND), html_notes(self.table)])

    @property
    def title(self) -> str:
        return f"{self[0].model}, {self[0].n:,} images, {self[0].protocol}"

    @property
    def table(self) -> ScoreTable:
        return score_table({"": self})

    @property
    def extractors(self) -> list[str]:
        """The networks whose features they are of, the leading one first."""
        return list(dict.fromkeys(score.extractor for score in self))

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """All of them as texts, by their whole names."""
        return [(row.name, ARROWS[row.better], *texts(row.first[1])) for row in self.table.rows]

    def rows_of(self, extractor: str) -> list[tuple[str, ...]]:
        """Those of one extractor, by their short names."""
        names = {score.metric for score in self if score.extractor == extractor}
        return [(short_metric(name, extractor), *rest) for name, *rest in self.rows if name in names]


def texts(cell: Cell) -> tuple[str, str, str]:
    """Value and error, interval, floor."""
    return value_text(cell), interval_text(cell), floor_text(cell)


def notes_of(table: ScoreTable) -> list[str]:
    """The caveats as sentences."""
    return [f"{about(note)}{caution(note.caveat)}." for note in table.notes]


def html_notes(table: ScoreTable) -> str:
    """The caveats, each after the models and metrics that it is about."""
    return "".join(map(note_html, table.notes))


def note_html(note: Note) -> str:
    return markup.paragraph(f"{caution(note.caveat)}.", about(note) or "Note: ")

