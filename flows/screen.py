"""What a command prints: grids of short texts and lines of prose, fitted to the width of the terminal.

A screen is plain data, so that it can be kept and shown again at another width.  A number is never shortened or broken:
columns that do not fit go into a further block, and where not even one fits, every value gets a line of its own.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from ganbench.gan.naming import short_names

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

GAP = 2  # spaces between columns
PIPED = 120  # columns where there is no terminal and COLUMNS is not set


@dataclass(frozen=True)
class Grid:
    """Rows of texts, the first of each its name.  Columns of numbers stand to the right and are never broken; others
    are prose, which is broken between words."""

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: bool = True
    models: int = 0  # so many rows from the top are models, whose names are shortened by what they share if need be
    spare: tuple[str, ...] = ()  # heads of columns that a narrow terminal does without


@dataclass(frozen=True)
class Line:
    """A sentence after a start of its own style."""

    text: str
    start: str = ""
    style: str = ""
    indent: int = 1
    whole: bool = False  # never broken: an address or a path, to be copied


Screen = Sequence[Grid | Line]


def console(to_stderr: bool = False) -> Console:
    """As wide as the terminal; without one, as COLUMNS says."""
    from rich.console import Console

    watched = (sys.stderr if to_stderr else sys.stdout).isatty()
    return Console(stderr=to_stderr, highlight=False, width=None if watched else columns())


def columns() -> int:
    return max(20, shutil.get_terminal_size((PIPED, 24)).columns)


def show(screen: Screen) -> None:
    """Print it; if one table of models needs short names, all have them."""
    there, pieces = console(), list(screen)
    short = any(isinstance(piece, Grid) and piece.models and needed(piece) > there.width for piece in pieces)
    for before, piece in zip([None, *pieces], pieces, strict=False):
        if isinstance(piece, Line):
            show_line(there, piece)
            continue
        if before and not isinstance(before, Grid):
            there.print()
        show_grid(there, shortened(piece, said=before is None or not isinstance(before, Grid)) if short else piece)


def as_data(screen: Screen) -> list[dict[str, Any]]:
    """For JSON; `from_data` reads it back."""
    return [{"piece": type(piece).__name__, **asdict(piece)} for piece in screen]


def from_data(data: Sequence[Mapping[str, Any]]) -> list[Grid | Line]:
    found: list[Grid | Line] = []
    for facts in data:
        given = {name: value for name, value in facts.items() if name != "piece"}
        if facts["piece"] == "Line":
            found.append(Line(**given))
        else:
            rows, heads, spare = tuple(map(tuple, given["rows"])), tuple(given["heads"]), tuple(given["spare"])
            found.append(Grid(**{**given, "rows": rows, "heads": heads, "spare": spare}))
    return found


def show_line(there: Console, line: Line) -> None:
    """What does not fit goes on below the beginning of the text; after `- ` a little to the right."""
    from rich.text import Text

    said, indent = f"{line.start}{line.text}", " " * line.indent
    hanging = indent + "  " * said.startswith("- ")
    parts = [said] if line.whole else wrapped(said, there.width - len(hanging))
    for k, part in enumerate(parts):
        text = Text(((hanging if k else indent) + part).rstrip())
        if k == 0:
            text.stylize(line.style, len(indent), len(indent) + len(line.start))
        there.print(text, soft_wrap=line.whole)


def show_grid(there: Console, grid: Grid) -> None:
    """In blocks of as many columns as fit, or a line for each value; an empty line after each."""
    from rich.text import Text

    fitted = without_spare(grid, there.width)
    if fitted.title:
        for part in wrapped(fitted.title, there.width):
            there.print(Text(part, "bold"))
    for block in blocks(fitted, there.width) if fitted.numbers else [fitted]:
        widths = widths_of(block, there.width)
        for text in lines_of(block, widths) if widths else stacked(block, there.width):
            there.print(text, soft_wrap=bool(widths))
        there.print()


def without_spare(grid: Grid, width: int) -> Grid:
    """The grid without its spare columns, where it does not fit otherwise."""
    if not grid.spare or needed(grid) <= width:
        return grid
    return of_columns(grid, [i for i, head in enumerate(grid.heads) if i and head not in grid.spare])


def shortened(grid: Grid, said: bool) -> Grid:
    """The grid with short names of models; `said`: with what they share in its title."""
    if not grid.models:
        return grid
    names, words = short_names([row[0] for row in grid.rows[: grid.models]])
    rows = [(name, *row[1:]) for name, row in zip(names, grid.rows, strict=False)]
    title = f"{grid.title} (models without {words})" if said and words else grid.title
    return replace(grid, title=title, rows=(*rows, *grid.rows[grid.models :]))


# Widths, in cells of the terminal

def natural(grid: Grid) -> list[int]:
    """Of columns whose texts are not broken."""
    from rich.cells import cell_len

    return [max(cell_len(text) for text in column) for column in zip(grid.heads, *grid.rows, strict=True)]


def needed(grid: Grid) -> int:
    widths = natural(grid)
    return sum(widths) + GAP * (len(widths) - 1) + 1


def widths_of(grid: Grid, width: int) -> list[int]:
    """Of the columns; prose gets what it needs, or at least its longest word.  Empty: it does not fit."""
    widest, room = natural(grid), width - 1 - GAP * (len(grid.heads) - 1)
    if sum(widest) <= room:
        return widest
    least = [widest[0], *(widest[1:] if grid.numbers else map(longest_word, list(columns_of(grid))[1:]))]
    if sum(least) > room:
        return []
    given, rest = list(least), room - sum(least)
    order = sorted(range(len(given)), key=lambda i: widest[i] - least[i])
    for place, i in enumerate(order):  # who wants least first, so that what is left goes to those who want more
        more = min(widest[i] - least[i], rest // (len(order) - place))
        given[i], rest = given[i] + more, rest - more
    return given


def columns_of(grid: Grid) -> Iterator[tuple[str, ...]]:
    return zip(grid.heads, *grid.rows, strict=True)


def longest_word(texts: Sequence[str]) -> int:
    """Of prose; a column of it is at least some words wide."""
    from rich.cells import cell_len

    longest = max((cell_len(word) for text in texts for word in text.split()), default=0)
    return max(longest, min(24, max(map(cell_len, texts))))


def blocks(grid: Grid, width: int) -> Iterator[Grid]:
    """The columns in groups that fit, each after the names; a group of one where not even that fits."""
    widths, chosen = natural(grid), list[int]()
    for i in range(1, len(widths)):
        total = widths[0] + sum(widths[j] + GAP for j in [*chosen, i]) + 1
        if chosen and total > width:
            yield of_columns(grid, chosen)
            chosen = []
        chosen.append(i)
    yield of_columns(grid, chosen)


def of_columns(grid: Grid, chosen: Sequence[int]) -> Grid:
    kept = [0, *chosen]
    return replace(grid, heads=tuple(grid.heads[i] for i in kept),
                   rows=tuple(tuple(row[i] for i in kept) for row in grid.rows))


# Lines

def lines_of(grid: Grid, widths: Sequence[int]) -> Iterator[Text]:
    """The heads, a rule, the rows."""
    from rich.text import Text

    yield from row_of(grid.heads, widths, grid.numbers, "bold")
    yield Text(f" {'─' * (sum(widths) + GAP * (len(widths) - 1))}")
    for row in grid.rows:
        yield from row_of(row, widths, grid.numbers)


def row_of(texts: Sequence[str], widths: Sequence[int], numbers: bool, style: str = "") -> Iterator[Text]:
    """A row, over several lines where prose is longer than its column."""
    from rich.text import Text

    columns = [wrapped(text, width) for text, width in zip(texts, widths, strict=True)]
    for k in range(max(map(len, columns))):
        line = Text(" ")
        for i, (column, width) in enumerate(zip(columns, widths, strict=True)):
            text = Text(column[k] if k < len(column) else "", style or ("bold" if i == 0 else ""))
            text.align("right" if numbers and i else "left", width)
            line.append_text(text).append(" " * GAP if i < len(widths) - 1 else "")
        line.rstrip()
        yield line


def wrapped(text: str, width: int) -> list[str]:
    """Lines of at most `width` cells, broken between words."""
    from rich.cells import cell_len

    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if cell_len(longer) <= width or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def stacked(grid: Grid, width: int) -> Iterator[Text]:
    """Every row as its name, and below it a line for each value; what is longer than the terminal goes on below."""
    from rich.text import Text

    for row in grid.rows:
        yield Text(f" {row[0]}", "bold")
        for head, value in zip(grid.heads[1:], row[1:], strict=True):
            for k, part in enumerate(below(head, value, width - 5, whole=grid.numbers) if value else ()):
                yield Text(f"{'     ' if k else '   '}{part}".rstrip())


def below(head: str, value: str, width: int, whole: bool) -> list[str]:
    """`head: value` in lines of this width; `whole`: the value is not broken."""
    from rich.cells import cell_len

    said = f"{head}: {value}" if head else value
    return [f"{head}:", value] if whole and head and cell_len(said) > width else wrapped(said, width)
