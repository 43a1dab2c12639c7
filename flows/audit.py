"""The flows `audit` and `attribute`: copied training images, and contributions to a Fréchet distance."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from prefect import flow

from ganbench.flows.evaluate import OneModel, Seed, flow_tags
from ganbench.flows.options import Some, formed, in_form
from ganbench.flows.screen import Grid, Line, Screen
from ganbench.flows.shards import TASKS, follow
from ganbench.flows.tables import DASH, SE, scores_screen
from ganbench.gan import slices
from ganbench.gan.attribution import Attribution
from ganbench.gan.audit import IMAGES, check_unseen, question_of
from ganbench.gan.copying import RATE, Audit, Match
from ganbench.gan.evaluate import all_features, all_samples, context_of, submit
from ganbench.gan.gallery import write_gallery
from ganbench.gan.jobs import Job, asked_model, asked_protocol, check_images_of_reference, classes_of, counted
from ganbench.gan.measure import measure
from ganbench.gan.question import PREPROCESSING, Opening, Question, protocol_of
from ganbench.gan.reporting import provenance_of
from ganbench.gan.scoring import assemble, bare_score, lost_of
from ganbench.gan.store import image_of
from ganbench.gan.threads import single_threaded
from ganbench.gan.types import Estimate, Features, Samples, Score
from ganbench.gan.words import caution
from ganbench.tasks.runners import runner
from ganbench.tasks.settings import workspace_of
from ganbench.tasks.stages import attribute_distance, audit_images, prepare_job
from ganbench.tasks.tracking.client import Tracked
from ganbench.tasks.tracking.evaluations import record_of, track

AUDITED = ("training", "held_out", "n", "extractor", *PREPROCESSING)  # options
ATTRIBUTED = ("protocol", "n", "reference", "convention", "extractor", *PREPROCESSING)
SHOWN = 24  # rows of a gallery


@dataclass(frozen=True)
class Audited:
    """The result of an audit."""

    job: Job
    audit: Audit
    scores: list[Score]
    picture: str
    tracked: Tracked
    provenance: dict[str, Any]


@dataclass(frozen=True)
class Attributed:
    """The result of an attribution."""

    job: Job
    found: Attribution
    classes: dict[str, Estimate]  # by name
    picture: str


@formed
@flow(name="audit", flow_run_name="audit {model}, seed {seed}", task_runner=runner())
@in_form(question=Some(Question, AUDITED), opening=Opening)
def audit(
    model: OneModel = "zoo:dcgan-fashion-mnist", *, question: Question, seed: Seed = 0, opening: Opening
) -> Audited:
    """Does the model copy its training images?  Suspicious images with their nearest training images, and a test."""
    workspace = workspace_of(opening.trust_pickle)
    with single_threaded():
        spec = asked_model(model, opening, workspace, protocol_of(question).preprocessing)
        chosen = protocol_of(question_of(model, counted(question, [spec], workspace, IMAGES)))
        job = prepare_job(spec, chosen, seed, workspace)
        check_unseen(question.held_out, job.unseen, chosen.n_generated)
        samples, features = sets_of(job)
        leading = features[job.lead]
        found = audit_images(job, samples, leading)
        scores = scores_of(job, found, leading)
        picture = gallery_of(job, found, samples)
        tracked = track(record_of(job, scores, [], picture, flow_tags()))
    return Audited(job, found, scores, picture, tracked, provenance_of(job, samples["generated"]))


@formed
@flow(name="attribute", flow_run_name="attribute {model}, seed {seed}", task_runner=runner())
@in_form(question=Some(Question, ATTRIBUTED), opening=Opening)
def attribute(
    model: OneModel = "zoo:dcgan-fashion-mnist", *, question: Question, seed: Seed = 0, opening: Opening
) -> Attributed:
    """The contributions of images and classes to a Fréchet distance."""
    workspace = workspace_of(opening.trust_pickle)
    with single_threaded():
        spec = asked_model(model, opening, workspace, protocol_of(question).preprocessing)
        chosen = asked_protocol(replace(question, metrics="fd"), [spec], workspace)
        job = prepare_job(spec, chosen, seed, workspace)
        check_images_of_reference(job)
        samples, features = sets_of(job)
        labels, names = labels_and_names(job, samples, features)
        found = attribute_distance(job, features[job.lead], labels)
        picture = extremes_of(job, found, samples["generated"])
    return Attributed(job, found, {names[i]: cost for i, cost in found.classes.items()}, picture)


def sets_of(job: Job) -> tuple[dict[str, Samples], dict[str, dict[str, Features]]]:
    """All images by role, and all features by extractor and role."""
    started = submit([job], TASKS)
    follow(job.model.name, started)
    return all_samples(job, started[0]), all_features(job, started[0])


def scores_of(job: Job, found: Audit, features: dict[str, Features]) -> list[Score]:
    """The memorisation metrics, and the shares found by the audit, as scores."""
    seen = features["generated"].extractor
    measured, _ = measure(context_of(job, "generated", features), features["generated"], job.metrics(job.lead),
                          job.protocol.convention, job.workspace)
    scores = assemble(job, {job.lead: {"generated": measured}})
    counted = {"audit_copies": (found.copies, 0.0), "audit_nearer": (found.nearer, RATE)}
    return scores + [
        replace(bare_score(job, name, name, seen, estimate, Estimate(expected, 0.0)), bounds=(0.0, 1.0))
        for name, (estimate, expected) in counted.items()
        if estimate
    ]


def labels_and_names(
    job: Job, samples: dict[str, Samples], features: dict[str, dict[str, Features]]
) -> tuple[np.ndarray | None, list[str]]:
    """Classes of the generated images: their labels, or the judge's classes."""
    labels = slices.labels_of(samples["generated"])
    if labels is None and job.protocol.judge in features:
        labels = slices.predictions(features[job.protocol.judge]["generated"])
    names = list(classes_of(job))
    most = int(labels.max()) + 1 if labels is not None else 0
    return labels, names + [f"class {i}" for i in range(len(names), most)]


