"""Explored models of the zoo, each loaded once in a process."""

import os
from functools import cache
from pathlib import Path

from ganbench.gan.explorer.explored import Explored
from ganbench.gan.models.loading import resolve
from ganbench.gan.sampling import generator_of
from ganbench.gan.types import Workspace


@cache
def explored(name: str) -> Explored:
    space = Workspace(str(Path(os.environ["HOME"]) / "explored"))
    spec = resolve(f"zoo:{name}", space)
    return Explored(generator_of(spec, space), spec)
