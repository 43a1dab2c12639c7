"""The pure composition: model + protocol -> scores.  Flows do the same in Prefect tasks."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from ganbench.gan import gates, slices
from ganbench.gan.drawing import Tick, silent
from ganbench.gan.features import EXTRACTORS, inception
from ganbench.gan.features.extract import extract_shard, extractor_of
from ganbench.gan.files import file_digest
from ganbench.gan.interchange import is_features, is_statistics
from ganbench.gan.jobs import Job, Part, dimension, keep, prepare
from ganbench.gan.lacking import unmeasured
from ganbench.gan.measure import Measured, import_features, measure
from ganbench.gan.metrics import METRICS
from ganbench.gan.models.identity import identity
from ganbench.gan.models.images import open_images
from ganbench.gan.protocols import with_count
from ganbench.gan.question import Question, protocol_of
from ganbench.gan.sampling import sample_shard, shards_of
from ganbench.gan.store import rows_of, store_of
from ganbench.gan.threads import single_threaded
from ganbench.gan.types import (
    Alert,
    BadInput,
    BadOutput,
    Caveat,
    Context,
    Estimate,
    Features,
    ModelSpec,
    Protocol,
    Samples,
    Score,
    Shard,
    Workspace,
)
from ganbench.gan.words import caution

ByRole = Mapping[str, Measured]  # generated, held_out


def evaluate(
    model: str | ModelSpec | np.ndarray | Tensor | Callable[[], Any],
    protocol: str | Protocol | Question = "",
    *,
    n: int | None = None,
    seed: int = 0,
    workspace: Workspace | None = None,
    workers: int | None = None,
) -> list[Score]:
    """Scores of a model under a protocol; everything that is made is kept in the workspace and found again.

    `model`: what `load` takes, or images: an array or tensor, (n, channels, height, width) uint8, or a function that
    returns such.  `protocol`: a name of PROTOCOLS (default: fashion-mnist-embedded-2k), a `Question` with the options
    of the command line, such as `Question(reference="folder", metrics="fd,kid")`, or a `Protocol`.  `n`: images to
    draw, if not the protocol's own number.  `workers`: shards at a time (default: one per core); it changes no number.
    """
    asked = Question(protocol) if isinstance(protocol, str) else protocol
    chosen = with_count(asked, n) if isinstance(asked, Protocol) else protocol_of(replace(asked, n=n or asked.n))
    workspace = workspace or Workspace()
    job = prepare(model if isinstance(model, str | ModelSpec) else keep(model, workspace), chosen, seed, workspace)
    with single_threaded(), ThreadPoolExecutor(workers or os.cpu_count()) as pool:
        images = {
            role: list(
                pool.map(
                    lambda shard, part=part: sample_one(part, shard[0], shard[1], job.workspace), shards_of(part.n)
                )
            )
            for role, part in job.parts.items()
        }
        alerts = look_at_images(job, images)
        estimates = {}
        for name in job.extractors:
            extract = partial(extract_one, extractor=name, workspace=job.workspace)
            features = {role: features_from(name, pool.map(extract, shards), job) for role, shards in images.items()}
            alerts += look_at_features(job, name, features)
            estimates[name] = {role: measure_one(job, name, role, features)[0] for role in measured(job)}
        return assemble(job, estimates, alerts)


def features_from(extractor: str, shards: Iterable[Shard], job: Job) -> Features:
    """Under the extractor's own name, since the given one may be a file of the user's, and paths are in no key."""
    return Features(extractor_of(extractor, job.workspace).name, tuple(shards))


def stop_at_failures(alerts: Iterable[Alert]) -> None:
    """Numbers that would mean nothing are not computed."""
    causes = [caution(cause) for cause in gates.failures(alerts)]
    if causes:
        raise BadOutput("meaningless-scores", f"No scores, since they would mean nothing: {'; '.join(causes)}.")


def look_at_images(job: Job, images: Mapping[str, Sequence[Shard]]) -> list[Alert]:
    """What is wrong with the images; raises BadOutput when no score would mean anything."""
    samples = {role: samples_of(job.parts[role], images[role]) for role in ("generated", "reference") if role in images}
    alerts = gates.check_images(samples["generated"], samples.get("reference"), store_of(job.workspace))
    stop_at_failures(alerts)
    return alerts


def look_at_features(job: Job, extractor: str, features: Mapping[str, Features]) -> list[Alert]:
    """What is wrong with the features of one extractor; raises BadOutput when no score would mean anything."""
    alerts = gates.check_features(features["generated"], extractor, store_of(job.workspace))
    stop_at_failures(alerts)
    return alerts


def measured(job: Job) -> list[str]:
    """The roles whose images are set against the reference."""
    return [role for role in ("generated", "held_out") if role in job.parts]


def measure_one(
    job: Job, extractor: str, role: str, features: Mapping[str, Features]
) -> tuple[Measured, bool]:
    """Estimates of the images of a role, with the features of every role at hand; see `measure`."""
    names = job.metrics(extractor)
    return measure(context_of(job, role, features), features[role], names, job.protocol.convention, job.workspace)


def context_of(job: Job, role: str, features: Mapping[str, Features]) -> Context:
    """What the features of a role are set beside.  Held-out images are no model of what they are themselves: the
    training set counts only where they are not part of it, and unseen images only where they are others."""
    reference = features.get("reference")
    if reference is None and is_features(job.given):
        reference = import_features(job.given, features[role].extractor, store_of(job.workspace))
    given = job.given if is_statistics(job.given) else ""
    training, unseen = job.parts.get("training"), job.unseen
    same = role == "held_out" and training and training.spec.sha256 == job.parts[role].spec.sha256
    return Context(
        reference=reference,
        statistics=given,
        statistics_digest=file_digest(Path(given)) if given else "",
        training=None if same else features.get("training"),
        test=features.get(unseen) if unseen != role else None,
    )


def extract_one(images: Shard, extractor: str, workspace: Workspace, tick: Tick = silent) -> Shard:
    """Features of one shard of images, by the name of an extractor."""
    made = extractor_of(extractor, workspace)
    return extract_shard(images, made, store_of(workspace), tick, workspace.batch_size)


def sample_one(part: Part, index: int, rows: int, workspace: Workspace, tick: Tick = silent) -> Shard:
    """One shard of a part's images."""
    return sample_shard(part.spec, part.seed, index, rows, workspace, store_of(workspace), tick)