def gallery_of(job: Job, found: Audit, samples: dict[str, Samples]) -> str:
    """The most suspicious images beside their nearest training images, as a PNG; -> its path."""
    rows = [
        (
            [image_of(samples["generated"], match.image), image_of(samples["training"], match.by_features),
             image_of(samples["training"], match.by_pixels)],
            caption(match.image, match.ratio, match.p, match.listed),
        )
        for match in found.matches[:SHOWN]
    ]
    path = picture_path(job, "audit")
    title = f"{job.model.name}: the {len(rows)} most suspicious of {found.n:,} images, seed {job.seed}"
    write_gallery(path, title, ("generated", "features", "pixels"), rows)
    return str(path)


def caption(image: int, ratio: float, p: float | None, listed: bool) -> str:
    lines = [f"image {image}", f"ratio {ratio:.2f}", *([f"p = {p:.4f}"] if p is not None else [])]
    return "\n".join([*lines, *(["LISTED"] if listed else [])])


def extremes_of(job: Job, found: Attribution, samples: Samples) -> str:
    """The images with the largest and the smallest contributions, as a PNG; -> its path."""
    order, n = found.worst, len(found.psi)
    some = min(SHOWN, n // 2)
    rows = [
        ([image_of(samples, int(bad)), image_of(samples, int(good))],
         f"costs {found.psi[bad] / n:+.4f}\nhelps {found.psi[good] / n:+.4f}")
        for bad, good in zip(order[:some], order[::-1][:some], strict=True)
    ]
    path = picture_path(job, "attribution")
    title = f"{job.model.name}: what its distance of {found.distance:.4g} comes from, of {n:,} images"
    write_gallery(path, title, ("costs most", "helps most"), rows, across=4)
    return str(path)


def picture_path(job: Job, what: str) -> Path:
    name = re.sub(r"[^\w.-]+", "-", f"{what}-{job.model.name}-seed-{job.seed}-{job.digest[:8]}")
    return job.workspace.root / "pictures" / f"{name}.png"


def audit_json(outcome: Audited) -> str:
    """The audit with full precision."""
    facts = asdict(outcome.audit)
    scores = [{"metric": score.metric, "value": score.value, "se": score.se} for score in outcome.scores]
    return json.dumps({"audit": facts, "scores": scores, "provenance": outcome.provenance}, indent=1)


def attribution_json(outcome: Attributed) -> str:
    classes = {name: asdict(cost) for name, cost in outcome.classes.items()}
    facts = {"distance": outcome.found.distance, "psi": outcome.found.psi.tolist(), "classes": classes}
    return json.dumps({"model": outcome.job.model.name, **facts}, indent=1)


def audit_screen(outcome: Audited) -> Screen:
    """What was found, in a few sentences and a table of the most suspicious images."""
    found = outcome.audit
    heading = f"{outcome.job.model.name}: {found.n:,} images against {found.n_training:,} training images"
    heads = ("image", "nearest by features", "by pixels", "grey levels apart", "ratio to the next", "p")
    return [*scores_screen(outcome.scores, heading), *map(Line, verdict(found)),
            Grid("The most suspicious images", heads, tuple(map(match_row, found.matches[:10]))),
            Line(f"Picture: {outcome.picture}", indent=0, whole=True)]


def match_row(match: Match) -> tuple[str, ...]:
    p = DASH if match.p is None else f"{match.p:.4f}{' listed' if match.listed else ''}"
    return (str(match.image), str(match.by_features), str(match.by_pixels), f"{match.distance:.1f}",
            f"{match.ratio:.3f}", p)


def verdict(found: Audit) -> Sequence[str]:
    """The conclusions, in sentences."""
    if found.copies is None or found.nearer is None or found.p is None:
        return ["No real images outside the training set were given (--held-out): without them no image has a "
                "p-value, and it is not known whether these are copies."]
    listed = sum(match.listed for match in found.matches)
    more = "significantly more than" if found.p < 0.01 else "not significantly more than"
    return [
        f"{listed:,} of {found.n:,} images are listed as copies, at a false-discovery rate of {100 * RATE:.0f} % "
        f"(compared with {found.n_unseen:,} unseen real images).",
        f"{100 * found.nearer.value:.1f} % are as near to a training image as {100 * RATE:.0f} % of the unseen ones: "
        f"{more} expected of a model that does not copy (p = {found.p:.2g}).",
    ]


def attribution_screen(outcome: Attributed) -> Screen:
    """The contribution of each class, the largest first."""
    rows = tuple((name, f"{cost.value:+.4f}", f"{cost.se:.4f}")
                 for name, cost in sorted(outcome.classes.items(), key=lambda pair: -pair[1].value))
    classes = (Grid("What classes cost", ("class", "cost", SE), rows) if rows else
               Line("No classes: the images have no labels, and the protocol has no judge.", indent=0))
    return [
        Line(f"The distance is {outcome.found.distance:.4g}. The cost of a class is how much the distance would fall "
             "if its images were replaced by average images; costs add up to 0.", indent=0),
        classes, *(Line(f"Note: {caution(caveat)}.", indent=0) for caveat in lost_of(outcome.job)),
        Line(f"Picture: {outcome.picture}", indent=0, whole=True),
    ]
