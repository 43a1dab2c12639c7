"""What a stage of a study has found, in its folder: found again by a key over all that it depends on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from ganbench.gan.files import atomic_write, file_digest
from ganbench.gan.report.texts import Bilingual

FILE = "stage.json"
DONE, LEFT_OUT, FAILED = "done", "left out", "failed"


@dataclass(frozen=True)
class Link:
    """A file of the study, by its path in the folder."""

    file: str
    label: Bilingual


@dataclass(frozen=True)
class Found:
    """`said`: what was found, the most important first, in English and in French; `picture`: a file to show, by its
    path in the study's folder; `alt`: what is on it."""

    name: str
    state: str
    said: tuple[Bilingual, ...]
    links: tuple[Link, ...] = ()
    picture: str = ""
    alt: Bilingual = ("", "")
    numbers: Mapping[str, float] = field(default_factory=dict)
    command: str = ""
    seconds: float = 0.0
    key: str = ""
    files: Mapping[str, str] = field(default_factory=dict)      # path -> sha256


def keep(folder: Path, found: Found, key: str, seconds: float) -> Found:
    """Written last, so that a stage that was killed has no record."""
    named = {link.file for link in found.links} | ({found.picture} if found.picture else set())
    files = {name: file_digest(folder / name) for name in sorted(named)}
    made = replace(found, key=key, seconds=seconds, files=files)
    text = json.dumps(asdict(made), indent=1, allow_nan=False)
    atomic_write(folder / found.name / FILE, lambda path: path.write_text(text + "\n", "utf-8"))
    return made


def kept(folder: Path, name: str, key: str) -> Found | None:
    """What this stage found before, if it depends on the same, and none of its files has changed."""
    try:
        facts = json.loads((folder / name / FILE).read_text("utf-8"))
        links = tuple(Link(row["file"], (row["label"][0], row["label"][1])) for row in facts.pop("links"))
        said = tuple((one, other) for one, other in facts.pop("said"))
        alt = facts.pop("alt")
        found = Found(**facts, links=links, said=said, alt=(alt[0], alt[1]))
        same = all(file_digest(folder / file) == digest for file, digest in found.files.items())
    except (OSError, ValueError, TypeError, KeyError, IndexError):
        return None
    return found if found.key == key and same else None
