"""The commands of the documents: where they are written, and whether the real command line understands them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import typer

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")),
         ROOT / "gan/zoo/README.md", ROOT / "gan/zoo/FAMILIES.md", ROOT / "benchmarks/RESULTS.md"]
GENERATED = ("reference.md", "api.md")
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
SHELL = ("", "sh", "bash", "console")
PREFIX = re.compile(r"^(?:\$ )?(?:[A-Z_]+=\S+ )*(?=ganbench )")
PLACEHOLDER = re.compile(r"^[A-Z][A-Z0-9_.,:%]*$")           # MODEL, FILE.html, A.png,B.jpg


@dataclass(frozen=True)
class Written:
    """A command of a page.  `whole`: of a listing, to be typed as it stands; otherwise a mention in a sentence."""

    page: str
    text: str
    whole: bool

    @property
    def words(self) -> list[str]:
        """What follows `ganbench`: without comments, brackets of what may be left out, and other choices."""
        text = re.sub(r"\s#\s.*$", "", self.text)
        text = re.sub(r"\s\|\s.*$", "", text) if not self.whole else text
        text = re.sub(r"\[(--[^\]]*)\]", r"\1", text).replace("…", "")
        return [word.removesuffix("...") if PLACEHOLDER.match(word.removesuffix("...")) else word
                for word in shlex.split(text)[1:]]


def written(page: Path) -> Iterator[Written]:
    text = COMMENT.sub("", page.read_text("utf-8"))
    for language, listing in FENCED.findall(text):
        if language in SHELL:
            for line in re.sub(r"\\\n\s*", "", listing).splitlines():
                if PREFIX.match(line):
                    yield Written(page.name, PREFIX.sub("", line), whole=True)
    for mention in re.findall(r"`(ganbench [^`]+)`", FENCED.sub("", text)):
        yield Written(page.name, " ".join(mention.split()), whole=False)


def commands_of_the_documents() -> list[Written]:
    return [one for page in PAGES if page.name not in GENERATED for one in written(page)]


@cache
def command_line() -> Any:
    from ganbench.flows.cli import app

    return typer.main.get_command(app)


def found(words: list[str]) -> tuple[str, Any, list[str]]:
    """The name of a command, the command, and the words behind it; groups are followed."""
    command, name, rest = command_line(), "ganbench", list(words)
    while hasattr(command, "commands") and rest:
        name = rest.pop(0)
        assert name in command.commands, f"There is no command {name!r}."
        command = command.commands[name]
    return name, command, rest
