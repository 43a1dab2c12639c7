"""The sets of images of an evaluation: which images, how many, and whether they fit together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ganbench.gan.drawing import draw
from ganbench.gan.generators.base import FiniteModel, Generator
from ganbench.gan.generators.images import ImagesOnDisk
from ganbench.gan.interchange import is_features, is_statistics
from ganbench.gan.models.identity import identity
from ganbench.gan.models.loading import resolve
from ganbench.gan.protocols import share_of
from ganbench.gan.sampling import generator_of
from ganbench.gan.store import rows_of
from ganbench.gan.types import BadInput, CompleteSpec, ModelSpec, Protocol, Samples, Shard, Workspace

NATIVE = ((28, 28), (32, 32))  # of Fashion-MNIST's images, and as they are read: padded


@dataclass(frozen=True)
class Part:
    """One set of images of an evaluation: its source, and the number of images."""

    spec: ModelSpec
    seed: int
    n: int


def samples_of(part: Part, shards: Sequence[Shard]) -> Samples:
    """The shards of a part as one set, with its digest."""
    channels, height, width = rows_of(shards[0])["images"].shape[1:]
    return Samples(identity(part.spec), part.seed, (channels, height, width), tuple(shards))


def training_part(protocol: Protocol, parts: Mapping[str, Part], workspace: Workspace) -> Part:
    """The complete training set: the part of the reference if they are the same images, else in the random order in
    which held-out images of the same set are drawn, so that shards are shared."""
    part = real_part(protocol.training, None, workspace, protocol.preprocessing)
    if "reference" in parts and parts["reference"].spec == part.spec:
        return parts["reference"]
    return replace(part, spec=replace(part.spec, arguments={**part.spec.arguments, "shuffled": True}))


def ordered(spec: CompleteSpec, n: int, workspace: Workspace) -> CompleteSpec:
    """Images on disk: all in order, or a random subset.  Other models: unchanged."""
    generator = generator_of(spec, workspace)
    if not isinstance(generator, FiniteModel):
        return spec
    if n > generator.n:
        raise BadInput("too-few-images",
                       f"{spec.name} has {generator.n:,} images, but {n:,} are to be measured: give --n {generator.n}.")
    return replace(spec, arguments={**spec.arguments, "shuffled": n < generator.n})


def reference_part(protocol: Protocol, workspace: Workspace) -> Part:
    """The reference, or what is left of it where a part is held out."""
    share = held_share(protocol)
    return real_part(protocol.reference, protocol.n_reference, workspace, protocol.preprocessing, all_but=share)


def held_out_part(protocol: Protocol, workspace: Workspace) -> dict[str, Part]:
    """A floor needs as many real images as are generated; without them scores have none."""
    n, share = protocol.n_generated, held_share(protocol)
    if share and file_of(protocol):
        raise BadInput("no-reference",
                       f"What --held-out {protocol.held_out} means is a part of the reference's images, but "
                       f"{protocol.reference} holds what was computed of them: give images, or held-out images of "
                       "their own.")
    data = protocol.reference if share else protocol.held_out
    spec = real_spec(data, workspace, protocol.preprocessing, held_out=share)
    return {"held_out": part_of_set(spec, n, workspace)} if images_in(spec, workspace) >= n else {}


def held_share(protocol: Protocol) -> float | None:
    """Percent of the reference that are held out of it; a folder of such a name is a folder."""
    return None if Path(protocol.held_out).exists() else share_of(protocol.held_out)


def images_in(spec: ModelSpec, workspace: Workspace) -> int:
    """The size of a set of images; BadInput for a model, which can draw any number."""
    generator = generator_of(spec, workspace)
    if not isinstance(generator, FiniteModel):
        raise BadInput("not-images", f"{spec.name} is a model, expected images.")
    return generator.n


def real_part(
    data: str, n: int | None, workspace: Workspace, preprocessing: tuple[str, ...] = (), **side: float | None
) -> Part:
    """Images of a data set, all or `n` of them: the same ones for every seed of the model."""
    return part_of_set(real_spec(data, workspace, preprocessing, **side), n, workspace)


def real_spec(data: str, workspace: Workspace, preprocessing: tuple[str, ...], **side: float | None) -> CompleteSpec:
    """Real images; `side`: held_out or all_but, and how many percent that are."""
    arguments = {name: share for name, share in side.items() if share is not None}
    return resolve(data, workspace, data=True, arguments=arguments, preprocessing=preprocessing)


def part_of_set(spec: CompleteSpec, n: int | None, workspace: Workspace) -> Part:
    n = n or images_in(spec, workspace)
    return Part(ordered(spec, n, workspace), 0, n)


def shape_of(part: Part, workspace: Workspace) -> tuple[int, ...]:
    """(channels, height, width) of a part's images."""
    return draw(generator_of(part.spec, workspace), part.spec, part.seed, 0, 1, workspace.device)["images"].shape[1:]


def check_size(spec: ModelSpec, shape: tuple[int, ...], part: Part, workspace: Workspace) -> None:
    real = shape_of(part, workspace)
    if real != shape:
        raise BadInput(
            "unequal-sizes",
            f"{spec.name} makes images of {size_of(shape)}, {part.spec.name} has {size_of(real)}: images of "
            f"different sizes are not compared; give {remedy(shape, real)}, or a --reference with images like the "
            "model's."
        )


def remedy(shape: tuple[int, ...], real: tuple[int, ...]) -> str:
    """The options that bring two shapes together."""
    smaller, larger = sorted([shape[1:], real[1:]])
    size = max(larger)
    options = [] if smaller == larger else [f"--pad {size}" if (smaller, larger) == NATIVE else f"--resize {size}"]
    if shape[0] != real[0]:
        options.append("--colours rgb (or grey)")
    also = f" (or pad = {size} in its model file)" if (smaller, larger) == NATIVE else ""
    return " ".join(options) + also


def size_of(shape: tuple[int, ...]) -> str:
    channels, height, width = shape
    return f"{width}x{height} pixels in {channels} channel{'s' if channels > 1 else ''}"


def file_of(protocol: Protocol) -> str:
    """The reference's path, if it is a file that contains statistics or features."""
    return protocol.reference if is_statistics(protocol.reference) or is_features(protocol.reference) else ""


def is_finite(part: Part, workspace: Workspace) -> bool:
    return isinstance(generator_of(part.spec, workspace), FiniteModel)


def labels_of(generator: Generator) -> np.ndarray | None:
    """The classes of images on disk, (n,) int64; None of other models, and of images without classes."""
    return generator.images.labels if isinstance(generator, ImagesOnDisk) else None
