"""Estimates -> scores: their names, floors and caveats, and the scores of slices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ganbench.gan import gates, slices
from ganbench.gan.features import EXTRACTORS, inception
from ganbench.gan.features.extract import extractor_of
from ganbench.gan.jobs import Job, caveats_of_classes, check_classes, classes_of, dimension
from ganbench.gan.lacking import unmeasured
from ganbench.gan.measure import Measured
from ganbench.gan.metrics import METRICS
from ganbench.gan.models.identity import IMAGES
from ganbench.gan.models.images import open_images
from ganbench.gan.parts import samples_of
from ganbench.gan.store import store_of
from ganbench.gan.types import Alert, BadInput, Caveat, Estimate, Features, Score, Shard

ByRole = Mapping[str, Measured]  # generated, held_out


def measured(job: Job) -> list[str]:
    """The roles whose images are compared with the reference."""
    return [role for role in ("generated", "held_out") if role in job.parts]


def assemble(job: Job, estimates: Mapping[str, ByRole], alerts: Sequence[Alert] = ()) -> list[Score]:
    """Scores from estimates by extractor, role (generated, held_out) and metric, the leading metric first."""
    lost = lost_of(job)
    scores = [
        score_of(job, extractor, metric, by_role, [*gates.causes_for(alerts, extractor), *lost])
        for extractor, by_role in estimates.items()
        for metric in ranked(job, extractor)
        if metric in by_role["generated"].estimates
    ]
    if not scores:
        why = [f"{name} is not computed: {sentence}" for by_role in estimates.values()
               for name, (_, sentence) in by_role["generated"].left_out.items()]
        raise BadInput("nothing-to-measure", f"Nothing can be measured: {' '.join(why)}")
    return scores


def lost_of(job: Job) -> list[Caveat]:
    """What of the files is not in the pixels that are measured, of every set of images on disk."""
    found: list[Caveat] = []
    for part in job.parts.values():
        if part.spec.family == IMAGES:
            images = open_images(part.spec, job.workspace).images
            found += images.lost
            if part is job.parts["generated"] and part.n < images.n:
                found.append(Caveat("part", {"data": part.spec.name, "n": part.n, "all": images.n}))
    return [caveat for i, caveat in enumerate(found) if caveat not in found[:i]]


def slice_scores(
    job: Job, by: str, images: Mapping[str, Sequence[Shard]], features: Mapping[str, Mapping[str, Features]]
) -> list[Score]:
    """Scores of every class or cluster by the leading extractor; `features`: by extractor and role.

    The floor of a slice's share is the slice's share of the reference; the floor of any other score is that of
    held-out images.
    """
    extractor, judge = job.lead, job.protocol.judge
    if by == "class":
        check_classes(job)
    sliced = {}
    for role in measured(job):
        sets = {"generated": features[extractor][role], "reference": features[extractor]["reference"]}
        if by == "cluster":
            slicing = slices.by_cluster(sets["generated"], sets["reference"])
        else:
            pair = {name: samples_of(job.parts[where], images[where])
                    for name, where in (("generated", role), ("reference", "reference"))}
            seen = features.get(judge)
            judged = {"generated": seen[role], "reference": seen["reference"]} if seen else None
            if role == "held_out" and judged is None and slices.labels_of(pair["generated"]) is None:
                continue                                    # then there is no floor
            slicing = slices.by_class(**pair, classes=classes_of(job), judged=judged)
        sliced[role], _ = slices.measure_slices(
            slicing, **sets, settings=job.protocol.convention.settings, store=store_of(job.workspace)
        )
    caveats = tuple(caveats_of_classes(job)) if by == "class" else ()
    return [
        replace(slice_score(job, name, metric, found, sliced.get("held_out", {}).get(name, {}).get(metric),
                            row["share.real"]), caveats=caveats)
        for name, row in sliced["generated"].items()
        for metric, found in row.items()
        if metric != "share.real"
    ]


def slice_score(job: Job, name: str, metric: str, found: Estimate, floor: Estimate | None, real: Estimate) -> Score:
    if metric == "share":
        scored = bare_score(job, metric, metric, "", found, real)
        return replace(scored, slice=name, lower_is_better=False, bounds=(0.0, 1.0))
    return replace(metric_score(job, metric, job.lead, found, floor), slice=name)


def ranked(job: Job, extractor: str) -> list[str]:
    """Metric names, the leading one first: KID where too few images bias FD (n < 5 d)."""
    names = list(job.metrics(extractor))
    if too_few(job, extractor) and "kid" in names:
        names.sort(key=lambda name: name != "kid")
    return names


def too_few(job: Job, extractor: str) -> bool:
    return bool(gates.too_few_images(job.protocol.n_generated, dimension(extractor, job.shape, job.workspace)))


def score_of(job: Job, extractor: str, metric: str, by_role: ByRole, causes: Sequence[Caveat] = ()) -> Score:
    found, floor = by_role["generated"].estimates[metric], floor_of(metric, by_role)
    caveats = (*causes, *caveats_of(job, extractor, metric, by_role))
    return replace(metric_score(job, metric, extractor, found, floor), caveats=caveats)


def metric_score(job: Job, metric: str, extractor: str, found: Estimate, floor: Estimate | None) -> Score:
    """A score of a row of METRICS with an extractor, which may be a file of the user's."""
    made, row = extractor_of(extractor, job.workspace), METRICS[metric]
    name = score_name(metric, made.name, made.weights)
    return replace(
        bare_score(job, name, metric, made.name, found, floor),
        lower_is_better=row.lower_is_better, bounds=row.bounds, decides=row.decides,
    )


