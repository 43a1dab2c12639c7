"""The site that `make docs` builds from the Markdown of the repository, for reading without a network.

The pages are the files that GitHub shows: README.md is the first one, and what docs/README.md lists, under its
headings, is the table of contents.  Links to other files lead to copies of these.
"""

from __future__ import annotations

import re
import shutil
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parent.parent
ABOUT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]

project = ABOUT["name"]
version = release = ABOUT["version"]
extensions = ["myst_parser"]
root_doc = "README"
include_patterns = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/*.md", "gan/zoo/*.md", "benchmarks/*.md"]
exclude_patterns = [".*", "ganbench", "site", "build", "dist", "report", "runs", "out", "notebooks"]
myst_heading_anchors = 4                # GitHub's names of headings
smartquotes = False                     # `--family` stays what it is
highlight_language = "none"             # a listing without a language is what a terminal shows
html_theme = "furo"
html_title = f"{project} {version}"
html_permalinks = False
html_copy_source = False
html_show_search_summary = False        # it would be fetched, which a page from a disk may not do
html_show_copyright = False
html_show_sphinx = False
html_css_files = ["site.css"]
html_static_path = ["site.css"]


def contents() -> str:
    """The tables of docs/README.md as Sphinx's tables of contents: a heading, and the first link of every row."""
    trees = []
    for part in re.split(r"^## ", (ROOT / "docs" / "README.md").read_text("utf-8"), flags=re.MULTILINE)[1:]:
        caption, _, rows = part.partition("\n")
        pages = [f"{title} <{(ROOT / 'docs' / link).resolve().relative_to(ROOT).with_suffix('')}>"
                 for title, link in re.findall(r"^\| \[([^\]]+)\]\(([^)#]+\.md)\)", rows, re.MULTILINE)]
        trees.append("\n".join(["```{toctree}", ":hidden:", f":caption: {caption}", "", *pages, "```\n"]))
    return "\n".join(trees)


def add_contents(app: Sphinx, page: str, source: list[str]) -> None:
    """Every page has a place in a table of contents: the cards in that of the zoo; the index is the menu itself."""
    if page == root_doc:
        source[0] += "\n" + contents()
    elif page == "gan/zoo/README":
        source[0] += "\n```{toctree}\n:hidden:\n:glob:\n\n*-mnist\n*-emoji\n```\n"
    elif page == "docs/README":
        source[0] = "---\norphan: true\n---\n" + source[0]


def add_index(app: Sphinx, error: Exception | None) -> None:
    if not error:
        shutil.copy(Path(app.outdir) / f"{root_doc}.html", Path(app.outdir) / "index.html")


def setup(app: Sphinx) -> None:
    app.connect("source-read", add_contents)
    app.connect("build-finished", add_index)
