"""The document behind a report: the results of a comparison in full precision, as dataclasses and as JSON.

`schema.json` in this folder is the JSON schema; `write_schema` generates it from the dataclasses.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ganbench.gan.compare import Ranking, disagreements, pareto, tie_groups
from ganbench.gan.curves.diagnosis import Verdict
from ganbench.gan.curves.sentences import advice, evidence, lost
from ganbench.gan.curves.table import Run
from ganbench.gan.datasets import french_classes
from ganbench.gan.ensemble import Held
from ganbench.gan.findings import Analysis
from ganbench.gan.findings.analysis import Slice
from ganbench.gan.findings.appearance import Appearance
from ganbench.gan.findings.copies import Memorisation
from ganbench.gan.findings.gallery import Gallery
from ganbench.gan.findings.modes import Mode
from ganbench.gan.findings.spectrum import Spectrum
from ganbench.gan.jobs import Job
from ganbench.gan.metering import Cost
from ganbench.gan.metrics import METRICS
from ganbench.gan.naming import data_name
from ganbench.gan.published import Published
from ganbench.gan.recipes.training_set import HELD_OUT_FILE, kept_in
from ganbench.gan.report.exhibits import Map, Walls
from ganbench.gan.report.texts import both
from ganbench.gan.tables import ScoreTable, score_table
from ganbench.gan.types import BadInput, Caveat, Estimate, Finding, Score
from ganbench.gan.uncertainty import interval
from ganbench.gan.usercode import bare
from ganbench.gan.words import LANGUAGES, caution, sentence

SCHEMA = 3
SCHEMA_FILE = Path(__file__).with_name("schema.json")
DISTANCES = {"fd", "kid", "cmmd"}    # distances between distributions, which can lead
COUNTS = {3: ("three", "trois"), 4: ("four", "quatre"), 5: ("five", "cinq"), 6: ("six", "six"), 7: ("seven", "sept"),
          8: ("eight", "huit"), 9: ("nine", "neuf"), 10: ("ten", "dix")}
Curve = Sequence[tuple[int, Estimate]]      # images -> Fréchet distance


@dataclass(frozen=True)
class ProtocolFacts:
    """The protocol; `lead` is the metric by which models are ranked."""

    name: str
    convention: str
    matches: str
    reference: str
    held_out: str
    training: str
    n: int
    n_reference: int | None
    seed: int
    digest: str
    extractors: tuple[str, ...]
    lead: str
    classes: Mapping[str, str]  # French names of the reference's classes, where it has them


@dataclass(frozen=True)
class MetricFacts:
    """A metric: its name in scores, its row of METRICS, and its extractor."""

    name: str
    row: str
    extractor: str
    title: str
    what: str
    paper: str
    lower_is_better: bool
    decides: bool


@dataclass(frozen=True)
class ScoreFacts:
    """A score of a model; `warnings` are its caveats in English."""

    model: str
    metric: str
    row: str
    extractor: str
    value: float
    se: float
    floor: float | None
    n: int
    protocol: str
    warnings: tuple[str, ...]
    caveats: tuple[Caveat, ...]


@dataclass(frozen=True)
class CurvePoint:
    """The Fréchet distance of the first n images."""

    n: int
    value: float
    se: float


@dataclass(frozen=True)
class Said:
    """A sentence in both languages."""

    en: str
    fr: str


@dataclass(frozen=True)
class FindingFacts:
    """A finding, and its sentence."""

    severity: str
    rule: str
    facts: Mapping[str, Any]
    p: float | None
    figure: str
    sentence: Said


@dataclass(frozen=True)
class AnalysisFacts:
    """An analysis, with the sentences of its findings."""

    findings: tuple[FindingFacts, ...]
    by: str
    slices: tuple[Slice, ...]
    spectrum: Spectrum
    appearance: tuple[Appearance, ...]
    modes: tuple[Mode, ...]
    memorisation: Memorisation
    gallery: Gallery


@dataclass(frozen=True)
class ModelFacts:
    """A model; `leads`: the metrics by which it is significantly better than all others."""

    name: str
    family: str
    digest: str
    cost: Cost
    curve: tuple[CurvePoint, ...]
    leads: tuple[str, ...]
    analysis: AnalysisFacts | None


@dataclass(frozen=True)
class Diagnosis:
    """What a rule found in a model's learning curves, with its evidence and advice."""

    severity: str
    rule: str
    facts: Mapping[str, Any]
    sentence: Said
    advice: Said


