"""The files of a report."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gan.files import atomic_write
from gan.report.html import page
from gan.report.markdown import markdown


def write_report(folder: Path, document: Mapping[str, Any], pictures: Mapping[str, bytes]) -> None:
    """report.html, report.md with pictures/, and report.json, each whole or not at all.

    `pictures`: PNG files by id: `<place of a model>-wall` and `real-wall`.
    """
    files = {identity: f"pictures/{identity}.png" for identity in pictures}
    for identity, name in files.items():
        write(folder / name, pictures[identity])
    write(folder / "report.json", (json.dumps(document, indent=1, allow_nan=False) + "\n").encode())
    write(folder / "report.md", markdown(document, files).encode())
    write(folder / "report.html", page(document, pictures).encode())


def write(path: Path, content: bytes) -> None:
    atomic_write(path, lambda partial: partial.write_bytes(content))
