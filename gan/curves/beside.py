"""The log that lies beside a model's weights: of `ganbench train`, or of the zoo."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from ganbench.gan.curves.drawing import panels_of, picture
from ganbench.gan.curves.readers import read_file
from ganbench.gan.types import BadInput


def log_beside(weights: str) -> Path | None:
    """loss.csv in the folder of the weights, or a CSV file of their name."""
    path = Path(weights)
    places = (path.parent / "loss.csv", path.parent / f"{path.stem}.csv") if weights else ()
    return next((place for place in places if place.is_file()), None)


def picture_beside(models: Mapping[str, str]) -> bytes | None:
    """A PNG of the curves of those models, name -> weights, that have a readable log; None without any."""
    runs = []
    for name, weights in models.items():
        log = log_beside(weights)
        try:
            runs += [replace(run, name=name) for run in read_file(log)[:1] if run.points] if log else []
        except BadInput:                                    # somebody's table of another kind
            continue
    return picture(panels_of(runs), runs) if runs else None
