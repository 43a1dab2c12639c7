"""What is measured of a model for its card: scores, findings, and the report, all from the store where they are."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ganbench.gan.compare import compare
from ganbench.gan.costs import costs_of
from ganbench.gan.evaluate import Started, Threads, all_features, all_samples, begin_scores, end_scores, submit
from ganbench.gan.findings import Analysis, analyse, evidence_of
from ganbench.gan.jobs import Job, asked_model, asked_protocol, prepare
from ganbench.gan.metering import Cost
from ganbench.gan.question import PRESET, Opening, Question, given, protocol_of
from ganbench.gan.report.html import page
from ganbench.gan.reporting import composed, provenance_of
from ganbench.gan.store import store_of
from ganbench.gan.threads import single_threaded
from ganbench.gan.types import BadInput, Samples, Score, Workspace
from ganbench.gan.watching import Show

NATURAL = {"fashion-mnist": PRESET, "emoji": "emoji-embedded-650"}      # protocols of models of these data


@dataclass(frozen=True)
class Measured:
    """The scores of a model and what they are of; `analysis`: None where there are too few images."""

    job: Job
    scores: Sequence[Score]
    analysis: Analysis | None
    samples: Mapping[str, Samples]      # by role
    cost: Cost
    report: str                         # HTML


def question_for(question: Question, data: str) -> Question | None:
    """The measurement that is asked for; where none is named, the one that fits what a model has learnt; None: that is
    not known."""
    if question.protocol or question.derived or question.metrics or question.extractor:
        return question
    known = NATURAL.get(data.partition(":")[0])
    if known:
        return replace(question, protocol=known)
    return replace(question, reference=data) if data else None


def measured(
    show: Show, model: str, question: Question, opening: Opening, seed: int, workspace: Workspace, command: str,
    workers: int | None = None,
) -> Measured:
    """`command`: what the report says how it is made again."""
    with single_threaded(), Threads(workers or os.cpu_count()) as threads:
        spec = asked_model(model, opening, workspace, protocol_of(question).preprocessing)
        job = prepare(spec, asked_protocol(question, [spec], workspace), seed, workspace)
        started = submit([job], threads)[0]
        waited(show, started)
        scores = end_scores(job, begin_scores(job, started, threads))
        samples, features = all_samples(job, started), all_features(job, started)
        show("findings", 0, 1)
        analysis = analysis_of(job, samples, features)
        show("findings", 1)
        (cost,), _ = costs_of([job.model], workspace)
        name = job.model.name
        found = {"jobs": [job], "scores": {name: scores}, "rankings": compare({name: scores}), "costs": {name: cost},
                 "analyses": {name: analysis}}
        made = composed(command, found, {name: provenance_of(job, samples["generated"])}, {name: samples},
                        {name: features})
        return Measured(job, scores, analysis, samples, cost, page(made.document, made.pictures))


def waited(show: Show, started: Started) -> None:
    """Until all images are drawn and looked at."""
    shards = started.shards
    show("parts", 0, len(shards))
    for shard in shards:
        shard.result()
        show("parts", 1)


def analysis_of(job: Job, samples: Mapping[str, Samples], features: Mapping[str, Mapping[str, object]]
                ) -> Analysis | None:
    given = evidence_of(job, samples, features)     # type: ignore[arg-type]
    return analyse(given, store_of(job.workspace))[0] if given else None


def options_said(question: Question) -> Question:
    """The same question with the names of its files instead of their places, for what is published."""
    changed: dict[str, Any] = {name: Path(value).name for name, value in given(question).items()
                               if isinstance(value, str) and is_place(value)}
    return replace(question, **changed)


def is_place(text: str) -> bool:
    """Whether it names a file or folder of this machine."""
    try:
        return "/" in text or "\\" in text or Path(text).exists()
    except OSError:
        return False


def why_not(error: BadInput) -> str:
    """A reason as the end of a sentence."""
    said = str(error).rstrip(".")
    return said[:1].lower() + said[1:] if said[1:2].islower() else said
