"""Runs the cells of demo.py and writes demo.ipynb with what they show: `python notebooks/make.py`.

The notebook holds its outputs, so that it can be read where nothing runs.  Of widgets it holds the picture alone.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).parent
SOURCE, NOTEBOOK = HERE / "demo.py", HERE / "demo.ipynb"
SHOWN = ("text/html", "text/plain", "image/png")        # forms of an output


def run(source: Path, timeout: float = 600, **kernel: object) -> nbformat.NotebookNode:
    """The notebook of a py:percent file, run from a clean kernel in an empty folder; `kernel`: how that is started."""
    notebook = jupytext.read(source)
    with tempfile.TemporaryDirectory() as folder:
        NotebookClient(notebook, timeout=timeout, store_widget_state=False, coalesce_streams=True,
                       resources={"metadata": {"path": folder}}).execute(**kernel)
    for k, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{k}"                # the same in every run
        cell.metadata.pop("execution", None)    # times
        for output in cell.get("outputs", ()):
            for kind in set(output.get("data", ())) - set(SHOWN):
                del output["data"][kind]        # a widget without its kernel, and a second form of Pillow's pictures
    return notebook


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", nargs="?", type=Path, default=NOTEBOOK)
    nbformat.write(run(SOURCE), parser.parse_args().out)