@dataclass(frozen=True)
class TrainingFacts:
    """Of a model whose log lies beside its weights: up to which step, and what the rules found."""

    model: str
    steps: int
    found: tuple[Diagnosis, ...]
    notes: tuple[Said, ...]     # what of the log could not be read


@dataclass(frozen=True)
class PairFacts:
    """Two models by one metric: how much better, and the Holm-adjusted p."""

    better: str
    worse: str
    gain: float
    se: float
    p: float
    significant: bool


@dataclass(frozen=True)
class RankingFacts:
    """Models by one metric, the best first; see `ganbench.gan.compare.Ranking`."""

    metric: str
    row: str
    extractor: str
    models: tuple[str, ...]
    leaders: tuple[str, ...]
    groups: tuple[tuple[str, ...], ...]     # of models that do not differ significantly
    ranks: Mapping[str, tuple[int, int]]
    first: Mapping[str, float]
    interval: Mapping[str, tuple[int, int]]
    pairs: tuple[PairFacts, ...]


@dataclass(frozen=True)
class Front:
    """The Pareto-optimal models: no other model is both better and cheaper."""

    metric: str
    cost: str
    models: tuple[str, ...]


@dataclass(frozen=True)
class Clash:
    """A pair of models that two metrics rank in opposite order, both significantly."""

    one: str
    other: str
    better: str
    worse: str
    p_one: float
    p_other: float


@dataclass(frozen=True)
class MixtureFacts:
    """The best mixture, measured on images that were not used to choose it; `low` to `high` is the 95 % confidence
    interval of its gain."""

    metric: str
    models: tuple[str, ...]
    shares: tuple[float, ...]
    found_on: int
    tested_on: int
    value: float
    se: float
    best_single: str
    best_value: float
    gain: float
    gain_se: float
    low: float
    high: float
    gap: float


@dataclass(frozen=True)
class Provenance:
    """What is needed to reproduce the numbers."""

    versions: Mapping[str, str]
    commands: tuple[str, ...]
    models: Mapping[str, Mapping[str, Any]]     # digests, device and extractors behind each model's numbers


@dataclass(frozen=True)
class Document:
    """A comparison.  `scores` has a row for each score; `table` has the same scores as the page shows them.
    `real_curve`: the Fréchet distance of held-out real images by their number."""

    schema: int
    title: Said
    made: str           # date and time: the only field in which two reports of the same comparison may differ
    protocol: ProtocolFacts
    metrics: tuple[MetricFacts, ...]
    models: tuple[ModelFacts, ...]
    scores: tuple[ScoreFacts, ...]
    table: ScoreTable
    rankings: tuple[RankingFacts, ...]
    front: Front | None
    disagreements: tuple[Clash, ...]
    published: tuple[Published, ...]
    ensemble: MixtureFacts | None
    provenance: Provenance
    real_curve: tuple[CurvePoint, ...]
    walls: Walls | None
    map: Map | None
    trainings: tuple[TrainingFacts, ...]