def features_of(part: Part, extractor: str, workspace: Workspace, workers: int, tick: Tick = silent) -> Features:
    """The features of a part's images, several shards at a time."""

    def extract(index: int, rows: int) -> Shard:
        shard = extract_one(sample_one(part, index, rows, workspace), extractor, workspace, tick)
        tick(rows - shard.computed)  # those that the store had
        return shard

    with single_threaded(), ThreadPoolExecutor(workers) as pool:
        shards = pool.map(extract, *zip(*shards_of(part.n), strict=True))
        return Features(extractor_of(extractor, workspace).name, tuple(shards))


def samples_of(part: Part, shards: Sequence[Shard]) -> Samples:
    """The shards of a part as one set, with its digest."""
    channels, height, width = rows_of(shards[0])["images"].shape[1:]
    return Samples(identity(part.spec), part.seed, (channels, height, width), tuple(shards))


def assemble(job: Job, estimates: Mapping[str, ByRole], alerts: Sequence[Alert] = ()) -> list[Score]:
    """Scores from estimates by extractor, role (generated, held_out) and metric, the leading metric first."""
    scores = [
        score_of(job, extractor, metric, by_role, gates.causes_for(alerts, extractor))
        for extractor, by_role in estimates.items()
        for metric in ranked(job, extractor)
        if metric in by_role["generated"].estimates
    ]
    if not scores:
        why = [caution(caveat) for by_role in estimates.values() for caveat in left_out(by_role["generated"])]
        raise BadInput("nothing-to-measure", f"Nothing can be measured: {'; '.join(why)}.")
    return scores


