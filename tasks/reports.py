"""Writes the report of a comparison."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE

from ganbench.gan.report import write_report
from ganbench.gan.report.play import rounds_of
from ganbench.gan.reporting import composed, explorer_of
from ganbench.gan.types import Features, Samples, digest_of
from ganbench.tasks.settings import settings


@task(name="report", task_run_name="write the report", persist_result=False, cache_policy=NO_CACHE)
def write(
    folder: str, command: str, asked: Mapping[str, str], found: Mapping[str, Any],
    provenance: Mapping[str, Mapping[str, Any]], samples: Mapping[str, Mapping[str, Samples]],
    features: Mapping[str, Mapping[str, Mapping[str, Features]]],
) -> str:
    """Write the report into `folder`, or into the home folder under the models that it is about; -> where it is.

    `asked`: what the command line calls each model; see `ganbench.gan.reporting.composed`.
    """
    made = datetime.now(UTC).isoformat(timespec="seconds")
    report = composed(command, found, provenance, samples, features, made)
    content = report.document
    what = digest_of([sorted(model.digest for model in content.models), content.protocol.digest])
    place = Path(folder) if folder else settings().root / "reports" / what[:16]
    write_report(place, content, report.pictures, rounds_of(report.shown, report.real),
                 explorer_of(found["jobs"], asked))
    return str(place.absolute())


def galleries_in(folder: str, place: int) -> dict[str, str]:
    """The pictures of one model in a report, by what they show."""
    found = sorted((Path(folder) / "pictures").glob(f"{place}-*.png"))
    return {path.stem.partition("-")[2]: str(path) for path in found}
