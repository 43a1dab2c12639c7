"""The document behind a report: what a comparison found, as plain JSON values in full precision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from ganbench.gan.compare import Ranking, disagreements, pareto, tie_groups
from ganbench.gan.costs import Cost
from ganbench.gan.ensemble import Held
from ganbench.gan.findings import Analysis
from ganbench.gan.jobs import Job
from ganbench.gan.metrics import METRICS
from ganbench.gan.published import Published
from ganbench.gan.types import Caveat, Estimate, Finding, Score
from ganbench.gan.uncertainty import interval
from ganbench.gan.words import LANGUAGES, caution, sentence

SCHEMA = 1
NAMED = 3       # models that a title names
DISTANCES = {"fd", "kid", "cmmd"}    # of all images; the leading ones
Curve = Sequence[tuple[int, Estimate]]      # images -> Fréchet distance


def document(
    jobs: Sequence[Job], scores: Mapping[str, Sequence[Score]], rankings: Sequence[Ranking], *,
    costs: Mapping[str, Cost], mixture: Held | None = None, published: Sequence[Published] = (),
    curves: Mapping[str, Curve] | None = None, analyses: Mapping[str, Analysis | None] | None = None,
    provenance: Mapping[str, Any] | None = None,
    commands: Sequence[str] = (), made: str = "",
) -> dict[str, Any]:
    """All of a report.  `made`: when, the one line in which two reports of the same may differ."""
    names = [job.model.name for job in jobs]
    all_scores = {score.metric: score for rows in scores.values() for score in rows}
    models = [
        model_of(jobs[names.index(name)], aligned(scores[name], list(all_scores)), costs.get(name, Cost()),
                 (curves or {}).get(name, ()), (analyses or {}).get(name), rankings)
        for name in rankings[0].models
    ]
    return {
        "schema": SCHEMA,
        "title": title_of(rankings[0].models),
        "made": made,
        "protocol": protocol_of(jobs[0], rankings),
        "metrics": [metric_of(score) for score in all_scores.values()],
        "models": models,
        "rankings": [ranking_of(ranking) for ranking in rankings],
        "front": front_of(scores, rankings[0], costs),
        "disagreements": clashes(rankings),
        "published": [asdict(row) for row in published],
        "ensemble": mixture_of(mixture, names, rankings[0].metric) if mixture else None,
        "provenance": {**(provenance or {}), "commands": list(commands)},
    }


def title_of(models: Sequence[str]) -> str:
    return ", ".join(models) if len(models) <= NAMED else f"{models[0]} and {len(models) - 1} others"


def protocol_of(job: Job, rankings: Sequence[Ranking]) -> dict[str, Any]:
    protocol = job.protocol
    return {
        "name": protocol.name, "convention": protocol.convention.name, "matches": protocol.convention.matches,
        "reference": protocol.reference, "held_out": protocol.held_out, "training": protocol.training,
        "n": protocol.n_generated, "n_reference": job.parts["reference"].n if "reference" in job.parts else None,
        "seed": job.seed, "digest": job.protocol_digest, "extractors": list(protocol.extractors),
        "lead": rankings[0].metric,
    }


def metric_of(score: Score) -> dict[str, Any]:
    """What a metric is."""
    row = METRICS.get(score.row)
    return {
        "name": score.metric, "row": score.row, "extractor": score.extractor,
        "title": row.title if row else score.metric, "what": row.what if row else "",
        "paper": row.paper if row else "", "lower_is_better": score.lower_is_better, "decides": score.decides,
    }


def aligned(scores: Sequence[Score], metrics: Sequence[str]) -> list[dict[str, Any]]:
    """A row for each metric, empty where the model does not have it, as accuracy without classes."""
    found = {score.metric: score_of(score) for score in scores}
    empty: dict[str, Any] = {"value": None, "se": None, "low": None, "high": None, "floor": None, "caveats": []}
    return [found.get(metric, {"metric": metric, **empty}) for metric in metrics]


def model_of(
    job: Job, scores: Sequence[Mapping[str, Any]], cost: Cost, curve: Curve, analysis: Analysis | None,
    rankings: Sequence[Ranking],
) -> dict[str, Any]:
    return {
        "name": job.model.name, "family": job.model.family or job.model.factory, "digest": job.model_digest,
        "cost": asdict(cost), "scores": list(scores),
        "curve": [{"n": n, "value": found.value, "se": found.se} for n, found in curve],
        "leads": [row.metric for row in rankings if row.leaders == (job.model.name,)],
        "analysis": analysis_of(analysis) if analysis else None,
    }


def analysis_of(found: Analysis) -> dict[str, Any]:
    return {**asdict(found), "findings": [finding_of(finding) for finding in found.findings]}


def finding_of(finding: Finding) -> dict[str, Any]:
    return {**asdict(finding), "sentence": {language: sentence(finding, language) for language in LANGUAGES}}


def score_of(score: Score) -> dict[str, Any]:
    low, high = (min(max(end, score.bounds[0]), score.bounds[1]) for end in interval(Estimate(score.value, score.se)))
    return {"metric": score.metric, "value": score.value, "se": score.se, "low": low, "high": high,
            "floor": score.floor, "caveats": [caveat_of(caveat) for caveat in score.caveats]}


def caveat_of(caveat: Caveat) -> dict[str, Any]:
    return {**asdict(caveat), "sentence": {language: caution(caveat, language) for language in LANGUAGES}}


def ranking_of(ranking: Ranking) -> dict[str, Any]:
    return {
        "metric": ranking.metric, "row": ranking.row, "extractor": ranking.extractor, "models": list(ranking.models),
        "leaders": list(ranking.leaders),
        "groups": [list(group) for group in tie_groups(ranking)],
        "ranks": {model: list(ranking.ranks[model]) for model in ranking.models},
        "first": dict(ranking.first), "interval": {model: list(found) for model, found in ranking.interval.items()},
        "pairs": [{"better": pair.better, "worse": pair.worse, "gain": pair.gain.value, "se": pair.gain.se,
                   "p": pair.p, "significant": pair.significant} for pair in ranking.pairs],
    }


def front_of(
    scores: Mapping[str, Sequence[Score]], ranking: Ranking, costs: Mapping[str, Cost]
) -> dict[str, Any] | None:
    """The models than which nothing is both better by the leading metric and faster."""
    found = {model: next(row for row in rows if row.metric == ranking.metric) for model, rows in scores.items()}
    slowness = {model: 1 / cost.images_per_second for model, cost in costs.items() if cost.images_per_second}
    losses = {model: found[model].value * (1 if found[model].lower_is_better else -1) for model in slowness}
    if len(losses) < 2:
        return None
    return {"metric": ranking.metric, "cost": "images_per_second", "models": list(pareto(losses, slowness))}


def clashes(rankings: Sequence[Ranking]) -> list[dict[str, Any]]:
    """Pairs of models that distances of the same kind by two extractors put in opposite order."""
    found = []
    for i, one in enumerate(rankings):
        for other in rankings[i + 1 :]:
            if one.row == other.row and one.row in DISTANCES:
                found += [
                    {"one": one.metric, "other": other.metric, "better": a.better, "worse": a.worse, "p_one": a.p,
                     "p_other": b.p}
                    for a, b in disagreements(one, other)
                ]
    return found


def mixture_of(found: Held, names: Sequence[str], metric: str) -> dict[str, Any]:
    low, high = interval(found.gain)
    return {
        "metric": metric, "models": list(names), "shares": np.asarray(found.shares).tolist(),
        "found_on": found.found_on, "tested_on": found.tested_on, "value": found.value.value, "se": found.value.se,
        "best_single": names[found.best], "best_value": found.best_value.value, "gain": found.gain.value,
        "gain_se": found.gain.se, "low": low, "high": high, "gap": found.gap,
    }