def slice_scores(
    job: Job, by: str, images: Mapping[str, Sequence[Shard]], features: Mapping[str, Mapping[str, Features]]
) -> list[Score]:
    """Scores of every class or cluster by the leading extractor; `features`: by extractor and role.

    The floor of a slice's share is its share of the reference, of its other scores what held-out images have.
    """
    extractor, judge = job.protocol.extractors[0], job.protocol.judge
    sliced = {}
    for role in measured(job):
        sets = {"generated": features[extractor][role], "reference": features[extractor]["reference"]}
        if by == "cluster":
            slicing = slices.by_cluster(sets["generated"], sets["reference"])
        else:
            pair = {name: samples_of(job.parts[where], images[where])
                    for name, where in (("generated", role), ("reference", "reference"))}
            judged = {"generated": features[judge][role], "reference": features[judge]["reference"]} if judge else None
            slicing = slices.by_class(**pair, classes=classes_of(job), judged=judged)
        sliced[role], _ = slices.measure_slices(
            slicing, **sets, settings=job.protocol.convention.settings, store=store_of(job.workspace)
        )
    return [
        slice_score(job, name, metric, found, sliced.get("held_out", {}).get(name, {}).get(metric), row["share.real"])
        for name, row in sliced["generated"].items()
        for metric, found in row.items()
        if metric != "share.real"
    ]


def slice_score(job: Job, name: str, metric: str, found: Estimate, floor: Estimate | None, real: Estimate) -> Score:
    if metric == "share":
        scored = bare_score(job, metric, metric, "", found, real)
        return replace(scored, slice=name, lower_is_better=False, bounds=(0.0, 1.0))
    return replace(metric_score(job, metric, job.protocol.extractors[0], found, floor), slice=name)


def classes_of(job: Job) -> tuple[str, ...]:
    """The names of the reference's classes."""
    return open_images(job.parts["reference"].spec, job.workspace).images.classes


def ranked(job: Job, extractor: str) -> list[str]:
    """KID leads where FD is biased by too few images: n < 5 d."""
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
    """A row of METRICS with an extractor, which may be a file of the user's."""
    made, row = extractor_of(extractor, job.workspace), METRICS[metric]
    name = score_name(metric, made.name, made.weights)
    return replace(
        bare_score(job, name, metric, made.name, found, floor),
        lower_is_better=row.lower_is_better, bounds=row.bounds, decides=row.decides,
    )


def bare_score(job: Job, name: str, row: str, extractor: str, found: Estimate, floor: Estimate | None) -> Score:
    """`name` is shown; `row` and `extractor` say what it is."""
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
    """What the reader of a score should know."""
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
        caveats += left_out(by_role["generated"]) + (omitted(job) if extractor == job.extractors[0] else [])
    return [caveat for caveat in caveats if caveat]


def left_out(found: Measured) -> list[Caveat]:
    """What these images do not suffice for, of what was asked; the first score of an extractor says it."""
    return [Caveat("not for these images", {"metric": name, "why": why}) for name, why in found.left_out.items()]


def omitted(job: Job) -> list[Caveat]:
    """Metrics that these sets do not allow, by any extractor, and what they need."""
    measured = {name for extractor in job.extractors for name in job.metrics(extractor)}
    return [Caveat("left out", {"metrics": metrics, "needs": {"of": list(needs), "least": least}})
            for (needs, least), metrics in unmeasured(job.omitted, measured).items()]


def network_of(extractor: str) -> str:
    """What the table says, and nothing for an extractor of the user's."""
    return EXTRACTORS[extractor].network if extractor in EXTRACTORS else ""


def score_name(metric: str, extractor: str, weights: str) -> str:
    """`fid`, `kid`, `is` with the 2015 Inception network and its published weights (by their sha256) alone; any
    other extractor is part of the name."""
    if network_of(extractor) == "inception-2015" and weights == inception.SHA256:
        return METRICS[metric].known_as or metric
    return f"{metric}_{extractor}"
