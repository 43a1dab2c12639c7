"""JSON: one object a line (JSONL; StyleGAN's stats.jsonl and metric-*.jsonl; exports of W&B), or one document."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ganbench.gan.curves.readers.rows import Column, Gathering, as_array, damaged, runs_of
from ganbench.gan.curves.table import Run
from ganbench.gan.types import BadInput, Caveat

HISTORIES = ("log_history", "history", "logs", "metrics", "values", "data", "rows")     # keys of a document
SNAPSHOT = re.compile(r"network-snapshot-(\d+)")


def is_lines(head: bytes) -> bool:
    first = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    return first.startswith(b"{") and re.match(rb'\{\s*("|\})', first) is not None and not is_document(head)


def is_document(head: bytes) -> bool:
    """A list, or an object that goes on behind its first line."""
    first = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if first.startswith(b"["):
        return re.match(rb"\[\s*(\{|\])", first) is not None
    line = first.split(b"\n")[0].strip()
    return first.startswith(b"{") and (line == b"{" or not (line.endswith(b"}") or len(line) > 400))


def read_lines(path: Path) -> list[Run]:
    """The run of a JSONL file; a last line that is cut off is left out."""
    rows, cut, record = Gathering(), list[Caveat](), None
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                record = json.loads(line)
            except ValueError as error:
                if any(rest.strip() for rest in file):
                    raise damaged(path, f"line {number:,} is no JSON") from error
                cut = [Caveat("cut off line", {"rows": rows.n})]
                break
            if not isinstance(record, dict):
                raise damaged(path, f"line {number:,} is no JSON object")
            rows.add(of_snapshot(record))
    if rows.n == 1 and (found := runs_in(record, path.stem, "json")):
        return found                                        # a document in one line
    return runs_of(path.stem, "jsonl", rows.columns(), rows.n, cut)


def of_snapshot(record: dict[str, Any]) -> dict[str, Any]:
    """StyleGAN's metric-<name>.jsonl: the results, at the thousands of images in the snapshot's name."""
    found = SNAPSHOT.search(str(record.get("snapshot_pkl", "")))
    if found and isinstance(record.get("results"), dict):
        return {"kimg": int(found[1]), "timestamp": record.get("timestamp"), **record["results"]}
    return record


def read_document(path: Path) -> list[Run]:
    """A list of objects, an object that holds one (such as trainer_state.json of transformers), or lists by name."""
    try:
        content = json.loads(path.read_text("utf-8-sig"))
    except ValueError as error:
        raise damaged(path, f"it is no JSON ({str(error).split(':')[0]})") from error
    return runs_in(content, path.stem, "json") or no_history(path)


def no_history(path: Path) -> list[Run]:
    raise BadInput("no-curves", f"{path} holds no history: expected a list of objects, or lists of numbers by name.")


def runs_in(content: Any, name: str, source: str) -> list[Run]:
    """The history in nested lists and dictionaries; none where there is none."""
    if isinstance(content, list) and content and all(isinstance(record, dict) for record in content):
        rows = Gathering()
        for record in content:
            rows.add(record)
        return runs_of(name, source, rows.columns(), rows.n)
    if isinstance(content, Mapping):
        inner = next((content[key] for key in HISTORIES if isinstance(content.get(key), list)), None)
        if inner is not None and (found := runs_in(inner, name, source)):
            return found
        lists = dict(lists_in(content))
        if lists:
            longest = max(map(len, lists.values()))
            columns = {key: Column(np.arange(len(values)), as_array(values)) for key, values in lists.items()}
            return runs_of(name, source, columns, longest)
    return []


def lists_in(content: Mapping[Any, Any], before: str = "", depth: int = 4) -> list[tuple[str, list[Any]]]:
    """Lists of at least two numbers by their path; a list of objects in a dictionary as its columns."""
    found: list[tuple[str, list[Any]]] = []
    for key, value in content.items():
        if isinstance(value, Mapping) and depth:
            found += lists_in(value, f"{before}{key}/", depth - 1)
        elif isinstance(value, list | tuple) and len(value) > 1 and all(
                isinstance(one, float | int) and not isinstance(one, bool) for one in value):
            found.append((f"{before}{key}", [*value]))
    return found
