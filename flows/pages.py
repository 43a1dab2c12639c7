"""What a command or a flow has found, as an HTML page."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from ganbench.flows.answers import Answer
from ganbench.flows.screen import Grid, Line, Screen
from ganbench.gan.files import atomic_write
from ganbench.gan.report.result import Table, page


def write_answer(path: Path, answer: Answer, words: Sequence[str]) -> None:
    """`words`: of the command line, after `ganbench`."""
    title = next(piece.title for piece in answer.screen if isinstance(piece, Grid))
    write_page(path, title, answer.screen, [*map(Path, answer.pictures)], f"ganbench {shlex.join(words)}")


def write_page(path: Path, title: str, screen: Screen, pictures: Sequence[Path], command: str) -> Path:
    """One HTML file; lines that only name other files are left out."""
    text = page(title, [piece_of(piece) for piece in screen if is_shown(piece)], pictures, command)
    atomic_write(path, lambda partial: partial.write_text(text, "utf-8"))
    return path


def is_shown(piece: Grid | Line) -> bool:
    return isinstance(piece, Grid) or bool(piece.text and not piece.whole)


def piece_of(piece: Grid | Line) -> Table | str:
    if isinstance(piece, Line):
        return f"{piece.start}{piece.text}"
    return Table(piece.title, piece.heads, piece.rows, piece.numbers)