def document(
    jobs: Sequence[Job], scores: Mapping[str, Sequence[Score]], rankings: Sequence[Ranking], *,
    costs: Mapping[str, Cost], provenance: Provenance, mixture: Held | None = None,
    published: Sequence[Published] = (), curves: Mapping[str, Curve] | None = None,
    analyses: Mapping[str, Analysis | None] | None = None, made: str = "", real_curve: Curve = (),
    walls: Walls | None = None, features_map: Map | None = None, trainings: Sequence[TrainingFacts] = (),
) -> Document:
    """The document of a report, models ordered by the leading metric."""
    by_name = {job.model.name: job for job in jobs}
    metrics = {score.metric: score for rows in scores.values() for score in rows}
    models = [model_of(by_name[name], costs.get(name, Cost()), (curves or {}).get(name, ()),
                       (analyses or {}).get(name), rankings) for name in rankings[0].models]
    return Document(
        schema=SCHEMA, title=title_of(rankings[0].models, jobs[0].protocol.reference), made=made,
        protocol=protocol_of(jobs[0], rankings),
        metrics=tuple(metric_of(score) for score in metrics.values()),
        models=tuple(models),
        scores=tuple(score_of(score) for name in rankings[0].models for score in scores[name]),
        table=score_table(scores, rankings),
        rankings=tuple(ranking_of(ranking) for ranking in rankings),
        front=front_of(scores, rankings[0], costs),
        disagreements=tuple(clashes(rankings)),
        published=tuple(published),
        ensemble=mixture_of(mixture, list(by_name), rankings[0].metric) if mixture else None,
        provenance=provenance,
        real_curve=points_of(real_curve), walls=walls, map=features_map, trainings=tuple(trainings),
    )


def to_json(found: Document) -> str:
    """JSON that is valid against `schema.json`."""
    return json.dumps(asdict(found), indent=1, allow_nan=False) + "\n"


def schema() -> dict[str, Any]:
    """The JSON schema of `to_json`; all fields are required, and no others are allowed."""
    from pydantic import TypeAdapter

    found = TypeAdapter(Document).json_schema(mode="serialization")
    for part in (found, *found["$defs"].values()):
        if "properties" in part:
            part["additionalProperties"] = False
            part["required"] = list(part["properties"])
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found}


def write_schema() -> None:
    SCHEMA_FILE.write_text(json.dumps(schema(), indent=1) + "\n", "utf-8")


def title_of(models: Sequence[str], reference: str) -> Said:
    """The question that the comparison answers."""
    data, n = said_of_data(reference), len(models)
    if n == 1:
        return Said(*both("question of one", model=models[0], data=data))
    if n == 2:
        return Said(*both("question of two", one=models[0], other=models[1], data=data))
    return Said(*both("question of many", count=COUNTS.get(n, (str(n), str(n))), data=data))


def said_of_data(reference: str) -> tuple[str, str]:
    data = data_name(data_of(reference))
    return (data, data) if data_of(reference) == reference else both("held out of", data=data)


def data_of(reference: str) -> str:
    """The data of which a training held those images out; other images stay what they are."""
    try:
        known = kept_in(Path(reference).parent) if Path(reference).name == HELD_OUT_FILE else None
    except BadInput:                                        # somebody's file of this name
        return reference
    return known.others or known.data if known else reference


def protocol_of(job: Job, rankings: Sequence[Ranking]) -> ProtocolFacts:
    protocol = job.protocol
    return ProtocolFacts(
        name=protocol.name, convention=protocol.convention.name, matches=protocol.convention.matches,
        reference=protocol.reference, held_out=protocol.held_out, training=protocol.training,
        n=protocol.n_generated, n_reference=job.parts["reference"].n if "reference" in job.parts else None,
        seed=job.seed, digest=job.protocol_digest, extractors=protocol.extractors, lead=rankings[0].metric,
        classes=french_classes(data_of(protocol.reference)),
    )


def metric_of(score: Score) -> MetricFacts:
    row = METRICS.get(score.row)
    return MetricFacts(
        name=score.metric, row=score.row, extractor=score.extractor,
        title=row.title if row else score.metric, what=row.what if row else "", paper=row.paper if row else "",
        lower_is_better=score.lower_is_better, decides=score.decides,
    )


def score_of(score: Score) -> ScoreFacts:
    return ScoreFacts(
        model=score.model, metric=score.metric, row=score.row, extractor=score.extractor, value=score.value,
        se=score.se, floor=score.floor, n=score.n, protocol=score.protocol,
        warnings=tuple(caution(caveat) for caveat in score.caveats), caveats=score.caveats,
    )


