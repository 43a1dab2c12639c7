"""A bundle to the Hugging Face Hub: what is there already is not sent again, and the card is sent last.

Without a card a repository is nobody's model yet, so that whatever cuts a push leaves no page without its weights.  A
push that was cut goes on: the Hub tells which files it has, by git's digest or, of large ones, by sha256.  A folder
whose card names an `sdk` is a Space.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha1
from pathlib import Path
from typing import Any

from ganbench.gan.hub.bundle import CARD, Part, metadata_in, parts_of
from ganbench.gan.models.hub import without_bars
from ganbench.gan.types import BadInput
from ganbench.gan.usercode import first_line

AT_ONCE = 50            # files of a commit
REPO = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)
Tick = Callable[[int], object]          # files just sent


@dataclass(frozen=True)
class Pushed:
    """Names of files that were sent now, in their order, and that were there."""

    address: str
    sent: tuple[str, ...]
    there: tuple[str, ...]


def check_repo(repo: str) -> None:
    if not REPO.fullmatch(repo):
        raise BadInput("malformed-name", f"The value of --repo is {repo!r}, expected ORG/NAME.")


def push(
    folder: Path, repo: str, token: str, endpoint: str | None = None, private: bool = False,
    tick: Tick = lambda n: None,
) -> Pushed:
    """`repo`: ORG/NAME, made if it does not exist.  BadInput: the Hub refuses, or does not answer."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    check_repo(repo)
    api, sdk = HfApi(endpoint=endpoint, token=token), sdk_of(folder)
    try:
        kind = {"repo_type": "space", "space_sdk": sdk} if sdk else {}
        address = str(api.create_repo(repo, private=private or None, exist_ok=True, **kind))    # type: ignore[arg-type]
        parts = parts_of(folder)
        missing = absent(folder, parts, remote(api, repo, sdk))
        for names in commits(missing):
            with without_bars():
                send(api, folder, repo, names, sdk)
            tick(len(names))
    except BadInput:
        raise
    except (OSError, RuntimeError, ValueError, HfHubHTTPError) as error:        # uploads and cards end in own ones
        raise BadInput("not-published",
                       f"{repo} was not published as a whole: {first_line(rooted(error))}. The same command goes on "
                       "where it was.") from error
    sent = tuple(part.name for part in missing)
    return Pushed(address, sent, tuple(part.name for part in parts if part.name not in sent))


def rooted(error: BaseException) -> BaseException:
    """The error that was first: the Hub's library says only which file it was at."""
    return rooted(error.__cause__) if error.__cause__ else error


def would_send(folder: Path, repo: str, token: str, endpoint: str | None = None) -> list[str]:
    """Names of the files that a push would send, in their order; nothing is changed."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError

    check_repo(repo)
    known: dict[str, Any] = {}
    try:
        known = remote(HfApi(endpoint=endpoint, token=token), repo, sdk_of(folder))
    except RepositoryNotFoundError:
        pass                                                # it will be made
    except (OSError, RuntimeError, ValueError, HfHubHTTPError) as error:
        raise BadInput("no-answer", f"The Hub did not say what is in {repo}: {first_line(error)}.") from error
    return [name for names in commits(absent(folder, parts_of(folder), known)) for name in names]


def sdk_of(folder: Path) -> str:
    """That of a Space; '' of a model."""
    return str(metadata_in(folder).get("sdk") or "")


def absent(folder: Path, parts: Sequence[Part], known: dict[str, Any]) -> list[Part]:
    return [part for part in parts if not same(part, folder / part.name, known.get(part.name))]


def remote(api: Any, repo: str, sdk: str = "") -> dict[str, Any]:
    """The files of a repository by name, as `RepoFile`; empty of a new one."""
    from huggingface_hub.errors import EntryNotFoundError, RevisionNotFoundError
    from huggingface_hub.hf_api import RepoFile

    try:
        found = api.list_repo_tree(repo, recursive=True, repo_type="space" if sdk else None)
        return {one.path: one for one in found if isinstance(one, RepoFile)}
    except (EntryNotFoundError, RevisionNotFoundError):
        return {}


def same(part: Part, path: Path, found: Any) -> bool:
    """Whether the Hub has this very content."""
    if found is None:
        return False
    return bool(found.lfs.sha256 == part.sha256 if found.lfs else found.blob_id == git_digest(path))


def git_digest(path: Path) -> str:
    """As git names a file's content: sha1("blob SIZE\\0" + content)."""
    found = sha1(f"blob {path.stat().st_size}\0".encode(), usedforsecurity=False)
    with path.open("rb") as file:
        while content := file.read(1 << 20):
            found.update(content)
    return found.hexdigest()


def commits(missing: Sequence[Part]) -> list[list[str]]:
    """Names of the files of each commit: the largest first, some at a time, and the card alone at the end."""
    files = [part.name for part in sorted(missing, key=lambda part: -part.size) if part.name != CARD]
    parts = [files[first : first + AT_ONCE] for first in range(0, len(files), AT_ONCE)]
    return parts + [[CARD]] * any(part.name == CARD for part in missing)


def send(api: Any, folder: Path, repo: str, names: Sequence[str], sdk: str = "") -> None:
    from huggingface_hub import CommitOperationAdd

    title = "Card" if list(names) == [CARD] else f"{len(names)} files" if len(names) > 1 else names[0]
    api.create_commit(repo, [CommitOperationAdd(name, str(folder / name)) for name in names], commit_message=title,
                      repo_type="space" if sdk else None)
