"""Sample indices -> shards of images on disk."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator
from threading import Lock

import numpy as np
import torch

from ganbench.gan import backend
from ganbench.gan.drawing import MICRO_BATCH, Tick, draw, silent
from ganbench.gan.generators import GENERATORS
from ganbench.gan.generators.base import Generator
from ganbench.gan.generators.compiled import compiled
from ganbench.gan.models.identity import identity
from ganbench.gan.models.loading import load, resolve
from ganbench.gan.models.openers import OPENERS, complete, makers
from ganbench.gan.sources import source_digest
from ganbench.gan.store import SHARD, Arrays, Store, extend, whole_batches
from ganbench.gan.threads import single_threaded
from ganbench.gan.types import BadInput, ModelSpec, Shard, Workspace, digest_of

_loaded: dict[str, Generator] = {}
_loading = Lock()


def sample(
    model: str | ModelSpec, n: int = 16, seed: int = 0, *, first: int = 0, workspace: Workspace | None = None
) -> np.ndarray:
    """Images `first` to `first + n` of a model, (n, channels, height, width) uint8: those that `ganbench sample` draws.

    `model`: what `load` takes.  Image i depends on the model, the seed and i alone.
    """
    if n < 1 or first < 0:
        raise BadInput("unfit-value",
                       f"{n:,} images from number {first:,} on were asked for, expected at least 1 from a number of at "
                       "least 0.")
    workspace = workspace or Workspace()
    spec = resolve(model, workspace) if isinstance(model, str) else complete(model, workspace)
    with single_threaded():
        return draw(sampler_of(spec, workspace), spec, seed, first, first + n, workspace.device)["images"]


def shards_of(n: int) -> Iterator[tuple[int, int]]:
    """(index, rows) of the shards of n images: full ones of 1,000, then the rest."""
    for index in range(-(-n // SHARD)):
        yield index, min(SHARD, n - index * SHARD)


def sample_shard(
    spec: ModelSpec, seed: int, index: int, rows: int, workspace: Workspace, store: Store, tick: Tick = silent
) -> Shard:
    """The first `rows` images of shard `index`; draws only those that are not in the store."""

    def compute(start: int, stop: int) -> Arrays:
        first = index * SHARD
        return draw(sampler_of(spec, workspace), spec, seed, first + start, first + stop, workspace.device, tick)

    key = shard_key(spec, seed, index, workspace)
    step = whole_batches(workspace.batch_size, MICRO_BATCH[torch.device(workspace.device).type])
    return extend(store, "samples", key, index, rows, compute, step)


def shard_key(spec: ModelSpec, seed: int, index: int, workspace: Workspace) -> str:
    """sha256 over everything that determines the shard's pixels."""
    kind = torch.device(workspace.device).type
    engine = {"torch": torch.__version__, "device": kind, "micro_batch": MICRO_BATCH[kind], "threads": 1}
    if opener := OPENERS.get(spec.family):
        versions = {name: version_of(name) for name in opener.libraries}
        engine = {**engine, **versions} if opener.computes else {}
    elif family := GENERATORS.get(spec.family):
        engine |= {name: version_of(name) for name in family.libraries}
    modules = makers(spec, workspace)
    if methods := compiled_methods(spec, workspace.device):
        engine |= {"onnxruntime": version_of("onnxruntime"), "compiled": methods}
        modules = (*modules, compiled.__module__)
    source = source_digest("samples", *modules)
    return digest_of(
        {"stage": "samples", "model": identity(spec), "seed": seed, "shard": index, "engine": engine, "source": source}
    )


def version_of(package: str) -> str:
    """The version of a package; '' if it is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def generator_of(spec: ModelSpec, workspace: Workspace) -> Generator:
    """The loaded model; once per process."""
    key = digest_of([identity(spec), workspace.device])
    with _loading:
        check_device(workspace.device)
        if key not in _loaded:
            _loaded[key] = load(spec, workspace)
        return _loaded[key]


def sampler_of(spec: ModelSpec, workspace: Workspace) -> Generator:
    """The loaded model in its fastest form, for whole micro-batches; once per process."""
    generator = generator_of(spec, workspace)
    methods = compiled_methods(spec, workspace.device)
    if not methods:
        return generator
    key = digest_of([identity(spec), "compiled"])
    with _loading:
        if key not in _loaded:
            _loaded[key] = compiled(generator, methods)
        return _loaded[key]


def compiled_methods(spec: ModelSpec, device: str) -> tuple[str, ...]:
    """What ONNX Runtime runs of a model: on CPUs, where it is installed, and of families that are faster with it."""
    methods = GENERATORS[spec.family].compiled if spec.family in GENERATORS else ()
    return methods if backend.choose("auto", device) == "onnxruntime" else ()


def check_device(device: str) -> None:
    """Refuse devices that are unknown, unsupported or not available."""
    try:
        kind = torch.device(device).type
    except RuntimeError as error:
        raise BadInput("unknown-device", f"No device {device!r}; expected cpu, cuda or cuda:1.") from error
    if kind not in MICRO_BATCH:
        raise BadInput("unknown-device",
                       f"The device {device!r} is not supported; expected {' or '.join(MICRO_BATCH)}.")
    if kind == "cuda" and not torch.cuda.is_available():
        raise BadInput("no-gpu",
                       f"The device {device!r} was asked for, but torch finds no GPU here; give --device cpu.")