def model_of(
    job: Job, cost: Cost, curve: Curve, analysis: Analysis | None, rankings: Sequence[Ranking]
) -> ModelFacts:
    return ModelFacts(
        name=job.model.name, family=job.model.family or bare(job.model.factory), digest=job.model_digest, cost=cost,
        curve=points_of(curve),
        leads=tuple(row.metric for row in rankings if row.leaders == (job.model.name,)),
        analysis=analysis_of(analysis, french_classes(data_of(job.protocol.reference))) if analysis else None,
    )


def points_of(curve: Curve) -> tuple[CurvePoint, ...]:
    return tuple(CurvePoint(n, found.value, found.se) for n, found in curve)


def analysis_of(found: Analysis, classes: Mapping[str, str] | None = None) -> AnalysisFacts:
    return AnalysisFacts(**{**vars(found), "findings": tuple(finding_of(one, classes or {}) for one in found.findings)})


def finding_of(finding: Finding, classes: Mapping[str, str]) -> FindingFacts:
    said = Said(sentence(finding, "en"), sentence(finding, "fr", classes))
    return FindingFacts(**vars(finding), sentence=said)


def training_of(run: Run, verdicts: Sequence[Verdict]) -> TrainingFacts:
    found = tuple(Diagnosis(row.severity, row.rule, row.facts,
                            *(Said(*(say(row, language) for language in LANGUAGES)) for say in (evidence, advice)))
                  for row in verdicts if row.said == "found")
    notes = tuple(Said(*(lost(one, language) for language in LANGUAGES)) for one in run.caveats)
    return TrainingFacts(run.name, max(int(series.step[-1]) for series in run.series.values()), found, notes)


def ranking_of(ranking: Ranking) -> RankingFacts:
    return RankingFacts(
        metric=ranking.metric, row=ranking.row, extractor=ranking.extractor, models=ranking.models,
        leaders=ranking.leaders, groups=tuple(tie_groups(ranking)),
        ranks={model: ranking.ranks[model] for model in ranking.models}, first=dict(ranking.first),
        interval=dict(ranking.interval),
        pairs=tuple(PairFacts(pair.better, pair.worse, pair.gain.value, pair.gain.se, pair.p, pair.significant)
                    for pair in ranking.pairs),
    )


def front_of(
    scores: Mapping[str, Sequence[Score]], ranking: Ranking, costs: Mapping[str, Cost]
) -> Front | None:
    """The Pareto-optimal models: no other is both better by the leading metric and faster."""
    found = {model: next(row for row in rows if row.metric == ranking.metric) for model, rows in scores.items()}
    slowness = {model: 1 / cost.images_per_second for model, cost in costs.items() if cost.images_per_second}
    losses = {model: found[model].value * (1 if found[model].lower_is_better else -1) for model in slowness}
    return Front(ranking.metric, "images_per_second", pareto(losses, slowness)) if len(losses) > 1 else None


def clashes(rankings: Sequence[Ranking]) -> list[Clash]:
    """Pairs of models that the same distance ranks in opposite order with two extractors."""
    return [
        Clash(one.metric, other.metric, a.better, a.worse, a.p, b.p)
        for i, one in enumerate(rankings)
        for other in rankings[i + 1 :]
        if one.row == other.row and one.row in DISTANCES
        for a, b in disagreements(one, other)
    ]


def mixture_of(found: Held, names: Sequence[str], metric: str) -> MixtureFacts:
    low, high = interval(found.gain)
    return MixtureFacts(
        metric=metric, models=tuple(names), shares=tuple(np.asarray(found.shares).tolist()),
        found_on=found.found_on, tested_on=found.tested_on, value=found.value.value, se=found.value.se,
        best_single=names[found.best], best_value=found.best_value.value, gain=found.gain.value,
        gain_se=found.gain.se, low=low, high=high, gap=found.gap,
    )
