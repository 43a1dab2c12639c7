"""MLflow's runs in files: mlruns/EXPERIMENT/RUN/metrics/NAME, a line `milliseconds value step` for each point."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ganbench.gan.curves.names import canonical
from ganbench.gan.curves.readers.rows import damaged
from ganbench.gan.curves.table import Points, Run, run_of


def is_run(folder: Path) -> bool:
    return (folder / "metrics").is_dir() and (folder / "meta.yaml").is_file()


def read_run(folder: Path) -> list[Run]:
    """The run of a folder; a metric's name may have slashes, which are folders."""
    metrics: dict[str, Points] = {}
    place = folder / "metrics"
    for path in sorted(file for file in place.rglob("*") if file.is_file()):
        try:
            rows = np.array([line.split()[:3] for line in path.read_text("utf-8").splitlines()], np.float64)
            metrics.setdefault(canonical(str(path.relative_to(place))), Points()).add(
                rows[:, 2], rows[:, 0] / 1_000, rows[:, 1])
        except (ValueError, IndexError) as error:
            raise damaged(path, "expected lines of a time, a value and a step") from error
    return [run_of(folder.name, "mlflow", metrics)]
