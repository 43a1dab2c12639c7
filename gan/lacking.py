"""Which metrics cannot be computed, and why: determined before any work begins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ganbench.gan.metrics import METRICS, Metric
from ganbench.gan.needs.paths import SPACES


@dataclass(frozen=True)
class There:
    """The inputs that are available to metrics, for one extractor."""

    arrays: Mapping[str, int]  # the extractor's arrays and the lengths of their rows
    reference: frozenset[str]  # arrays available for single reference images; empty: only their statistics
    statistics: frozenset[str]  # arrays whose mean and covariance over the reference are known or can be computed
    training: bool  # whether there are training images
    unseen: bool  # whether there are real images outside the training set
    labelled: bool  # whether the generated images have classes
    classes: int  # the number of classes; 0: unknown
    images: int  # the size of the smallest set
    spaces: frozenset[str] = frozenset()  # the model's latent spaces; "": that of its draws
    rounded: bool = False  # whether small steps between latents are lost in rounding


@dataclass(frozen=True)
class Omitted:
    """A metric that is not computed with an extractor; `needs`: keys of `ganbench.gan.words.NEEDS`."""

    metric: str
    extractor: str
    needs: tuple[str, ...]
    least: int  # the least number of images that it needs


def lacking(row: Metric, there: There, settings: Mapping[str, Any]) -> tuple[str, ...]:
    """What a metric needs and is missing, as keys of `ganbench.gan.words.NEEDS`."""
    found = {lack(need, row, there) for need in row.needs} - {""}
    if row.view not in there.arrays:
        found = {row.view}
    if there.images < row.least(d=there.arrays.get(row.view, 0), **settings):
        found.add("images")
    return tuple(sorted(found))


def lack(need: str, row: Metric, there: There) -> str:
    """Why an argument of a metric is missing; '' where it is available."""
    missing = {
        "statistics": need in ("real_statistics", "real_root") and row.view not in there.statistics,
        "reference": need in ("real_features", "real_self_similarity", "overlap") and row.view not in there.reference,
        "training": need.startswith("training_") and not there.training,
        "unseen": need.startswith("test_") and not there.unseen,
        "logits": need == "generated_logits" and "logits" not in there.arrays,
        "labels": need == "generated_labels" and not there.labelled,
        "classes": need == "generated_labels" and there.labelled and row.of_judges
        and there.classes != there.arrays.get("logits", there.classes),
        "latents": need in SPACES and not there.spaces,
        "w": need in SPACES and SPACES[need] not in there.spaces,
        "unrounded": need in SPACES and there.rounded,
    }
    return next((key for key, is_missing in missing.items() if is_missing), "")


def omitted_of(
    names: Sequence[str], extractor: str, there: There, settings: Mapping[str, Mapping[str, Any]]
) -> list[Omitted]:
    """The metrics that cannot be computed with an extractor."""
    found = []
    for name in names:
        row, mine = METRICS[name], settings.get(name, {})
        if needs := lacking(row, there, mine):
            found.append(Omitted(name, extractor, needs, row.least(d=there.arrays.get(row.view, 0), **mine)))
    return found


def unmeasured(omitted: Iterable[Omitted], measured: set[str]) -> dict[tuple[tuple[str, ...], int], list[str]]:
    """The metrics that cannot be computed with any extractor, grouped: (needs, least number of images) -> metrics."""
    found: dict[tuple[tuple[str, ...], int], list[str]] = {}
    for one in omitted:
        key = one.needs, one.least if "images" in one.needs else 0
        if one.metric not in measured and one.metric not in found.get(key, []):
            found.setdefault(key, []).append(one.metric)
    return found