def bare_score(job: Job, name: str, row: str, extractor: str, found: Estimate, floor: Estimate | None) -> Score:
    """`name` is shown; `row` (of METRICS) and `extractor` identify the score."""
    return Score(
        model=job.model.name,
        metric=name,
        row=row,
        extractor=extractor,
        value=found.value,
        se=found.se,
        floor=floor.value if floor else None,
        n=job.protocol.n_generated,
        protocol=job.protocol.name,
        protocol_digest=job.protocol_digest,
        model_digest=job.model_digest,
    )


def floor_of(metric: str, by_role: ByRole) -> Estimate | None:
    return by_role["held_out"].estimates.get(metric) if "held_out" in by_role else None


def caveats_of(job: Job, extractor: str, metric: str, by_role: ByRole) -> list[Caveat]:
    """The caveats of a score."""
    mine, n = by_role["generated"].estimates, job.protocol.n_generated
    found, floor = mine[metric], floor_of(metric, by_role)
    weights = extractor_of(extractor, job.workspace).weights
    caveats: list[Caveat | None] = []
    if network_of(extractor) == "inception-2015" and weights != inception.SHA256:
        caveats.append(Caveat("other weights", {"sha256": weights[:12]}))
    if metric == "fd":
        caveats.append(gates.too_few_images(n, dimension(extractor, job.shape, job.workspace)))
        caveats.append(gates.closer_than_real(found.value, found.se, *(
            (floor.value, floor.se) if floor else (None, 0.0)
        )))
    if metric in ("precision", "recall") and {"precision", "recall"} <= mine.keys():
        caveats.append(gates.narrow(mine["precision"].value, mine["recall"].value))
    if job.protocol.held_out and "held_out" not in job.parts:
        caveats.append(Caveat("no floor", {"data": job.protocol.held_out, "n": n}))
    if metric == next(name for name in ranked(job, extractor) if name in mine):
        caveats += left_out(by_role["generated"]) + (omitted(job) if extractor == job.lead else [])
    return [caveat for caveat in caveats if caveat]


def left_out(found: Measured) -> list[Caveat]:
    """Metrics that could not be computed from these images; the first score of an extractor carries them."""
    return [Caveat("not for these images", {"metric": name, "why": code})
            for name, (code, _) in found.left_out.items()]


def omitted(job: Job) -> list[Caveat]:
    """Metrics that no extractor can compute from these sets, and what they need."""
    measured = {name for extractor in job.extractors for name in job.metrics(extractor)}
    return [Caveat("left out", {"metrics": metrics, "needs": {"of": list(needs), "least": least}})
            for (needs, least), metrics in unmeasured(job.omitted, measured).items()]


def network_of(extractor: str) -> str:
    """The network of a row of EXTRACTORS; '' for an extractor of the user's."""
    return EXTRACTORS[extractor].network if extractor in EXTRACTORS else ""


def score_name(metric: str, extractor: str, weights: str) -> str:
    """`fid`, `kid`, `is` only with the 2015 Inception network and its published weights (checked by sha256); any
    other extractor is part of the name."""
    if network_of(extractor) == "inception-2015" and weights == inception.SHA256:
        return METRICS[metric].known_as or metric
    return f"{metric}_{extractor}"
