"""Sample indices -> shards of images on disk.  Image i depends on the model, the seed and i alone."""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Callable, Iterator
from threading import Lock
from types import ModuleType

import numpy as np
import torch

from ganbench.gan import backend, onnx_graph
from ganbench.gan import images as image_rules
from ganbench.gan.generators import GENERATORS, base, compiled
from ganbench.gan.generators import images as disk
from ganbench.gan.generators.base import FiniteModel, Generator, classes
from ganbench.gan.generators.loading import OPENERS, identity, load
from ganbench.gan.store import SHARD, Arrays, Store, extend, source_digest, whole_batches
from ganbench.gan.types import BadInput, ModelSpec, Shard, Workspace, digest_of

MICRO_BATCH = {"cpu": 20, "cuda": 250}  # fixed, because convolutions round differently at other sizes
Tick = Callable[[int], object]  # told how many rows have just been made


def silent(rows: int) -> None:
    """The listener of those who do not want to know."""


_loaded: dict[str, Generator] = {}
_loading = Lock()


def shards_of(n: int) -> Iterator[tuple[int, int]]:
    """(index, rows) of the shards that n images lie in: full ones of 1,000, then the rest."""
    for index in range(-(-n // SHARD)):
        yield index, min(SHARD, n - index * SHARD)


def sample_shard(
    spec: ModelSpec, seed: int, index: int, rows: int, workspace: Workspace, store: Store, tick: Tick = silent
) -> Shard:
    """The first `rows` images of shard `index`; draws only those that the store lacks."""

    def compute(start: int, stop: int) -> Arrays:
        first = index * SHARD
        return draw(sampler_of(spec, workspace), spec, seed, first + start, first + stop, workspace.device, tick)

    key = shard_key(spec, seed, index, workspace.device)
    step = whole_batches(workspace.batch_size, MICRO_BATCH[torch.device(workspace.device).type])
    return extend(store, "samples", key, index, rows, compute, step)


def shard_key(spec: ModelSpec, seed: int, index: int, device: str) -> str:
    """sha256 over all that decides the shard's pixels."""
    kind = torch.device(device).type
    engine = {"torch": torch.__version__, "device": kind, "micro_batch": MICRO_BATCH[kind], "threads": 1}
    if opener := OPENERS.get(spec.family):
        versions = {name: version_of(name) for name in opener.libraries}
        engine = {**engine, **versions} if opener.computes else {}
    elif family := GENERATORS.get(spec.family):
        engine |= {name: version_of(name) for name in family.libraries}
    modules = [sys.modules[__name__], image_rules, base, *family_modules(spec)]
    if is_compiled(spec, device):
        engine["onnxruntime"] = version_of("onnxruntime")
        modules += [compiled, backend, onnx_graph]
    source = source_digest(*modules)
    return digest_of(
        {"stage": "samples", "model": identity(spec), "seed": seed, "shard": index, "engine": engine, "source": source}
    )


def version_of(package: str) -> str:
    """Of an installed package; '' of one that is not."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def family_modules(spec: ModelSpec) -> list[ModuleType]:
    """The file that defines the family; a factory's own file is part of the model's identity."""
    if spec.family in OPENERS:
        return list(OPENERS[spec.family].sources)
    return [sys.modules[GENERATORS[spec.family].make.__module__]] if spec.family in GENERATORS else [disk]


def generator_of(spec: ModelSpec, workspace: Workspace) -> Generator:
    """The loaded model; once per process."""
    key = digest_of([identity(spec), workspace.device])
    with _loading:
        check_device(workspace.device)
        if key not in _loaded:
            _loaded[key] = load(spec, workspace)
        return _loaded[key]


def sampler_of(spec: ModelSpec, workspace: Workspace) -> Generator:
    """The loaded model as fast as it goes, for whole micro-batches; once per process."""
    generator = generator_of(spec, workspace)
    if not is_compiled(spec, workspace.device):
        return generator
    key = digest_of([identity(spec), "compiled"])
    with _loading:
        if key not in _loaded:
            _loaded[key] = compiled.Compiled(generator, MICRO_BATCH["cpu"])
        return _loaded[key]


def is_compiled(spec: ModelSpec, device: str) -> bool:
    """Whether ONNX Runtime makes the images: on CPUs, where it is installed and knows the family's layers."""
    traced = spec.family in GENERATORS and GENERATORS[spec.family].traced
    return traced and backend.choose("auto", device) == "onnxruntime"


def check_device(device: str) -> None:
    """Refuse what torch does not know, and GPUs that are not there."""
    try:
        kind = torch.device(device).type
    except RuntimeError as error:
        raise BadInput(f"No device {device!r}; expected cpu, cuda or cuda:1.") from error
    if kind not in MICRO_BATCH:
        raise BadInput(f"The device {device!r} is not supported; expected {' or '.join(MICRO_BATCH)}.")
    if kind == "cuda" and not torch.cuda.is_available():
        raise BadInput(f"The device {device!r} was asked for, but torch finds no GPU here; give --device cpu.")


@torch.inference_mode()
def draw(
    generator: Generator, spec: ModelSpec, seed: int, start: int, stop: int, device: str = "cpu", tick: Tick = silent
) -> Arrays:
    """Images [start, stop): `images` (n, C, H, W) uint8, and `labels` (n,) int64 of a conditional model.

    Works in whole micro-batches from a multiple of their size on, so that an image has the same
    neighbours' places, and the same bits, wherever a run begins or ends.
    """
    size = MICRO_BATCH[torch.device(device).type]
    parts: list[np.ndarray] = []
    for first in range(start // size * size, stop, size):
        indices = range(first, first + size)
        raw = generator.sample(generator.draws(indices, seed).to(device), labels_of(generator, indices, seed, device))
        pixels = image_rules.from_model(raw.cpu(), spec, first)
        parts.append(pixels.numpy()[max(0, start - first) : stop - first])
        tick(len(parts[-1]))
    drawn = {"images": np.concatenate(parts)}
    labels = labels_of(generator, range(start, stop), seed, "cpu")
    return drawn if labels is None else {**drawn, "labels": labels.numpy()}


def labels_of(generator: Generator, indices: range, seed: int, device: str) -> torch.Tensor | None:
    """One class per image, drawn evenly, or known of images on disk; (n,) int64, or None where there are none."""
    if isinstance(generator, FiniteModel):
        return generator.labels(generator.draws(indices, seed))
    if not generator.n_classes:
        return None
    return classes(indices, seed, generator.n_classes).to(device)
