"""The report of evaluated models with everything that it shows: document, pictures, blind test, explorer's page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Any

from ganbench.gan.curves.beside import trainings_beside
from ganbench.gan.explorer.explored import Explored
from ganbench.gan.explorer.page import Named, exported, page_facts
from ganbench.gan.features.extract import extractor_of
from ganbench.gan.generators import GENERATORS
from ganbench.gan.jobs import Job
from ganbench.gan.report.document import Document, Provenance, document, training_of
from ganbench.gan.report.exhibits import classes_in, map_of, sets_of, walls_of
from ganbench.gan.report.pictures import Shown, curves_of, pictures_of
from ganbench.gan.sampling import generator_of
from ganbench.gan.store import store_of
from ganbench.gan.types import BadInput, Features, Samples, Workspace

MOST_WEIGHTS = 24_000_000       # bytes, of all models that a report's page holds
PACKAGES = ("ganbench", "torch", "numpy", "scipy", "onnxruntime")


@dataclass(frozen=True)
class Composed:
    """`pictures`: PNG by id, see `ganbench.gan.report.pictures`; `shown`: the models' sets, in the document's order."""

    document: Document
    pictures: Mapping[str, bytes]
    shown: Sequence[Shown]

    @property
    def real(self) -> Samples | None:
        return self.shown[0].samples.get("reference")


def composed(
    command: str, found: Mapping[str, Any], provenance: Mapping[str, Mapping[str, Any]],
    samples: Mapping[str, Mapping[str, Samples]], features: Mapping[str, Mapping[str, Mapping[str, Features]]],
    made: str = "",
) -> Composed:
    """`command`: the command line that does the same; `found`: the arguments of
    `ganbench.gan.report.document.document`; `provenance` by model; `samples` by model and role, `features` by model,
    extractor and role; `made`: date and time."""
    job, names = found["jobs"][0], found["rankings"][0].models
    sets = sets_of(names, samples, features, job.lead, job.protocol.judge)
    classes = classes_in(found["analyses"].get(name) for name in names)
    weights = {job.model.name: job.model.weights for job in found["jobs"]}
    trainings = trainings_beside({name: weights[name] for name in names})
    content = document(
        **found, made=made, trainings=[training_of(*training) for training in trainings],
        walls=walls_of(sets, classes), features_map=map_of(sets, classes, store_of(job.workspace)),
        provenance=Provenance(versions(), (command,), provenance),
    )
    shown = [Shown(samples[name], found["analyses"].get(name)) for name in names]
    pictures = pictures_of(shown, shown[0].samples.get("reference"), content.walls, content.map)
    return Composed(content, pictures | curves_of([run for run, _ in trainings]), shown)


def versions() -> dict[str, str]:
    return {name: version(name) for name in PACKAGES}


def explorer_of(jobs: Sequence[Job], asked: Mapping[str, str]) -> str:
    """A page in which those models move that a page can compute, by the words of `asked`; '' without any."""
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


def provenance_of(job: Job, samples: Samples) -> dict[str, Any]:
    """What is needed to reproduce the numbers."""
    return {
        "model": job.model.name, "model_digest": job.model_digest, "samples_digest": samples.digest,
        "protocol": job.protocol.name, "protocol_digest": job.protocol_digest, "seed": job.seed,
        "n": job.protocol.n_generated, "reference": job.protocol.reference, "device": job.workspace.device,
        "extractors": {name: facts_of(name, job.workspace) for name in job.extractors},
        "versions": versions(),
    }


def facts_of(name: str, workspace: Workspace) -> dict[str, Any]:
    """Which network made the features, to the last bit."""
    extractor = extractor_of(name, workspace)
    return {"weights_sha256": extractor.weights, "digest": extractor.digest, "engine": dict(extractor.engine)}
