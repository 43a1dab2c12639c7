"""From a model and a class to what was found and what the judge says of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from torch import Tensor

from ganbench.gan.conditioning.classes import RealImages
from ganbench.gan.conditioning.classifiers import ImageClassifier, check_unlike, given, steps_for, trained
from ganbench.gan.conditioning.judging import Bench, Judged, Verdict, bench_of, judged, verdict_of
from ganbench.gan.conditioning.methods import Found, Survey, Wanted, lenient, run, wanted
from ganbench.gan.conditioning.source import Source
from ganbench.gan.features import own
from ganbench.gan.features.base import Extractor
from ganbench.gan.features.extract import extractor_of
from ganbench.gan.types import BadInput, Workspace

Show = Callable[..., None]          # stage, how much was just done, total
SHIPPED = "judge"                   # a row of EXTRACTORS
SMOOTH = ("none", "torch", "area")  # resizing rules with gradients


@dataclass(frozen=True, eq=False)
class Conditioned:
    """All that is known about a class of a model; `found` and `judged` are of the same methods, in the same order."""

    number: int
    target: Wanted
    bench: Bench
    found: tuple[Found, ...]
    judged: tuple[Judged, ...]
    verdict: Verdict
    draws: int                      # that rejection may take

    def of(self, method: str) -> tuple[Found, Judged]:
        return next(pair for pair in zip(self.found, self.judged, strict=True) if pair[0].method == method)


@dataclass(frozen=True)
class Limits:
    """How many images of each method, and how many draws rejection may take."""

    n: int
    draws: int


def condition(
    source: Source, guide: ImageClassifier, judge: Callable[[], ImageClassifier], eyes: Extractor, real: RealImages,
    number: int, methods: Sequence[str], limits: Limits, show: Show,
) -> Conditioned:
    """Let the methods search, and then judge.  `judge` is called when the images are there: nothing before can have
    used it.  `eyes`: features for the variety of images."""
    labels = np.asarray(real.held_out.labels)
    show("real images", 0, 2 * real.held_out.n)
    seen = guide.of_set(real.held_out, partial(show, "real images"))
    target = wanted(number, seen, labels)
    found = searched(source, guide, target, methods, limits, show)
    easier = lenient(target, seen, labels)
    if easier and all(len(one) < limits.n for one in found):
        target, found = easier, searched(source, guide, easier, methods, limits, show)
    known = judge()
    check_unlike(guide, known)
    bench = bench_of(seen, known.of_set(real.held_out, partial(show, "real images")), labels, target)
    rows = judged(found, known, eyes, real.held_out, target, bench.impostors)
    return Conditioned(number, target, bench, tuple(found), tuple(rows), verdict_of(rows, bench, limits.n),
                       limits.draws)


def searched(
    source: Source, guide: ImageClassifier, target: Wanted, methods: Sequence[str], limits: Limits, show: Show
) -> list[Found]:
    survey = Survey(source, guide)
    for method in methods:
        show(method, 0, limits.n)
    return [run(method, survey, target, limits.n, limits.draws, partial(show, method)) for method in methods]


# Guide and judge by name

def guide_of(name: str, real: RealImages, workspace: Workspace, show: Show) -> ImageClassifier:
    """The user's own classifier, or one that is trained on the guide's part of the real images."""
    if name:
        return own_classifier(name, len(real.names), workspace)
    show("guide", 0, steps_for(real.guide))
    return trained("guide", real.guide, len(real.names), workspace, partial(show, "guide"))


def judge_of(name: str, real: RealImages, workspace: Workspace, show: Show) -> ImageClassifier:
    """The user's own classifier, the shipped one, or one that is trained on the judge's part of the real images."""
    if name:
        return own_classifier(name, len(real.names), workspace)
    if real.judge is None:
        return given(SHIPPED, extractor_of(SHIPPED, workspace), len(real.names))
    show("judge", 0, steps_for(real.judge))
    return trained("judge", real.judge, len(real.names), workspace, partial(show, "judge"))


def check_names(guide: str, judge: str) -> None:
    """Before anything is trained."""
    if guide and guide == judge:
        raise BadInput("given-twice",
                       f"{judge} is given as guide and as judge: expected a judge that was not used to search.")


def own_classifier(name: str, classes: int, workspace: Workspace) -> ImageClassifier:
    """An extractor with logits; of the user's own networks, which may be called as they like since no score has their
    name, also with gradients, where they have some."""
    if not own.is_own(name):
        return given(name, extractor_of(name, workspace), classes)
    found = given(name, own.make(own.resolve(name), workspace.device, workspace.trust_pickle), classes)
    return replace(found, slope=slope_of(name, found.array, workspace))


def slope_of(name: str, array: str, workspace: Workspace) -> Callable[[Tensor], Tensor]:
    """Pixels (n, C, H, W) float 0..255 -> logits, through the network itself instead of its extractor; resized by torch
    where the rule has no gradients, since what is found is looked at by the extractor in the end."""
    spec = own.resolve(name)
    module = own.load(spec, workspace.trust_pickle)
    rule = spec.resize if spec.resize in SMOOTH else "torch"
    spec = replace(spec, input=own.input_of(spec, module), resize=rule)
    network, place = own.Tapped(module, spec).to(workspace.device), ("features", "logits").index(array)

    def slope(pixels: Tensor) -> Tensor:
        coloured = pixels.expand(-1, spec.input[0], -1, -1) if pixels.shape[1] == 1 else pixels
        return network(own.prepare(coloured, spec))[place]

    return slope
