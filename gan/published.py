"""Published scores (`published.csv`), shown only beside scores of the same protocol.

`convention` is a row of CONVENTIONS where the scores were computed by its rules.  Other values have no such row, so
these scores are never shown: `tfgan` (TensorFlow's preprocessing for the Inception network), `studiogan` (resizes as
pytorch-fid does, Inception Score of one split), `edm2` (DINOv2 after torch's antialiased bicubic), `maskgit`.
`checked` says where each score was looked up, and what was not verified.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ganbench.gan.datasets import DATASETS
from ganbench.gan.protocols import CONVENTIONS
from ganbench.gan.types import Protocol

TABLE = Path(__file__).with_name("published.csv")
FAMILIES = ("gan", "diffusion", "transformer", "autoregressive", "flow", "vae")


@dataclass(frozen=True)
class Published:
    """One number of one model, as its source prints it."""

    model: str
    family: str             # of FAMILIES
    dataset: str            # the reference: NAME:SPLIT
    resolution: int         # of the images that were compared; they are square
    metric: str             # as a `Score` names it: fid, is, fd_dinov2, ...
    value: float
    spread: float | None    # what the source gives after +-: over runs or splits, rarely a standard error
    convention: str
    n_generated: int | None     # None: not said where the number was looked up
    n_reference: int | None
    paper: str
    arxiv: str
    table: str              # where in the paper or repository
    url: str
    checked: str            # the source that was read for this row, and what was not checked


def published(dataset: str, convention: str) -> list[Published]:
    """All rows of a reference (`cifar10:train`) and a convention, in the order of the table."""
    return [row for row in rows() if (row.dataset, row.convention) == (dataset, convention)]


def beside(protocol: Protocol) -> list[Published]:
    """The rows of the same protocol: equal data, split, resolution, numbers of images, extractors and settings.

    Compare a score only with rows of the same `metric`; with weights other than the published ones its name differs.
    """
    name, _, split = protocol.reference.partition(":")
    if name not in DATASETS or split not in DATASETS[name].splits or not as_in_table(protocol):
        return []
    found = DATASETS[name]
    alike = (found.shape[1], protocol.n_generated, protocol.n_reference or found.splits[split])
    return [row for row in published(protocol.reference, protocol.convention.name)
            if (row.resolution, row.n_generated, row.n_reference) == alike]


def as_in_table(protocol: Protocol) -> bool:
    """Whether the convention is the unchanged one of that name; a derived one may have another extractor."""
    ours, known = protocol.convention, CONVENTIONS.get(protocol.convention.name)
    alike = known is not None and (ours.extractors, ours.settings) == (known.extractors, known.settings)
    return alike and not protocol.preprocessing


@lru_cache(maxsize=1)
def rows() -> tuple[Published, ...]:
    """The whole table."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        return tuple(parse(row) for row in csv.DictReader(file))


def parse(row: Mapping[str, str]) -> Published:
    """A line of the table; an empty cell of a number is None."""
    numbers = {
        "resolution": int(row["resolution"]), "value": float(row["value"]),
        "spread": float(row["spread"]) if row["spread"] else None,
        "n_generated": int(row["n_generated"]) if row["n_generated"] else None,
        "n_reference": int(row["n_reference"]) if row["n_reference"] else None,
    }
    return Published(**{**row, **numbers})      # type: ignore[arg-type]
