"""What must not be published: secrets, paths of this machine, pickles, files that are too large, and no licence."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ganbench.gan.checkpoints import LEGACY

LARGEST = {"hub": 50_000_000_000, "github": 2_147_483_647}      # bytes of a file that each takes
TEXTS = {".cff", ".csv", ".html", ".ipynb", ".js", ".json", ".jsonl", ".md", ".py", ".toml", ".txt", ".yaml", ".yml"}
PICKLES = {".bin", ".ckpt", ".pickle", ".pkl", ".pt", ".pth", ".joblib", ".npy"}
# Pictures and weights in a page, which hold anything; no token is as long, but for those that begin like JSON.
PICTURES = re.compile(r"(?<![\w+/=.-])(?!eyJ)[A-Za-z0-9+/=]{400,}")
SHOWN = 12              # characters of a secret that a sentence may tell

SECRETS = {
    "a token of Hugging Face": r"\bhf_[A-Za-z0-9]{30,}",
    "a token of GitHub": r"\b(gh[pousr]_[A-Za-z0-9]{36,}|github_pat_\w{40,})",
    "a key of Amazon": r"\b(AKIA|ASIA)[A-Z0-9]{16}\b",
    "a key of Google": r"\bAIza[\w-]{35}",
    "a key of OpenAI or Anthropic": r"\bsk-(ant-|proj-)?[\w-]{32,}",
    "a key of Weights & Biases": r"(?i:\b(wandb\w*|api_?key|token)\W{1,6}[0-9a-f]{40}\b)",
    "a token of Slack": r"\bxox[abprs]-[\w-]{20,}",
    "a private key": r"-----BEGIN ([A-Z]+ )*PRIVATE KEY-----",
    "a JSON web token": r"\beyJ[\w-]{15,}\.eyJ[\w-]{15,}\.[\w-]{15,}",
    "a password in an address": r"\b[a-z][a-z0-9+.-]*://[^\s/:@]+:[^\s/@]{3,}@",
    "a password": r"(?i)\b(password|passwd|secret|api_?key|access_?token)\b[\"']?\s*[:=]\s*[\"'][^\s\"']{8,}[\"']",
}
# A path of somebody's machine: what systems call the folders of people and programs, or a drive's letter.
PLACES = (r"(?<![\w.:/~+-])/(home|Users|root|work|workspace|tmp|mnt|media|data|srv|opt|var|scratch|private|Volumes)"
          r"/[\w.+@-]+|\b[A-Za-z]:\\\\?[\w.+-]+\\|\\\\\\\\[\w.-]+\\|file:///\w")


@dataclass(frozen=True)
class Obstacle:
    """Why a file cannot be published, as the end of a sentence that begins with its name."""

    file: str
    what: str

    def __str__(self) -> str:
        return f"{self.file} {self.what}"


def obstacles(files: Mapping[str, Path], licence: str, goal: str = "hub") -> list[Obstacle]:
    """All of them; `files`: by the name that each is published under.  `licence`: of the weights, '' if it is unknown;
    `goal`: a row of LARGEST."""
    found = [] if licence else [Obstacle("README.md", "names no licence of the weights: give --licence, such as mit.")]
    for name, path in sorted(files.items()):
        found += [Obstacle(name, what) for what in faults_of(name, path, LARGEST[goal])]
    return found


def faults_of(name: str, path: Path, largest: int) -> Iterator[str]:
    size = path.stat().st_size
    if size > largest:
        yield f"has {size:,} bytes, expected at most {largest:,}."
    if is_pickle(path):
        yield "is a pickle, which runs code when it is opened: publish safetensors."
    if path.suffix.lower() in TEXTS or is_text(path):
        yield from faults_in(PICTURES.sub("", path.read_text("utf-8", errors="replace")))


def is_pickle(path: Path) -> bool:
    """By its name or its first bytes; a zip archive of PyTorch counts."""
    with path.open("rb") as file:
        head = file.read(16)
    zipped = head[:4] == b"PK\x03\x04" and path.suffix.lower() not in (".zip", ".npz")
    return path.suffix.lower() in PICKLES or head.startswith(LEGACY) or zipped or (
        head[:1] == b"\x80" and head[1:2] in b"\x02\x03\x04\x05" and path.suffix.lower() != ".safetensors")


def is_text(path: Path) -> bool:
    """By its first bytes: a key or a setting may have any name."""
    with path.open("rb") as file:
        head = file.read(4_096)
    try:
        head.decode()
    except UnicodeDecodeError as error:
        return len(head) == 4_096 and error.start > 4_090       # within a letter
    return b"\0" not in head


def faults_in(text: str) -> Iterator[str]:
    """Of a text; with the line, and of a secret no more than its beginning."""
    for what, pattern in SECRETS.items():
        for match in re.finditer(pattern, text):
            start = match[0].strip()[:SHOWN]
            yield f"holds {what} in line {line_of(text, match.start())} ({start}...): take it out, and revoke it."
    place = re.search(PLACES, text)
    if place:
        yield (f"names a path of a machine in line {line_of(text, place.start())} ({place[0]}): name it from the "
               "folder that is published.")


def line_of(text: str, place: int) -> int:
    return text.count("\n", 0, place) + 1
