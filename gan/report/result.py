"""A result of any kind as one self-contained HTML page: what was found, its pictures and tables, and the command that
makes it again."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ganbench.gan.report.templates import render

KINDS = {".png": "image/png", ".webp": "image/webp", ".gif": "image/gif", ".jpg": "image/jpeg"}
LARGEST = 8_000_000     # bytes of a picture; larger ones are named instead of shown


@dataclass(frozen=True)
class Table:
    """Rows of texts, the first of each its name; `numbers`: columns stand to the right."""

    title: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: bool = True


@dataclass(frozen=True)
class Shown:
    """A picture: its file's name, and its content as an address; '': it is too large to be shown."""

    name: str
    address: str


def page(title: str, pieces: Sequence[Table | str], pictures: Sequence[Path], command: str = "") -> str:
    """HTML with nothing outside it.

    `pieces`: tables and sentences, in their order; the sentences before the first table are the verdict.  `pictures`:
    files of KINDS; others are left out.
    """
    first = next((k for k, piece in enumerate(pieces) if isinstance(piece, Table)), len(pieces))
    return render("result.html", title=title, verdict=pieces[:first], command=command,
                  pieces=[(isinstance(piece, Table), piece) for piece in pieces[first:]],
                  pictures=[shown(path) for path in pictures if path.suffix.lower() in KINDS and path.is_file()])


def shown(path: Path) -> Shown:
    if path.stat().st_size > LARGEST:
        return Shown(path.name, "")
    content = base64.b64encode(path.read_bytes()).decode()
    return Shown(path.name, f"data:{KINDS[path.suffix.lower()]};base64,{content}")
