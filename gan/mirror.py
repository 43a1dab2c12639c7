"""A copy of finished artefacts elsewhere: S3-compatible storage, or any other file system that fsspec knows.

The store stays on a file system of its own, whose renames are atomic and whose files can be mapped into memory.  A copy
has the same layout, kind/ke/key/{data file, manifest.json}, and its manifest is written last, so that here too an
artefact without a manifest does not exist.  Credentials are fsspec's matter: it finds them in the environment or in its
own configuration, and nothing here reads, keeps or prints them.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from ganbench.gan.types import BadInput

MANIFEST = "manifest.json"
PAUSE = 60.0  # seconds without a try after one that failed: clients wait long for storage that is down
_down: dict[str, float] = {}  # address -> when to try again
T = TypeVar("T")


def check_mirror(url: str) -> None:
    """Refuse what is no address, one with credentials, and one whose package is not installed.  The sentences never
    repeat the address: it may hold a password."""
    if not url:
        return
    parts = urlsplit(url)
    if "://" not in url or not parts.scheme:
        raise BadInput("unfit-setting",
                       "The setting GANBENCH_MIRROR is no address, such as s3://BUCKET/FOLDER or file:///FOLDER.")
    if "@" in parts.netloc or parts.query:
        raise BadInput("unfit-setting",
                       "The setting GANBENCH_MIRROR holds a user, a password or a query: give the address alone, and "
                       "credentials by the environment, such as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.")
    file_system(url)


@lru_cache(maxsize=8)
def file_system(url: str) -> tuple[Any, str]:
    """fsspec's file system, and the folder in it."""
    try:
        from fsspec.core import url_to_fs

        found, folder = url_to_fs(url)
        return found, str(folder).rstrip("/")
    except (ImportError, ValueError) as error:
        raise BadInput("missing-package",
                       f"The mirror {url} needs a package for fsspec: pip install 'ganbench[s3]', or that of another "
                       "storage.") from error


def put(url: str, kind: str, key: str, path: Path, facts: Mapping[str, Any]) -> None:
    """`copy`, as far as the mirror works: storage that is down stops no evaluation."""
    attempt(url, lambda: copy(url, kind, key, path, facts), False)


def copy(url: str, kind: str, key: str, path: Path, facts: Mapping[str, Any]) -> bool:
    """Copy a data file, then its manifest, unless as much is there already; whether there was something to copy."""
    there, folder = file_system(url)
    place = f"{folder}/{kind}/{key[:2]}/{key}"
    found = manifest_at(there, place)
    if found and (found["sha256"] == facts["sha256"] or found.get("rows", 0) > facts.get("rows", 0)):
        return False
    try:
        there.put_file(str(path), f"{place}/{path.name}")
    except FileNotFoundError:  # only object stores need no folders
        there.makedirs(place, exist_ok=True)
        there.put_file(str(path), f"{place}/{path.name}")
    there.pipe_file(f"{place}/{MANIFEST}", json.dumps(dict(facts), indent=1).encode())
    return True


def get(url: str, kind: str, key: str, fetch: Callable[[Callable[[Path], object], Mapping[str, Any]], T]) -> T | None:
    """What `fetch` makes of a copy; None where there is none.  It gets a function that writes the data file to a path,
    and the manifest."""
    there, folder = file_system(url)
    place = f"{folder}/{kind}/{key[:2]}/{key}"

    def read() -> T | None:
        facts = manifest_at(there, place)
        if not facts:
            return None
        return fetch(lambda path: there.get_file(f"{place}/{facts['file']}", str(path)), facts)

    return attempt(url, read, None)


def manifest_at(there: Any, place: str) -> dict[str, Any]:
    """The manifest of a copy; empty where there is none, or none that can be read."""
    try:
        found = json.loads(there.cat_file(f"{place}/{MANIFEST}"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return {}
    sound = isinstance(found, dict) and {"file", "sha256", "bytes"} <= found.keys()
    return found if sound and "/" not in str(found["file"]) else {}


def attempt(url: str, work: Callable[[], T], otherwise: T) -> T:
    """Try; what fails is said once, and not tried again for a minute.  Only the kind of the error is said: the text of
    a client's error may hold what it was signed with."""
    if time.monotonic() < _down.get(url, 0):
        return otherwise
    try:
        return work()
    except BadInput:
        raise
    except Exception as error:
        _down[url] = time.monotonic() + PAUSE
        logging.getLogger("ganbench").warning(
            "The mirror %s failed (%s); work goes on without it. `ganbench cache mirror` copies what is missing.",
            url, type(error).__name__)
        return otherwise
