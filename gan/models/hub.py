"""Models on the Hugging Face Hub: hf:ORG/REPO@REVISION, or hf:ORG/REPO@REVISION:FILE for one file of a repository.

A revision is replaced with the commit that it means today, so that a result says what it was made of.  Files come from
the cache of `huggingface_hub`; only weights in safetensors and texts are fetched.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ganbench.gan.generators import GENERATORS
from ganbench.gan.types import BadInput
from ganbench.gan.usercode import first_line

NAME = re.compile(r"hf:(?P<repo>[\w.-]+/[\w.-]+)(@(?P<revision>[\w./-]+))?(:(?P<file>[\w./ -]+))?")
COMMIT = re.compile("[0-9a-f]{40}")
FETCHED = ["*.json", "*.safetensors", "*.txt", "*.model"]
PASSED_OVER = ["*.fp16.*", "*.non_ema.*"]                   # second forms of the same weights
WEIGHTS = ("model.safetensors", "pytorch_model.bin")        # as PyTorchModelHubMixin names them, now and before
FACTS = {"output_range": list, "latent": str, "class_shares": list, "resize": str, "pad": int, "crop": int}
SECONDS = 10                                                # for the Hub to answer


def is_on_hub(weights: str) -> bool:
    return weights.startswith("hf:")


def pinned(name: str) -> str:
    """The same model with the commit in the place of a branch or tag: hf:org/repo@<40 digits>."""
    found = parsed(name)
    folder = snapshot(found["repo"], found["revision"] or "main", found["file"] or "")
    return f"hf:{found['repo']}@{folder.name}" + (f":{found['file']}" if found["file"] else "")


def place(weights: str) -> Path:
    """Where weights lie on this machine: a path, or a snapshot in the cache of the Hub, fetched if need be."""
    if not is_on_hub(weights):
        return Path(weights)
    found = parsed(weights)
    folder = snapshot(found["repo"], found["revision"] or "main", found["file"] or "")
    return folder / found["file"] if found["file"] else folder


def parsed(name: str) -> re.Match[str]:
    found = NAME.fullmatch(name)
    if found is None or ".." in (found["file"] or "").split("/"):
        raise BadInput("malformed-name",
                       f"{name!r} is no model on the Hugging Face Hub: expected hf:ORG/REPO@REVISION, and :FILE for "
                       "one file of several.")
    return found


def snapshot(repo: str, revision: str, file: str = "") -> Path:
    """The folder with a repository's files at a revision; a commit that is in the cache is not asked for again."""
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError
    except ImportError as error:
        raise BadInput("missing-package", f"hf:{repo} needs huggingface_hub: pip install huggingface_hub.") from error
    wanted = [file, "config.json"] if file else FETCHED
    try:
        return fetched(snapshot_download, repo, revision, wanted, file)
    except (OSError, HfHubHTTPError, HFValidationError) as error:
        raise not_found(repo, revision, error) from error


def fetched(snapshot_download: Any, repo: str, revision: str, wanted: list[str], file: str) -> Path:
    with without_bars():
        if COMMIT.fullmatch(revision):
            with suppress(OSError):      # not in the cache
                folder = Path(snapshot_download(repo, revision=revision, allow_patterns=wanted, local_files_only=True))
                if not file or (folder / file).is_file():
                    return folder
        return Path(snapshot_download(repo, revision=revision, allow_patterns=wanted, etag_timeout=SECONDS,
                                      ignore_patterns=[] if file else PASSED_OVER))


@contextmanager
def without_bars() -> Iterator[None]:
    """The Hub's library draws progress bars; ganbench has its own."""
    from huggingface_hub import utils as bars

    quiet = bars.are_progress_bars_disabled()  # type: ignore[attr-defined]
    bars.disable_progress_bars()  # type: ignore[attr-defined]
    try:
        yield
    finally:
        if not quiet:
            bars.enable_progress_bars()  # type: ignore[attr-defined]


def not_found(repo: str, revision: str, error: Exception) -> BadInput:
    """The Hub's answer in one sentence; most often that there was none."""
    if type(error).__name__ in ("LocalEntryNotFoundError", "OfflineModeIsEnabled"):
        return BadInput("not-fetched",
                        f"hf:{repo}@{revision} is not in the cache of the Hugging Face Hub, and the Hub does not "
                        f"answer: fetch it where there is a network (hf download {repo} --revision {revision}), or "
                        "give a folder.")
    return BadInput("not-fetched", f"hf:{repo}@{revision} cannot be fetched: {first_line(error)}.")


def published_in(folder: Path) -> dict[str, Any]:
    """The fields of a spec that `ganbench publish` has written into config.json; {} of other folders."""
    try:
        found = arguments_in(folder)
    except BadInput:                                        # another program's, which says nothing here
        return {}
    family, arguments = found.get("family"), found.get("arguments")
    if not (isinstance(family, str) and family in GENERATORS and isinstance(arguments, dict)):
        return {}
    wrong = [name for name, kind in FACTS.items() if not isinstance(found.get(name, kind()), kind)]
    if wrong:
        raise BadInput("unusable-config", f"{folder / 'config.json'} gives {wrong[0]} as {found[wrong[0]]!r}.")
    more = {name: tuple(found[name]) if FACTS[name] is list else found[name] for name in FACTS if found.get(name)}
    return {"family": family, "arguments": arguments, **more}


def arguments_in(folder: Path) -> dict[str, Any]:
    """What PyTorchModelHubMixin noted of a model's arguments: config.json, {} without one."""
    path = folder / "config.json"
    if not path.is_file():
        return {}
    try:
        values = dict(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise BadInput("unusable-config", f"{path} is not a table of arguments: {first_line(error)}.") from error
    return {name: value for name, value in values.items() if name.isidentifier() and not name.startswith("_")}


def weights_in(folder: Path) -> str:
    """The name of the one file of weights in a folder; '' if there are none."""
    known = [name for name in WEIGHTS if (folder / name).is_file()]
    others = sorted(file.name for file in folder.glob("*.safetensors"))
    if not known and len(others) > 1:
        raise BadInput("several-weights",
                       f"{folder} holds several files of weights ({', '.join(others[:6])}): give one of them.")
    return (known or others or [""])[0]
