"""The files of a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ganbench.gan.files import atomic_write
from ganbench.gan.report.document import Document, to_json
from ganbench.gan.report.html import page
from ganbench.gan.report.markdown import markdown
from ganbench.gan.report.pictures import SPRITES
from ganbench.gan.report.play import Round, play_page

PLAY, EXPLORE = "play.html", "explore.html"


def write_report(
    folder: Path, document: Document, pictures: Mapping[str, bytes], rounds: Sequence[Round] = (), explorer: str = ""
) -> None:
    """Write report.html, report.md and report.fr.md with pictures/, report.json, play.html where there are rounds, and
    explore.html where there is a page of the explorer; each file is written atomically.  `pictures`: PNG by id, see
    `ganbench.gan.report.pictures`."""
    files = {identity: f"pictures/{identity}.png" for identity in pictures if not identity.startswith(SPRITES)}
    for identity, name in files.items():
        write(folder / name, pictures[identity])
    write(folder / "report.json", to_json(document).encode())
    write(folder / "report.md", markdown(document, files).encode())
    write(folder / "report.fr.md", markdown(document, files, "fr").encode())
    links = PLAY if rounds else "", EXPLORE if explorer else ""
    write(folder / "report.html", page(document, pictures, *links).encode())
    if rounds:
        write(folder / PLAY, play_page(document, rounds).encode())
    if explorer:
        write(folder / EXPLORE, explorer.encode())


def write(path: Path, content: bytes) -> None:
    atomic_write(path, lambda partial: partial.write_bytes(content))
