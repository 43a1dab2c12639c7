"""Writes the report of a comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE

from ganbench.gan.curves.beside import trainings_beside
from ganbench.gan.explorer.explored import Explored
from ganbench.gan.explorer.page import Named, exported, page_facts
from ganbench.gan.generators import GENERATORS
from ganbench.gan.jobs import Job
from ganbench.gan.report import write_report
from ganbench.gan.report.document import Provenance, document, training_of
from ganbench.gan.report.exhibits import classes_in, map_of, sets_of, walls_of
from ganbench.gan.report.pictures import Shown, curves_of, pictures_of
from ganbench.gan.report.play import rounds_of
from ganbench.gan.sampling import generator_of
from ganbench.gan.store import store_of
from ganbench.gan.types import BadInput, Features, Samples, digest_of
from ganbench.tasks.settings import settings

MOST_WEIGHTS = 24_000_000       # bytes, of all models that a report's page holds
PACKAGES = ("ganbench", "torch", "numpy", "scipy", "onnxruntime")


@task(name="report", task_run_name="write the report", persist_result=False, cache_policy=NO_CACHE)
def write(
    folder: str, command: str, asked: Mapping[str, str], found: Mapping[str, Any],
    provenance: Mapping[str, Mapping[str, Any]], samples: Mapping[str, Mapping[str, Samples]],
    features: Mapping[str, Mapping[str, Mapping[str, Features]]],
) -> str:
    """Write the report into `folder`, or into the home folder under the models that it is about; -> where it is.

    `command`: the command line that does the same; `asked`: what it calls each model; `found`: the arguments of
    `ganbench.gan.report.document.document`; `provenance` by model; `samples` by model and role, `features`
    by model, extractor and role.
    """
    made = datetime.now(UTC).isoformat(timespec="seconds")
    job, names = found["jobs"][0], found["rankings"][0].models
    sets = sets_of(names, samples, features, job.lead, job.protocol.judge)
    classes = classes_in(found["analyses"].get(name) for name in names)
    weights = {job.model.name: job.model.weights for job in found["jobs"]}
    trainings = trainings_beside({name: weights[name] for name in names})
    content = document(
        **found, made=made, trainings=[training_of(*training) for training in trainings],
        walls=walls_of(sets, classes), features_map=map_of(sets, classes, store_of(job.workspace)),
        provenance=Provenance({name: version(name) for name in PACKAGES}, (command,), provenance),
    )
    shown = [Shown(samples[name], found["analyses"].get(name)) for name in names]
    real = shown[0].samples.get("reference")
    what = digest_of([sorted(model.digest for model in content.models), content.protocol.digest])
    place = Path(folder) if folder else settings().root / "reports" / what[:16]
    pictures = pictures_of(shown, real, content.walls, content.map) | curves_of([run for run, _ in trainings])
    write_report(place, content, pictures, rounds_of(shown, real), explorer_of(found["jobs"], asked))
    return str(place.absolute())


def explorer_of(jobs: Sequence[Job], asked: Mapping[str, str]) -> str:
    """A page in which those models move that a page can compute; '' without any."""
    named, left = [], MOST_WEIGHTS
    for job in jobs:
        if job.model.family not in GENERATORS:              # code of a user's may do anything when it is traced
            continue
        one = Explored(generator_of(job.model, job.workspace), replace(job.model, preprocessing=()))
        with suppress(BadInput):
            left -= page_facts(one)[1].nbytes
            if left > 0:
                named.append(Named(one, asked[job.model.name]))
    return exported(named, version("ganbench")) if named else ""


def galleries_in(folder: str, place: int) -> dict[str, str]:
    """The pictures of one model in a report, by what they show."""
    found = sorted((Path(folder) / "pictures").glob(f"{place}-*.png"))
    return {path.stem.partition("-")[2]: str(path) for path in found}
